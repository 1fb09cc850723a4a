"""The job of the service: a description of a task goes in, a skill comes out, and people decide between the phases.

    understanding   clarify · deep_understanding, where wanted · tdd_red, where wanted · confirm
    generation      tdd_green and tdd_refactor, where wanted · preview
    validation      validate; a third time sent back fails the job

Where the description names an installed package, that package is read, and the steps are those of `author_skill`. Any
other skill is written by rule from what people say. Each draft is kept in the taxonomy's drafts, and the skill is
saved when it has been accepted.
"""

import os
from dataclasses import dataclass, field

from pydantic import BaseModel

from bide import Clarify, Confirm, Fail, JobContext, Preview, Proceed, Prompt, RetryPolicy, Revise, StepFailed, Validate
from bide.hitl import Answers, Decision
from examples.skills.acceptance import (
    RATIONALIZATIONS,
    Criterion,
    coverage,
    criteria_for,
    failing,
    opportunities,
    smells,
)
from examples.skills.answers import UNANSWERED
from examples.skills.brief import Brief
from examples.skills.checking import CheckReport
from examples.skills.document import Draft, Outline, count
from examples.skills.flow import REVISIONS, STEP_TIMEOUT, bide, topics_of, what_to_cover
from examples.skills.general import Interview
from examples.skills.general import questions as general_questions
from examples.skills.pausing import between_steps
from examples.skills.prompts import DeepUnderstanding, TddGreen, TddRed, TddRefactor
from examples.skills.questions import normalise
from examples.skills.steps import CreateOptions, Workshop
from examples.skills.surface import PackageSurface
from examples.skills.taxonomy import skill_name, skill_path

PATIENCE_VARIABLE = "BIDE_SKILLS_PATIENCE"
PATIENCE = os.environ.get(PATIENCE_VARIABLE) or "1h"
"""How long a question stays open. After it the job fails."""

REFINEMENTS = 2
"""How often a skill may be sent back when it is validated; once more fails the job."""

DEEP_QUESTIONS = (
    "Which problem does this skill solve, and for whom?",
    "Which goals must be met before it is of use?",
    "What should it stay away from?",
)
READY = 0.8
"""The readiness from which nothing more is asked."""

UNKILLABLE = RetryPolicy(max_attempts=100, give_up_on=(Exception,))
"""A worker that dies spends an attempt, and a service may be restarted at any time. An error is final: the steps that
may fail for a while are tried again by themselves."""

STEP_TRIES = 3


class Created(BaseModel):
    """The result: a saved skill."""

    name: str
    category: str
    package: str | None
    saved_path: str
    validation_passed: bool
    validation_score: float
    refinements: int
    author: str


