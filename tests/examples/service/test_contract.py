"""The skills contract (docs/contracts/skills.md), section by section, over HTTP against a real server.

Here the server is left in peace. `test_killed.py` runs the same tests with a server that is killed and started again
between any two calls: `client.call` is a call, `client.at_once` one of a series by which something is waited for.
"""

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.examples.service.server import Client, Json, until

TASK = "A skill for brewing tea. Warm the pot, wait four minutes"
NO_PACKAGE = {"package": ""}
YES = {"action": "proceed"}
CLARIFIED = {"answers": {"response": {"q0": "person", "q1": "Never boil green tea"}}}

STATE = {
    "job_id", "status", "hitl_type", "hitl_data", "hitl_response", "result", "error", "current_phase",
    "progress_message", "intended_taxonomy_path", "draft_path", "final_path", "saved_path", "promoted",
    "validation_passed", "validation_status", "validation_score", "tdd_workflow", "deep_understanding",
    "multi_skill_queue", "current_skill_index", "task_description_refined", "created_at", "updated_at", "user_id",
    "user_context",
}  # fmt: skip

DATA = {
    "clarify": {"questions", "rationale"},
    "confirm": {"summary", "path", "key_assumptions", "rationale", "confidence"},
    "preview": {"content", "highlights", "potential_issues", "rationale"},
    "validate": {"report", "passed", "skill_content", "saved_path", "validation_score"},
    "deep_understanding": {
        "question", "research_performed", "current_understanding", "readiness_score", "questions_asked",
    },
    "tdd_red": {"test_requirements", "acceptance_criteria", "checklist_items", "rationalizations_identified"},
    "tdd_green": {"failing_test", "test_location", "minimal_implementation_hint", "phase"},
    "tdd_refactor": {"refactor_opportunities", "code_smells", "coverage_report", "phase"},
}  # fmt: skip


def through(client: Client, job: str, *kinds: str) -> Json:
    """Agrees to questions of these types, in order. What is shown then."""
    for kind in kinds:
        client.prompt(job, kind)
        client.accepted(job, CLARIFIED if kind == "clarify" else YES)
    return client.prompt(job)


def completed(client: Client, **more: Any) -> str:
    job = client.create(TASK, **NO_PACKAGE, **more)
    assert through(client, job, "clarify", "confirm", "preview", "validate")["status"] == "completed"
    return job


# ── A skill, from beginning to end ───────────────────────────────────────────────────────────────────────────────────


def test_a_skill_is_created_asked_about_saved_and_promoted(client: Client) -> None:
    """The skills contract: creating, phases, the four usual questions, saving and promoting."""
    job = client.create(TASK, user_id="ana", **NO_PACKAGE)
    phases: list[tuple[str, str, Json]] = [
        ("clarify", "understanding", CLARIFIED),
        ("confirm", "understanding", {"action": "OK"}),
        ("preview", "generation", {"action": "y"}),
        ("validate", "validation", {"action": "save"}),
    ]
    for kind, phase, answer in phases:
        shown = client.prompt(job, kind)
        assert shown["current_phase"] == phase
        assert DATA[kind] <= shown.keys()
        assert all(shown[name] is not None for name in DATA[kind]), shown
        assert shown["saved_path"] is None or kind == "validate", "it is saved when it was accepted, not before"
        assert shown["skill_content"] is None or kind == "validate"
        assert (shown["draft_path"] is not None) == (phase != "understanding")
        client.accepted(job, answer)
    over = client.prompt(job)
    assert (over["status"], over["type"], over["error"]) == ("completed", None, None)
    assert (over["validation_passed"], over["validation_status"], over["validation_score"]) == (True, "passed", 1.0)
    assert Path(over["saved_path"]).read_text() == Path(over["draft_path"]).read_text() == over["skill_content"]
    assert "Never boil green tea" in over["skill_content"]

    state = client.job(job)
    assert state.keys() == STATE
    assert (state["user_id"], state["final_path"], state["promoted"]) == ("ana", None, False)
    assert state["saved_path"] == str(client.server.taxonomy / state["intended_taxonomy_path"] / "SKILL.md")
    assert state["result"]["saved_path"] == state["saved_path"]
    assert state["hitl_response"] == {"action": "proceed"}
    assert state["task_description_refined"] == "brewing tea. Warm the pot, wait four minutes"

    promoted = client.promote(job)
    assert (promoted.status_code, promoted.json()) == (
        200,
        {"job_id": job, "status": "promoted", "final_path": state["saved_path"]},
    )
    state = client.job(job)
    assert (state["promoted"], state["final_path"]) == (True, state["saved_path"])


