"""Streams end first.

A server that is told to stop waits for its open connections, and only then ends what the app began: one open stream
would keep it alive for ever. So the signals are heard here too, before the server acts on them.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def told_to_stop(stop: Callable[[], None]) -> Generator[None]:
    """Within, `stop` is called on this event loop at a signal to end, and the handler that was there is called too.

    Signals reach the main thread only: in another one nothing is heard, and who ends the server calls `stop` itself.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def hear(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        earlier = before[signal.Signals(number)]
        if callable(earlier):
            earlier(number, frame)
        elif earlier == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    for number in SIGNALS:
        # What was ignored stays ignored, as under nohup.
        if before[number] not in {signal.SIG_IGN, None}:
            signal.signal(number, hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is hear:
                signal.signal(number, handler)