@dataclass
class _Work:
    """What is known so far. Made anew by each run, from what the steps and the people have said before."""

    ctx: JobContext[Workshop]
    brief: Brief
    surface: PackageSurface | None = None
    topics: list[str] = field(default_factory=list[str])
    interview: Interview = field(default_factory=Interview)
    criteria: list[Criterion] = field(default_factory=list[Criterion])
    feedback: list[str] = field(default_factory=list[str])
    drafts: int = 0

    @property
    def author(self) -> str:
        return self.ctx.deps.author.name if self.surface is not None else "the rule-based author (no language model)"

    async def decide(self, key: str, prompt: Prompt[Decision]) -> str | None:
        """What a person wants changed; None where they agree."""
        match await self.ctx.ask(key, prompt, timeout=PATIENCE):
            case Proceed():
                return None
            case Revise(feedback=wish):
                if wish.strip():
                    self.feedback.append(wish)
                return wish

    async def plan(self, n: int) -> Outline:
        step = self.ctx.options(key=n, name="outline", timeout=STEP_TIMEOUT, max_attempts=STEP_TRIES)
        if self.surface is None:
            return await step.step(self.ctx.deps.outline_general, self.brief, self.interview, self.feedback)
        return await step.step(self.ctx.deps.outline, self.surface, self.topics, self._wishes())

    async def write(self, outline: Outline, *, minimal: bool = False) -> tuple[Draft, str]:
        """The next draft, and where it was put."""
        n = self.drafts
        self.drafts += 1
        step = self.ctx.options(key=n, name="write", timeout=STEP_TIMEOUT, max_attempts=STEP_TRIES)
        if self.surface is None:
            draft = await step.step(
                self.ctx.deps.write_general,
                self.brief,
                self.interview,
                outline,
                self.criteria,
                self.feedback,
                minimal,
            )
        else:
            wishes = [*self._wishes(), "shorter"] if minimal else self._wishes()
            draft = await step.step(self.ctx.deps.write, self.surface, outline, wishes)
        put = self.ctx.options(key=n, max_attempts=STEP_TRIES)
        path = await put.step(self.ctx.deps.save_draft, str(self.ctx.job_id), self.brief.name, draft.content)
        return draft, path

    async def validate(self, n: int, content: str) -> CheckReport:
        step = self.ctx.options(key=n, name="validate", timeout=STEP_TIMEOUT, max_attempts=STEP_TRIES)
        if self.surface is None:
            return await step.step(self.ctx.deps.validate_general, content, self.brief.name)
        return await step.step(self.ctx.deps.validate, content, self.surface.package)

    def _wishes(self) -> list[str]:
        """Feedback to who writes about a package: what was asked for in an interview is to be said in the document."""
        said = [
            self.interview.problem,
            *self.interview.goals,
            *(check.text for check in self.criteria if check.mentions),
        ]
        return [*(f"mention {text}" for text in said if text), *self.feedback]


@bide.job(name="create_skill", timeout="15m", retry=UNKILLABLE)
async def create_skill(ctx: JobContext[Workshop], task_description: str, options: CreateOptions) -> Created:
    """Creates a skill from the description of a task."""
    with ctx.stage("understanding", 0, 40):
        ctx.progress(0, "Reading the task")
        work = _Work(ctx, await ctx.step(ctx.deps.consider, task_description, options))
        outline = await _understand(work, options)
    # Nothing, unless somebody wants this process to be killed exactly here, as the demo does.
    await between_steps("outline", "write")
    with ctx.stage("generation", 40, 75):
        draft = await _generate(work, outline)
    with ctx.stage("validation", 75, 100):
        draft, report, refinements = await _validate(work, outline, draft)
        ctx.progress(95, "Saving")
        saved = ctx.options(max_attempts=STEP_TRIES)
        saved_path = await saved.step(ctx.deps.save, draft.content, work.brief.category, work.brief.name)
        ctx.progress(100, "Saved")
    return Created(
        name=work.brief.name,
        category=work.brief.category,
        package=work.brief.package,
        saved_path=saved_path,
        validation_passed=report.passed,
        validation_score=report.score,
        refinements=refinements,
        author=work.author,
    )


# ── Understanding ────────────────────────────────────────────────────────────────────────────────────────────────────


async def _understand(work: _Work, options: CreateOptions) -> Outline:
    """The plan that people agreed to."""
    ctx = work.ctx
    await _read_package(work, required=bool(options.package))
    ctx.progress(20, "Asking what is meant")
    await _clarify(work, options)
    if work.brief.deep_understanding:
        await _ask_deeply(work)
    if work.brief.tdd:
        await _agree_on_checks(work)
    for n in range(REVISIONS + 1):
        ctx.progress(60 + 5 * n, "Planning" if n == 0 else f"Planning again, revision {n}")
        outline = await work.plan(n)
        if await work.decide(f"confirm-{n}", _the_plan(work, outline)) is None:
            return outline
    raise Fail(f"The plan was sent back {REVISIONS + 1} times.", hint="Start again with another description.")


async def _read_package(work: _Work, *, required: bool) -> None:
    package = work.brief.package
    if package is None:
        return
    work.ctx.progress(5, f"Importing {package}")
    try:
        surface = await work.ctx.step(work.ctx.deps.read, package)
    except StepFailed as failed:
        if required:
            raise Fail(failed.detail) from failed
        # The package was only found in the description: a skill can be written without it, and the plan says so.
        note = f"The package {package} is left out: {failed.detail}"
        work.brief = work.brief.model_copy(update={"package": None, "assumptions": [note]})
        return
    work.surface = surface
    work.brief = work.brief.model_copy(update={"name": skill_name(surface.package), "package": surface.package})
    work.ctx.progress(15, f"Reading {surface.package}: {count(surface.names, 'public name')}")