def test_every_type_of_question_is_asked_and_answered(client: Client) -> None:
    """The skills contract: the eight types of question, their data, and their answers."""
    task = "Write a skill for the parcel package, test-driven, with deep understanding first"
    job = client.create(task)
    goals = {"action": "continue", "answer": "They get lost.", "problem": "Parcels are lost", "goals": ["None is lost"]}
    turns: list[tuple[str, Json]] = [
        ("clarify", {"answers": {"response": {"answers": {"0": ["errors", "async"]}, "summary": ""}}}),
        ("deep_understanding", goals),
        ("tdd_red", {"action": "revise", "feedback": "It mentions insurance"}),
        ("tdd_red", YES),
        ("confirm", {"action": "change", "feedback": "also cover encode"}),
        ("confirm", YES),
        ("tdd_green", YES),
        ("tdd_refactor", {"action": "skip"}),
        ("preview", {"action": "refine", "feedback": "shorter"}),
        ("preview", YES),
        ("validate", YES),
    ]
    before: Json = {}
    for kind, answer in turns:
        before = client.prompt(job, kind)
        assert all(before[name] is not None for name in DATA[kind]), before
        client.accepted(job, answer)
    over = client.prompt(job)
    assert over["status"] == "completed", over
    for said in ("insurance", "None is lost", "encode", "TooHeavy"):
        assert said in over["skill_content"], said
    assert over["saved_path"] == str(client.server.taxonomy / "python" / "parcel" / "SKILL.md")

    state = client.job(job)
    assert state["deep_understanding"]["complete"] is True
    assert (state["deep_understanding"]["problem"], state["deep_understanding"]["goals"]) == (
        "Parcels are lost",
        ["None is lost"],
    )
    assert state["tdd_workflow"]["phase"] == "complete"
    assert "It mentions insurance" in state["tdd_workflow"]["acceptance_criteria"]


def test_a_third_refine_at_validate_fails_the_job(client: Client) -> None:
    """The skills contract: validate. The draft remains, and is promoted with force."""
    job = client.create(TASK, **NO_PACKAGE)
    through(client, job, "clarify", "confirm", "preview")
    for n in range(3):
        shown = client.prompt(job, "validate")
        assert ("Add sugar" in shown["skill_content"]) == (n > 0)
        client.accepted(job, {"action": "refine", "feedback": "Add sugar"})
    over = client.prompt(job)
    assert (over["status"], over["saved_path"]) == ("failed", None)
    assert over["error"].startswith("The skill was sent back 3 times")
    assert client.promote(job).status_code == 400
    assert client.promote(job, force=True).status_code == 200
    assert client.job(job)["promoted"] is True


def test_a_person_cancels_the_job(client: Client) -> None:
    """The skills contract: cancel, in any of its words."""
    job = client.create(TASK, **NO_PACKAGE)
    client.prompt(job, "clarify")
    client.accepted(job, {"action": "No"})
    state = client.job(job)
    assert (state["status"], state["hitl_type"]) == ("cancelled", None)
    assert client.answer(job, YES)["status"] == "ignored"
    assert client.promote(job, force=True).status_code == 400, "there is no draft"


# ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_may_come_in_its_other_shapes(client: Client) -> None:
    """The skills contract: a text for `clarify`, `deep_understanding` skipped, each of `tdd_…` sent back."""
    job = client.create(TASK, deep_understanding=True, tdd=True, **NO_PACKAGE)
    turns: list[tuple[str, Json]] = [
        ("clarify", {"answers": {"response": "Never boil green tea"}}),
        ("deep_understanding", {"action": "skip"}),
        ("tdd_red", {"action": "revise", "feedback": "It mentions the kettle"}),
        ("tdd_red", YES),
        ("confirm", YES),
        ("tdd_green", {"action": "revise", "feedback": "It mentions the leaves"}),
        ("tdd_green", YES),
        ("tdd_refactor", {"action": "revise", "feedback": "It mentions the cup"}),
    ]
    answered: list[str] = []
    for kind, answer in turns:
        asked = client.prompt(job, kind)
        assert asked["prompt_id"] not in answered
        client.accepted(job, answer)
        answered.append(asked["prompt_id"])
    state = client.job(job)
    assert state["hitl_response"] == {"action": "revise", "feedback": "It mentions the cup"}
    over = through(client, job, "tdd_refactor", "preview", "validate")
    assert over["status"] == "completed", over
    for said in ("Never boil green tea", "the kettle", "the leaves", "the cup"):
        assert said in over["skill_content"], said


def test_a_question_is_open_for_an_hour(client: Client) -> None:
    """The skills contract: a question that nobody answers for an hour fails the job."""
    job = client.create(TASK, **NO_PACKAGE)
    client.prompt(job, "clarify")
    shown = client.call("GET", f"/hitl/{job}/prompt")
    # What Bide's own API says of the very question that was shown.
    own = client.call("GET", f"http://127.0.0.1:{client.server.port}/bide/prompts/{shown.json()['prompt_id']}")
    asked = client.ok(own)
    opened, deadline = (datetime.fromisoformat(asked[name]) for name in ("opened_at", "deadline_at"))
    assert (deadline - opened).total_seconds() == 3_600


def test_an_early_a_late_and_a_double_answer_hit_no_other_question(client: Client) -> None:
    """The skills contract: an answer counts for the question that was shown, and for no other."""
    job = client.create(TASK, **NO_PACKAGE)
    assert client.answer(job, CLARIFIED)["status"] == "ignored", "nobody was shown anything yet"
    clarify = client.prompt(job, "clarify")
    client.accepted(job, CLARIFIED)
    assert client.answer(job, CLARIFIED)["status"] == "ignored", "a double click"

    client.call("GET", f"/jobs/{job}")
    until(lambda: client.ok(client.at_once("GET", f"/jobs/{job}"))["status"] == "pending_hitl")
    assert client.answer(job, YES)["status"] == "ignored", "confirm is open, and nobody was shown it"
    confirm = client.prompt(job, "confirm")
    late = client.answer(job, {**CLARIFIED, "prompt_id": clarify["prompt_id"]})
    assert late["status"] == "ignored", "it names the question that it is for"
    client.accepted(job, {**YES, "prompt_id": confirm["prompt_id"]})
    client.prompt(job, "preview")


def test_the_status_has_left_pending_hitl_before_the_response_returns(client: Client) -> None:
    """The skills contract: clients poll at once, without a pause, and must not see the question they answered."""
    job = client.create(TASK, **NO_PACKAGE)
    for kind in ("clarify", "confirm", "preview", "validate"):
        asked = client.prompt(job, kind)
        client.accepted(job, CLARIFIED if kind == "clarify" else YES)
        now = client.ok(client.at_once("GET", f"/hitl/{job}/prompt"))
        assert now["prompt_id"] != asked["prompt_id"]
        assert now["status"] != "pending_hitl" or now["type"] != kind


def test_an_answer_that_means_nothing_is_refused_and_the_question_stays_open(client: Client) -> None:
    """The skills contract: 422, with the place in the body."""
    job = client.create(TASK, **NO_PACKAGE)
    through(client, job, "clarify")
    for body, path in (({}, "/action"), ({"action": "maybe"}, "/action"), ({"action": 3}, "/action")):
        answer = client.call("POST", f"/hitl/{job}/response", body)
        assert (answer.status_code, answer.json()["error"]) == (422, "Validation error")
        assert answer.json()["details"][0]["path"] == path
    client.prompt(job, "confirm")
    client.accepted(job, YES)


