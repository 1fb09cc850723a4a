"""What the crashes are counted by: the SQL files that are reached, and the commits as they are found again."""

from __future__ import annotations

from tests.crash.faults import Commit, Place, with_parts
from tests.crash.runner import firsts, places


def test_what_a_file_includes_or_calls_is_reached_with_it() -> None:
    texts = {"a": "{{b}} where bide.c_v1(1)", "b": "", "c_v1": "select bide.d_v1()", "d_v1": "", "e": "{{a}}"}
    assert with_parts(["a"], texts) == {"a", "b", "c_v1", "d_v1"}


def test_a_commit_is_found_again_by_the_rarest_thing_it_does() -> None:
    commits = [
        Commit("a", ("note", "ask")),
        Commit("a", ("note",)),
        Commit("b", ("note",)),
        Commit("a", ("ask", "note")),
    ]
    assert places(commits) == [Place("a", "ask", 1), Place("a", "note", 2), Place("b", "note", 1), Place("a", "ask", 2)]
    assert firsts(commits) == [1, 2]
