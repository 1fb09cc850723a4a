"""Lines to a person and from a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from rich.console import Console
from rich.text import Text

from bide.cli.text import styled

CANCEL_WORD = "/cancel"

Path: TypeAlias = tuple[str | int, ...]
"""Where in a response a value stands."""


class CancelJob(Exception):
    """The person cancels the job instead of answering."""


class Terminal:
    """Prints questions to a console and reads the answers by `read`, which returns a line or raises EOFError.

    echo: write the answers too, where the terminal itself does not, so that what was said can be read afterwards.
    """

    def __init__(self, console: Console, read: Callable[[], str], *, echo: bool) -> None:
        self.console = console
        self._read = read
        self._echo = echo

    def text(self, value: object, style: str = "") -> Text:
        return styled(value, style)

    def say(self, value: object, style: str = "") -> None:
        self.console.print(styled(value, style))

    def title(self, value: object, aside: str = "") -> None:
        self.console.print(Text.assemble(("? ", "bold cyan"), styled(value, "bold"), styled(aside, "dim")))

    def complain(self, messages: Iterable[str]) -> None:
        for message in messages:
            self.say(f"✗ {message}", "red")

    def ask(self, label: str) -> str:
        """Ask for one line. Raises CancelJob for the word that cancels, and EOFError."""
        self.console.print(Text.assemble(styled(f"  {label} "), ("› ", "bold cyan")), end="", soft_wrap=True)
        try:
            answer = self._read().strip()
        except EOFError:
            self.console.print()
            raise
        if self._echo:
            self.say(answer)
        if answer.lower() == CANCEL_WORD:
            raise CancelJob
        return answer

    def ask_until_given(self, label: str) -> str:
        while not (answer := self.ask(label)):
            self.complain(["An answer is needed."])
        return answer

    def agree(self, question: str, *, default: bool) -> bool:
        """Yes or no."""
        while True:
            match self.ask(f"{question} [{'Y/n' if default else 'y/N'}]").lower():
                case "":
                    return default
                case "y" | "yes" | "true":
                    return True
                case "n" | "no" | "false":
                    return False
                case _:
                    self.complain(["Answer y or n."])


class Errors:
    """The errors of a refused response, by where they belong."""

    def __init__(self, errors: Sequence[Mapping[str, str]]) -> None:
        self._errors = [(_segments(error["path"]), error["message"]) for error in errors]

    def at(self, path: Path) -> list[str]:
        """The messages for this very place."""
        return [message for place, message in self._errors if place == _names(path)]

    def under(self, path: Path) -> list[str]:
        """The messages for this place and all that is inside it."""
        names = _names(path)
        return [message for place, message in self._errors if place[: len(names)] == names]

    def outside(self, *fields: str) -> list[str]:
        """The messages for what is in none of these top-level fields, with their place."""
        return [
            f"{'/'.join(place)}: {message}" if place else message
            for place, message in self._errors
            if not place or place[0] not in fields
        ]


def _segments(pointer: str) -> tuple[str, ...]:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def _names(path: Path) -> tuple[str, ...]:
    return tuple(str(part) for part in path)
