"""The job on the real engine: asked, revised, refined, refused, cancelled, crashed, and by a language model."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bide import Answers, EventKind, JobFailed, JobStatus, JobWasCancelled, Proceed, Revise
from bide.job import Job
from bide.testing import Harness
from examples.skills import effects
from examples.skills.demo.tally import read_lines, read_tally
from examples.skills.document import Draft, Outline, Section
from examples.skills.effects import counted
from examples.skills.flow import REVISIONS, Skill, author_skill, bide
from examples.skills.pausing import VARIABLE, between_steps, gap
from examples.skills.steps import Workshop
from examples.skills.surface import PackageSurface
from tests.examples.test_authors import OUTLINE, TEXT, Script

STEPS = ("read", "outline", "write", "validate", "save")
EVERYTHING = Answers(answers={"q0": ["all"]})


class Clerk:
    """An author that needs no time, and writes down what it was told."""

    name = "a clerk"

    async def outline(self, surface: PackageSurface, topics: Sequence[str], feedback: Sequence[str]) -> Outline:
        told = f"{', '.join(topics)} / {'; '.join(feedback)}"
        names = [public.name for public in surface.names]
        return Outline(
            title=surface.package,
            summary=told,
            sections=[Section(heading="All", purpose="", names=names)],
            confidence=1,
        )

    async def write(self, surface: PackageSurface, outline: Outline, feedback: Sequence[str]) -> Draft:
        front = (
            f'---\nname: "{surface.package}"\ndescription: "A skill as it was planned: {"; ".join(feedback)}"\n---\n'
        )
        return Draft(content=f"{front}\n## When to use\n\n## API\n\n## Examples\n", highlights=list(feedback))


@dataclass(frozen=True)
class Rehearsal(Workshop):
    """A workshop in which the package has been read before: a step in a child process takes most of a second."""

    surface: PackageSurface

    @counted
    async def read(self, package: str) -> PackageSurface:
        return self.surface


@dataclass(frozen=True)
class Stage:
    """Where the job is performed: the harness, and what the steps leave behind."""

    jobs: Harness[Workshop]
    taxonomy: Path
    counts: Path

    async def begin(self, package: str = "parcel") -> Job[Skill]:
        job = await author_skill.enqueue(package)
        await self.jobs.run_until_idle()
        return job

    async def answer(self, job: Job[Skill], **answers: Answers | Proceed | Revise) -> None:
        """Answers in order, by the question's key with `_` for `-`, and lets the job go on after each."""
        for key, answer in answers.items():
            await self.jobs.answer(job, key.replace("_", "-"), answer)
            await self.jobs.run_until_idle()

    async def status(self, job: Job[Skill]) -> JobStatus:
        return (await bide.get(job)).status

    def ran(self, step: str) -> int:
        return read_tally(self.counts).count(step)


@pytest.fixture
def counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "effects.txt"
    monkeypatch.setenv(effects.VARIABLE, str(path))
    return path


@asynccontextmanager
async def performed_in(workshop: Workshop, counts: Path) -> AsyncGenerator[Stage]:
    async with Harness(bide, deps=workshop) as jobs:
        yield Stage(jobs, workshop.taxonomy, counts)


@pytest.fixture
async def stage(tmp_path: Path, counts: Path, parcel: PackageSurface) -> AsyncGenerator[Stage]:
    workshop = Rehearsal(Clerk(), tmp_path / "taxonomy", "The clerk writes.", parcel)
    async with performed_in(workshop, counts) as stage:
        yield stage


