"""Answers that are early, late, double, wrong or somebody else's: each is refused with its reason, and one counts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import uuid4

import pytest
from pydantic import BaseModel, Field, field_validator

from bide import (
    Bide,
    Confirm,
    EventKind,
    Form,
    Job,
    JobContext,
    JobStatus,
    JobType,
    Proceed,
    PromptTimedOut,
    PromptView,
    Receipt,
)
from bide.errors import (
    Conflict,
    InvalidResponse,
    NotAssigned,
    NotFound,
    PromptAmbiguous,
    PromptClosed,
    PromptNotServed,
)
from bide.testing import Harness, ManualClock
from tests.faults.rows import Row, covers
from tests.support import finished, store_at, told, until, working

QUESTION = Confirm(summary="Go on?")
PROCEED: dict[str, Any] = {"action": "proceed"}


def revise(feedback: str) -> dict[str, Any]:
    return {"action": "revise", "feedback": feedback}


@pytest.fixture
def asking(bide: Bide[None]) -> JobType[[], str]:
    @bide.job
    async def asking(ctx: JobContext) -> str:
        match await ctx.ask("sure", QUESTION, timeout="1h"):
            case Proceed():
                return "proceed"
            case revised:
                return revised.feedback

    return asking


@covers(Row.TWO_ANSWERS)
async def test_of_fifty_people_one_is_heard_and_the_others_are_told_whom(
    bide: Bide[None], asking: JobType[[], str]
) -> None:
    async with Harness(bide) as jobs:
        job = await asking.enqueue()
        await jobs.run_until_idle()
        (prompt,) = await bide.prompts(job)

        async def respond(n: int) -> Receipt | PromptClosed:
            try:
                return await bide.respond(job, revise(f"text {n}"), prompt=prompt.id, by=f"person {n}")
            except PromptClosed as closed:
                return closed

        outcomes = await asyncio.gather(*(respond(n) for n in range(50)))
        (receipt,) = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, PromptClosed)]
        assert len(refused) == 49
        assert {closed.reason for closed in refused} == {"answered"}
        assert {closed.by for closed in refused} == {receipt.by}
        assert all(closed.response == receipt.value for closed in refused)
        await jobs.run_until_idle()
        assert await jobs.result(job) == receipt.value["feedback"]
        assert (await told(bide, job)).count(EventKind.PROMPT_ANSWERED) == 1


@covers(Row.LATE_ANSWER)
async def test_an_answer_at_the_deadline_is_too_late_and_one_before_it_is_not(
    bide: Bide[None], asking: JobType[[], str]
) -> None:
    clock = ManualClock()
    async with working(bide, lambda: store_at(bide.url, clock)):
        late, timely = await asking.enqueue(), await asking.enqueue()
        await until(bide, late, EventKind.WAITING)
        await until(bide, timely, EventKind.WAITING)
        (late_prompt,), (timely_prompt,) = await bide.prompts(late), await bide.prompts(timely)
        clock.advance("59m")
        await bide.respond(timely, PROCEED, prompt=timely_prompt.id)
        clock.advance("1m")
        # The very moment of the deadline, whether somebody has swept yet or not.
        with pytest.raises(PromptClosed, match="deadline") as closed:
            await bide.respond(late, PROCEED, prompt=late_prompt.id)
        assert closed.value.reason == "expired"
        assert (await finished(bide, timely)).result == "proceed"
        failed = await finished(bide, late)
        assert failed.error is not None
        assert (failed.status, failed.error.type) == (JobStatus.FAILED, PromptTimedOut.__name__)
        assert failed.error.message == "HITL interaction timed out"
        with pytest.raises(PromptClosed) as swept:
            await bide.respond(late, PROCEED, prompt=late_prompt.id)
        assert swept.value.reason == "expired"


@covers(Row.LATE_ANSWER)
async def test_of_an_answer_and_its_deadline_one_wins_and_the_job_agrees(
    bide: Bide[None], asking: JobType[[], str]
) -> None:
    clock = ManualClock()
    async with working(bide, lambda: store_at(bide.url, clock)):
        for _ in range(20):
            job = await asking.enqueue()
            await until(bide, job, EventKind.WAITING)
            (prompt,) = await bide.prompts(job)
            clock.advance(us=3_600_000_000 - 1)

            async def respond(prompt: PromptView) -> Receipt | PromptClosed:
                try:
                    return await bide.respond(prompt.job_id, PROCEED, prompt=prompt.id)
                except PromptClosed as closed:
                    return closed

            async def pass_deadline() -> None:
                clock.advance(us=1)
                await bide.store.expire()

            answered, _ = await asyncio.gather(respond(prompt), pass_deadline())
            done = await finished(bide, job)
            if isinstance(answered, Receipt):
                assert (done.status, done.result) == (JobStatus.COMPLETED, "proceed")
            else:
                assert (done.status, answered.reason) == (JobStatus.FAILED, "expired")


@covers(Row.LATE_ANSWER, Row.CANCEL)
async def test_after_a_cancel_no_answer_counts_and_the_reason_is_told(
    bide: Bide[None], asking: JobType[[], str]
) -> None:
    async with Harness(bide) as jobs:
        job = await asking.enqueue()
        await jobs.run_until_idle()
        (prompt,) = await bide.prompts(job)
        await bide.cancel(job, by="ann", reason="not needed")
        with pytest.raises(PromptClosed) as closed:
            await bide.respond(job, PROCEED, prompt=prompt.id)
        assert closed.value.reason == "withdrawn"
        assert closed.value.response is None
        assert (await bide.get(job)).status is JobStatus.CANCELLED


@covers(Row.LATE_ANSWER, Row.TWO_ANSWERS)
@pytest.mark.parametrize("named", [True, False], ids=["naming the prompt", "naming none"])
@pytest.mark.parametrize("closed_by", ["another answer", "its deadline", "a cancel", "a person who cancels"])
async def test_an_answer_to_what_is_closed_is_told_why_and_what_was_recorded(
    closed_by: str, named: bool, bide: Bide[None], asking: JobType[[], str]
) -> None:
    async with Harness(bide) as jobs:
        job = await asking.enqueue()
        await jobs.run_until_idle()
        (prompt,) = await bide.show_prompts(job)
        which = prompt.id if named else None
        recorded: tuple[str, dict[str, Any] | None, str | None]
        match closed_by:
            case "another answer":
                await bide.respond(job, revise("as before"), prompt=prompt.id, by="ann")
                recorded = ("answered", revise("as before"), "ann")
            case "its deadline":
                await jobs.advance("2h")
                recorded = ("expired", None, None)
            case "a cancel":
                await bide.cancel(job)
                recorded = ("withdrawn", None, None)
            case _:
                await bide.respond(job, {"action": "cancel"}, prompt=prompt.id, by="ann")
                recorded = ("answered", None, "ann")
        # At once, and when the job has ended; whether the answer would have fitted or not.
        for response in (PROCEED, {"action": "maybe"}):
            with pytest.raises(PromptClosed) as closed:
                await bide.respond(job, response, prompt=which, by="bob")
            assert (closed.value.reason, closed.value.response, closed.value.by) == recorded
            await jobs.run_until_idle()


@covers(Row.TWO_ANSWERS)
async def test_a_response_sent_again_after_many_questions_gets_the_same_receipt(bide: Bide[None]) -> None:
    @bide.job
    async def many(ctx: JobContext) -> None:
        for group in range(3):
            await asyncio.gather(*(ctx.ask(f"{group}-{n}", QUESTION) for n in range(70)))
        await ctx.ask("last", QUESTION)

    async with Harness(bide) as jobs:
        job = await many.enqueue()
        for _ in range(2):
            await jobs.run_until_idle()
            for one in await bide.prompts(job):
                await bide.respond(job, PROCEED, prompt=one.id)
        await jobs.run_until_idle()
        *others, asked = await bide.prompts(job)
        for other in others:
            await bide.respond(job, PROCEED, prompt=other.id)
        response = uuid4()
        first = await bide.respond(job, PROCEED, prompt=asked.id, response_id=response)
        await jobs.run_until_idle()
        await bide.show_prompts(job)
        assert await bide.respond(job, PROCEED, response_id=response) == first
        assert [prompt.key for prompt in await bide.prompts(job)] == ["last"]


@covers(Row.UNFIT_ANSWER)
async def test_an_answer_that_comes_before_its_question_is_refused(bide: Bide[None], asking: JobType[[], str]) -> None:
    async with Harness(bide) as jobs:
        job = await asking.options(delay=60).enqueue()
        with pytest.raises(Conflict, match="asks nothing now"):
            await bide.respond(job, PROCEED)
        with pytest.raises(NotFound):
            await bide.respond(job, PROCEED, prompt=uuid4())
        with pytest.raises(NotFound):
            await bide.respond(uuid4(), PROCEED)
        await jobs.advance(60)
        await jobs.run_until_idle()
        assert len(await bide.prompts(job)) == 1


@covers(Row.UNFIT_ANSWER)
@pytest.mark.parametrize(
    "response",
    [
        {},
        {"action": "maybe"},
        {"action": "revise"},
        {"action": "proceed", "more": 1},
        {"answers": {}},
        {"action": None},
    ],
    ids=str,
)
async def test_a_wrong_answer_keeps_the_question_open(
    response: dict[str, Any], bide: Bide[None], asking: JobType[[], str]
) -> None:
    async with Harness(bide) as jobs:
        job = await asking.enqueue()
        await jobs.run_until_idle()
        (prompt,) = await bide.prompts(job)
        before = await bide.history(job)
        with pytest.raises(InvalidResponse) as refused:
            await bide.respond(job, response, prompt=prompt.id)
        assert refused.value.errors
        assert await bide.history(job) == before
        await bide.respond(job, PROCEED, prompt=prompt.id)
        await jobs.run_until_idle()
        assert await jobs.result(job) == "proceed"


@covers(Row.UNFIT_ANSWER)
async def test_an_answer_without_an_id_counts_for_the_one_question_that_was_shown(bide: Bide[None]) -> None:
    @bide.job
    async def two(ctx: JobContext) -> str:
        async def ask(key: str) -> str:
            return (await ctx.ask(key, QUESTION)).action

        first = await ask("first")
        rest = await asyncio.gather(ask("left"), ask("right"))
        return " ".join([first, *rest])

    async with Harness(bide) as jobs:
        job = await two.enqueue()
        await jobs.run_until_idle()
        with pytest.raises(PromptNotServed):
            await bide.respond(job, PROCEED)
        await bide.show_prompts(job)
        await bide.respond(job, PROCEED)
        # The double click: the next questions are not what was shown.
        with pytest.raises(Conflict):
            await bide.respond(job, PROCEED)
        await jobs.run_until_idle()
        with pytest.raises(PromptAmbiguous, match="left"):
            await bide.respond(job, PROCEED)
        left, right = await bide.prompts(job)
        await bide.respond(job, PROCEED, prompt=left.id)
        with pytest.raises(PromptNotServed):
            await bide.respond(job, PROCEED)
        await bide.respond(job, PROCEED, prompt=right.id)
        await jobs.run_until_idle()
        assert await jobs.result(job) == "proceed proceed proceed"


@covers(Row.UNFIT_ANSWER)
async def test_only_the_assignee_answers(bide: Bide[None]) -> None:
    @bide.job
    async def assigned(ctx: JobContext) -> str:
        decision = await ctx.ask("sure", QUESTION, assignee="ann")
        return f"{decision.action} by {ctx.response('sure').by}"

    async with Harness(bide) as jobs:
        job = await assigned.enqueue()
        await jobs.run_until_idle()
        (prompt,) = await bide.prompts(job)
        for by in ("bob", None, "Ann", ""):
            with pytest.raises(NotAssigned):
                await bide.respond(job, PROCEED, prompt=prompt.id, by=by)
        await bide.respond(job, PROCEED, prompt=prompt.id, by="ann")
        await jobs.run_until_idle()
        assert await jobs.result(job) == "proceed by ann"


@covers(Row.KILL_AT_ANSWER, Row.TWO_ANSWERS)
@pytest.mark.parametrize("named", [True, False], ids=["naming the prompt", "naming none"])
async def test_a_response_sent_again_gets_the_same_receipt(named: bool, bide: Bide[None]) -> None:
    @bide.job
    async def twice(ctx: JobContext) -> str:
        first = await ctx.ask("first", QUESTION)
        second = await ctx.ask("second", QUESTION)
        return f"{first.action} {second.action}"

    async with Harness(bide) as jobs:
        job = await twice.enqueue()
        await jobs.run_until_idle()
        (prompt,) = await bide.show_prompts(job)
        response = uuid4()
        which = prompt.id if named else None
        first = await bide.respond(job, PROCEED, prompt=which, by="ann", response_id=response)
        assert await bide.respond(job, PROCEED, prompt=which, by="ann", response_id=response) == first
        await jobs.run_until_idle()
        # The next question is shown by now: the repeated response is not an answer to it.
        (second,) = await bide.show_prompts(job)
        assert second.key == "second"
        assert await bide.respond(job, PROCEED, prompt=which, by="ann", response_id=response) == first
        assert [one.key for one in await bide.prompts(job)] == ["second"]
        # Nor can its id be used for another one.
        with pytest.raises(Conflict):
            await bide.respond(job, PROCEED, prompt=second.id, by="ann", response_id=response)
        await bide.respond(job, PROCEED, prompt=second.id, by="ann")
        await jobs.run_until_idle()
        assert await jobs.result(job) == "proceed proceed"


class Order(BaseModel):
    action: Literal["ship", "cancel"]


class Shipment(BaseModel):
    action: Literal["ship", "cancel"] | None = None
    note: str = ""


class Note(BaseModel):
    """All of it may be left out, and Pydantic's schema takes any further field."""

    text: str = ""


