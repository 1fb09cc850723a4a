"""What is made of a description: rules alone, the same each time."""

import sys

import pytest

from examples.skills.brief import consider, find_package


@pytest.mark.parametrize(
    ("task", "refined", "name"),
    [
        ("Create a skill for reviewing pull requests", "reviewing pull requests", "reviewing-pull-requests"),
        ("Please write a skill that teaches good manners", "good manners", "good-manners"),
        ("Create a Python async programming skill", "Python async programming", "python-async-programming"),
        ("How to write good commit messages", "write good commit messages", "write-good-commit-messages"),
        ("a guide to the C++ build, with TDD", "the C++ build", "c-build"),
        ("Deploy services without TDD", "Deploy services", "deploy-services"),
    ],
)
def test_the_subject_and_the_name_are_what_is_left_of_a_description(task: str, refined: str, name: str) -> None:
    brief = consider(task)
    assert (brief.refined, brief.name, brief.category) == (refined, name, "general")


def test_a_description_in_another_script_has_a_name_too_the_same_each_time() -> None:
    names = {consider("日本語のスキルを作成してください").name, consider("日本語のスキルを作成してください").name}
    assert len(names) == 1
    assert names.pop().startswith("skill-")
    assert consider("!!!!!!!!!!!!").clauses == []


@pytest.mark.parametrize(
    ("task", "package"),
    [
        ("Write a skill about httpx", "httpx"),
        ("Call web services using `httpx`, politely", "httpx"),
        ("the parcel package, in short", "parcel"),
        ("Parse texts with the json module", "json"),
        ("Call services using httpx, with retries", "httpx"),
        ("Read versions with packaging.", "packaging"),
        ("A skill for packaging projects and clicking on rich text", None),
        ("Write json files with time to spare", None),
        ("Test the code of a queue on this platform", None),
        ("a skill for `no_such_package_here`", None),
        ("Work with the team on a package of measures", None),
    ],
)
def test_a_package_is_one_that_is_named_as_such_and_installed(
    task: str, package: str | None, monkeypatch: pytest.MonkeyPatch, site: object
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    assert find_package(task)[0] == package
    brief = consider(task)
    assert (brief.package, brief.category) == (package, "python" if package else "general")


def test_what_is_given_outweighs_what_the_description_says() -> None:
    task = "Write a skill about httpx with TDD and deep understanding"
    said = consider(task)
    assert (said.package, said.tdd, said.deep_understanding) == ("httpx", True, True)
    given = consider(task, package="", category="web/clients", tdd=False, deep_understanding=False)
    assert (given.package, given.tdd, given.deep_understanding) == (None, False, False)
    assert given.category == "web/clients"
    assert not consider("Write a skill about tea without TDD").tdd


def test_a_description_is_taken_apart_into_what_is_to_be_done() -> None:
    brief = consider("A skill to deploy services safely. Roll back when checks fail; then notify the team, and rest.")
    assert brief.clauses == ["deploy services safely", "Roll back when checks fail", "then notify the team", "rest"]
