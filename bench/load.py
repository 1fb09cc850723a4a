"""Load, from a process of its own, so that it takes nothing from the server's: `python -m bench.load`.

Plain sockets and requests that were made before: a client library would be slower than what is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence

from bench.measure import percentile

CONNECTIONS = 8


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """Send a request, read the whole response; returns its status."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    found = head.lower().find(b"content-length:")
    if found >= 0 and (length := int(head[found + 15 : head.index(b"\r\n", found)])):
        await reader.readexactly(length)
    return int(head[9:12])


async def as_fast_as_it_goes(port: int, request: bytes, seconds: float) -> dict[str, float]:
    """Requests a second, over a few connections."""
    done = 0
    until = time.perf_counter() + seconds

    async def ask() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            status = await exchange(reader, writer, request)
            assert status in {200, 304}, status
            done += 1
        writer.close()

    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    return {"rate": done / seconds}


async def at_a_rate(port: int, request: bytes, seconds: float, rate: float) -> dict[str, float]:
    """Each request when it is due, whether those before it are answered or not: a slow answer delays no measurement."""
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    took: list[float] = []

    async def ask(due: float) -> None:
        reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
        status = await exchange(reader, writer, request)
        assert status == 202, status
        took.append(time.perf_counter() - due)
        idle.append((reader, writer))

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for n in range(round(seconds * rate)):
            due = begun + n / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(ask(due))
    for _, writer in idle:
        writer.close()
    # The first second opens connections and warms what is cold.
    warm = sorted(took[round(rate) if len(took) > 2 * rate else 0 :])
    return {"p50": percentile(warm, 50) * 1_000, "p99": percentile(warm, 99) * 1_000}


def main(arguments: Sequence[str]) -> None:
    how, port, seconds, rate, request = arguments
    given = request.encode("latin-1").decode("unicode_escape").encode("latin-1")
    if how == "fast":
        told = asyncio.run(as_fast_as_it_goes(int(port), given, float(seconds)))
    else:
        told = asyncio.run(at_a_rate(int(port), given, float(seconds), float(rate)))
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
