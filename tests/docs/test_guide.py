"""The pages for users are true: every Python block runs, and nothing that a user meets goes unnamed."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest

import bide
from bide import errors
from bide.testing import Harness, Unsettled

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide.md"
POSTGRES = ROOT / "docs" / "postgres.md"
TRANSACTIONS = ROOT / "docs" / "transactions.md"
README = ROOT / "README.md"
PAGES = (README, GUIDE, TRANSACTIONS, POSTGRES)


class Block(NamedTuple):
    line: int
    source: str


class Section(NamedTuple):
    """What stands under one heading of the second level. Its blocks are one program."""

    page: Path
    title: str
    blocks: list[Block]


def sections(page: Path) -> Iterator[Section]:
    current = Section(page, "", [])
    fence: list[str] | None = None
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if fence is not None:
            if line == "```":
                if fence[0] == "```python":
                    current.blocks.append(Block(number - len(fence) + 1, "\n".join(fence[1:])))
                fence = None
            else:
                fence.append(line)
        elif line.startswith("```"):
            fence = [line]
        elif line.startswith("## "):
            yield current
            current = Section(page, line.removeprefix("## "), [])
    yield current


RUNNABLE = [section for page in PAGES for section in sections(page) if section.blocks]


def execute(section: Section) -> dict[str, Any]:
    """Run the blocks in order, as if typed at the prompt of `python -m asyncio`; returns what they defined."""
    # A module, because annotations and pickles look their names up in one.
    module = ModuleType("page")
    sys.modules["page"] = module
    try:
        with asyncio.Runner() as runner:
            for block in section.blocks:
                # As many empty lines before it as the page has, so that a traceback names the page's own line.
                source = "\n" * (block.line - 1) + block.source
                code = compile(source, section.page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
                call = FunctionType(code, vars(module))
                if code.co_flags & inspect.CO_COROUTINE:
                    runner.run(call())
                else:
                    call()
    finally:
        del sys.modules["page"]
    return vars(module)


@pytest.mark.parametrize("section", RUNNABLE, ids=lambda section: f"{section.page.stem} {section.title}".strip())
def test_every_block_runs(section: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # What a page sets in the environment is unset again.
    for name in (f"BIDE_{field.upper()}" for field in bide.Settings.model_fields):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    execute(section)


async def test_the_program_of_the_readme_does_what_it_says() -> None:
    page = await asyncio.to_thread(lambda: execute(next(sections(README))))
    async with Harness(page["bide"]) as jobs:
        job = await page["write_post"].enqueue("tea")
        await jobs.run_until_idle()
        await jobs.answer(job, "publish-0", bide.Revise(feedback="Shorter."))
        await jobs.run_until_idle()
        await jobs.answer(job, "publish-1", bide.Proceed())
        await jobs.run_until_idle()
        assert await jobs.result(job) == page["Post"](title="tea", body="About tea. Shorter.")


def test_every_public_name_is_in_the_guide_or_the_readme() -> None:
    text = GUIDE.read_text() + README.read_text()
    assert [name for name in bide.__all__ if not re.search(rf"\b{name}\b", text)] == []


def test_every_setting_is_in_the_table_of_the_guide() -> None:
    table = re.findall(r"^\| `(\w+)` \| `(BIDE_\w+)` \|", GUIDE.read_text(), re.MULTILINE)
    assert table == [(field, f"BIDE_{field.upper()}") for field in bide.Settings.model_fields]


def test_every_error_is_in_the_table_of_the_guide_with_its_code() -> None:
    row = r"^\| `(\w+)`( ↻)? \| `(?!BIDE_)([\w.]+)` \|"
    table = {
        name.rpartition(".")[2]: (code, bool(again))
        for code, again, name in re.findall(row, GUIDE.read_text(), re.MULTILINE)
    }
    known = {error.__name__: error for error in vars(errors).values() if inspect.isclass(error)}
    mine = {name: error for name, error in known.items() if issubclass(error, errors.BideError)}
    assert table == {name: (error.code, error.retryable) for name, error in (mine | {"Unsettled": Unsettled}).items()}


def test_every_link_within_the_repository_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
            path, _, anchor = target.partition("#")
            assert path == "" or (page.parent / path).exists(), f"{page.name}: {target}"
            there = page.parent / path if path else page
            assert not anchor or anchor in _anchors(there), f"{page.name}: {target}"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
