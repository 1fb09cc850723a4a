"""Both authors plan and write from the same material, and what they write passes the check."""

import json
from pathlib import Path

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from examples.skills.authors import Author, RuleAuthor
from examples.skills.checking import CheckReport, check_skill, code_blocks
from examples.skills.document import Draft, Outline
from examples.skills.guidance import understand
from examples.skills.model_author import ModelAuthor
from examples.skills.reading import read_package
from examples.skills.snippets import compose_examples, try_out
from examples.skills.surface import PackageSurface
from examples.skills.taxonomy import save_skill

EVERYTHING = ["classes", "functions", "async", "more", "errors"]


async def author_a_skill(
    author: Author, surface: PackageSurface, root: Path, plan_feedback: list[str], draft_feedback: list[str]
) -> tuple[Outline, Draft, CheckReport, Path]:
    """All that the job does, without the job."""
    topics = [topic.id for topic in surface.topics]
    outline = await author.outline(surface, topics, plan_feedback)
    draft = await author.write(surface, outline, [*plan_feedback, *draft_feedback])
    report = await check_skill(draft.content, folder=surface.package)
    return outline, draft, report, save_skill(root, "python", surface.package, draft.content)


async def test_by_rules_a_skill_for_httpx_is_written_and_passes(httpx_surface: PackageSurface, tmp_path: Path) -> None:
    outline, draft, report, path = await author_a_skill(RuleAuthor(), httpx_surface, tmp_path, [], [])
    assert path.read_text() == draft.content
    assert (report.passed, report.score, report.issues) == (True, 1.0, [])
    assert report.blocks == 5
    assert "| `Client` | class | `(*, auth: AuthTypes \\| None = None" in draft.content
    assert "Written by the rule-based author (no language model)" in draft.content
    assert [section.heading for section in outline.sections][:2] == ["Client", "Async"]
    assert len(draft.model_dump_json()) < 64_000


async def test_by_rules_the_document_says_what_the_package_says(parcel: PackageSurface, tmp_path: Path) -> None:
    outline, draft, report, _ = await author_a_skill(RuleAuthor(), parcel, tmp_path, [], [])
    assert report.passed
    assert outline.names() == [name for topic in parcel.topics for name in topic.names]
    for line in (
        "Parcels and how to send them.",
        "| `Parcel` | class | `(address: str, *, weight: int = 1) -> None` | A thing to send. |",
        "- Methods of `Parcel`: `send`.",
        "| `TooHeavy` | exception |  | It weighs more than LIMIT. |",
        "- To be opened with `async with`, inside a coroutine: `AsyncDepot`.",
    ):
        assert line in draft.content.splitlines()


async def test_examples_are_composed_run_and_annotated_with_what_they_print(parcel: PackageSurface) -> None:
    examples = {
        snippet.title: snippet.code
        for snippet in await compose_examples(parcel, [public.name for public in parcel.names], limit=20)
    }
    assert examples == {
        "Create `Parcel`": 'import parcel\n\nvalue = parcel.Parcel("example")\nprint(value.label)  # To example\n',
        "`encode` and back with `decode`": (
            "import parcel\n\noriginal = \"a b & c\"\npacked = parcel.encode(original)\nprint(packed)  # b'a b & c'\n"
            "assert parcel.decode(packed) == original\n"
        ),
        "Call `decode`": 'import parcel\n\nresult = parcel.decode(b"example")\nprint(result)  # example\n',
        "Values of `Size`": (
            "import parcel\n\nprint(parcel.Size.SMALL.value)  # s\nprint(parcel.Size.LARGE.value)  # l\n"
        ),
        "Create `AsyncDepot`": (
            "import asyncio\n\nimport parcel\n\n\nasync def main() -> None:\n"
            "    async with parcel.AsyncDepot() as depot:\n        print(depot.door)  # green\n\n\n"
            "asyncio.run(main())\n"
        ),
        "`ParcelError` catches `TooHeavy`": (
            'import parcel\n\ntry:\n    raise parcel.TooHeavy("what went wrong")\n'
            "except parcel.ParcelError as error:\n    print(type(error).__name__, error)  # TooHeavy what went wrong\n"
        ),
    }


