"""Reading server-sent events as a browser does."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import httpx
import orjson


@dataclass(frozen=True)
class Message:
    event: str
    id: str
    data: Any


async def messages(response: httpx.Response) -> AsyncGenerator[Message]:
    """The messages of a stream; comments and `retry` are left out."""
    event = identity = ""
    data: list[str] = []
    async for line in response.aiter_lines():
        if not line:
            if data:
                yield Message(event or "message", identity, orjson.loads("\n".join(data)))
            event, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                event = value
            case "id":
                identity = value
            case "data":
                data.append(value)
            case _:
                pass
