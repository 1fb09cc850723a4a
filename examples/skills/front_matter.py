"""The YAML front matter of a skill, read strictly.

Only the part of YAML that every reader of skills agrees on is accepted: keys with one line of text each, and one level
of keys below a key. Text that another reader could take for a number, a date or a list must be quoted.
"""

import json
import re

from pydantic import BaseModel, ConfigDict, Field

Fields = dict[str, str | dict[str, str]]

KEY = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z][A-Za-z0-9_-]*):(?:[ ]+(?P<value>.*?))?[ ]*")
NOT_TEXT = re.compile(r"(?i)[-+.]?[0-9].*|true|false|yes|no|on|off|null|~|\.inf|\.nan")


class FrontMatter(BaseModel):
    """What may stand between the `---` lines, and nothing else: the fields of the agent-skill format."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(max_length=64, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    description: str = Field(min_length=20, max_length=1024, pattern=r"^[^<>]*$")
    license: str | None = None
    compatibility: str | None = Field(default=None, max_length=500)
    metadata: dict[str, str] = {}
    allowed_tools: str | None = Field(default=None, alias="allowed-tools")


class FrontMatterError(ValueError):
    """A line that cannot be read."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")


def split_front_matter(text: str) -> tuple[str | None, str]:
    """What stands between the first two `---` lines, or None, and what follows."""
    match = re.match(r"---[ \t]*\r?\n(.*?)^---[ \t]*\r?$\n?", text, re.MULTILINE | re.DOTALL)
    return (match[1], text[match.end() :]) if match else (None, text)


def read_fields(raw: str) -> Fields:
    """The keys and texts. Raises `FrontMatterError`, naming the line of the document."""
    fields: Fields = {}
    below: dict[str, str] | None = None
    for number, line in enumerate(raw.splitlines(), start=2):  # the first line of the document is `---`
        if not line.strip():
            continue
        match = KEY.fullmatch(line)
        if match is None:
            raise FrontMatterError(number, "not of the form `key: text`")
        key, value = match["key"], match["value"]
        if match["indent"] and below is None:
            raise FrontMatterError(number, "indented, but not below a key that has no text")
        if not match["indent"]:
            below = None
        place: Fields | dict[str, str] = fields if below is None else below
        if key in place:
            raise FrontMatterError(number, f"{key!r} is there twice")
        if value:
            place[key] = _text(value, number)
        elif match["indent"]:
            raise FrontMatterError(number, f"{key!r} has no text")
        else:
            fields[key] = below = {}
    return fields


def _text(value: str, line: int) -> str:
    if value.startswith('"'):
        try:
            text = json.loads(value)
        except json.JSONDecodeError as error:
            raise FrontMatterError(line, f"the quoted text is not closed or not escaped: {error}") from error
        return str(text)
    if NOT_TEXT.fullmatch(value) or value[0] in "'[]{}>|*&!%#`@,?-" or ": " in value or " #" in value:
        raise FrontMatterError(line, f"put {value!r} in double quotes: YAML gives it another meaning")
    return value
