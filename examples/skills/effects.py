"""A count of the work really done, kept where no transaction of ours can correct it.

Where the environment variable `BIDE_SKILLS_EFFECTS` names a file, each execution of a step's body appends one line,
`step pid`. Whoever claims that nothing is repeated after a crash can be checked against that file.
"""

import functools
import os
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

VARIABLE = "BIDE_SKILLS_EFFECTS"


def record_effect(step: str) -> None:
    """Appends `step pid`, in one write and on the disk before it returns: lines of two processes never mix."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, f"{step} {os.getpid()}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def counted(step: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Decorates a step's body: recorded when it begins, so that half a run counts as one and shows up if repeated."""

    @functools.wraps(step)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        record_effect(step.__name__)
        return await step(*args, **kwargs)

    return wrapper
