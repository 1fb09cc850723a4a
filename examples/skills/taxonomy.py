"""The taxonomy: a folder tree of skills, `<root>/<category>/<skill>/SKILL.md`.

Saving may happen twice, when a process dies after the rename and before the job has noted it. The second time finds
its own text there and changes nothing.
"""

import os
import re
import tempfile
from pathlib import Path

NAME_LIMIT = 64


def skill_name(package: str) -> str:
    """The name a skill gets: lower-case words joined by single hyphens, as the skill format demands."""
    name = re.sub(r"[^a-z0-9]+", "-", package.lower()).strip("-")[:NAME_LIMIT].rstrip("-")
    if not name:
        raise ValueError(f"{package!r} has no letter or digit to make a skill's name of.")
    return name


def skill_path(root: Path, category: str, package: str) -> Path:
    """Where the skill belongs. A category may have several levels, as in `python/web`; none can leave the root."""
    levels = [skill_name(level) for level in category.split("/")]
    return root.joinpath(*levels, skill_name(package), "SKILL.md")


def save_skill(root: Path, category: str, package: str, text: str) -> Path:
    """Writes the skill whole or not at all, safe from a crash once this returns. Repeating it changes nothing."""
    path = skill_path(root, category, package)
    content = text.encode()
    if not (path.is_file() and path.read_bytes() == content):
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    # Also where nothing was written: the process that wrote it may have died before it got here.
    _sync_folders(path.parent, root)
    return path


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
