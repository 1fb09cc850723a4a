"""The units of work of the jobs, each remembered once it is done.

They take and return plain data, and know nothing of the job around them. What they need besides, the author and the
taxonomy's folder, is the workshop's: it is opened once in each process that executes jobs.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, JsonValue

from bide import Fail
from bide.errors import InvalidOption
from examples.skills import general
from examples.skills.acceptance import Criterion
from examples.skills.authors import Author
from examples.skills.brief import Brief, consider
from examples.skills.checking import GENERAL_SKILL, CheckReport, check_skill
from examples.skills.choosing import MODEL_VARIABLE, ChoiceError, choose_author
from examples.skills.document import Draft, Outline
from examples.skills.effects import counted
from examples.skills.general import Interview
from examples.skills.reading import ReadingError, read_package
from examples.skills.surface import PackageSurface
from examples.skills.taxonomy import (
    Copied,
    copy_draft,
    draft_path,
    forget_copy,
    remove_draft,
    save_skill,
    save_text,
    skill_name,
    skill_path,
)

TAXONOMY_VARIABLE = "BIDE_SKILLS_TAXONOMY"


class CreateOptions(BaseModel):
    """How a skill is created, where the description alone should not decide. None: it does."""

    package: str | None = None
    """The package to read; empty: none."""
    category: str | None = None
    deep_understanding: bool | None = None
    tdd: bool | None = None
    questions: list[dict[str, JsonValue]] = []
    """What is asked first, in place of the questions that are made from the description."""


@dataclass(frozen=True)
class Workshop:
    """What a job works with, and the work. `chosen_because` tells people which author writes, and why it is that."""

    author: Author
    taxonomy: Path
    chosen_because: str

    @counted
    async def read(self, package: str) -> PackageSurface:
        """The package's public API. A package that cannot be read fails the job at once: trying again helps nobody."""
        try:
            return await read_package(package)
        except ReadingError as error:
            raise Fail(str(error), hint=error.remedy) from error

    @counted
    async def outline(self, surface: PackageSurface, topics: list[str], feedback: list[str]) -> Outline:
        """The plan of the skill."""
        return await self.author.outline(surface, topics, feedback)

    @counted
    async def write(self, surface: PackageSurface, outline: Outline, feedback: list[str]) -> Draft:
        """The document."""
        return await self.author.write(surface, outline, feedback)

    @counted
    async def validate(self, content: str, package: str) -> CheckReport:
        """Front matter, sections, and each code block run."""
        return await check_skill(content, folder=skill_name(package))

    @counted
    async def save(self, content: str, category: str, package: str) -> str:
        """The path of the saved file."""
        return str(save_skill(self.taxonomy, category, package, content))

    # ── A skill from a description ───────────────────────────────────────────────────────────────────────────────────

    @counted
    async def consider(self, task: str, options: CreateOptions) -> Brief:
        """What the description asks for. In a thread: whether a package is installed is read from the disk."""
        return await asyncio.to_thread(
            consider,
            task,
            package=options.package,
            category=options.category,
            deep_understanding=options.deep_understanding,
            tdd=options.tdd,
        )

    @counted
    async def outline_general(self, brief: Brief, interview: Interview, feedback: list[str]) -> Outline:
        """The plan of a skill that is about no package."""
        return general.plan(brief, interview, feedback)

    @counted
    async def write_general(
        self,
        brief: Brief,
        interview: Interview,
        outline: Outline,
        criteria: list[Criterion],
        feedback: list[str],
        minimal: bool,
    ) -> Draft:
        """The document of a skill that is about no package."""
        return general.write(brief, interview, outline, criteria, feedback, minimal=minimal)

    @counted
    async def validate_general(self, content: str, name: str) -> CheckReport:
        """The checks of a skill that is about no package."""
        return await check_skill(content, folder=skill_name(name), shape=GENERAL_SKILL)

    @counted
    async def save_draft(self, job: str, name: str, content: str) -> str:
        """The path of the draft."""
        return str(save_text(self.taxonomy, draft_path(self.taxonomy, job, name), content))

    # ── A draft into the taxonomy ────────────────────────────────────────────────────────────────────────────────────

    async def publish(self, job: str, category: str, name: str, overwrite: bool, token: str) -> Copied:
        """Copies the draft to its place."""
        draft, path = draft_path(self.taxonomy, job, name), skill_path(self.taxonomy, category, name)
        return await asyncio.to_thread(copy_draft, self.taxonomy, draft, path, overwrite=overwrite, token=token)

    async def tidy(self, job: str, category: str, name: str, delete_draft: bool, token: str) -> None:
        """What is left to do once the copy is recorded."""
        forget_copy(skill_path(self.taxonomy, category, name), token)
        if delete_draft:
            remove_draft(self.taxonomy, job, name)


def workshop_from(env: Mapping[str, str]) -> Workshop:
    """The workshop that the environment describes. Raises InvalidOption: better no worker than one that fails later."""
    try:
        choice = choose_author(env)
    except ChoiceError as error:
        raise InvalidOption(f"{MODEL_VARIABLE}: {error}.", hint=error.remedy) from error
    return Workshop(choice.author, Path(env.get(TAXONOMY_VARIABLE) or "taxonomy"), choice.reason)


@asynccontextmanager
async def open_workshop() -> AsyncGenerator[Workshop]:
    """The `deps` of the job: entered once in each executing process."""
    yield workshop_from(os.environ)
