"""The taxonomy: a folder tree of skills, `<root>/<category>/<skill>/SKILL.md`.

Saving may happen twice, when a process dies after the rename and before the job has noted it. The second time finds
its own text there and changes nothing.
"""

import contextlib
import os
import re
import tempfile
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel

from examples.skills.front_matter import Fields, FrontMatterError, read_fields, split_front_matter

NAME_LIMIT = 64
DRAFTS = "_drafts"
SKILL = "SKILL.md"


def skill_name(package: str) -> str:
    """The name a skill gets: lower-case words joined by single hyphens, as the skill format demands."""
    name = re.sub(r"[^a-z0-9]+", "-", package.lower()).strip("-")[:NAME_LIMIT].rstrip("-")
    if not name:
        raise ValueError(f"{package!r} has no letter or digit to make a skill's name of.")
    return name


def skill_path(root: Path, category: str, package: str) -> Path:
    """Where the skill belongs. A category may have several levels, as in `python/web`; none can leave the root."""
    levels = [skill_name(level) for level in category.split("/")]
    return root.joinpath(*levels, skill_name(package), SKILL)


def draft_path(root: Path, job: str, name: str) -> Path:
    """Where the draft of a job stands. No category can be called so: its name would lose the underscore."""
    return root / DRAFTS / skill_name(job) / skill_name(name) / SKILL


def save_skill(root: Path, category: str, package: str, text: str) -> Path:
    """Writes the skill whole or not at all, safe from a crash once this returns. Repeating it changes nothing."""
    return save_text(root, skill_path(root, category, package), text)


def save_text(root: Path, path: Path, text: str) -> Path:
    """Writes a file below the root as `save_skill` does."""
    content = text.encode()
    if not (path.is_file() and path.read_bytes() == content):
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    # Also where nothing was written: the process that wrote it may have died before it got here.
    _sync_folders(path.parent, root)
    return path


class Entry(BaseModel):
    """A skill in the taxonomy, by what its file says. One that cannot be read is known by its folder only."""

    name: str
    category: str
    path: str
    description: str | None


def list_skills(root: Path) -> list[Entry]:
    """Every skill below the root, in the order of its path. Drafts, and what begins with a dot or `_`, are none."""
    found: list[Entry] = []
    for path in sorted(root.rglob(SKILL)):
        folders = path.relative_to(root).parts[:-1]
        if folders and not any(folder.startswith((".", "_")) for folder in folders):
            found.append(_entry(path, folders))
    return found


def _entry(path: Path, folders: tuple[str, ...]) -> Entry:
    fields: Fields = {}
    with contextlib.suppress(OSError, UnicodeDecodeError, FrontMatterError):
        fields = read_fields(split_front_matter(path.read_text(encoding="utf-8"))[0] or "")
    name, description = fields.get("name"), fields.get("description")
    return Entry(
        name=name if isinstance(name, str) else folders[-1],
        category="/".join(folders[:-1]),
        path=str(path),
        description=description if isinstance(description, str) else None,
    )


class Copied(StrEnum):
    """What became of a draft that was to be copied into the taxonomy."""

    DONE = "done"
    NO_DRAFT = "no draft"
    EXISTS = "exists"
    OUTSIDE = "outside"
    """A link in the tree leads out of it."""


def copy_draft(root: Path, draft: Path, path: Path, *, overwrite: bool, token: str) -> Copied:
    """Copies a draft to its place, whole or not at all. Where something stands there already, only with `overwrite`.

    token: names this very copy. The same one again, by a process that went on where another died, finds its own work
    done, until `forget_copy`.
    """
    ours = _copy_of(path, token)
    if ours.exists() and path.exists() and ours.samefile(path):
        return Copied.DONE
    if not draft.is_file():
        return Copied.NO_DRAFT
    if not path.parent.resolve().is_relative_to(root.resolve()):
        return Copied.OUTSIDE
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(ours, draft.read_bytes())
    try:
        # A link refuses what exists, in one step; a rename would not, and to look first leaves a gap.
        os.link(ours, path)
    except FileExistsError:
        if not overwrite:
            ours.unlink()
            return Copied.EXISTS
        again = ours.with_suffix(".new")
        again.unlink(missing_ok=True)
        os.link(ours, again)
        again.replace(path)
    _sync_folders(path.parent, root)
    return Copied.DONE


def remove_draft(root: Path, job: str, name: str) -> None:
    """Removes a draft, with the folders that were made for it alone."""
    path = draft_path(root, job, name)
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # something else is in them
        for folder in [path.parent, path.parent.parent, root / DRAFTS]:
            folder.rmdir()


def forget_copy(path: Path, token: str) -> None:
    """Removes what `copy_draft` knows its own work by, once that is remembered elsewhere."""
    _copy_of(path, token).unlink(missing_ok=True)


def _copy_of(path: Path, token: str) -> Path:
    return path.with_name(f".SKILL.{skill_name(token)}.tmp")


def _replace(path: Path, content: bytes) -> None:
    # In the same folder: a rename is atomic only within one file system.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".SKILL.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files only their owner can read; a skill is for everybody.
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync_folders(folder: Path, root: Path) -> None:
    """The rename, and the folders made for it, reach the disk too: a name is an entry in its parent folder."""
    levels = [folder, *folder.parents]
    for level in levels[: levels.index(root) + 2]:
        descriptor = os.open(level, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