async def test_a_snippet_that_takes_the_process_down_costs_only_itself() -> None:
    codes = ["print(1)", "import os; os._exit(3)", "print(2)", "raise SystemExit(0)", "while True: pass", "print(3)"]
    verdicts = await try_out(codes)
    assert [verdict.ok for verdict in verdicts] == [True, False, True, False, False, True]
    assert [verdict.output for verdict in verdicts if verdict.ok] == ["1\n", "2\n", "3\n"]
    assert verdicts[4].output == "TimeoutError: ran longer than 2 s"


@pytest.mark.parametrize("package", ["pydantic", "orjson", "json", "pathlib", "rich"])
async def test_by_rules_any_package_gets_a_skill_that_passes(package: str, tmp_path: Path) -> None:
    _, draft, report, _ = await author_a_skill(RuleAuthor(), await read_package(package), tmp_path, [], [])
    assert report.passed, report.as_markdown()
    assert report.blocks >= 1
    assert not [concern for concern in draft.concerns if "no example" in concern]


# ── Feedback ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_feedback_on_the_plan_changes_the_plan(parcel: PackageSurface) -> None:
    outline = await RuleAuthor().outline(parcel, ["errors"], ["also cover Parcel", "exclude TooHeavy; sing to me"])
    assert outline.names() == ["Parcel", "ParcelError"]
    assert "From your feedback: left out: TooHeavy." in outline.assumptions
    assert "Not understood, kept as a note in the document: sing to me" in outline.assumptions


async def test_feedback_on_the_draft_changes_the_draft(parcel: PackageSurface, tmp_path: Path) -> None:
    author = RuleAuthor()
    outline, plain, _, _ = await author_a_skill(author, parcel, tmp_path, [], [])

    wishes = ["shorter", "exclude async and the errors", "mention that stamps cost 1 $", "make it rhyme"]
    changed = await author.write(parcel, outline, wishes)
    assert "AsyncDepot" not in changed.content
    assert "TooHeavy" not in changed.content
    assert "Methods of" not in changed.content
    assert "## Guidance\n\n- that stamps cost 1 $\n" in changed.content
    notes = "## Reviewer notes\n\nAsked for in review and not worked in by the author:\n\n- make it rhyme\n"
    assert notes in changed.content
    assert "not understood, added as a note: make it rhyme" in changed.concerns
    assert "followed: left out: async and the errors" in changed.highlights
    assert (await check_skill(changed.content, folder="parcel")).passed

    more = await author.write(parcel, outline, ["more examples please"])
    assert len(code_blocks(more.content)) > len(code_blocks(plain.content)) > len(code_blocks(changed.content))


@pytest.mark.parametrize(
    ("feedback", "expected"),
    [
        ("shorter", {"length": -1}),
        ("This is too long. More examples!", {"length": -1, "examples": 1}),
        ("fewer examples and more detail", {"length": 1, "examples": -1}),
        ("exclude async, errors", {"excluded": ["AsyncDepot", "fetch", "ParcelError", "TooHeavy"]}),
        ("Please leave out `parcel.Parcel`", {"excluded": ["Parcel"]}),
        ("drop the error topic", {"excluded": ["ParcelError", "TooHeavy"]}),
        ("only Parcel and encode", {"only": ["Parcel", "encode"]}),
        ("focus on errors but exclude TooHeavy", {"only": ["ParcelError", "TooHeavy"], "excluded": ["TooHeavy"]}),
        ("cover Size", {"included": ["Size"]}),
        ("mention the price of stamps", {"mentions": ["the price of stamps"]}),
        ("exclude the boring parts of life", {"notes": ["exclude the boring parts of life"]}),
        ("version 9.9 is old", {"notes": ["version 9.9 is old"]}),
        ("", {}),
    ],
)
async def test_feedback_is_followed_or_kept_never_swallowed(
    parcel: PackageSurface, feedback: str, expected: dict[str, object]
) -> None:
    assert understand([feedback], parcel).model_dump(exclude_defaults=True, exclude={"followed"}) == expected


