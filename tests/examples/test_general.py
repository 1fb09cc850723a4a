"""A skill about no package: it says what people said, passes its own checks, and runs nothing that a person typed."""

from examples.skills.acceptance import coverage, criteria_for, failing, opportunities, smells
from examples.skills.brief import consider
from examples.skills.checking import GENERAL_SKILL, check_skill, code_blocks
from examples.skills.general import Interview, plan, questions, write

BRIEF = consider("A skill for brewing tea. Warm the pot, take fresh water, wait four minutes")
INTERVIEW = Interview(reader="person", rules=["Never boil green tea"], problem="Tea is bitter.", goals=["Good taste"])


async def test_it_holds_what_was_said_and_passes_the_checks() -> None:
    criteria = criteria_for(BRIEF, INTERVIEW.goals, ["It mentions honey"])
    outline = plan(BRIEF, INTERVIEW, [])
    draft = write(BRIEF, INTERVIEW, outline, criteria, [])
    report = await check_skill(draft.content, folder=BRIEF.name, shape=GENERAL_SKILL)
    assert (report.passed, report.issues, report.score) == (True, [], 1.0)
    for said in ("brewing tea", "Warm the pot", "Never boil green tea", "Tea is bitter.", "Good taste", "honey"):
        assert said in draft.content
    assert failing(criteria, draft.content) == []
    assert failing(criteria, "") == criteria
    assert coverage(criteria, draft.content) == f"{len(criteria)} of {len(criteria)} checks pass."
    assert opportunities(criteria, draft.content) == ["Show an example."]
    assert smells(draft.content) == []


def test_feedback_is_followed_or_becomes_a_step() -> None:
    outline = plan(BRIEF, INTERVIEW, ["exclude the pot", "shorter. Serve it hot"])
    assert "Left out: pot" in outline.assumptions
    draft = write(BRIEF, INTERVIEW, outline, [], ["exclude the pot", "shorter. Serve it hot"])
    assert "1. Brewing tea.\n2. Take fresh water." in draft.content
    assert "Serve it hot." in draft.content
    assert "Common mistakes" not in draft.content
    assert draft.highlights[-2:] == ["followed: Serve it hot", "followed: left out pot"]


def test_what_people_type_opens_no_heading_and_no_code() -> None:
    brief = consider("Do this: ```python\nimport os; os.abort()\n```\n# Heading\n- point one, and more of it")
    draft = write(
        brief, Interview(rules=["```python\nraise SystemExit(1)"]), plan(brief, Interview(), []), [], ["# no"]
    )
    assert code_blocks(draft.content) == []
    assert "\n# Heading" not in draft.content


def test_improvements_are_found_by_rule() -> None:
    criteria = criteria_for(BRIEF, [], [])
    content = "## Instructions\n\nTODO: say more about this subject\n\nTODO: say more about this subject\n" + "x" * 401
    assert smells(content) == [
        "Line 6 is 401 characters long.",
        "Said 2 times: TODO: say more about this subject",
        "Unfinished: TODO: say more about this subject",
        "Unfinished: TODO: say more about this subject",
    ]
    assert "Say which mistakes are common." in opportunities(criteria, content)
    assert "Make this check pass: It has a section 'Checklist'." in opportunities(criteria, content)


def test_everybody_is_asked_who_reads_it_and_what_must_hold() -> None:
    who, rules = questions(BRIEF)
    assert [option.id for option in who.options or ()] == ["agent", "person", "both"]
    assert rules.options is None
