"""A skill is saved whole or not at all, in its place, and saving twice is saving once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples.skills.effects import counted
from examples.skills.taxonomy import save_skill, skill_name, skill_path


def test_a_skill_stands_in_its_category_under_its_name(tmp_path: Path) -> None:
    path = save_skill(tmp_path / "taxonomy", "python", "httpx", "text\n")
    assert path == tmp_path / "taxonomy" / "python" / "httpx" / "SKILL.md"
    assert path.read_text() == "text\n"
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("package", "name"),
    [("httpx", "httpx"), ("pydantic_ai", "pydantic-ai"), ("rich.table", "rich-table"), ("PyYAML", "pyyaml")],
)
def test_a_name_has_the_form_that_the_format_demands(package: str, name: str) -> None:
    assert skill_name(package) == name


@pytest.mark.parametrize("category", ["../..", "..", "/", "", "python/../../etc"])
def test_no_category_leads_out_of_the_taxonomy(tmp_path: Path, category: str) -> None:
    try:
        path = skill_path(tmp_path, category, "httpx")
    except ValueError:
        return
    assert path.resolve().is_relative_to(tmp_path)


def test_saving_again_changes_nothing(tmp_path: Path) -> None:
    path = save_skill(tmp_path, "python", "httpx", "text")
    before = path.stat()
    assert save_skill(tmp_path, "python", "httpx", "text") == path
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert save_skill(tmp_path, "python", "httpx", "better text").read_text() == "better text"
    assert [entry.name for entry in path.parent.iterdir()] == ["SKILL.md"]


def test_a_write_that_fails_leaves_the_old_text_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_skill(tmp_path, "python", "httpx", "old")

    def full(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("examples.skills.taxonomy.os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        save_skill(tmp_path, "python", "httpx", "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in path.parent.iterdir()] == ["SKILL.md"]


def test_a_reader_never_sees_half_a_text(tmp_path: Path) -> None:
    """A child process saves two texts in turns until it is killed; every read in between finds one of them whole."""
    texts = ["a" * 300_000, "b" * 300_000]
    path = save_skill(tmp_path, "python", "httpx", texts[0])
    code = (
        "import itertools, pathlib, sys\n"
        "from examples.skills.taxonomy import save_skill\n"
        "for letter in itertools.cycle('ab'):\n"
        "    save_skill(pathlib.Path(sys.argv[1]), 'python', 'httpx', letter * 300_000)\n"
    )
    checkout = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=checkout) as writer:
        try:
            seen: set[str] = set()
            while len(seen) < 2:
                seen.add(path.read_text())
            for _ in range(200):
                assert path.read_text() in texts
        finally:
            writer.kill()


async def test_each_execution_of_a_step_is_counted_outside_any_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @counted
    async def outline(words: int) -> int:
        return words + 1

    assert await outline(1) == 2  # without the variable nothing is written
    monkeypatch.setenv("BIDE_SKILLS_EFFECTS", str(tmp_path / "effects"))
    assert await outline(1) == 2
    assert await outline(2) == 3
    assert (tmp_path / "effects").read_text() == f"outline {os.getpid()}\n" * 2
