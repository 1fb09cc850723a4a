"""JSON at the boundary: every payload is encoded here, once, and kept as text.

Two layers. `encode` and `decode` deal in plain JSON values. A `Codec` puts an annotation on top, through Pydantic, so
that a step's result comes back as the type its author wrote. What is refused is refused with the JSON path, before
anything is stored, and in the same way for every store:

- NaN and the infinities, which JSON does not have;
- NUL and lone surrogates in strings and keys, which PostgreSQL's text or UTF-8 do not have;
- integers outside -2⁶³ … 2⁶³-1. JSON has no bound, but decoders do: beyond it they raise, or return a float. (Beyond
  2⁵³ a browser still rounds: send those as strings.)
- nesting deeper than MAX_DEPTH, more than a limit of bytes, containers that contain themselves;
- every other type, and subclasses of the JSON types: `encode` cannot give them back.

What `Codec` does with the types that JSON lacks is Pydantic's JSON mode: datetime, date, time and timedelta as ISO 8601
text, UUID and Decimal as text, Enum by value, bytes as UTF-8 text (refused when it is not; `ser_json_bytes` and
`val_json_bytes` choose base64), sets, tuples and NamedTuple as arrays. Where a value has no type declared - `Any`,
`object`, a bare `dict` or `list`, the extra fields of a model - nothing tells Pydantic what to rebuild: left to itself
it writes NaN as null, bytes and dates as text and keys as strings, without a word. So plain JSON values alone are taken
there, at any depth, by the rules of `encode`.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import operator
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from types import AsyncGeneratorType, CoroutineType, GeneratorType, NoneType
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast

import orjson
from pydantic import Secret, SecretBytes, SecretStr, TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import SchemaSerializer

from bide.errors import SHOWN_FLAWS, InvalidPayload, UnencodableType

T = TypeVar("T")

DEFAULT_LIMIT = 16 * 1024 * 1024
"""Bytes of UTF-8 in one payload: an image in base64 fits. What is larger belongs in a file, and its path in the job."""

MAX_DEPTH = 200
"""Containers within each other. orjson writes 254 levels, Pydantic reads 200."""

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_CONTAINERS = frozenset({dict, list, tuple})
_SCALARS = frozenset({NoneType, bool, int, float, str})
_Scalar: TypeAlias = bool | int | float | str | None


# ── Plain JSON values ────────────────────────────────────────────────────────────────────────────────────────────────


def encode(value: object, *, limit: int = DEFAULT_LIMIT) -> str:
    """Return `value` as compact JSON text, its keys in the order they were inserted.

    `value` is made of dict with str keys, list, tuple, str, int, float, bool and None. Raises InvalidPayload, naming
    the JSON path, for anything else; see the module for what that is. `limit` counts bytes of UTF-8.
    """
    if value is None:  # what most jobs return
        return "null"
    return _sound(value, _encode_unsuspicious(value), limit)


def encode_flat(value: Mapping[str, _Scalar], *, limit: int = DEFAULT_LIMIT) -> str:
    """As `encode`, for an object that is known to hold no container and nothing of another type."""
    return _sound(value, _dump_unsuspicious(value), limit)


def _sound(value: object, raw: bytes | None, limit: int) -> str:
    if raw is None:
        _inspect(value)
        raw = orjson.dumps(value)
    if len(raw) > limit:
        raise InvalidPayload("$", f"{len(raw):,} bytes of JSON, more than the limit of {limit:,}")
    return raw.decode()


def decode(text: str) -> Any:
    """Return the JSON value in `text`, which `encode` wrote. Raises InvalidPayload if it is not JSON."""
    try:
        return orjson.loads(text)
    except ValueError as error:
        raise InvalidPayload("$", f"not JSON: {error}") from error


def digest(text: str) -> str:
    """Return the SHA-256, in hex, of the JSON value in `text`, whatever the order of its keys.

    Equal values have equal digests: keys are sorted by code point and spacing is dropped. Numbers count as they were
    written, 1 and 1.0 are two values, which is why this is not RFC 8785. Raises InvalidPayload if it is not JSON.
    """
    value = decode(text)
    try:
        canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:  # orjson reads deeper than it writes
        raise InvalidPayload("$", f"not JSON that Bide wrote: {error}") from error
    return hashlib.sha256(canonical).hexdigest()


def _encode_unsuspicious(value: object) -> bytes | None:
    """Return the JSON, or None where only a walk can tell whether it is sound: quick, and wrong on one side only."""
    if type(value) not in _SCALARS and not _is_plain(value):
        return None
    return _dump_unsuspicious(value)


def _dump_unsuspicious(value: object) -> bytes | None:
    """The same, of a value made of nothing but JSON types."""
    try:
        raw = orjson.dumps(value, option=orjson.OPT_STRICT_INTEGER)
    except TypeError:  # a key, a surrogate, an integer beyond 53 bits: a suspect, as orjson has no test at 64
        return None
    if b"\\u0000" in raw:  # NUL, or a text that speaks of it
        return None
    if b"null" in raw and not _is_equal(orjson.loads(raw), value):  # orjson writes NaN and the infinities as null
        return None
    return raw


def _is_plain(value: object) -> bool:
    """Tell whether `value` is a container, of JSON types alone, of no more than MAX_DEPTH levels.

    orjson must not see anything else. It follows tuples to any depth, until the process dies (seen with 3.13: 2,500
    tuples corrupt the heap), and it writes UUID, Enum and Fragment whatever its options. Level by level this takes a
    third of the time of the walk that knows the path.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        items: list[object] = []
        for container in level:
            if type(container) is dict:
                items.extend(cast("dict[str, object]", container).values())
            elif type(container) is list or type(container) is tuple:
                items.extend(cast("Iterable[object]", container))
            else:
                return False
        inner = [item for item in items if type(item) not in _SCALARS]
        if not inner:
            return True
        # Each container once: one that holds itself twice would double with every level.
        level = list({id(item): item for item in inner}.values())
    return False


