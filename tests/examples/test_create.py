"""The service's job on the real engine: each question in its turn, what sending back does, and a crash at any write."""

import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bide import Answers, JobFailed, JobStatus, Proceed, Revise
from bide.job import Job
from bide.testing import Harness
from examples.skills.creating import Created, create_skill
from examples.skills.flow import author_skill, bide
from examples.skills.general import AUTHOR
from examples.skills.promoting import promote_skill
from examples.skills.prompts import Understanding
from examples.skills.service import states
from examples.skills.service.states import read_states
from examples.skills.steps import CreateOptions, Workshop
from examples.skills.surface import PackageSurface
from examples.skills.taxonomy import draft_path
from tests.examples.test_flow import EVERYTHING, Clerk, Rehearsal

TASK = "A skill for brewing tea. Warm the pot, wait four minutes"
PLAIN = CreateOptions(package="")
GENERAL = Answers(answers={"q0": "person", "q1": "Never boil green tea"})
Answered = Answers | Understanding | Proceed | Revise


@dataclass(frozen=True)
class Kitchen:
    jobs: Harness[Workshop]
    taxonomy: Path

    async def begin(self, task: str = TASK, options: CreateOptions = PLAIN) -> Job[Created]:
        job = await create_skill.options(owner="ana").enqueue(task, options)
        await self.jobs.run_until_idle()
        return job

    async def answer(self, job: Job[Created], **answers: Answered) -> None:
        for key, answer in answers.items():
            await self.jobs.answer(job, key.replace("_", "-"), answer)
            await self.jobs.run_until_idle()

    def draft(self, job: Job[Created], created: Created) -> Path:
        return draft_path(self.taxonomy, str(job.id), created.name)

    async def asked(self, job: Job[Created]) -> str:
        (prompt,) = await bide.prompts(job)
        return prompt.kind


@pytest.fixture
async def kitchen(tmp_path: Path, parcel: PackageSurface) -> AsyncGenerator[Kitchen]:
    workshop = Rehearsal(Clerk(), tmp_path / "taxonomy", "The clerk writes.", parcel)
    async with Harness(bide, deps=workshop) as jobs:
        yield Kitchen(jobs, workshop.taxonomy)


async def test_from_a_description_alone_it_asks_four_times_and_saves(kitchen: Kitchen) -> None:
    job = await kitchen.begin()
    turns: list[tuple[str, str, str, Answered]] = [
        ("clarify", "clarify", "understanding", GENERAL),
        ("confirm-0", "confirm", "understanding", Proceed()),
        ("preview-0", "preview", "generation", Proceed()),
        ("validate-0", "validate", "validation", Proceed()),
    ]
    for key, kind, phase, answer in turns:
        assert await kitchen.asked(job) == kind
        assert (await bide.get(job)).progress.stages[0].name == phase
        assert not (kitchen.taxonomy / "general").exists(), "nothing is saved before it is accepted"
        await kitchen.answer(job, **{key: answer})
    created = await kitchen.jobs.result(job)
    assert (created.author, created.package, created.refinements) == (AUTHOR, None, 0)
    assert created.saved_path == str(kitchen.taxonomy / "general" / created.name / "SKILL.md")
    assert Path(created.saved_path).read_text() == kitchen.draft(job, created).read_text()
    assert "Never boil green tea" in Path(created.saved_path).read_text()


async def test_asked_for_by_the_task_every_kind_of_question_is_asked(kitchen: Kitchen) -> None:
    task = "Write a skill for the parcel package, test-driven, with deep understanding first"
    job = await kitchen.begin(task, CreateOptions(package="parcel"))
    told = Understanding(problem="Parcels are lost", goals=["No parcel is lost"])
    kinds: list[str] = []
    turns: dict[str, Answered] = {
        "clarify": EVERYTHING,
        "deep-0": told,
        "tdd-red-0": Revise(feedback="It mentions insurance"),
        "tdd-red-1": Proceed(),
        "confirm-0": Proceed(),
        "tdd-green-0": Proceed(),
        "tdd-refactor-0": Proceed(),
        "preview-0": Proceed(),
        "validate-0": Proceed(),
    }
    for key, answer in turns.items():
        kinds.append(await kitchen.asked(job))
        if key == "tdd-red-1":
            assert "It mentions insurance" in (await kitchen.jobs.prompt(job, key)).data["acceptance_criteria"]
        await kitchen.answer(job, **{key: answer})
    assert kinds == [
        "clarify", "deep_understanding", "tdd_red", "tdd_red", "confirm", "tdd_green", "tdd_refactor", "preview",
        "validate",
    ]  # fmt: skip
    created = await kitchen.jobs.result(job)
    assert (created.name, created.package, created.author) == ("parcel", "parcel", "a clerk")
    written = Path(created.saved_path).read_text()
    assert "mention It mentions insurance" in written, "the clerk writes down what it is told"
    assert "mention No parcel is lost" in written


