"""An app with nothing but a gate: who is let in is told who they are. By HTTP at `/`, by WebSocket at `/ws`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from fastapi import Depends, FastAPI, WebSocket
from starlette.testclient import TestClient, WebSocketDenialResponse

from bide.http import Authorize, Principal

HERE = "http://127.0.0.1"


def app_behind(authorize: Authorize) -> FastAPI:
    app = FastAPI()
    asks = Depends(authorize)

    def show(who: Principal) -> dict[str, Any]:
        return {"id": who.id, "rights": sorted(who.rights), "owner": who.owner, "job": who.job and str(who.job)}

    @app.get("/")
    async def look(who: Any = asks) -> dict[str, Any]:
        return show(who)

    @app.websocket("/ws")
    async def talk(socket: WebSocket, who: Any = asks) -> None:
        await socket.accept()
        await socket.send_json(show(who))
        await socket.close()

    return app


async def ask(
    authorize: Authorize,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    *,
    path: str = "/",
    client: tuple[str, int] = ("127.0.0.1", 1),
) -> httpx.Response:
    transport = httpx.ASGITransport(app_behind(authorize), client=client)
    async with httpx.AsyncClient(transport=transport, base_url=HERE) as http:
        return await http.get(path, headers=list(headers.items()) if isinstance(headers, Mapping) else list(headers))


def ask_by_socket(
    authorize: Authorize,
    headers: Mapping[str, str] | None = None,
    *,
    path: str = "/ws",
    client: tuple[str, int] = ("127.0.0.1", 1),
) -> dict[str, Any] | int:
    """Who is let in, or the status of the refusal."""
    with TestClient(app_behind(authorize), base_url=HERE, client=client) as browser:
        try:
            with browser.websocket_connect(path, headers={"Host": "127.0.0.1", **(headers or {})}) as socket:
                told: dict[str, Any] = socket.receive_json()
                return told
        except WebSocketDenialResponse as refused:
            return refused.status_code