def _is_equal(left: object, right: object) -> bool:
    try:
        return left == right
    except RecursionError:  # comparing recurses in C, on what the caller has left of the stack
        return False


# ── The walk that finds the path ─────────────────────────────────────────────────────────────────────────────────────

_Key: TypeAlias = str | int


def _inspect(root: object) -> None:
    """Raise InvalidPayload for the first thing in `root`, in document order, that is not JSON as Bide keeps it.

    The walk keeps its own stack: 10⁵ levels must end in a refusal, not in a RecursionError.
    """
    levels: list[Iterator[tuple[_Key, object]]] = [iter([("$", root)])]
    trail: list[_Key] = ["$"]  # for each level the key it stands at
    while levels:
        for key, item in levels[-1]:
            trail[-1] = key
            if type(item) not in _CONTAINERS:
                if flaw := _flaw(item):
                    raise _refusal(trail[1:], flaw)
                continue
            if len(levels) > MAX_DEPTH:
                raise _too_deep(root, trail[1:])
            levels.append(_entries(item, trail[1:]))
            trail.append("")
            break  # down into the item; its level is continued afterwards
        else:
            levels.pop()
            trail.pop()


def _entries(container: object, trail: list[_Key]) -> Iterator[tuple[_Key, object]]:
    """Return what a container holds, by key. Raises InvalidPayload for a key that JSON cannot have."""
    if type(container) is not dict:
        return enumerate(cast("list[object]", container))
    held = cast("dict[str, object]", container)
    for key in held:
        if type(key) is not str:
            raise _refusal(trail, f"a key is {_name(key)}, and keys of JSON are strings")
        if flaw := _text_flaw(key):
            raise _refusal([*trail, key], f"the key holds {flaw}")
    return iter(held.items())


def _flaw(item: object) -> str | None:
    """Say what is wrong with a value that is no container, or None."""
    if type(item) is str:
        flaw = _text_flaw(item)
        return f"the text holds {flaw}" if flaw else None
    if type(item) is int:
        return None if _INT_MIN <= item <= _INT_MAX else "the integer is outside 64 bits; send it as a string"
    if type(item) is float:
        return None if math.isfinite(item) else f"{item} is not JSON"
    if type(item) in _SCALARS:
        return None
    return next(reason for kind, reason in _REASONS if isinstance(item, kind)).format(_name(item))


_MASKED = "a secret would be kept as asterisks; pass its name, and look it up in the job"
_REASONS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    ((bytes, bytearray, memoryview), "{} is not JSON; encode it as base64, or keep a file and pass its path"),
    ((GeneratorType, AsyncGeneratorType), "a {} can be read only once; return a list"),
    (CoroutineType, "a {} was never awaited"),
    ((SecretStr, SecretBytes, Secret), _MASKED),
    (object, "{} is not a JSON type; convert it, or annotate it (a result: the return type) so that it can be rebuilt"),
)