class Anything(BaseModel, extra="allow"):
    text: str = ""


@covers(Row.UNFIT_ANSWER)
@pytest.mark.parametrize("known", [True, False], ids=["known to the app", "unknown to the app"])
@pytest.mark.parametrize(
    ("model", "is_answer"), [(Order, True), (Shipment, True), (Note, False), (Anything, False)], ids=str
)
async def test_cancel_is_an_answer_only_where_the_question_has_it_among_its_own(
    model: type[BaseModel], is_answer: bool, known: bool, bide: Bide[None]
) -> None:
    async def waits(ctx: JobContext) -> dict[str, Any]:
        return (await ctx.wait_for("order", model)).model_dump()

    job_type = bide.job(forms=[model] if known else [])(waits)
    async with Harness(bide) as jobs:
        job = await job_type.enqueue()
        await jobs.run_until_idle()
        (prompt,) = await bide.prompts(job)
        await bide.respond(job, {"action": "cancel"}, prompt=prompt.id)
        await jobs.run_until_idle()
        if is_answer:
            assert (await jobs.result(job))["action"] == "cancel"
        else:
            assert (await bide.get(job)).status is JobStatus.CANCELLED


class Home(BaseModel):
    city: str


class Called(BaseModel):
    """Its patterns are for Pydantic's engine: `re` knows no \\p, and takes years for the second."""

    name: Annotated[str, Field(pattern=r"^\p{Lu}\p{L}+$")] = "Ada"
    words: Annotated[str, Field(pattern=r"^(\w+\s?)*$")] = ""
    titles: dict[Annotated[str, Field(pattern=r"^\p{Ll}+$")], Annotated[str, Field(pattern=r"^\p{Lu}")]] = {}
    homes: dict[Annotated[str, Field(pattern=r"^\p{Ll}+$")], Home] = {}


