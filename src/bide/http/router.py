"""The routes, each with the right it takes. `_Routes` adds them all: one without a guard cannot be made by mistake."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, WebSocketException
from starlette.requests import HTTPConnection, Request
from starlette.routing import Match
from starlette.types import Scope
from starlette.websockets import WebSocket

from bide.hitl import PromptView, Receipt
from bide.http import jobs, live, operations, problems, prompts, schemas
from bide.http.access import Authorize, Principal, Right, local_only
from bide.http.call import Call, leave
from bide.http.headers import with_headers
from bide.http.inputs import with_inputs
from bide.http.job_token import find_token, read
from bide.http.limits import Limits
from bide.http.origin import forged, same_origin
from bide.http.refusals import Forbidden
from bide.http.route import BideRoute
from bide.http.runtime import Gate, Runtime

if TYPE_CHECKING:
    from bide.app import Bide

NOBODY = Principal(id="nobody", rights=(), owner="nobody")
"""Who asks where nobody is asked who they are: for whether the process is alive."""

POLICY_VIOLATION = 1008

GUARDED = problems.documented(401, 403, 422, 429, 500, 503)
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}

_count = itertools.count()


def make_router(
    app: Bide[Any],
    *,
    authorize: Authorize | None = None,
    worker: bool = True,
    limits: Limits | None = None,
    origins: Sequence[str] = (),
    name: str | None = None,
) -> APIRouter:
    """See `Bide.router`."""
    runtime = Runtime.of(app)
    gate = runtime.make_gate(limits or Limits(), route_name=f"bide-job-{next(_count)}")

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncGenerator[None]:
        async with runtime.lifespan(worker=worker):
            yield

    router = APIRouter(lifespan=lifespan)
    routes = _Routes(router, gate, authorize or local_only, origins=tuple(origins), name=name)
    _add_first(routes)
    _add_token_routes(routes)
    _add_routes(routes)
    return router


def _add_first(routes: _Routes) -> None:
    """What is asked for most: routes are tried in their order."""
    routes.add(
        "GET", "/jobs/{job_id}", jobs.get_job, "view", model=schemas.JobView, tag="jobs", reads=jobs.READING,
        more={304: {"description": "Not Modified"}, **problems.documented(404)}, route_name=routes.gate.route_name,
    )  # fmt: skip


def _add_token_routes(routes: _Routes) -> None:
    """What a job token opens. These come before the others, and match only who brings one: `authorize` is not asked
    about it."""
    job = "/jobs/{job_id}"
    add = routes.add_for_token
    add("GET", job, jobs.get_job, "view")
    add("POST", f"{job}/cancel", jobs.cancel_job, "cancel")
    add("PATCH", f"{job}/cancel", jobs.cancel_job, "cancel")
    add("GET", f"{job}/history", jobs.get_history, "view")
    add("GET", f"{job}/events", live.stream_job, "view")
    add("GET", f"{job}/prompts", prompts.list_job_prompts, "view")
    add("GET", "/prompts/{prompt_id}", prompts.get_prompt, "view")
    add("POST", "/prompts/{prompt_id}/response", prompts.respond, "answer")
    add("GET", "/hitl/{job_id}/prompt", prompts.get_hitl_prompt, "view")
    add("POST", "/hitl/{job_id}/response", prompts.hitl_respond, "answer")


def _add_routes(routes: _Routes) -> None:
    add, also = routes.add, problems.documented
    job = "/jobs/{job_id}"
    create: dict[int | str, dict[str, Any]] = {
        202: {"description": "Accepted", "model": schemas.JobView},
        **also(404, 413, 415),
    }
    made = {**create, **also(409)}
    create_job, create_jobs = with_inputs(routes.gate.runtime.app, jobs.create_job, jobs.create_jobs, name=routes.name)

    add("POST", "/jobs", create_job, "create", model=schemas.JobView, tag="jobs", more=create)
    add("GET", "/jobs", jobs.list_jobs, "view", model=schemas.Page[schemas.JobSummary], tag="jobs")
    add(
        "POST", "/jobs/batch", create_jobs, "create", model=schemas.Outcomes, tag="jobs",
        more=also(413, 415),
    )  # fmt: skip
    add(
        "POST", "/jobs/cancel", jobs.cancel_jobs, "cancel", model=schemas.Cancelled, tag="jobs",
        more=also(413, 415),
    )  # fmt: skip
    add("DELETE", job, jobs.delete_job, "admin", status=204, tag="jobs", more=also(404, 409))
    cancelled: dict[int | str, dict[str, Any]] = {
        202: {"description": "Told to stop", "model": schemas.JobView},
        **also(404, 409, 413, 415),
    }
    add("POST", f"{job}/cancel", jobs.cancel_job, "cancel", model=schemas.JobView, tag="jobs", more=cancelled)
    add(
        "PATCH", f"{job}/cancel", jobs.cancel_job, "cancel", model=schemas.JobView, tag="jobs", more=cancelled,
        operation="patch_job_cancel",
    )  # fmt: skip
    add("POST", f"{job}/retry", jobs.retry_job, "create", model=schemas.JobView, tag="jobs", more=made)
    add("POST", f"{job}/fork", jobs.fork_job, "create", model=schemas.JobView, tag="jobs", more=made)
    add("GET", f"{job}/history", jobs.get_history, "view", model=schemas.History, tag="jobs", more=also(404))

    ended: dict[int | str, dict[str, Any]] = {
        **STREAM,
        204: {"description": "The job has finished, and nothing more will come"},
        **also(404),
    }
    add("GET", f"{job}/events", live.stream_job, "view", tag="streams", more=ended)
    add("GET", "/events", live.stream_jobs, "view", tag="streams", more=STREAM)
    routes.add_socket(f"{job}/ws", live.socket_job, "view")

    add(
        "GET", f"{job}/prompts", prompts.list_job_prompts, "view", model=schemas.Prompts, tag="prompts",
        more=also(404),
    )  # fmt: skip
    add("GET", "/prompts", prompts.list_prompts, "view", model=schemas.Prompts, tag="prompts")
    add("GET", "/prompts/{prompt_id}", prompts.get_prompt, "view", model=PromptView, tag="prompts", more=also(404))
    answered = also(404, 409, 413, 415)
    add(
        "POST", "/prompts/{prompt_id}/response", prompts.respond, "answer", model=Receipt, tag="prompts",
        more=answered,
    )  # fmt: skip
    add(
        "GET", "/hitl/{job_id}/prompt", prompts.get_hitl_prompt, "view", model=schemas.HitlPrompt, tag="prompts",
        more=also(404),
    )  # fmt: skip
    add(
        "POST", "/hitl/{job_id}/response", prompts.hitl_respond, "answer", model=Receipt, tag="prompts",
        more=answered,
    )  # fmt: skip

    add("GET", "/job-types", operations.list_job_types, "create", model=schemas.JobTypes, tag="operations")
    add("GET", "/stats", operations.get_stats, "view", model=schemas.StatsView, tag="operations")
    add(
        "GET", "/cleanup/stats", operations.get_cleanup_stats, "admin", model=schemas.CleanupStats, tag="operations",
    )  # fmt: skip
    add(
        "POST", "/cleanup", operations.clean_up, "admin", model=schemas.Cleaned, tag="operations",
        more=also(413, 415),
    )  # fmt: skip
    add("GET", "/health", operations.get_health, None, model=schemas.Health, tag="operations")
    add("GET", "/ready", operations.get_readiness, None, model=schemas.Readiness, tag="operations", more=also(503))


class _Routes:
    """Adds routes that are guarded: who has not the right never reaches the endpoint."""

    def __init__(
        self, router: APIRouter, gate: Gate, authorize: Authorize, *, origins: Sequence[str], name: str | None
    ) -> None:
        self.gate = gate
        self.name = name
        self._router = router
        self._authorize = authorize
        self._origins = origins
        self._prefix = f"{name}_" if name else ""
        self._allowed: dict[str, set[str]] = {}
        shared = {"body_limit": gate.limits.body, "allowed": self._allowed}
        self._plain = type("Route", (BideRoute,), shared)
        self._first = type("FirstRoute", (_FirstRoute,), shared)
        self._token = type("TokenRoute", (_TokenRoute,), shared)

    def add(
        self,
        method: str,
        path: str,
        endpoint: Callable[..., Any],
        right: Right | None,
        *,
        tag: str,
        model: Any = None,
        status: int | None = None,
        more: dict[Any, Any] | None = None,
        operation: str | None = None,
        reads: Sequence[dict[str, Any]] = (),
        route_name: str | None = None,
    ) -> None:
        """One operation, which takes this right; None: everybody.

        reads: the parameters of an endpoint that takes them from the request by itself. It needs no dependencies but
        the guard, which then calls it, and comes before what is for job tokens.
        """
        guard = self._open() if right is None else self._guard(right, self._authorize, of_all="{" not in path)
        dependencies = [] if reads else [Depends(guard)]
        served = self._behind(guard, endpoint) if reads else endpoint
        self._allowed.setdefault(path, set()).add(method)
        self._router.add_api_route(
            path,
            served,
            methods=[method],
            response_model=model,
            status_code=status,
            dependencies=dependencies,
            tags=[tag],
            responses=with_headers(
                endpoint.__name__,
                {
                    **(GUARDED if right is not None else {}),
                    **({} if method == "GET" else problems.documented(507)),
                    **(more or {}),
                },
            ),
            operation_id=self._prefix + (operation or endpoint.__name__),
            name=route_name,
            openapi_extra={
                **({} if right is None else {"x-bide-right": right}),
                **({"parameters": list(reads)} if reads else {}),
            },
            route_class_override=self._first if reads else self._plain,
        )
        if method == "GET" and path not in {"/events", "/jobs/{job_id}/events"}:
            self._allowed[path].add("HEAD")
            self._router.add_api_route(
                path,
                served,
                methods=["HEAD"],
                response_model=None,
                dependencies=dependencies,
                include_in_schema=False,
                route_class_override=self._first if reads else self._plain,
            )

    def add_for_token(self, method: str, path: str, endpoint: Callable[..., Any], right: Right) -> None:
        self._router.add_api_route(
            path,
            endpoint,
            methods=["GET", "HEAD"] if method == "GET" and not path.endswith("/events") else [method],
            response_model=None,
            dependencies=[Depends(self._guard(right, self._read_token, by_token=True))],
            include_in_schema=False,
            route_class_override=self._token,
        )

    def add_socket(self, path: str, endpoint: Callable[..., Any], right: Right) -> None:
        """One for who `authorize` lets in; and one, `…/token`, for who brings a job token."""
        for suffix, who in (("", self._authorize), ("/token", self._read_token)):
            self._router.add_api_websocket_route(
                path + suffix, endpoint, dependencies=[Depends(self._socket_guard(right, who))]
            )

    # ── Guards ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _open(self) -> Callable[..., Any]:
        async def everybody(connection: HTTPConnection) -> None:
            leave(connection, Call(self.gate, NOBODY))

        return everybody

    def _guard(
        self, right: Right, authorize: Callable[..., Any], *, of_all: bool = False, by_token: bool = False
    ) -> Callable[..., Any]:
        """`of_all`: the route is not about one job."""
        asks = Depends(authorize)

        async def guard(connection: HTTPConnection, who: Any = asks) -> None:
            if not by_token:
                self._check(connection, who, of_all=of_all)
            leave(connection, self._let_in(right, who))

        return guard

    def _behind(self, guard: Callable[..., Any], endpoint: Callable[..., Any]) -> Callable[..., Any]:
        """Both as one endpoint."""
        asks = Depends(self._authorize)

        async def guarded(request: Request, who: Any = asks) -> Any:
            await guard(request, who)
            return await endpoint(request)

        guarded.__name__, guarded.__doc__ = endpoint.__name__, endpoint.__doc__
        return guarded

    def _check(self, connection: HTTPConnection, who: object, *, of_all: bool) -> None:
        """What a job token, which is a page's own and for one job, need not be asked."""
        if of_all and isinstance(who, Principal) and who.job is not None:
            raise Forbidden(f"{who.id!r} reaches one job alone.", hint=f"It is job {who.job}.")
        if forged(connection, self._origins):
            raise Forbidden(
                "A page of another origin has sent this.",
                hint="Send it as JSON, or name the page's origin: bide.router(origins=…).",
            )

    def _socket_guard(self, right: Right, authorize: Callable[..., Any]) -> Callable[..., Any]:
        asks = Depends(authorize)

        async def guard(socket: WebSocket, who: Any = asks) -> None:
            if not same_origin(socket, self._origins):
                raise WebSocketException(POLICY_VIOLATION, "A page of another origin.")
            leave(socket, self._let_in(right, who))

        return guard

    def _let_in(self, right: Right, who: object) -> Call:
        if not isinstance(who, Principal):
            raise TypeError(f"authorize= returned {type(who).__name__}, not a Principal: nobody is let in.")
        self.gate.meter.request(who.counted_as)
        if not who.may(right):
            raise Forbidden(f"{who.id!r} has not the right to {right}.", hint="It is `authorize` that gives rights.")
        return Call(self.gate, who)

    async def _read_token(self, connection: HTTPConnection) -> Principal:
        return read(self.gate.runtime.app.settings.secrets, find_token(connection.scope) or "")


class _FirstRoute(BideRoute):
    """Leaves to the routes of job tokens what brings one."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return (Match.NONE, {}) if match is not Match.NONE and _brings_token(scope) else (match, child)


class _TokenRoute(BideRoute):
    """Matches only a request that brings a job token."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or not _brings_token(scope):
            return Match.NONE, {}
        return super().matches(scope)


def _brings_token(scope: Scope) -> bool:
    # Each of these routes asks, of every request.
    known: bool | None = scope.get("bide.token")
    if known is None:
        known = scope["bide.token"] = find_token(scope) is not None
    return known