async def test_a_third_time_sent_back_when_validated_fails_the_job(kitchen: Kitchen) -> None:
    job = await kitchen.begin()
    again = Revise(feedback="Add sugar")
    await kitchen.answer(job, clarify=GENERAL, confirm_0=Proceed(), preview_0=Proceed(), validate_0=again)
    second = await kitchen.jobs.prompt(job, "validate-1")
    assert "Add sugar" in second.data["content"]
    await kitchen.answer(job, validate_1=again)
    assert await kitchen.asked(job) == "validate"
    await kitchen.answer(job, validate_2=again)
    with pytest.raises(JobFailed, match="sent back 3 times when it was validated"):
        await kitchen.jobs.result(job)
    assert not (kitchen.taxonomy / "general").exists()
    assert draft_path(kitchen.taxonomy, str(job.id), "brewing-tea-warm-pot-wait-four").is_file()


async def test_an_unanswered_question_fails_the_job_after_an_hour(kitchen: Kitchen) -> None:
    job = await kitchen.begin()
    await kitchen.jobs.advance("59m")
    await kitchen.jobs.run_until_idle()
    assert (await bide.get(job)).status is JobStatus.PENDING_HITL
    await kitchen.jobs.advance("2m")
    await kitchen.jobs.run_until_idle()
    now = await bide.get(job)
    assert now.status is JobStatus.FAILED
    assert now.error is not None
    assert now.error.message == "HITL interaction timed out"


async def test_questions_that_were_brought_are_asked_instead(kitchen: Kitchen) -> None:
    job = await kitchen.begin(
        options=CreateOptions(package="", questions=[{"text": "How hot?"}, {"text": "For whom?"}])
    )
    prompt = await kitchen.jobs.prompt(job, "clarify")
    assert [question["text"] for question in prompt.data["questions"]] == ["How hot?", "For whom?"]
    await kitchen.answer(job, clarify=Answers(answers={"q0": "80 degrees", "q1": "no preference"}), confirm_0=Proceed())
    preview = await kitchen.jobs.prompt(job, "preview-0")
    assert "How hot? 80 degrees." in preview.data["content"]
    assert "For whom?" not in preview.data["content"]


async def test_a_package_that_was_asked_for_and_cannot_be_read_fails_the_job(tmp_path: Path, installed: None) -> None:
    async with Harness(bide, deps=Workshop(Clerk(), tmp_path / "taxonomy", "")) as jobs:
        job = await Kitchen(jobs, tmp_path / "taxonomy").begin(options=CreateOptions(package="no_such_package"))
        with pytest.raises(JobFailed, match="pip install no_such_package"):
            await jobs.result(job)


