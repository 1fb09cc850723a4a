"""The check finds what is wrong, names the place, and really runs the code."""

import pytest

from examples.skills.checking import CodeBlock, check_front_matter, check_skill, code_blocks, run_block
from examples.skills.front_matter import FrontMatterError, read_fields

GOOD = """\
---
name: parcel
description: "Parcels and how to send them: use it when something must go."
license: MIT
metadata:
  package: "parcel"
  version: "9.9"
---

# parcel

## When to use

- Now.

## API

| name |
|---|

## Examples

```python
print("sent")  # sent
```

```text
not = python at all !
```
"""


@pytest.mark.parametrize(
    "block",
    [
        "```py\n{code}```\n",
        "```Python\n{code}```\n",
        "~~~python\n{code}~~~\n",
        "- item\n\n  ```python\n  {code}  ```\n",
        "> ```python\n> {code}> ```\n",
        "```python title=x\n{code}```\n",
        "````python\n{code}````\n",
        "```python\n{code}",
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
async def test_python_is_run_however_its_block_is_written(block: str, ending: str) -> None:
    text = (GOOD + "\n" + block.format(code="raise SystemExit(3)\n")).replace("\n", ending)
    line = next(n for n, line in enumerate(text.splitlines(), 1) if "SystemExit" in line) - 1
    report = await check_skill(text, folder="parcel")
    assert (report.passed, report.blocks) == (False, 2)
    assert [issue.where for issue in report.issues] == [f"code block at line {line}"]


async def test_a_heading_inside_a_code_block_is_no_section() -> None:
    hidden = GOOD.replace("## API\n", "~~~text\n## API\n~~~\n")
    assert [issue.where for issue in (await check_skill(hidden)).issues] == ["section 'API'"]


async def test_a_good_skill_passes_every_check() -> None:
    report = await check_skill(GOOD, folder="parcel")
    assert report.issues == []
    assert (report.passed, report.score, report.blocks) == (True, 1.0, 1)
    assert report.as_markdown() == "Validation passed: 5 of 5 checks, 1 code blocks run."


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("---\nname", "name", "does not begin with"),
        ("name: parcel\n", "", "name: Field required"),
        ("name: parcel", "name: Parcel", "name: String should match"),
        ("name: parcel", "name: letter", "not the name of its folder"),
        ("name: parcel", "name: parcel\nname: parcel", "line 3: 'name' is there twice"),
        ("license: MIT", "colour: red", "colour: Extra inputs"),
        ("license: MIT", "license: 2.0", "line 4: put '2.0' in double quotes"),
        ("license: MIT", "license: [MIT]", "line 4: put '[MIT]' in double quotes"),
        ("license: MIT", "license:", "license: Input should be a valid string"),
        ("license: MIT", "MIT", "line 4: not of the form"),
        ("license: MIT", "  license: MIT", "line 4: indented"),
        ('"Parcels', '"<b>Parcels', "description: String should match"),
        ('"Parcels', "Parcels", "line 3: put"),
        ('must go."', "must go.", "line 3: the quoted text is not closed"),
        ('  version: "9.9"', "  version: 9.9", "line 7: put '9.9' in double quotes"),
    ],
)
def test_each_fault_of_the_front_matter_is_named(old: str, new: str, message: str) -> None:
    (issue,) = check_front_matter(GOOD.replace(old, new, 1), folder="parcel")
    assert (issue.severity, issue.where) == ("error", "front matter")
    assert message in issue.message


def test_front_matter_is_read_as_text() -> None:
    raw = 'a: plain words, it\'s fine\nb: "quoted: \\"yes\\" \\u00e9"\nc:\n  d: deep\n\ne: f'
    fields = {"a": "plain words, it's fine", "b": 'quoted: "yes" é', "c": {"d": "deep"}, "e": "f"}
    assert read_fields(raw) == fields


@pytest.mark.parametrize("value", ["yes", "null", "~", "- x", "12", "1e3", "&x", "*x", "a: b", "a # b", "'x'", "|"])
def test_text_that_another_reader_takes_for_something_else_must_be_quoted(value: str) -> None:
    with pytest.raises(FrontMatterError, match="double quotes"):
        read_fields(f"key: {value}")
    assert read_fields(f'key: "{value}"') == {"key": value}


async def test_a_code_block_that_fails_is_reported_with_its_line_and_error() -> None:
    text = GOOD.replace('print("sent")', "1 / 0")
    report = await check_skill(text, folder="parcel")
    assert [str(issue) for issue in report.issues] == ["code block at line 23: ZeroDivisionError: division by zero"]
    assert (report.passed, report.score) == (False, 0.8)
    assert text.splitlines()[22] == "```python"


async def test_missing_parts_are_reported_and_weighed() -> None:
    report = await check_skill(GOOD.replace("## API", "## Names").replace("## When to use", "When"), folder="parcel")
    assert {(issue.severity, issue.where) for issue in report.issues} == {
        ("error", "section 'API'"),
        ("warning", "section 'When to use'"),
    }
    assert not report.passed


async def test_a_skill_without_code_is_only_warned_about() -> None:
    text, _, _ = GOOD.partition("```python")
    report = await check_skill(text, folder="parcel")
    assert report.passed
    assert [issue.where for issue in report.issues] == ["examples"]
    assert report.score < 1


async def test_a_block_that_does_not_end_is_stopped() -> None:
    issue = await run_block(CodeBlock(line=1, code="while True: pass"), timeout=1)
    assert issue is not None
    assert issue.message == "it did not finish in time"


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import urllib.request; urllib.request.urlopen('http://example.org')",
        "import socket; socket.getaddrinfo('example.org', 80)",
    ],
)
async def test_a_block_has_no_network(code: str) -> None:
    issue = await run_block(CodeBlock(line=1, code=code))
    assert issue is not None
    assert "the network is shut" in issue.message


def test_only_python_blocks_count_and_a_heading_in_code_is_none() -> None:
    text = "```python\n# one\n## API\n```\n\n```\nplain\n```\n\n  ```python\n  indented\n  ```\n```python\ntwo\n```\n"
    assert [(block.line, block.code) for block in code_blocks(text)] == [
        (1, "# one\n## API\n"),
        (10, "indented\n"),
        (13, "two\n"),
    ]
