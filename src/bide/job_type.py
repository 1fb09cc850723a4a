"""`@bide.job`: a function becomes a job type, by which jobs of it are enqueued. The registry holds them by name."""

from __future__ import annotations

import inspect
import itertools
import operator
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, Protocol, cast

from typing_extensions import TypedDict, TypeVar

from bide.codec import Codec, codec_for, decode, encode, encode_flat, pointer
from bide.errors import (
    SHOWN_FLAWS,
    InvalidArguments,
    InvalidOption,
    InvalidPayload,
    UnencodableType,
    UnknownJobType,
)
from bide.job import Job
from bide.limit import Limit, lane_name
from bide.retry import RetryPolicy
from bide.schedule import Duration, seconds
from bide.store.base import LaneLimit

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True, default=object)

QUEUE_LIMIT = 100
NAME_LIMIT = 200

OWNER_LIMIT = 255
"""Characters of an owner: as many as the subject of a token may have, OpenID Connect Core 1.0, section 2."""

PRIORITIES = range(-100, 101)

LABELS = 16
"""How many labels a job has at most."""
LABEL_NAME = re.compile(r"[A-Za-z0-9._/-]{1,63}")
LABEL_LIMIT = 200
"""Characters of a label's value."""

FEW = 4
"""Parameters up to which the combinations of plain types are listed: an `Any` alone may be of five."""


@dataclass(frozen=True, slots=True)
class EnqueueOptions:
    """How one job is enqueued. `delay` in seconds; `owner` None: a job that enqueues another hands on its own. `on`:
    the connection in whose transaction it is."""

    queue: str | None = None
    priority: int = 0
    delay: float = 0.0
    owner: str | None = None
    idempotency_key: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    on: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class JobCall(Generic[R_co]):
    """A job type with arguments, not yet enqueued: for `enqueue_many` and tests. Made by `JobType.call`."""

    job_type: JobType[..., R_co]
    input: str
    options: EnqueueOptions


class Enqueuer(Protocol):
    """Who accepts calls: the app."""

    async def enqueue(self, call: JobCall[R_co], /) -> Job[R_co]: ...


@dataclass(frozen=True, slots=True)
class Definition:
    """What a job type is, apart from how one job of it is enqueued."""

    name: str
    fn: Callable[..., Any]
    queue: str
    version: int
    retry: RetryPolicy
    timeout: float | None
    is_async: bool
    input: Input
    result: Codec[Any]
    limit: Limit | None = None
    expose: bool = False
    """Whether it may be created through the HTTP API, by its name."""

    def lane(self, input: str) -> str:
        """The lane of a job with these arguments: the jobs with which it shares its type's limit. Empty: no limit."""
        if self.limit is None:
            return ""
        if self.limit.key is None:
            return lane_name(self.name)
        return lane_name(self.name, self.input.value(input, self.limit.key), keyed=True)


