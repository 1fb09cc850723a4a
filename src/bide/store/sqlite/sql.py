"""The statements, one per `.sql` file beside this module. `{{name}}` in one stands for the text of another."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

_INCLUDE = re.compile(r"\{\{(\w+)\}\}")


@cache
def statement(name: str) -> str:
    """The text of `<name>.sql`."""
    text = resources.files("bide.store.sqlite").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda match: statement(match[1]), text).strip()