def _text_flaw(text: str) -> str | None:
    if "\0" in text:
        return "NUL (\\u0000)"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"a lone surrogate (\\u{ord(text[error.start]):04x})"
    return None


def _too_deep(root: Any, trail: list[_Key]) -> InvalidPayload:
    """Tell a container that contains itself from one that is merely deep, by following the trail once more."""
    item, above = root, {id(root)}
    for depth, key in enumerate(trail, start=1):
        item = item[key]
        if id(item) in above:
            return _refusal(trail[:depth], "the container contains itself")
        above.add(id(item))
    return _refusal(trail, f"more than {MAX_DEPTH} levels deep")


def _known_part(value: object, trail: Iterable[_Key]) -> Iterator[_Key]:
    """Yield as much of a trail as there is in `value`: Pydantic's goes on, with the members of a union for one."""
    for key in trail:
        if not isinstance(value, dict | list | tuple):
            return
        try:
            value = cast("Any", value)[key]
        except (LookupError, TypeError):
            return
        yield key


def place(value: Any, flaw: Mapping[str, Any]) -> tuple[_Key, ...]:
    """Where one of Pydantic's errors is in the JSON `value`: parts of its `loc` are of the schema, as the members of
    a union are."""
    return tuple(_path_in(value, flaw["loc"], missing=flaw["type"].startswith("missing")))


def flaws_in(value: Any, invalid: ValidationError) -> list[dict[str, str]]:
    """Each flaw that Pydantic found in the JSON `value`, up to SHOWN_FLAWS. The values are not told: no log should."""
    found = invalid.errors(include_url=False, include_context=False, include_input=False)
    return [{"path": pointer(place(value, flaw)), "message": flaw["msg"]} for flaw in found[:SHOWN_FLAWS]]


def _path_in(value: Any, trail: Sequence[_Key], *, missing: bool) -> Iterator[_Key]:
    """Yield what of a trail of Pydantic's is a path in `value`. missing: what is at its end is not there."""
    missing = missing and len(trail) > 0  # else it is the whole value
    for key in trail[:-1] if missing else trail:
        try:
            value = value[key]
        except (LookupError, TypeError):
            continue
        yield key
    if missing:
        yield trail[-1]


def _refusal(trail: Sequence[_Key], reason: str) -> InvalidPayload:
    return InvalidPayload(_path(trail), reason, errors=[{"path": pointer(trail), "message": reason}])


def pointer(trail: Iterable[_Key]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in trail)


def _path(trail: Iterable[_Key]) -> str:
    return "$" + "".join(map(_path_part, trail))


def _path_part(key: _Key) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    if key.isascii() and key.isidentifier() and len(key) <= _SHOWN:
        return f".{key}"
    return f"[{json.dumps(key if len(key) <= _SHOWN else key[:_SHOWN] + '...')}]"


_SHOWN = 60
"""Characters of a key, and more than a path needs: 200 levels of them still make a message."""


def _name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


# ── Values of an annotated type ──────────────────────────────────────────────────────────────────────────────────────