async def _clarify(work: _Work, options: CreateOptions) -> None:
    given = normalise(options.questions)
    if given:
        answers = await work.ctx.ask("clarify", Clarify(*given), timeout=PATIENCE)
        work.topics = [topic.id for topic in work.surface.topics] if work.surface else []
        said = [f"{question.text} {_said(answers, n)}" for n, question in enumerate(given) if _said(answers, n)]
        work.interview.remarks += [*said, *filter(None, [answers.summary])]
    elif work.surface is not None:
        answers = await work.ctx.ask("clarify", what_to_cover(work.surface), timeout=PATIENCE)
        work.topics, remark = topics_of(answers, work.surface)
        if remark:
            work.feedback.append(remark)
    else:
        why = f"The task, as it was understood: {work.brief.refined}"
        asked = Clarify(*general_questions(work.brief), rationale=why)
        answers = await work.ctx.ask("clarify", asked, timeout=PATIENCE)
        work.interview.reader = _said(answers, 0)
        work.interview.rules = [line.strip("-*• ") for line in _said(answers, 1).splitlines() if line.strip("-*• ")]
        work.interview.remarks += [answers.summary] if answers.summary else []


def _said(answers: Answers, n: int) -> str:
    """The answer to question n; empty where it was left out."""
    given = answers.answers.get(f"q{n}", "")
    text = given if isinstance(given, str) else ", ".join(given)
    return "" if text == UNANSWERED else text


async def _ask_deeply(work: _Work) -> None:
    interview = work.interview
    research = [f"The task: {work.brief.task}", *(f"Read {it.package} {it.version}" for it in [work.surface] if it)]
    for n, question in enumerate(DEEP_QUESTIONS):
        work.ctx.progress(30 + 5 * n, "Asking what it is for")
        known = [bool(interview.reader or work.topics), bool(interview.problem), bool(interview.goals)]
        readiness = round(0.2 + 0.3 * sum(known[1:]) + 0.2 * known[0], 2)
        if readiness >= READY:
            return
        prompt = DeepUnderstanding(
            question=question,
            research_performed=research,
            current_understanding=interview.problem or work.brief.refined,
            readiness_score=readiness,
            questions_asked=DEEP_QUESTIONS[:n],
        )
        told = await work.ctx.ask(f"deep-{n}", prompt, timeout=PATIENCE)
        if told.empty:
            return
        # A plain answer is what was asked for: the problem, a goal, or what to stay away from.
        plain = told.answer.strip()
        interview.problem = told.problem or interview.problem or (plain if n == 0 else "")
        goals = told.goals or ([plain] if n == 1 and plain else [])
        interview.goals += [goal for goal in goals if goal not in interview.goals]
        if plain and plain not in (interview.problem, *interview.goals):
            interview.remarks.append(f"Stay away from {plain}" if n == 2 else plain)


async def _agree_on_checks(work: _Work) -> None:
    wishes: list[str] = []
    for n in range(REVISIONS + 1):
        work.ctx.progress(45 + 3 * n, "Agreeing on the checks")
        work.criteria = criteria_for(work.brief, work.interview.goals, wishes)
        texts = [criterion.text for criterion in work.criteria]
        prompt = TddRed(
            test_requirements=f"{count(texts, 'check')}, of which {len(failing(work.criteria, ''))} fail now:"
            " nothing is written yet.",
            acceptance_criteria=texts,
            checklist_items=[f"[ ] {text}" for text in texts],
            rationalizations_identified=RATIONALIZATIONS,
        )
        match await work.ctx.ask(f"tdd-red-{n}", prompt, timeout=PATIENCE):
            case Proceed():
                return
            case Revise(feedback=wish):
                wishes += [line.strip("-*• ") for line in wish.splitlines() if line.strip("-*• ")]
    raise Fail(f"The checks were sent back {REVISIONS + 1} times.", hint="Start again with another description.")


