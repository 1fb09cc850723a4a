"""A file beside the database, in which processes write down what they did and what they were told.

It outlives every SIGKILL: each line is one `write` to a file opened for appending, so lines of several processes do not
mix, and their order is the order in which they happened. What the database says is then held against it. A long line
may be cut off by a kill while it is written: nobody was told that it is there, and it counts for nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

BEGIN = b'{"what":'
"""How each line begins, and nothing else."""


class Witness:
    """Writes lines, and reads those of all processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, what: str, **about: Any) -> None:
        """Write a line down; it is there when this returns, whatever happens to this process then."""
        # It begins with the end of a line, too, should the one before it have none.
        line = b"\n" + orjson.dumps({"what": what, **about, "pid": os.getpid()}) + b"\n"
        written = os.write(self._fd, line)
        assert written == len(line)

    def lines(self, *what: str) -> Iterator[dict[str, Any]]:
        """The lines so far, in order; of these kinds only, if any are named."""
        with self.path.open("rb") as file:
            for line in file:
                if line == b"\n":
                    continue
                try:
                    read: dict[str, Any] = orjson.loads(line)
                except orjson.JSONDecodeError:
                    cut_off = line[: len(BEGIN)].rstrip(b"\n")
                    assert BEGIN.startswith(cut_off), f"not written by a witness: {line!r}"
                    assert line.count(BEGIN) <= 1, f"two lines are mixed: {line!r}"
                    continue
                if not what or read["what"] in what:
                    yield read

    def close(self) -> None:
        os.close(self._fd)


def repeated_steps(witness: Witness) -> list[str]:
    """Steps that ran again though the job had been told that they were recorded, or came back with another value.

    A step's body writes `ran` (job, step, key: its idempotency key), the job writes `remembered` (job, step, value)
    once it has the step's result. A step whose record was cut off by a kill may run again, with the same key.
    """
    found: list[str] = []
    values: dict[tuple[str, str], Any] = {}
    keys: dict[tuple[str, str], str] = {}
    for line in witness.lines("ran", "remembered"):
        step = line["job"], line["step"]
        if line["what"] == "ran":
            if step in values:
                found.append(f"step {step} ran again after it was recorded, in pid {line['pid']}")
            if keys.setdefault(step, line["key"]) != line["key"]:
                found.append(f"step {step} ran with the keys {keys[step]!r} and {line['key']!r}")
        elif values.setdefault(step, line["value"]) != line["value"]:
            found.append(f"step {step} gave {values[step]!r}, and {line['value']!r} later")
    return found
