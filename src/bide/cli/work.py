"""`bide worker`: executes the jobs of a user's app until a signal ends it."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import typer
from rich.console import Console
from rich.logging import RichHandler

from bide.app import Bide
from bide.cli.session import is_loopback
from bide.cli.text import PrintableFormatter
from bide.errors import InvalidOption
from bide.execute import abandoned
from bide.thread import STEP_THREADS
from bide.worker import Worker

log = logging.getLogger("bide.cli")

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def load_app(target: str) -> Bide[Any]:
    """The app named by `module:attribute`, with the working directory importable. What the module raises is raised."""
    found: Any = _load(target, "shop.jobs:bide")
    if not isinstance(cast("object", found), Bide):
        raise typer.BadParameter(f"{target!r} is no Bide app, but of the type {type(found).__name__}.")
    app: Bide[Any] = found
    return app


def load_callable(target: str) -> Callable[..., Any]:
    """What is called that is named by `module:attribute`, as `load_app` finds it."""
    found = _load(target, "shop.people:authorize")
    if not callable(found):
        raise typer.BadParameter(f"{target!r} cannot be called: it is of the type {type(found).__name__}.")
    return found


def check_host(host: str, authorize: str | None) -> None:
    """Raise InvalidOption where everybody would reach a server that nobody guards."""
    if authorize is None and not is_loopback(host):
        raise InvalidOption(
            f"At {host} other machines reach the server, and nothing says who may do what.",
            hint="Name a dependency that does: --authorize MODULE:CALLABLE. To let in everybody: bide.http:anyone.",
        )


def _load(target: str, example: str) -> object:
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise typer.BadParameter(f"{target!r} is not MODULE:ATTRIBUTE, as in {example}.")
    if (here := str(Path.cwd())) not in sys.path[:1]:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as missing:
        # Only the named module itself is a mistyped argument; another one is missing from the user's code.
        if missing.name is None or not f"{module_name}.".startswith(f"{missing.name}."):
            raise
        raise typer.BadParameter(f"There is no module {missing.name!r} in {Path.cwd()} or installed.") from None
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise typer.BadParameter(f"{module_name!r} has no {attribute!r}.")
        found = getattr(found, part)
    return cast("object", found)


def set_up_logging() -> None:
    """Log to stderr, unless the user's module has set up logging itself."""
    handler: logging.Handler
    if sys.stderr.isatty():
        handler = RichHandler(console=Console(stderr=True), show_path=False, highlighter=None, markup=False)
        handler.setFormatter(PrintableFormatter("%(message)s", datefmt="[%X]"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # The first start creates the tables, of which Alembic tells each move.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def run_worker(app: Bide[Any], queues: Sequence[str]) -> None:
    """Execute jobs until SIGTERM or SIGINT. Ends the process with 128 + signal where a second one cut the drain off."""
    freeze()
    with asyncio.Runner() as runner:
        leave(runner.run(_Service(app, queues).run()))


def freeze() -> None:
    """What was imported stays: in a process that only works, the collector need not walk it time after time."""
    gc.collect()
    gc.freeze()


def leave(forced: int | None) -> None:
    """Return if nothing is left that runs, and no signal cut the drain off; else end the process, and what is left."""
    left = abandoned() + _unending_steps()
    if forced is None and not left:
        log.info("stopped")
        return
    log.warning("stopped%s", " at once" if forced is not None else f"; {left} abandoned call(s) end with the process")
    logging.shutdown()
    # What swallows every cancellation cannot be ended from here, and asyncio would wait for it: leave without it.
    os._exit(0 if forced is None else 128 + forced)


def _unending_steps() -> int:
    """How many `def` steps still run in their threads; one that has just handed over its result is about to end."""
    threads = [thread for thread in threading.enumerate() if thread.name.startswith(STEP_THREADS)]
    for thread in threads:
        thread.join(0.05)
    return sum(thread.is_alive() for thread in threads)


class _Service:
    """A worker and the signals that end it."""

    def __init__(self, app: Bide[Any], queues: Sequence[str]) -> None:
        self._app = app
        self._queues = tuple(queues)
        self._worker: Worker | None = None
        self._told = asyncio.Event()
        self._forced: int | None = None
        self._main: asyncio.Task[object] | None = None

    async def run(self) -> int | None:
        """Work until told to stop; returns the signal that cut the drain off, if one did."""
        loop = asyncio.get_running_loop()
        self._main = asyncio.current_task()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._signalled, number)
        try:
            await self._work()
        except asyncio.CancelledError:
            if self._forced is None:
                raise
        return self._forced

    async def _work(self) -> None:
        async with self._app.worker(queues=self._queues) as worker:
            self._worker = worker
            types = [*self._app.registry.versions(is_async=True), *self._app.registry.versions(is_async=False)]
            log.info("worker %s is ready: queues %s, %d job type(s)", worker.id, ", ".join(self._queues), len(types))
            if not types:
                log.warning("no job types: import the modules that hold them in the module that is named here")
            await self._until_told_or_ended(worker)

    async def _until_told_or_ended(self, worker: Worker) -> None:
        waits = [asyncio.create_task(self._told.wait()), asyncio.create_task(worker.ended())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    def _signalled(self, number: int) -> None:
        name = signal.Signals(number).name
        if not self._told.is_set():
            log.info("%s: finishing what runs; a second signal stops at once", name)
            self._told.set()
        else:
            log.warning("%s again: stopping at once; what runs is given back, no attempt is spent", name)
            self._forced = number
        # Here, not only where the worker is left: a second signal may come before that, and must count as the second.
        if self._worker is not None:
            self._worker.stop()
        elif self._forced is not None and self._main is not None:
            # It still waits for a database that does not answer: there is nothing to give back.
            self._main.cancel()