async def test_a_package_that_was_found_and_cannot_be_read_is_left_out_and_the_plan_says_so(
    tmp_path: Path, installed: None, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    async with Harness(bide, deps=Workshop(Clerk(), tmp_path / "taxonomy", "")) as jobs:
        kitchen = Kitchen(jobs, tmp_path / "taxonomy")
        job = await kitchen.begin("Write a skill for the `broken` module", CreateOptions())
        await kitchen.answer(job, clarify=GENERAL)
        plan = await jobs.prompt(job, "confirm-0")
    assert plan.data["key_assumptions"][0].startswith("The package broken is left out: broken is installed but")


async def test_skipping_the_deep_question_goes_on(kitchen: Kitchen) -> None:
    job = await kitchen.begin(options=CreateOptions(package="", deep_understanding=True))
    await kitchen.answer(job, clarify=GENERAL, deep_0=Understanding())
    assert await kitchen.asked(job) == "confirm"


async def test_plain_answers_to_the_deep_questions_are_the_problem_the_goal_and_the_limit(kitchen: Kitchen) -> None:
    options = CreateOptions(package="", deep_understanding=True, questions=[{"text": "How hot?"}])
    job = await kitchen.begin(options=options)
    deep: dict[str, Answered] = {
        "deep_0": Understanding(answer="Tea is bitter"),
        "deep_1": Understanding(answer="Good taste"),
    }
    await kitchen.answer(job, clarify=Answers(answers={"q0": "hot"}), **deep)
    assert (await kitchen.jobs.prompt(job, "confirm-0")).data["confidence"] == 0.7
    await kitchen.answer(job, confirm_0=Proceed())
    content = (await kitchen.jobs.prompt(job, "preview-0")).data["content"]
    assert "It solves: Tea is bitter" in content
    assert "## Goals\n\n- Good taste" in content


async def test_a_crash_at_any_write_changes_nothing(kitchen: Kitchen) -> None:
    answers: dict[str, Any] = {
        "clarify": GENERAL,
        "tdd-red-0": Proceed(),
        "confirm-0": Proceed(),
        "tdd-green-0": Proceed(),
        "tdd-refactor-0": Proceed(),
        "preview-0": Proceed(),
        "validate-0": Proceed(),
    }
    call = create_skill.call(TASK, CreateOptions(package="", tdd=True))
    created = await kitchen.jobs.crash_everywhere(call, answers=answers)
    assert Path(created.saved_path).is_file()


async def test_a_state_is_read_from_the_database_and_one_that_is_gone_breaks_no_list(kitchen: Kitchen) -> None:
    first, second = [await kitchen.begin() for _ in range(2)]
    other = await author_skill.enqueue("parcel")
    await kitchen.jobs.run_until_idle()
    found = {state.job_id: state for state in await read_states()}
    assert found.keys() == {first.id, second.id, other.id}
    assert (found[other.id].hitl_type, found[other.id].current_phase) == ("clarify", "understanding")
    assert found[other.id].user_id == "default"
    await bide.cancel(first)
    await bide.delete(first)
    assert [state.job_id for state in await read_states(user_id="ana")] == [second.id]


async def test_of_old_promotions_a_list_reads_none_that_it_needs_not(
    kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: dict[str, Answered] = {
        "clarify": GENERAL, "confirm_0": Proceed(), "preview_0": Proceed(), "validate_0": Proceed(),
    }  # fmt: skip
    for _ in range(3):
        job = await kitchen.begin()
        await kitchen.answer(job, **answers)
        assert await _promote(kitchen, job, await kitchen.jobs.result(job), overwrite=True) is None
        await kitchen.jobs.advance("1m")
    await kitchen.begin()
    read: list[object] = []
    listed = bide.list

    async def watched(**filters: Any) -> Any:
        page = await listed(**filters)
        if filters["types"] == (promote_skill.name,):
            read.extend(page)
        return page

    monkeypatch.setattr(bide, "list", watched)
    monkeypatch.setattr(states, "PAGE", 1)
    assert [state.promoted for state in await read_states(limit=1)] == [False]
    assert len(read) == 1, "the newest, which shows that no other is of a job of the list"
    assert [state.promoted for state in await read_states()] == [False, True, True, True]


async def test_a_promotion_copies_the_draft_once_also_through_crashes(kitchen: Kitchen) -> None:
    job = await kitchen.begin()
    await kitchen.answer(job, clarify=GENERAL, confirm_0=Proceed(), preview_0=Proceed(), validate_0=Proceed())
    created = await kitchen.jobs.result(job)
    saved = Path(created.saved_path)

    refused = await _promote(kitchen, job, created, overwrite=False)
    assert refused == "exists"
    saved.unlink()
    assert await _promote(kitchen, job, created, overwrite=False) is None
    saved.write_text("by somebody else")
    assert await _promote(kitchen, job, created, overwrite=True) is None
    assert saved.read_text() == kitchen.draft(job, created).read_text()
    assert [path.name for path in saved.parent.iterdir()] == ["SKILL.md"], "no copy is left lying about"


async def _promote(kitchen: Kitchen, job: Job[Created], created: Created, *, overwrite: bool) -> str | None:
    promotion = await promote_skill.enqueue(job.id, created.category, created.name, overwrite, False)
    await kitchen.jobs.run_until_idle()
    return (await kitchen.jobs.result(promotion)).refused