async def test_three_questions_then_a_saved_skill_and_each_step_ran_once(stage: Stage) -> None:
    job = await stage.begin()
    cover = await stage.jobs.prompt(job, "cover")
    (question,) = cover.data["questions"]
    assert question["text"] == "What should the skill cover?"
    assert [option["id"] for option in question["options"]][-2:] == ["errors", "all"]

    await stage.answer(job, cover=Answers(answers={"q0": ["errors", "async"]}))
    plan = await stage.jobs.prompt(job, "plan-0")
    assert plan.data["summary"] == "async, errors / "
    assert plan.data["path"] == str(stage.taxonomy / "python" / "parcel" / "SKILL.md")
    assert plan.data["rationale"] == "The clerk writes."

    await stage.answer(job, plan_0=Proceed())
    draft = await stage.jobs.prompt(job, "approve-0")
    assert draft.data["content"].startswith('---\nname: "parcel"')
    assert draft.data["potential_issues"] == ["examples: there is no python code block to run"]
    assert not stage.taxonomy.exists(), "nothing is saved before it is approved"

    await stage.answer(job, approve_0=Proceed())
    skill = await stage.jobs.result(job)
    assert (skill.name, skill.version, skill.author, skill.refinements) == ("parcel", "9.9", "a clerk", 0)
    assert Path(skill.saved_path).read_text() == draft.data["content"]
    said = [event.data.get("message") for event in await bide.history(job) if event.kind == EventKind.PROGRESS]
    assert [message for message in said if message in ("Outlining 2 topics", "Writing SKILL.md", "Saving")] == [
        "Outlining 2 topics",
        "Writing SKILL.md",
        "Saving",
    ], "each step is announced when it begins, also where the job had to be replayed up to it"
    assert (await bide.get(job)).attempt == 1, "waiting for people spends no attempt"
    assert read_tally(stage.counts).flaws(dict.fromkeys(STEPS, 1), finished=True) == []


async def test_words_of_ones_own_go_into_the_plan(stage: Stage) -> None:
    job = await stage.begin()
    await stage.answer(job, cover=Answers(answers={"q0": "only what sends errors"}, summary="and be kind"))
    plan = await stage.jobs.prompt(job, "plan-0")
    assert plan.data["summary"] == "errors / only what sends errors; and be kind"


async def test_a_plan_that_is_sent_back_is_made_again_with_the_feedback(stage: Stage) -> None:
    job = await stage.begin()
    await stage.answer(job, cover=EVERYTHING, plan_0=Revise(feedback="leave out async"))
    plan = await stage.jobs.prompt(job, "plan-1")
    assert plan.data["summary"].endswith(" / leave out async")
    assert (stage.ran("outline"), stage.ran("write")) == (2, 0)
    await stage.answer(job, plan_1=Proceed(), approve_0=Proceed())
    assert "leave out async" in Path((await stage.jobs.result(job)).saved_path).read_text()
    assert (stage.ran("read"), stage.ran("outline"), stage.ran("write")) == (1, 2, 1)


async def test_a_plan_that_is_sent_back_too_often_fails_the_job(stage: Stage) -> None:
    job = await stage.begin()
    await stage.answer(job, cover=EVERYTHING)
    for n in range(REVISIONS + 1):
        await stage.answer(job, **{f"plan_{n}": Revise(feedback="no")})
    with pytest.raises(JobFailed, match=r"The plan was sent back 4 times\. Start again with other topics\."):
        await stage.jobs.result(job)
    assert ((await bide.get(job)).attempt, stage.ran("outline"), stage.ran("write")) == (1, 4, 0)


async def test_a_draft_is_refined_with_the_feedback(stage: Stage) -> None:
    job = await stage.begin()
    await stage.answer(job, cover=EVERYTHING, plan_0=Proceed(), approve_0=Revise(feedback="shorter"))
    second = await stage.jobs.prompt(job, "approve-1")
    assert second.data["highlights"] == ["shorter"]
    await stage.answer(job, approve_1=Revise(feedback="friendlier"), approve_2=Proceed())
    skill = await stage.jobs.result(job)
    assert skill.refinements == 2
    assert 'planned: shorter; friendlier"' in Path(skill.saved_path).read_text()
    assert [stage.ran(step) for step in STEPS] == [1, 1, 3, 3, 1]


async def test_a_draft_refined_three_times_and_still_not_approved_fails_the_job(stage: Stage) -> None:
    job = await stage.begin()
    await stage.answer(job, cover=EVERYTHING, plan_0=Proceed())
    for n in range(REVISIONS + 1):
        assert await stage.status(job) is JobStatus.PENDING_HITL
        await stage.answer(job, **{f"approve_{n}": Revise(feedback="no")})
    with pytest.raises(JobFailed, match="refined 3 times and still not approved"):
        await stage.jobs.result(job)
    assert [stage.ran(step) for step in STEPS] == [1, 1, 4, 4, 0]
    assert not stage.taxonomy.exists()