def test_questions_are_normalised_from_each_form(client: Client) -> None:
    """The skills contract: questions as one numbered text, as texts, or as objects, are asked in one form."""
    forms: list[Any] = [
        "1. How hot?\n2. For whom?",
        ["How hot?", "For whom?"],
        [{"question": "How hot?"}, {"text": "For whom?", "options": None}],
    ]
    shape = {"options": None, "allows_multiple": False, "rationale": ""}
    for questions in forms:
        job = client.create(TASK, questions=questions, **NO_PACKAGE)
        shown = client.prompt(job, "clarify")
        assert shown["questions"] == [{"text": "How hot?", **shape}, {"text": "For whom?", **shape}]
    job = client.create(TASK, questions={"question": "Which?", "choices": ["Green tea"], "multiple": True})
    (question,) = client.prompt(job, "clarify")["questions"]
    assert question == {
        "text": "Which?",
        "options": [{"id": "green-tea", "label": "Green tea", "description": ""}],
        "allows_multiple": True,
        "rationale": "",
    }


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_job_is_shown_with_its_question_and_reading_it_serves_nothing(client: Client) -> None:
    """The skills contract: JobState, every field always there, absent = null."""
    job = client.create(TASK, user_id="reader", **NO_PACKAGE)
    client.prompt(job, "clarify")
    state = client.job(job)
    assert state.keys() == STATE
    assert (state["status"], state["hitl_type"]) == ("pending_hitl", "clarify")
    assert state["hitl_data"].keys() == DATA["clarify"]
    assert [name for name in sorted(STATE) if state[name] is None] == [
        "deep_understanding", "draft_path", "error", "final_path", "hitl_response", "intended_taxonomy_path", "result",
        "saved_path", "tdd_workflow", "validation_passed", "validation_score", "validation_status",
    ]  # fmt: skip
    assert (state["multi_skill_queue"], state["current_skill_index"], state["user_context"]) == ([], 0, {})
    assert datetime.fromisoformat(state["created_at"]) <= datetime.fromisoformat(state["updated_at"])


def test_jobs_are_listed_newest_update_first_and_filtered(client: Client) -> None:
    """The skills contract: GET /jobs and /jobs/, an array, with status, user_id and include_saved."""
    user = f"lister-{uuid4()}"
    first, second = (client.create(TASK, user_id=user, **NO_PACKAGE) for _ in range(2))
    client.prompt(second, "clarify")
    client.prompt(first, "clarify")

    def listed(path: str, **filters: object) -> list[str]:
        answer = client.call("GET", path, params={"user_id": user, **filters})
        assert answer.status_code == 200, answer.text
        states: list[Json] = answer.json()
        assert all(state.keys() == STATE for state in states)
        times = [datetime.fromisoformat(state["updated_at"]) for state in states]
        assert all(newer >= older for newer, older in pairwise(times))
        return [state["job_id"] for state in states]

    assert listed("/jobs") == [first, second], "what was asked last has changed last"
    client.accepted(second, {"action": "cancel"})
    assert listed("/jobs/") == [second, first]
    assert listed("/jobs", status="cancelled") == [second]
    assert listed("/jobs", status="pending_hitl") == [first]
    through(client, first, "clarify", "confirm", "preview", "validate")
    assert listed("/jobs", include_saved=False) == [second]
    assert listed("/jobs", include_saved=True) == [first, second]
    wrong = client.call("GET", "/jobs", params={"status": "asleep"})
    assert (wrong.status_code, wrong.json()["error"]) == (422, "Validation error")


def test_what_is_known_without_a_job(client: Client) -> None:
    """The skills contract: /hitl/config, /health, /taxonomy/."""
    assert client.ok(client.call("GET", "/hitl/config")) == {
        "action_keywords": {
            "proceed": ["proceed", "yes", "ok", "okay", "continue", "approve", "accept", "save", "y"],
            "revise": ["revise", "change", "edit", "modify", "fix", "update"],
            "cancel": ["cancel", "abort", "stop", "quit", "no", "n"],
        }
    }
    health = client.ok(client.call("GET", "/health"))
    assert health.keys() == {"status", "version"}
    assert health["status"] == "ok"
    job = completed(client)
    skills = client.ok(client.call("GET", "/taxonomy/"))["skills"]
    (tea,) = (skill for skill in skills if skill["category"] == client.category)
    assert tea["path"] == client.job(job)["saved_path"]
    assert tea["description"].startswith("Brewing tea.")