@covers(Row.UNFIT_ANSWER)
@pytest.mark.parametrize(
    ("response", "at"),
    [
        ({"name": "Äda"}, None),
        ({"name": "äda"}, "/name"),
        ({"words": "one two"}, None),
        ({"words": "a" * 60 + "!"}, "/words"),
        ({"titles": {"ä": "Frau"}}, None),
        ({"titles": {"ä": "frau"}}, "/titles/ä"),
        ({"homes": {"ä": {"city": "Bern"}}}, None),
        ({"homes": {"ä": {"city": 1}}}, "/homes/ä/city"),
    ],
    ids=str,
)
async def test_a_pattern_means_what_it_means_to_pydantic(
    response: dict[str, Any], at: str | None, bide: Bide[None]
) -> None:
    @bide.job
    async def calls(ctx: JobContext) -> str:
        return (await ctx.ask("who", Form(Called))).model_dump_json(exclude_defaults=True)

    async with Harness(bide) as jobs:
        job = await calls.enqueue()
        await jobs.run_until_idle()
        (prompt,) = await bide.prompts(job)
        if at is None:
            await bide.respond(job, response, prompt=prompt.id)
            await jobs.run_until_idle()
            assert json.loads(await jobs.result(job)) == response
        else:
            with pytest.raises(InvalidResponse) as refused:
                await bide.respond(job, response, prompt=prompt.id)
            assert [error["path"] for error in refused.value.errors] == [at]