class Codec(Generic[T]):
    """Writes and reads values of one annotation. Immutable; make it once, with `codec_for`.

    What is written has been read back: a value that cannot be rebuilt is refused where it arises, not weeks later in a
    replay. `round_trip` hands out what was read, and a step returns that on its first run too, so that first run and
    replay cannot differ: an instance of a subclass comes back as the class annotated, a union as the member that fits
    its JSON best, a float field's 1 as 1.0.

    Without an annotation (`inspect.Signature.empty`), and for `Any` and `object` wherever they stand in one, values are
    plain JSON values, tuples come back as lists, and everything else is refused.

    Fields travel under their aliases, whatever the model's `serialize_by_alias` and `validate_by_alias` say; a field
    whose serialization alias differs from its validation alias cannot be read back. Computed fields are left out, as
    they are computed again; excluded fields and private attributes come back as their defaults.

    Raises UnencodableType for an annotation that cannot be built or cannot be read back, such as Iterator.
    """

    __slots__ = ("_adapter", "_schemas", "_serializer", "annotation", "exact")

    def __init__(self, annotation: object) -> None:
        self.annotation = annotation
        self._schemas: dict[str, dict[str, Any]] = {}
        self.exact: frozenset[type]
        """Exact instances of these are written without Pydantic, and equal what is read back: they need not be read."""
        self._adapter: TypeAdapter[T] | None
        if annotation is Any or annotation is object or annotation is inspect.Signature.empty:
            self.exact, self._adapter = _SCALARS, None
        else:
            # typing.get_type_hints reads `-> None` as NoneType, inspect.signature as None.
            kind = NoneType if annotation is None else annotation
            self.exact = _SCALARS & {kind} if isinstance(kind, type) else frozenset()
            self._adapter = _build(annotation)
            self._serializer = _strict_serializer(self._adapter)

    @property
    def takes_none(self) -> bool:
        """Whether None is written as it is, without a look: the common result of a job that returns nothing."""
        return NoneType in self.exact

    def encode(self, value: T, *, limit: int = DEFAULT_LIMIT) -> str:
        """Return `value` as JSON text. Raises InvalidPayload if it is not of the type, or cannot be read back."""
        return self.round_trip(value, limit=limit)[0]

    def decode(self, text: str, *, strict: bool = False) -> T:
        """Return the value in `text`. Raises InvalidPayload, naming the JSON path, if it does not fit the type.

        strict: take nothing for what it is not, a text for a number say. Of what was written by `encode` that is known.
        """
        if self._adapter is None:
            return cast("T", decode(text))
        try:
            return self._adapter.validate_json(text, by_alias=True, strict=strict or None)
        except ValidationError as error:
            raise self._unfit(error, text) from error
        except Exception as error:  # a validator of the user's may raise anything
            raise InvalidPayload("$", f"cannot be read as {self._shown}: {_say(error)}") from error

    def round_trip(self, value: T, *, limit: int = DEFAULT_LIMIT) -> tuple[str, T]:
        """Return `value` as JSON text, and as it will be read from that text. Raises as `encode` does."""
        if type(value) in self.exact:
            return encode(value, limit=limit), value
        text = encode(self._dump(value, "json"), limit=limit)
        # A masked secret reads back without complaint, as asterisks: the loss would show weeks later.
        if _MASK in text and _holds_secret(self._dump(value, "python")):
            raise InvalidPayload("$", _MASKED)
        return text, self.decode(text)

    def schema(self, mode: Literal["validation", "serialization"] = "validation") -> dict[str, Any]:
        """Return the JSON schema of what `decode` takes, or of how Pydantic writes it; made once, so not to be changed.

        Raises UnencodableType where Pydantic has none.
        """
        if self._adapter is None:
            return {}
        if (made := self._schemas.get(mode)) is not None:
            return made
        try:
            made = self._adapter.json_schema(by_alias=True, mode=mode, schema_generator=_Schemas)
            self._schemas[mode] = made
            return made
        except Exception as error:
            raise UnencodableType(self.annotation, f"it has no JSON schema: {_say(error)}") from error

    def _dump(self, value: T, mode: Literal["json", "python"]) -> object:
        if self._adapter is None:
            return value
        try:
            return self._serializer.to_python(value, mode=mode, by_alias=True, round_trip=True, warnings="error")
        except Exception as error:  # a serializer of the user's may raise anything
            raise self._unwritable(self._adapter, value, error) from error

    def _unwritable(self, adapter: TypeAdapter[T], value: T, error: Exception) -> InvalidPayload:
        """Say where the flaw is that a dump stopped at. Its error does not tell, so others are asked."""
        with suppress(Exception):  # the user's code may raise again, and must not hide what it raised first
            dumped = self._serializer.to_python(value, mode="python", by_alias=True, round_trip=True, warnings="none")
            if found := _find_stray(dumped):
                trail, flaw = found
                return InvalidPayload(_path(trail) + flaw.path[1:], flaw.reason)
            try:
                adapter.validate_python(value, strict=True)
            except ValidationError as invalid:
                trail = tuple(_known_part(value, invalid.errors()[0]["loc"]))
                return InvalidPayload(_path(trail), self._unfit(invalid).reason)
        return InvalidPayload("$", f"cannot be written as {self._shown}: {_say(error)}")

    def _unfit(self, error: ValidationError, text: str | None = None) -> InvalidPayload:
        """Say what does not fit in the JSON that was to be read, or else in the value that was to be written."""
        # Without the input: a payload may hold what no log should.
        flaws = error.errors(include_url=False, include_context=False, include_input=False)
        more = f" (and {len(flaws) - 1} more)" if len(flaws) > 1 else ""
        if text is None:
            return InvalidPayload(
                _path(flaws[0]["loc"]), f"cannot be written as {self._shown}: {flaws[0]['msg']}{more}"
            )
        try:
            value = orjson.loads(text)
        except ValueError:
            value = None  # it is no JSON at all
        return InvalidPayload(
            _path(place(value, flaws[0])),
            f"cannot be read as {self._shown}: {flaws[0]['msg']}{more}",
            errors=flaws_in(value, error),
        )

    @property
    def _shown(self) -> str:
        return self.annotation.__qualname__ if isinstance(self.annotation, type) else str(self.annotation)