class JobType(Generic[P, R_co]):
    """A kind of job. Called through `enqueue`, which takes the function's arguments without the context."""

    __slots__ = ("_app", "_options", "definition")

    def __init__(self, app: Enqueuer, definition: Definition, options: EnqueueOptions | None = None) -> None:
        self._app = app
        self._options = options or EnqueueOptions()
        self.definition = definition

    def __repr__(self) -> str:
        return f"<JobType {self.name!r}>"

    @property
    def name(self) -> str:
        return self.definition.name

    def options(
        self,
        *,
        queue: str | None = None,
        priority: int | None = None,
        delay: Duration | None = None,
        owner: str | None = None,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        on: object = None,
    ) -> JobType[P, R_co]:
        """The same type, enqueued so: `await send.options(priority=5, delay="10m").enqueue(…)`.

        priority: -100…100, higher first; what has been ready for long passes every priority (see `Settings.age_limit`).
        delay: not before then. idempotency_key: one job per (owner, key); the same call again returns it, another
        call with that key raises IdempotencyConflict. labels: by which jobs are found again, `bide.list(labels=…)`; at
        most 16, names of letters, digits and `._/-`, values of up to 200 printable characters; they are no part of what
        an idempotency key stands for, and a job that enqueues another does not hand its own on. on: a session or a
        connection of SQLAlchemy, or one of asyncpg, psycopg, sqlite3 or aiosqlite, on the database of the jobs: the job
        is written in its transaction. You commit it, and then the job is there; you roll it back, and it never was.
        What is not given stays as it was: options add up, and so do labels, by their names.

        Raises InvalidOption, naming the remedy.
        """
        if owner is not None:
            check_owner(owner)
        if idempotency_key is not None:
            check_key(idempotency_key)
        if queue is not None:
            check_name("queue", queue, QUEUE_LIMIT)
        before = self._options
        if labels is not None:
            check_labels(labels)
            labels = {**before.labels, **labels}
            if len(labels) > LABELS:
                raise InvalidOption(
                    f"{len(labels)} labels: a job has at most {LABELS}.",
                    hint="Labels are for finding jobs; what a job works with belongs in its arguments.",
                    option="labels",
                )
        options = EnqueueOptions(
            queue=before.queue if queue is None else queue,
            priority=before.priority if priority is None else _priority(priority),
            delay=before.delay if delay is None else seconds(delay, option="delay"),
            owner=before.owner if owner is None else owner,
            idempotency_key=before.idempotency_key if idempotency_key is None else idempotency_key,
            labels=before.labels if labels is None else labels,
            on=before.on if on is None else on,
        )
        return JobType(self._app, self.definition, options)

    def call(self, *args: P.args, **kwargs: P.kwargs) -> JobCall[R_co]:
        """Bind and encode the arguments. Raises InvalidArguments and InvalidPayload."""
        return JobCall(self, self.definition.input.encode(args, kwargs), self._options)

    def call_json(self, input: Mapping[str, Any]) -> JobCall[R_co]:
        """As `call`, of arguments that came as JSON: values by parameter name, `*args` as an array.

        They are read by the annotations of the parameters, models by the aliases of their fields, and taken for nothing
        else: a text is no number. The call is the one that `call` makes of the same arguments, and so has the same
        meaning to an idempotency key.

        Raises InvalidArguments, naming what is missing or unknown, and InvalidPayload with the JSON path of the flaw.
        """
        return JobCall(self, self.definition.input.encode_json(input), self._options)

    def input_schema(self) -> dict[str, Any]:
        """The JSON schema (2020-12) of the object that `call_json` takes, with defaults where they are JSON.

        Raises UnencodableType where the annotation of a parameter has none.
        """
        return self.definition.input.schema()

    def result_schema(self) -> dict[str, Any]:
        """The JSON schema (2020-12) of what a job returns, as it is written; `{}` where it is not annotated.

        Raises UnencodableType where the annotation has none.
        """
        return deepcopy(self.definition.result.schema("serialization"))

    async def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job[R_co]:
        """Accept a job; it is durable when this returns. The arguments are the function's, without the context.

        With `.options(on=…)` it is durable, and seen by anybody else, once you commit. Your transaction goes on after
        any error of Bide's; what the driver itself raises, it means as ever.

        Raises InvalidArguments, InvalidPayload, IdempotencyConflict, NotStarted, UnusableConnection, and StoreBusy,
        StoreFull or StoreUnavailable where nothing was accepted.
        """
        return await self._app.enqueue(self.call(*args, **kwargs))