# ── Promoting ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_promotion_keeps_to_what_was_asked(client: Client) -> None:
    """The skills contract: overwrite, delete_draft, and the statuses 400, 404, 409, 422."""
    job = client.create(TASK, **NO_PACKAGE)
    client.prompt(job, "clarify")
    early = client.promote(job, force=True)
    assert (early.status_code, "has not ended" in early.json()["error"]) == (400, True)
    through(client, job, "clarify", "confirm", "preview", "validate")
    saved, draft = (Path(client.job(job)[name]) for name in ("saved_path", "draft_path"))

    assert client.promote(job, overwrite=False).status_code == 409
    saved.write_text("by somebody else")
    assert client.promote(job, overwrite=False).status_code == 409
    assert saved.read_text() == "by somebody else"
    assert client.job(job)["promoted"] is False
    saved.unlink()
    assert client.promote(job, overwrite=False).status_code == 200
    assert saved.read_text() == draft.read_text()

    assert client.promote(job, delete_draft=True).status_code == 200
    assert not draft.exists()
    state = client.job(job)
    assert (state["promoted"], state["draft_path"], state["final_path"]) == (True, None, str(saved))
    assert client.promote(job).status_code == 404
    assert [path.name for path in saved.parent.iterdir()] == ["SKILL.md"]
    invalid = client.call("POST", f"/drafts/{job}/promote", {"overwrite": "perhaps"})
    assert (invalid.status_code, invalid.json()["details"][0]["path"]) == (422, "/overwrite")


def test_a_category_cannot_leave_the_taxonomy(client: Client) -> None:
    """The skills contract: no path of a client's making reaches the disk."""
    for category in ("..", "a/../../etc", "/", ""):
        answer = client.call("POST", "/skills/create", {"task_description": TASK, "category": category})
        assert answer.status_code == 422, category
    job = client.create(TASK, category="_drafts/.Hidden", **NO_PACKAGE)
    through(client, job, "clarify")
    assert client.job(job)["intended_taxonomy_path"].startswith("drafts/hidden/")


# ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_error_has_the_contracts_form(client: Client) -> None:
    """The skills contract: errors."""
    for missing in ("nothing", str(uuid4())):
        for method, path in (
            ("GET", f"/jobs/{missing}"),
            ("GET", f"/hitl/{missing}/prompt"),
            ("POST", f"/hitl/{missing}/response"),
            ("POST", f"/drafts/{missing}/promote"),
            ("GET", f"/skills/{missing}/stream"),
        ):
            answer = client.at_once(method, path, {} if method == "POST" else None, headers={"X-Request-ID": "r-1"})
            assert answer.status_code == 404, path
            assert answer.json() == {"error": f"Job '{missing}' not found", "request_id": "r-1"}
            assert answer.headers["X-Request-ID"] == "r-1"
    for body in ({}, {"task_description": "too short"}, {"task_description": TASK, "user_id": 7}):
        answer = client.at_once("POST", "/skills/create", body)
        assert answer.status_code == 422
        assert answer.json().keys() == {"error", "details", "request_id"}
        assert answer.json()["error"] == "Validation error"
        assert answer.json()["details"][0].keys() == {"path", "message"}
    lost = client.at_once("GET", "/no/such/route")
    assert (lost.status_code, lost.json().keys()) == (404, {"error", "request_id"})
    wrong = client.at_once("DELETE", "/health")
    assert (wrong.status_code, wrong.json()["error"]) == (405, "Method Not Allowed")
    strange = client.at_once("GET", "/health", headers={"X-Request-ID": "no good, this"})
    assert strange.headers["X-Request-ID"] != "no good, this"


def test_a_double_click_makes_one_job(client: Client) -> None:
    """The skills contract: an idempotency key."""
    key = {"Idempotency-Key": str(uuid4())}
    body = {"task_description": TASK, **NO_PACKAGE}
    first, second = (client.call("POST", "/skills/create", body, headers=key).json()["job_id"] for _ in range(2))
    assert first == second
    other = client.call("POST", "/skills/create", {**body, "tdd": True}, headers=key)
    assert (other.status_code, other.json().keys()) == (409, {"error", "request_id"})