class _Schemas(GenerateJsonSchema):
    """A default that is not JSON is left out of a schema, and nobody need hear of it."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as in its base


def codec_for(annotation: object) -> Codec[Any]:
    """Return the codec of an annotation, from a cache where it can be. Raises UnencodableType.

    The annotation is resolved, as `typing.get_type_hints` returns it: a text is refused.
    """
    try:
        hash(annotation)
    except TypeError:  # Annotated, with a dict in it
        return Codec(annotation)
    # With its repr: `int | str` equals `str | int`, but which member is tried first is not the same.
    return _cached_codec(annotation, repr(annotation))


@lru_cache(maxsize=1024)
def _cached_codec(annotation: object, _written: str) -> Codec[Any]:
    return Codec(annotation)


def _build(annotation: object) -> TypeAdapter[Any]:
    if isinstance(annotation, str):
        raise UnencodableType(annotation, "it is a text; resolve it first, with typing.get_type_hints")
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(cast("Any", annotation))
        if not adapter.pydantic_complete:  # deferred, or it names a class that does not exist yet: tell now
            adapter.rebuild(force=True, raise_errors=True)
    except Exception as error:  # a type's own hooks may raise anything
        raise UnencodableType(annotation, _say(error)) from error
    if reason := _one_way(adapter.core_schema):
        raise UnencodableType(annotation, reason)
    return adapter


_ONE_WAY = {
    "generator": "Iterable and Generator can be read only once; annotate a list, or another collection",
    "callable": "a function cannot be read back",
}


def _one_way(schema: object) -> str | None:
    """Say why values of a Pydantic core schema cannot be read back as they were, or None."""
    pending = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            fields = cast("dict[str, object]", node)
            kind = _kind(fields)
            if kind and kind in _ONE_WAY:
                return _ONE_WAY[kind]
            pending.extend(part for name, part in fields.items() if kind is None or name not in {"default", "metadata"})
        elif isinstance(node, list | tuple):
            pending.extend(cast("Iterable[object]", node))
    return None


def _kind(node: Mapping[str, object]) -> str | None:
    """The type of a node of a core schema. Of one that lists fields "type" may be a field, and its value is no text."""
    return kind if isinstance(kind := node.get("type"), str) else None


# ── Values of no declared type ───────────────────────────────────────────────────────────────────────────────────────


class _Stray:
    """Stands in a dump for a value of no declared type that is not plain JSON. To Pydantic it is of an unknown type:
    in JSON mode it is refused, in Python mode it stays where it is, so that its path can be told."""

    def __init__(self, flaw: InvalidPayload) -> None:
        self.flaw = flaw


def _plain(value: object) -> object:
    """What is written for a value of no declared type: itself, if it is plain JSON."""
    # A text or an integer may be unsound: Pydantic leaves it as it is, and `encode` sees it.
    if type(value) in _UNTOUCHED or _encode_unsuspicious(value) is not None:
        return value
    try:
        _inspect(value)
    except InvalidPayload as flaw:
        return _Stray(flaw)
    return value


def _find_stray(dumped: object) -> tuple[tuple[str | int, ...], InvalidPayload] | None:
    """Return the first one in a dump in Python mode, and where it is."""
    pending: list[tuple[tuple[str | int, ...], object]] = [((), dumped)]
    while pending:
        trail, item = pending.pop()
        if isinstance(item, _Stray):
            return trail, item.flaw
        entries: Iterable[tuple[str | int, object]] = ()
        if isinstance(item, Mapping):
            entries = ((str(key), held) for key, held in cast("Mapping[object, object]", item).items())
        elif isinstance(item, Collection) and not isinstance(item, str | bytes):
            entries = enumerate(cast("Collection[object]", item))
        pending.extend([((*trail, key), held) for key, held in entries][::-1])
    return None


def _strict_serializer(adapter: TypeAdapter[Any]) -> SchemaSerializer:
    """Return what writes values of an annotation; where parts of it have no declared type, by way of `_plain`."""
    schema: Any = adapter.core_schema
    strict = _with_plain(schema)
    if strict is schema:
        return adapter.serializer
    # Else it would take the serializers that the models in it have made for themselves.
    return SchemaSerializer(strict, _use_prebuilt=False)


_UNTOUCHED = _SCALARS - {float}
_ANY: dict[str, Any] = {"type": "any", "serialization": {"type": "function-plain", "function": _plain}}
_TEXT = {"type": "str"}
_BY_CLASS = {"type": "any"}
"""How `SerializeAsAny` has a declared value written: by the class that it is of."""
_NOT_OF_VALUES = frozenset({"default", "metadata", "config", "return_schema", "json_schema_input_schema"})
"""Parts of a node that do not describe the values in it. What a serializer of the user's returns is left as it is."""


