"""The five units of work of the job, each remembered once it is done.

They take and return plain data, and know nothing of the job around them. What they need besides, the author and the
taxonomy's folder, is the workshop's: it is opened once in each process that executes jobs.
"""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bide import Fail
from bide.errors import InvalidOption
from examples.skills.authors import Author
from examples.skills.checking import CheckReport, check_skill
from examples.skills.choosing import MODEL_VARIABLE, ChoiceError, choose_author
from examples.skills.document import Draft, Outline
from examples.skills.effects import counted
from examples.skills.reading import ReadingError, read_package
from examples.skills.surface import PackageSurface
from examples.skills.taxonomy import save_skill, skill_name

TAXONOMY_VARIABLE = "BIDE_SKILLS_TAXONOMY"


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