class Input:
    """The arguments of a function, as one JSON object by parameter name, so that a default can be added later."""

    __slots__ = ("_codec", "_empty", "_exact", "_hints", "_keywords", "_positional", "_required", "_rest", "_signature")

    def __init__(self, signature: inspect.Signature, hints: Mapping[str, Any]) -> None:
        self._signature = signature
        self._hints = hints
        fields: dict[str, Any] = {}
        self._required: list[str] = []
        self._positional: list[str] = []
        self._keywords: list[str] = []
        self._rest: str | None = None
        for name, parameter in signature.parameters.items():
            hint = hints.get(name, Any)
            match parameter.kind:
                case parameter.VAR_POSITIONAL:
                    hint, self._rest = operator.getitem(cast("Any", tuple), (hint, ...)), name
                case parameter.VAR_KEYWORD:
                    raise InvalidOption("A job takes named parameters only: **kwargs cannot be checked when enqueued.")
                case parameter.KEYWORD_ONLY:
                    self._keywords.append(name)
                case _:
                    self._positional.append(name)
            if parameter.default is parameter.empty and name != self._rest:
                self._required.append(name)
                fields[name] = hint
            else:
                fields[name] = operator.getitem(cast("Any", typing.NotRequired), hint)
        # Values of these types, one for each parameter: what is enqueued most, written without further checks.
        self._exact: frozenset[tuple[type, ...]] = frozenset()
        if not self._rest and not self._keywords and len(self._positional) <= FEW:
            kinds = [codec_for(hints.get(name, Any)).exact for name in self._positional]
            self._exact = frozenset(itertools.product(*kinds))
        self._codec: Codec[Any] = codec_for(TypedDict("Input", fields))  # type: ignore[operator]  # pyright: ignore[reportArgumentType]
        self._empty = not fields

    def encode(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        if self._empty and not args and not kwargs:
            return "{}"
        if not kwargs and tuple(map(type, args)) in self._exact:
            return encode_flat(dict(zip(self._positional, args, strict=True)))
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InvalidArguments(f"{error}.") from None
        return self._codec.encode(bound.arguments)

    def encode_json(self, given: Mapping[str, Any]) -> str:
        """As `encode`, of JSON values by parameter name. Raises InvalidArguments and InvalidPayload."""
        unknown = [name for name in given if name not in self._signature.parameters]
        # What follows a positional argument that is left out cannot be handed over.
        needed = self._positional if self._rest and given.get(self._rest) else ()
        missing = [name for name in dict.fromkeys((*self._required, *needed)) if name not in given]
        flaws = [
            f"{what} argument{'s' * (len(names) > 1)} {_listed(names)}"
            for what, names in (("missing", missing), ("unknown", unknown))
            if names
        ]
        if flaws:
            raise InvalidArguments(
                f"{' and '.join(flaws)}.",
                hint=f"It takes {', '.join(map(repr, self._signature.parameters)) or 'none'}.",
                errors=self._flaws(given, missing, unknown),
            )
        return self._codec.encode(self._codec.decode(encode(dict(given)), strict=True))

    def _flaws(self, given: Mapping[str, Any], missing: Sequence[str], unknown: Sequence[str]) -> list[dict[str, str]]:
        """Each flaw of arguments that are not all there: also those of the others, so that one look is enough."""
        found = [{"path": pointer([name]), "message": "is required"} for name in missing]
        found += [{"path": pointer([name]), "message": "is no argument of this job"} for name in unknown]
        told = {flaw["path"] for flaw in found}
        known = {name: value for name, value in given.items() if name in self._signature.parameters}
        try:
            self._codec.decode(encode(known), strict=True)
        except InvalidPayload as invalid:
            found += [flaw for flaw in invalid.errors if flaw["path"] not in told]
        return found[:SHOWN_FLAWS]

    @property
    def annotation(self) -> object:
        """A TypedDict of the parameters."""
        return self._codec.annotation

    def schema(self) -> dict[str, Any]:
        """The JSON schema of what `encode_json` takes. Raises UnencodableType where there is none."""
        described = deepcopy(self._codec.schema())
        del described["title"]
        for name, parameter in self._signature.parameters.items():
            if parameter.default is not parameter.empty:
                codec = codec_for(self._hints.get(name, Any))
                with suppress(InvalidPayload):  # a default that is not JSON cannot be told
                    described["properties"][name]["default"] = decode(codec.encode(parameter.default))
        return {**described, "additionalProperties": False}

    def may_be_key(self, name: str) -> bool:
        """Whether a parameter has one JSON value for each call."""
        parameter = self._signature.parameters.get(name)
        if parameter is None or name == self._rest:
            return False
        if parameter.default is not parameter.empty:
            try:
                self.value("{}", name)
            except InvalidPayload:
                return False
        return True

    def value(self, text: str, name: str) -> object:
        """The JSON value of one argument; where it was left out, of its default. Raises InvalidPayload."""
        given = decode(text)
        if name in given:
            return given[name]
        default = self._signature.parameters[name].default
        return decode(codec_for(self._hints.get(name, Any)).encode(default))

    def decode(self, text: str) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments. Raises InvalidPayload where the signature has changed too much."""
        if text == "{}" and self._empty:
            return [], {}
        given = self._codec.decode(text)
        args: list[Any] = []
        kwargs = {name: given[name] for name in self._keywords if name in given}
        rest = given.get(self._rest, ()) if self._rest else ()
        for name in self._positional:
            if name in given:
                args.append(given[name])
            elif rest:
                raise InvalidPayload(f"$.{name}", "is missing before positional arguments that follow it")
            else:
                break
        for name in self._positional[len(args) :]:
            if name in given:
                kwargs[name] = given[name]
        return [*args, *rest], kwargs


def _listed(names: Sequence[str]) -> str:
    """Names that a caller made up: there may be as many, and as long, as a body has room for."""
    shown = ", ".join(f"{name!r:.100}" for name in names[:SHOWN_FLAWS])
    return shown if len(names) <= SHOWN_FLAWS else f"{shown} and {len(names) - SHOWN_FLAWS} more"


def define(
    fn: Callable[..., Any],
    *,
    name: str | None,
    queue: str,
    version: int,
    retry: RetryPolicy,
    timeout: Duration | None,
    limit: Limit | None = None,
    expose: bool = False,
) -> Definition:
    """Read a job's function. Raises InvalidOption, naming the remedy, for what cannot be a job."""
    called = name or str(getattr(fn, "__name__", ""))
    check_name("job type", called, NAME_LIMIT)
    check_name("queue", queue, QUEUE_LIMIT)
    if version < 1:
        raise InvalidOption(f"version={version!r}: expected a whole number from 1.")
    if inspect.isasyncgenfunction(fn) or inspect.isgeneratorfunction(fn):
        raise InvalidOption(f"The job {called!r} is a generator.", hint="Emit partial output with ctx.emit in a step.")
    signature = inspect.signature(fn)
    parameters = list(signature.parameters.values())
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        raise InvalidOption(f"The job {called!r} takes no context.", hint="Make `ctx: JobContext` its first parameter.")
    for parameter in parameters[1:]:
        if type(parameter.default).__module__.startswith("fastapi."):
            raise InvalidOption(
                f"The parameter {parameter.name!r} of the job {called!r} uses FastAPI's {parameter.default!r}, which"
                " lives only as long as a request.",
                hint="Use Bide(url, deps=…) and ctx.deps: it is opened in the process that executes the job.",
            )
    try:
        hints = typing.get_type_hints(fn, include_extras=True)
    except Exception as error:
        raise InvalidOption(
            f"The annotations of the job {called!r} cannot be read: {error}.",
            hint="Define the types where the module sees them, not under TYPE_CHECKING or in a function.",
        ) from error
    inputs = signature.replace(parameters=parameters[1:])
    for hint in (hints.get(parameter.name) for parameter in parameters[1:]):
        if any("fastapi.params" in type(extra).__module__ for extra in getattr(hint, "__metadata__", ())):
            raise InvalidOption(
                f"The job {called!r} uses FastAPI's Depends, which lives only as long as a request.",
                hint="Use Bide(url, deps=…) and ctx.deps: it is opened in the process that executes the job.",
            )
    try:
        taken = Input(inputs, hints)
        keys = [repr(name) for name in inputs.parameters if limit is not None and taken.may_be_key(name)]
        if limit is not None and limit.key is not None and repr(limit.key) not in keys:
            raise InvalidOption(
                f"The key {limit.key!r} of the limit of {called!r} is no argument with a value in every call.",
                hint=f"Name one of {', '.join(keys) or 'its arguments, once it has some'}.",
            )
        return Definition(
            name=called,
            fn=fn,
            queue=queue,
            version=version,
            retry=retry,
            timeout=None if timeout is None else seconds(timeout),
            is_async=inspect.iscoroutinefunction(fn),
            input=taken,
            result=codec_for(hints.get("return", inspect.Signature.empty)),
            limit=limit,
            expose=expose,
        )
    except UnencodableType as error:
        raise InvalidOption(f"The signature of the job {called!r} cannot be kept as JSON: {error}") from error


class Registry:
    """The job types of one app, by name."""

    def __init__(self) -> None:
        self._types: dict[str, JobType[..., Any]] = {}

    def add(self, job_type: JobType[..., Any]) -> None:
        if job_type.name in self._types:
            raise InvalidOption(
                f"There is a job type named {job_type.name!r} already.",
                hint="Give one of them name=…: @bide.job(name=…).",
            )
        self._types[job_type.name] = job_type

    def get(self, name: str) -> JobType[..., Any]:
        try:
            return self._types[name]
        except KeyError:
            raise UnknownJobType(
                f"No job type is named {name!r}.", hint="Import its module before the worker starts."
            ) from None

    def find(self, name: str) -> JobType[..., Any] | None:
        return self._types.get(name)

    def all(self) -> Sequence[JobType[..., Any]]:
        return tuple(self._types.values())

    def exposed(self) -> Sequence[JobType[..., Any]]:
        """Those that may be created over HTTP by their names."""
        return [known for known in self._types.values() if known.definition.expose]

    def queues(self) -> tuple[str, ...]:
        """The queues that jobs of these types go to unless they are told otherwise, and `default`."""
        return tuple({"default": None} | {known.definition.queue: None for known in self._types.values()})

    def limits(self) -> dict[str, LaneLimit]:
        """The limits of those types that have one."""
        limits = ((name, known.definition.limit) for name, known in self._types.items())
        return {name: limit.lane for name, limit in limits if limit is not None}

    def versions(self, *, is_async: bool) -> dict[str, int]:
        """The names and versions of the types whose functions are `async def`, or of those that are `def`."""
        return {
            name: known.definition.version
            for name, known in self._types.items()
            if known.definition.is_async is is_async
        }


def check_text(what: str, text: str) -> None:
    """Refuse here what a database would: there it would fail the jobs that others enqueue at the same moment."""
    if text.isascii() and "\0" not in text:
        return
    try:
        encode(text)
    except InvalidPayload as odd:
        raise InvalidOption(f"{what}={text!r}: {odd.reason}.", option=what) from None


def _priority(given: object) -> int:
    """As a plain number, of an enumeration's member, say."""
    if not isinstance(given, int) or given not in PRIORITIES:
        raise InvalidOption(f"priority={given!r}: expected a whole number from -100 to 100.", option="priority")
    return int(given)


def check_owner(owner: str) -> None:
    # Together with an idempotency key it stands in an index, whose entries have a limit.
    if len(owner) > OWNER_LIMIT:
        raise InvalidOption(
            f"owner={owner[:20]!r}…: it has {len(owner)} characters.",
            hint=f"Expected are {OWNER_LIMIT} at most: name people by an id.",
            option="owner",
        )
    check_text("owner", owner)


def check_key(idempotency_key: str) -> None:
    if not 1 <= len(idempotency_key) <= 255:
        raise InvalidOption("idempotency_key: expected 1 to 255 characters.", option="idempotency_key")
    check_text("idempotency_key", idempotency_key)


def check_labels(labels: Mapping[Any, Any]) -> None:
    """Refuse names and values that no job could have."""
    for name, value in labels.items():
        if not isinstance(name, str) or LABEL_NAME.fullmatch(name) is None:
            raise InvalidOption(
                f"labels: {name!r} is no name of a label.",
                hint="Write 1 to 63 of the letters A-Z and a-z, digits, and . _ / -",
                option="labels",
            )
        if not isinstance(value, str) or len(value) > LABEL_LIMIT or not value.isprintable():
            raise InvalidOption(
                f"labels: {value!r:.300} cannot be the value of {name!r}.",
                hint=f"Write a text of up to {LABEL_LIMIT} printable characters.",
                option="labels",
            )


def check_name(what: str, name: str, limit: int) -> None:
    if not 1 <= len(name) <= limit or not name.isprintable():
        raise InvalidOption(f"{what}={name!r}: expected 1 to {limit} printable characters.", option=what)