def _the_plan(work: _Work, outline: Outline) -> Confirm:
    place = skill_path(work.ctx.deps.taxonomy, work.brief.category, work.brief.name).parent
    return Confirm(
        summary=outline.summary,
        path=place.relative_to(work.ctx.deps.taxonomy).as_posix(),
        key_assumptions=outline.assumptions,
        rationale=work.ctx.deps.chosen_because if work.surface else "No package is read, so the rules write.",
        confidence=outline.confidence,
    )


# ── Generation ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def _generate(work: _Work, outline: Outline) -> Draft:
    """The draft that people found good."""
    if work.brief.tdd:
        await _green(work, outline)
        draft, path = await _refactor(work, outline)
    else:
        work.ctx.progress(0, "Writing SKILL.md")
        draft, path = await work.write(outline)
    for n in range(REVISIONS + 1):
        preview = Preview(
            content=draft.content,
            highlights=draft.highlights,
            potential_issues=draft.concerns,
            rationale=f"{count(draft.content.splitlines(), 'line')}, at {path}",
        )
        if await work.decide(f"preview-{n}", preview) is None:
            return draft
        if n < REVISIONS:
            work.ctx.progress(50 + 10 * n, f"Refining SKILL.md, {n + 1} of at most {REVISIONS}")
            draft, path = await work.write(outline)
    raise Fail(f"The draft was sent back {REVISIONS + 1} times.", hint="Start again with another description.")


async def _green(work: _Work, outline: Outline) -> None:
    for n in range(REVISIONS + 1):
        work.ctx.progress(4 * n, "Writing the least that passes the checks")
        draft, path = await work.write(outline, minimal=True)
        left = failing(work.criteria, draft.content)
        prompt = TddGreen(
            failing_test=left[0].text if left else "",
            test_location=path,
            minimal_implementation_hint=coverage(work.criteria, draft.content),
        )
        if await work.decide(f"tdd-green-{n}", prompt) is None:
            return
    raise Fail(f"The least was sent back {REVISIONS + 1} times.", hint="Start again with other checks.")


async def _refactor(work: _Work, outline: Outline) -> tuple[Draft, str]:
    for n in range(REVISIONS + 1):
        work.ctx.progress(20 + 5 * n, "Writing SKILL.md" if n == 0 else f"Improving SKILL.md, round {n}")
        draft, path = await work.write(outline)
        prompt = TddRefactor(
            refactor_opportunities=opportunities(work.criteria, draft.content),
            code_smells=smells(draft.content),
            coverage_report=coverage(work.criteria, draft.content),
        )
        if await work.decide(f"tdd-refactor-{n}", prompt) is None:
            return draft, path
    raise Fail(f"The draft was improved {REVISIONS} times and sent back once more.", hint="Start again.")


# ── Validation ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def _validate(work: _Work, outline: Outline, draft: Draft) -> tuple[Draft, CheckReport, int]:
    """The draft that was accepted, how it was checked, and how often it was refined."""
    n = 0
    while True:
        work.ctx.progress(20 * n, "Validating: front matter, sections and code blocks")
        report = await work.validate(n, draft.content)
        work.ctx.progress(20 * n + 10, f"Validated: score {report.score:.2f}")
        asked = Validate(
            report=report.as_markdown(),
            passed=report.passed,
            content=draft.content,
            path=str(skill_path(work.ctx.deps.taxonomy, work.brief.category, work.brief.name)),
            score=report.score,
        )
        if await work.decide(f"validate-{n}", asked) is None:
            return draft, report, n
        if n == REFINEMENTS:
            raise Fail(f"The skill was sent back {n + 1} times when it was validated.", hint="Start again.")
        n += 1
        work.ctx.progress(20 * n - 5, f"Refining SKILL.md, {n} of at most {REFINEMENTS}")
        draft, _ = await work.write(outline)
