"""The job: a package's name goes in, a skill comes out, and a person decides three times on the way.

    understanding   read the package, ask what to cover, outline it, ask about the plan
    generation      write the document
    validation      check it and run its code, ask for approval; refine with the feedback
    saving          put it into the taxonomy

Each step runs once, however often the process dies, and no worker is held while a question is open.
"""

import os

from pydantic import BaseModel

from bide import Answers, Bide, Clarify, Confirm, Fail, JobContext, Option, Preview, Proceed, Question, Revise
from examples.skills.checking import CheckReport
from examples.skills.document import Draft, Outline, count
from examples.skills.pausing import between_steps
from examples.skills.steps import Workshop, open_workshop
from examples.skills.surface import PackageSurface
from examples.skills.taxonomy import skill_name, skill_path
from examples.skills.topics import ALL, choose_topics

REVISIONS = 3  # how often the plan, and how often the draft, may be sent back
PATIENCE = "7d"  # how long a question stays open
STEP_TIMEOUT = "5m"

bide = Bide(os.environ.get("BIDE_URL") or "sqlite:///skills.db", deps=open_workshop)


class Skill(BaseModel):
    """The result: a saved skill."""

    name: str
    package: str
    version: str
    saved_path: str
    validation_passed: bool
    validation_score: float
    refinements: int
    author: str


@bide.job(name="author_skill", timeout="15m", max_attempts=3)
async def author_skill(ctx: JobContext[Workshop], package: str, category: str = "python") -> Skill:
    """Authors an agent skill for an installed Python package."""
    feedback: list[str] = []
    with ctx.stage("Understanding", 0, 30):
        surface, outline = await _understand(ctx, package, category, feedback)
    # Nothing, unless somebody wants this process to be killed exactly here, as the demo does.
    await between_steps("outline", "write")
    with ctx.stage("Generation and validation", 30, 95):
        draft, report, refinements = await _write(ctx, surface, outline, feedback)
    with ctx.stage("Saving", 95, 100):
        ctx.progress(0, "Saving")
        saved_path = await ctx.step(ctx.deps.save, draft.content, category, surface.package)
    return Skill(
        name=skill_name(surface.package),
        package=surface.package,
        version=surface.version,
        saved_path=saved_path,
        validation_passed=report.passed,
        validation_score=report.score,
        refinements=refinements,
        author=ctx.deps.author.name,
    )


async def _understand(
    ctx: JobContext[Workshop], package: str, category: str, feedback: list[str]
) -> tuple[PackageSurface, Outline]:
    """What the package has, and the plan that the person agreed to. What they say is added to `feedback`."""
    ctx.progress(0, f"Importing {package}")
    surface = await ctx.step(ctx.deps.read, package)
    ctx.progress(30, f"Reading {surface.package}: {len(surface.names)} public names")
    answers = await ctx.ask("cover", what_to_cover(surface), timeout=PATIENCE)
    topics, remark = topics_of(answers, surface)
    if remark:
        feedback.append(remark)
    for n in range(REVISIONS + 1):
        ctx.progress(50 + 10 * n, f"Outlining {count(topics, 'topic')}" if n == 0 else f"Outlining again, revision {n}")
        outline = await ctx.options(key=n, timeout=STEP_TIMEOUT).step(ctx.deps.outline, surface, topics, feedback)
        match await ctx.ask(f"plan-{n}", _the_plan(ctx.deps, surface, category, outline), timeout=PATIENCE):
            case Proceed():
                return surface, outline
            case Revise(feedback=wish):
                feedback.append(wish)
    raise Fail(f"The plan was sent back {REVISIONS + 1} times.", hint="Start again with other topics.")


async def _write(
    ctx: JobContext[Workshop], surface: PackageSurface, outline: Outline, feedback: list[str]
) -> tuple[Draft, CheckReport, int]:
    """The draft that the person approved, how it was checked, and how often it was refined."""
    for n in range(REVISIONS + 1):
        start = 25 * n
        ctx.progress(start, "Writing SKILL.md" if n == 0 else f"Refining SKILL.md, {n} of at most {REVISIONS}")
        draft = await ctx.options(key=n, timeout=STEP_TIMEOUT).step(ctx.deps.write, surface, outline, feedback)
        ctx.progress(start + 15, "Validating: front matter and code blocks")
        report = await ctx.options(key=n, timeout=STEP_TIMEOUT).step(ctx.deps.validate, draft.content, surface.package)
        ctx.progress(start + 20, f"Validated: {report.blocks} code blocks run, score {report.score:.2f}")
        match await ctx.ask(f"approve-{n}", _the_draft(draft, report), timeout=PATIENCE):
            case Proceed():
                return draft, report, n
            case Revise(feedback=wish):
                feedback.append(wish)
    raise Fail(
        f"The draft was refined {REVISIONS} times and still not approved.", hint="Start again with another plan."
    )


def what_to_cover(surface: PackageSurface) -> Clarify:
    options = [Option(id=topic.id, label=topic.id, description=topic.description) for topic in surface.topics]
    everything = Option(id=ALL, label=ALL, description=f"all {len(surface.names)} public names")
    question = Question(
        text="What should the skill cover?",
        options=[*options, everything],
        allows_multiple=True,
        free_text=True,
        rationale="A skill is read whole by whoever uses it: what is left out makes the rest clearer.",
    )
    return Clarify(question, rationale=f"{surface.package} {surface.version} has {len(surface.names)} public names.")


def topics_of(answers: Answers, surface: PackageSurface) -> tuple[list[str], str]:
    topics, remark = choose_topics(answers.answers.get("q0", []), surface.topics)
    return topics, "; ".join(filter(None, [remark, answers.summary]))


def _the_plan(workshop: Workshop, surface: PackageSurface, category: str, outline: Outline) -> Confirm:
    return Confirm(
        summary=outline.summary,
        path=str(skill_path(workshop.taxonomy, category, surface.package)),
        key_assumptions=outline.assumptions,
        rationale=workshop.chosen_because,
        confidence=outline.confidence,
    )


def _the_draft(draft: Draft, report: CheckReport) -> Preview:
    return Preview(
        content=draft.content,
        highlights=draft.highlights,
        potential_issues=[*map(str, report.issues), *draft.concerns],
        rationale=report.as_markdown().partition("\n")[0],
    )