@pytest.mark.parametrize(("key", "ran"), [("cover", [1, 0, 0]), ("plan-0", [1, 1, 0]), ("approve-0", [1, 1, 1])])
async def test_at_each_question_a_person_can_cancel_the_job(stage: Stage, key: str, ran: list[int]) -> None:
    job = await stage.begin()
    before: dict[str, Answers | Proceed | Revise] = {"cover": EVERYTHING, "plan_0": Proceed()}
    for earlier, answer in before.items():
        if earlier.replace("_", "-") == key:
            break
        await stage.answer(job, **{earlier: answer})
    prompt = await stage.jobs.prompt(job, key)
    await bide.respond(job, {"action": "cancel"}, prompt=prompt.id, by="ada")
    await stage.jobs.run_until_idle()
    assert await stage.status(job) is JobStatus.CANCELLED
    with pytest.raises(JobWasCancelled):
        await stage.jobs.result(job)
    assert [stage.ran(step) for step in ("read", "outline", "write")] == ran
    assert not stage.taxonomy.exists()


async def test_a_question_nobody_answers_for_a_week_fails_the_job(stage: Stage) -> None:
    job = await stage.begin()
    await stage.jobs.advance("8d")
    await stage.jobs.run_until_idle()
    with pytest.raises(JobFailed):
        await stage.jobs.result(job)
    assert stage.ran("outline") == 0


async def test_a_package_that_is_not_installed_fails_once_and_says_what_to_do(tmp_path: Path, counts: Path) -> None:
    async with performed_in(Workshop(Clerk(), tmp_path / "taxonomy", ""), counts) as stage:
        job = await stage.begin("no_such_package")
        with pytest.raises(JobFailed, match="no_such_package") as failed:
            await stage.jobs.result(job)
        assert "pip install" in str(failed.value)
        assert (await bide.get(job)).attempt == 1
        assert [stage.ran(step) for step in STEPS] == [1, 0, 0, 0, 0]


async def test_a_language_model_writes_and_every_step_is_the_real_one(
    tmp_path: Path, counts: Path, parcel: PackageSurface
) -> None:
    script = Script(OUTLINE, TEXT, TEXT)
    async with performed_in(Workshop(script.author(), tmp_path / "taxonomy", "It is scripted."), counts) as stage:
        job = await stage.begin()
        await stage.answer(
            job, cover=EVERYTHING, plan_0=Proceed(), approve_0=Revise(feedback="exclude async"), approve_1=Proceed()
        )
        skill = await stage.jobs.result(job)
    assert (skill.author, skill.validation_passed, skill.refinements) == ("the language model scripted", True, 1)
    assert "AsyncDepot" not in Path(skill.saved_path).read_text()
    assert len(script.asked) == 3, "a model is paid for each call, so none is made again when the job is resumed"


async def test_a_crash_at_any_write_changes_nothing(stage: Stage) -> None:
    answers = {"cover": EVERYTHING, "plan-0": Proceed(), "approve-0": Proceed()}
    skill = await stage.jobs.crash_everywhere(author_skill.call("parcel"), answers=answers)
    assert Path(skill.saved_path).is_file()


async def test_nothing_pauses_unless_the_gap_is_named(counts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "write:validate")
    await between_steps("outline", "write")
    assert read_lines(counts) == []


async def test_a_job_that_stands_still_between_two_steps_can_be_cancelled(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "outline:write")
    job = await stage.begin()
    await stage.answer(job, cover=EVERYTHING)
    await stage.jobs.answer(job, "plan-0", Proceed())
    async with asyncio.timeout(30):
        while gap("outline", "write") not in {word for word, _ in read_lines(stage.counts)}:  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.01)
    await bide.cancel(job)
    await stage.jobs.run_until_idle()
    assert await stage.status(job) is JobStatus.CANCELLED
    assert (stage.ran("outline"), stage.ran("write")) == (1, 0)
