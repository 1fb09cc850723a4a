"""How often each step ran, and in which process: by the file that the steps' own bodies write, not by Bide's tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STEPS: tuple[str, ...] = ("consider", "read", "outline", "write", "save_draft", "validate", "save")


@dataclass(frozen=True)
class Tally:
    """The executions of each step's body, as the process ids they happened in, in order."""

    pids: Mapping[str, tuple[int, ...]]

    def count(self, step: str) -> int:
        return len(self.pids.get(step, ()))

    def flaws(self, expected: Mapping[str, int], *, finished: bool) -> list[str]:
        """What ran more often than it should; of a finished job also what ran less often. Empty: nothing repeated.

        A step counts from its beginning: one that was cut off and run again shows up as well.
        """
        found: list[str] = []
        for step in dict.fromkeys([*STEPS, *self.pids]):
            ran, wanted = self.count(step), expected.get(step, 0)
            if ran > wanted or (finished and ran < wanted):
                found.append(f"step {step} began {times(ran)}, expected {times(wanted)}")
        return found


def read_tally(effects: Path) -> Tally:
    """What the file tells. Lines for a gap between two steps, as `between:…`, are no executions."""
    pids: dict[str, tuple[int, ...]] = {}
    for word, pid in read_lines(effects):
        if not word.startswith("between:"):
            pids[word] = (*pids.get(word, ()), pid)
    return Tally(pids)


def read_lines(effects: Path) -> list[tuple[str, int]]:
    """Each line as its word and its process id; none where nothing has been written yet."""
    if not effects.exists():
        return []
    lines = [line.split() for line in effects.read_text(encoding="utf-8").splitlines()]
    return [(line[0], int(line[1])) for line in lines]


def times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
