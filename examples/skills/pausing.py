"""A place to be killed at: exactly between two steps, as the demo does, and as you may with a job of your own.

A process that is killed at a random moment dies inside a step nearly every time. To die in the instant between two of
them it has to stand still there, so the job calls `between_steps` where the one has been recorded and the other has not
begun. Where the environment variable `BIDE_SKILLS_PAUSE` does not name that gap, the call does nothing.
"""

import asyncio
import os

from examples.skills.effects import record_effect

VARIABLE = "BIDE_SKILLS_PAUSE"


async def between_steps(before: str, after: str) -> None:
    """Where `BIDE_SKILLS_PAUSE` is `before:after`: notes it in the effects file, and waits to be killed."""
    if os.environ.get(VARIABLE) == f"{before}:{after}":
        record_effect(gap(before, after))
        await asyncio.get_running_loop().create_future()


def gap(before: str, after: str) -> str:
    """The word that stands in the effects file for the gap, where steps have their names."""
    return f"between:{before}:{after}"