def _with_plain(schema: Any, *, extra: bool = False) -> Any:
    """Return a core schema with `_plain` wherever it says "any"; the very same one if it says so nowhere.

    extra: whether the model around it takes fields that it does not declare.
    """
    if isinstance(schema, list | tuple):  # a tuple: a member of a union, with its label
        held: list[Any] | tuple[Any, ...] = schema  # pyright: ignore[reportUnknownVariableType]
        parts = [_with_plain(part, extra=extra) for part in held]
        return held if all(map(operator.is_, parts, held)) else type(held)(parts)
    if not isinstance(schema, dict):
        return schema
    node = cast("dict[str, Any]", schema)
    kind = _kind(node)
    if kind == "any":
        return node if "serialization" in node else node | _ANY
    if kind and "config" in node:
        extra = node["config"].get("extra_fields_behavior") == "allow"
    if kind and node.get("serialization") == _BY_CLASS:
        return node
    skipped = _NOT_OF_VALUES if kind else ()
    strict = {name: part if name in skipped else _with_plain(part, extra=extra) for name, part in node.items()}
    if kind == "dict" and strict.get("keys_schema", _ANY) is not node.get("keys_schema"):
        strict["keys_schema"] = _TEXT
    if kind in {"model-fields", "typed-dict"} and (extra or node.get("extra_behavior") == "allow"):
        strict.setdefault("extras_schema", _ANY)
    return node if strict.keys() == node.keys() and all(map(operator.is_, strict.values(), node.values())) else strict


_MASK = "*" * 10
"""What SecretStr, SecretBytes and Secret are written as, unless empty or written by a serializer of the model's."""


def _holds_secret(dumped: object) -> bool:
    """Tell whether a dump in Python mode, which leaves secrets as they are, holds one that is not empty."""
    pending = [dumped]
    while pending:
        item = pending.pop()
        if isinstance(item, SecretStr | SecretBytes | Secret) and cast("Secret[object]", item).get_secret_value():
            return True
        if isinstance(item, Mapping):
            pending.extend(chain.from_iterable(cast("Mapping[object, object]", item).items()))
        elif isinstance(item, Collection) and not isinstance(item, str | bytes):
            pending.extend(cast("Collection[object]", item))
    return False


def _say(error: Exception) -> str:
    """Return the class of a foreign error and the first paragraph of its message, without the values in it."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - a failing __str__ must not hide the error it belongs to
        message = "(no message)"
    paragraph = message.split("\n\n", maxsplit=1)[0]
    return f"{type(error).__name__}: {_INPUT.sub('', paragraph)}"


_INPUT = re.compile(r"input_value=.*, (?=input_type=)")


# ── Text for people ──────────────────────────────────────────────────────────────────────────────────────────────────

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def escape(text: str, limit: int | None = None) -> str:
    """Return `text` fit to be stored and shown: for tracebacks, progress, messages and log lines.

    Control characters (C0, DEL and C1, except newline and tab) and lone surrogates become visible, as `\\x00` and
    `\\ud800`: databases refuse some of them, and terminals obey others. The result has at most `limit` characters, the
    last of which is an ellipsis if something was cut.
    """
    if limit is None:
        return _UNPRINTABLE.sub(_visible, text)
    # Cut before and after: 100 MB are not worth escaping whole, and an escape is longer than what it stands for.
    escaped = _UNPRINTABLE.sub(_visible, text[: limit + 1])
    return escaped if len(escaped) <= limit else escaped[: max(limit - 1, 0)] + "…"[:limit]


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"