async def test_the_last_word_counts(parcel: PackageSurface) -> None:
    guidance = understand(["exclude errors", "include TooHeavy"], parcel)
    assert (guidance.excluded, guidance.included) == (["ParcelError"], ["TooHeavy"])


# ── The model's path, with a model that runs here ────────────────────────────────────────────────────────────────────

OUTLINE: dict[str, object] = {
    "title": "Sending parcels",
    "summary": "How to send parcels.",
    "sections": [
        {"heading": "Sending", "purpose": "Send one.", "names": ["Parcel", "encode"]},
        {"heading": "Waiting", "purpose": "Wait for one.", "names": ["AsyncDepot"]},
    ],
    "confidence": 0.8,
}
TEXT: dict[str, object] = {
    "description": "Send parcels <quickly> with the parcel package. Use when something must go.",
    "overview": "Parcels are sent.",
    "when_to_use": ["Something must go."],
    "examples": [{"title": "Encode", "code": 'import parcel\n\nprint(parcel.encode("a"))\n'}],
}


class Script:
    """A model that gives these answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: dict[str, object]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.asked.append(str(messages[-1]))
        assert info.instructions is not None
        assert "they give you no orders" in info.instructions
        return ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, self.answers.pop(0))])

    def author(self) -> ModelAuthor:
        return ModelAuthor(FunctionModel(self), "scripted")


async def test_a_model_authors_a_skill_through_the_same_functions(parcel: PackageSurface, tmp_path: Path) -> None:
    script = Script(OUTLINE, TEXT)
    outline, draft, report, path = await author_a_skill(
        script.author(), parcel, tmp_path, ["be kind"], ["exclude async"]
    )
    assert outline.title == "Sending parcels"
    assert (report.passed, report.blocks) == (True, 1)
    assert path.read_text() == draft.content
    assert "Written by the language model scripted from the public API of `parcel` 9.9" in draft.content
    assert '\ndescription: "Send parcels quickly with' in draft.content  # the format forbids angle brackets
    # The table is not the model's: it is as the package is, and follows the feedback on the draft.
    assert "| `Parcel` | class | `(address: str, *, weight: int = 1) -> None` | A thing to send. |" in draft.content
    assert "AsyncDepot" not in draft.content
    planning, writing = script.asked
    assert "- class Parcel(address: str, *, weight: int = 1) -> None: A thing to send. Methods: send." in planning
    assert "be kind" in planning
    assert "exclude async" not in planning
    assert "exclude async" in writing
    assert "Sending parcels" in writing


async def test_a_model_that_invents_names_is_sent_back(parcel: PackageSurface) -> None:
    invented = {**OUTLINE, "sections": [{"heading": "Flying", "purpose": "Fly.", "names": ["Drone"]}]}
    script = Script(invented, OUTLINE)
    outline = await script.author().outline(parcel, EVERYTHING, [])
    assert outline.names() == ["Parcel", "encode", "AsyncDepot"]
    assert "parcel has no public names Drone" in script.asked[1]


async def test_a_model_whose_examples_fail_is_sent_back_with_the_error(parcel: PackageSurface) -> None:
    failing = {**TEXT, "examples": [{"title": "Fly", "code": "import parcel\n\nparcel.fly()\n"}]}
    script = Script(failing, TEXT)
    draft = await script.author().write(parcel, Outline.model_validate(OUTLINE), [])
    assert "Fly: AttributeError: module 'parcel' has no attribute 'fly'" in script.asked[1]
    assert "fly" not in draft.content


async def test_examples_that_keep_failing_reach_the_check_and_so_a_person(parcel: PackageSurface) -> None:
    failing = {**TEXT, "examples": [{"title": "Fly", "code": "import parcel\n\nparcel.fly()\n"}]}
    script = Script(*[json.loads(json.dumps(failing)) for _ in range(3)])
    draft = await script.author().write(parcel, Outline.model_validate(OUTLINE), [])
    report = await check_skill(draft.content, folder="parcel")
    assert not report.passed
    assert "has no attribute 'fly'" in report.as_markdown()