class Lookahead(BaseModel, regex_engine="python-re"):
    name: Annotated[str, Field(pattern=r"^(?!admin)\w+$")]


@covers(Row.UNFIT_ANSWER)
async def test_a_pattern_that_only_its_model_can_read_is_left_to_the_model(bide: Bide[None]) -> None:
    @bide.job
    async def calls(ctx: JobContext) -> str:
        return (await ctx.ask("who", Form(Lookahead))).name

    async with Harness(bide) as jobs:
        job = await calls.enqueue()
        for name in ("admin", "ada"):
            await jobs.run_until_idle()
            (prompt,) = await bide.prompts(job)
            await bide.respond(job, {"name": name}, prompt=prompt.id)
        await jobs.run_until_idle()
        assert await jobs.result(job) == "ada"


class Amount(BaseModel):
    euros: int

    @field_validator("euros")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value


@covers(Row.UNFIT_ANSWER)
async def test_an_answer_that_only_the_authors_own_validator_refuses_is_asked_for_again(bide: Bide[None]) -> None:
    @bide.job
    async def pay(ctx: JobContext) -> int:
        return (await ctx.ask("amount", Form(Amount))).euros

    async with Harness(bide) as jobs:
        job = await pay.enqueue()
        await jobs.run_until_idle()
        (first,) = await bide.prompts(job)
        await bide.respond(job, {"euros": 3}, prompt=first.id, by="ann")
        await jobs.run_until_idle()
        (second,) = await bide.prompts(job)
        assert second.id != first.id
        assert second.key == first.key
        assert "must be even" in second.data["refused"]
        with pytest.raises(PromptClosed):
            await bide.respond(job, {"euros": 4}, prompt=first.id, by="ann")
        await bide.respond(job, {"euros": 5}, prompt=second.id, by="ann")
        await jobs.run_until_idle()
        (third,) = await bide.prompts(job)
        await bide.respond(job, {"euros": 4}, prompt=third.id, by="ann")
        await jobs.run_until_idle()
        assert await jobs.result(job) == 4
        assert (await bide.get(job)).attempt == 1


