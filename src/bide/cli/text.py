"""Untrusted text, made fit for a terminal: progress, errors, questions and job types may hold anything.

Everything shown goes through here and then into a `rich.text.Text`, which knows no markup. What Rich itself strips is
not enough: it lets the escape character pass.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from rich.text import Text

from bide.codec import escape

# Marks that turn the direction of what follows, so that a line reads as something else than it is.
_TURNING = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(value: object, limit: int | None = None) -> str:
    """`value` as text in which nothing commands the terminal; new lines and tabs stay."""
    return _TURNING.sub(lambda mark: f"\\u{ord(mark.group()):04x}", escape(str(value), limit))


def one_line(value: object, limit: int = 200) -> str:
    """`value` as printable text of a single line, of at most `limit` characters."""
    return printable(" ".join(str(value).split()), limit)


def styled(value: object, style: str = "") -> Text:
    """`value` as printable text that Rich takes literally."""
    return Text(printable(value), style=style)


def as_json(value: Any, *, indent: int | None = 2) -> str:
    """JSON in ASCII alone: nothing in it can command a terminal, and every reader decodes the same text."""
    return json.dumps(value, indent=indent, ensure_ascii=True)


class PrintableFormatter(logging.Formatter):
    """Log lines quote what jobs raise, so they are untrusted too."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))