@covers(Row.UNFIT_ANSWER)
async def test_a_form_known_to_the_app_is_checked_by_its_own_validators_at_once(tmp_path: Path) -> None:
    bide: Bide[None] = Bide(f"sqlite:///{tmp_path}/forms.db")

    @bide.job(forms=[Amount])
    async def pay(ctx: JobContext) -> int:
        return (await ctx.ask("amount", Form(Amount))).euros

    async with Harness(bide) as jobs:
        job = await pay.enqueue()
        await jobs.run_until_idle()
        (prompt,) = await bide.prompts(job)
        with pytest.raises(InvalidResponse) as refused:
            await bide.respond(job, {"euros": 3}, prompt=prompt.id)
        assert refused.value.errors[0]["path"] == "/euros"
        await bide.respond(job, {"euros": 2}, prompt=prompt.id)
        await jobs.run_until_idle()
        assert await jobs.result(job) == 2


@covers(Row.UNFIT_ANSWER)
async def test_another_owner_neither_sees_nor_answers(bide: Bide[None], asking: JobType[[], str]) -> None:
    async with Harness(bide) as jobs:
        job: Job[str] = await asking.options(owner="ann").enqueue()
        await jobs.run_until_idle()
        (prompt,) = await bide.prompts(job, owner="ann")
        for op in (
            lambda: bide.get(job, owner="eve"),
            lambda: bide.respond(job, PROCEED, prompt=prompt.id, owner="eve"),
            lambda: bide.respond(job, PROCEED, owner="eve"),
            lambda: bide.show_prompts(job, owner="eve"),
            lambda: bide.cancel(job, owner="eve"),
            lambda: bide.delete(job, owner="eve"),
            lambda: bide.history(job, owner="eve"),
        ):
            with pytest.raises(NotFound):
                await op()
        assert await bide.prompts(job, owner="eve") == []
        assert await bide.list(owner="eve") == []
        assert len(await bide.prompts(job, owner="ann")) == 1
