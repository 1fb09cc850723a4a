"""Which questions a job type asks, as far as its code shows: the calls of `ctx.ask` and `ctx.wait_for` in it, and in
the functions it hands its context to.

Read from the source, as questions are declared nowhere but where they are asked.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeGuard, TypeVar, get_args, get_origin, get_type_hints

from typing_extensions import TypedDict

from bide.hitl import Callback, Form, Prompt

FORM_DATA = "FormData"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. `key` holds None for each part that is only known when it is asked; `answer` and `data` are
    annotations, None where the code does not show them."""

    key: tuple[str | None, ...]
    kind: str | None
    data: Any
    answer: Any


def questions_of(fn: Callable[..., Any]) -> list[Asked] | None:
    """The questions of a job function; None where its context goes somewhere that cannot be read."""
    reader = _Reader()
    reader.read(fn, 0)
    return None if reader.hidden else reader.found


class _Reader:
    def __init__(self) -> None:
        self.found: list[Asked] = []
        self.hidden = False
        self._seen: set[tuple[Any, str | int]] = set()

    def read(self, fn: Callable[..., Any], context: str | int) -> None:
        """Read a function whose context is the parameter of this name, or at this place."""
        fn = inspect.unwrap(fn)
        if (fn, context) in self._seen:
            return
        self._seen.add((fn, context))
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
        except (OSError, TypeError, SyntaxError):
            self.hidden = True
            return
        (top,) = tree.body
        if not isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef):
            self.hidden = True
            return
        parameters = [argument.arg for argument in (*top.args.posonlyargs, *top.args.args)]
        if isinstance(context, int):
            if context >= len(parameters):
                self.hidden = True
                return
            context = parameters[context]
        names = _names(fn)
        for node in ast.walk(top):
            if isinstance(node, ast.Call):
                self._call(node, context, names)
            elif isinstance(node, ast.Assign | ast.NamedExpr) and _is_name(node.value, context):
                self.hidden = True  # under another name it may go anywhere

    def _call(self, call: ast.Call, context: str, names: Mapping[str, Any]) -> None:
        match call.func:
            case ast.Attribute(value=ast.Name(id=receiver), attr="ask" | "wait_for" as verb) if receiver == context:
                self.found.append(_asked(call, verb, names))
                return
            case _:
                pass
        for place, argument in enumerate(call.args):
            if _is_name(argument, context):
                self._follow(call.func, place, names)
        for keyword in call.keywords:
            if _is_name(keyword.value, context):
                self._follow(call.func, keyword.arg or "", names)

    def _follow(self, target: ast.expr, context: str | int, names: Mapping[str, Any]) -> None:
        found = _resolve(target, names)
        if inspect.isfunction(found):
            self.read(found, context)
        else:
            self.hidden = True


def _asked(call: ast.Call, verb: str, names: Mapping[str, Any]) -> Asked:
    key = _key(call.args[0]) if call.args else (None,)
    about = call.args[1] if len(call.args) > 1 else None
    if verb == "wait_for":
        return Asked(key, Callback.kind, None, None if about is None else _resolve(about, names))
    found = _resolve(about.func, names) if isinstance(about, ast.Call) else None
    if not _is_kind(found):
        return Asked(key, None, None, None)
    kind = getattr(found, "kind", None)
    if issubclass(found, Form | Callback):
        assert isinstance(about, ast.Call)
        model = _resolve(about.args[0], names) if about.args else None
        if issubclass(found, Callback):
            return Asked(key, kind, None, model)
        return Asked(key, kind, _form_data(model), model)
    return Asked(key, kind, _data(found), _answer(found))


def _is_kind(found: object) -> TypeGuard[type[Prompt[Any]]]:
    return inspect.isclass(found) and issubclass(found, Prompt)


def _key(given: ast.expr) -> tuple[str | None, ...]:
    match given:
        case ast.Constant(value=str() | int() as text):
            return (str(text),)
        case ast.JoinedStr(values=parts):
            return tuple(str(part.value) if isinstance(part, ast.Constant) else None for part in parts)
        case _:
            return (None,)


def _form_data(model: Any) -> Any:
    return _typed_dict(FORM_DATA, {"title": str, "initial": Any if model is None else model | None})


def _data(kind: type[Prompt[Any]]) -> Any:
    """What a question of this kind shows: its fields, which is what `data` gives unless it says otherwise."""
    shape: Any = kind
    if not is_dataclass(shape) or kind.data.__module__ != Prompt.__module__:
        return None
    hints = get_type_hints(kind, include_extras=True)
    return _typed_dict(f"{kind.__name__}Data", {field.name: hints[field.name] for field in fields(shape)})


def _typed_dict(name: str, annotations: Mapping[str, Any]) -> Any:
    make: Any = TypedDict  # checkers expect it to be written out
    return make(name, annotations)


def _answer(kind: type[Prompt[Any]]) -> Any:
    """The A of the `Prompt[A]` that it derives from."""
    for base in kind.__mro__:
        for origin in getattr(base, "__orig_bases__", ()):
            if get_origin(origin) is Prompt:
                (answer,) = get_args(origin)
                return None if isinstance(answer, TypeVar) else answer
    return None


# ── Names ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _names(fn: Callable[..., Any]) -> Mapping[str, Any]:
    closed = inspect.getclosurevars(fn)
    return {**closed.builtins, **getattr(fn, "__globals__", {}), **closed.nonlocals}


def _resolve(expression: ast.expr, names: Mapping[str, Any]) -> Any:
    """What a name, or an attribute of one, stands for; None where that is known only when it runs."""
    match expression:
        case ast.Name(id=name):
            return names.get(name)
        case ast.Attribute(value=value, attr=attribute):
            return getattr(_resolve(value, names), attribute, None)
        case ast.Subscript(value=value, slice=inner):
            origin, argument = _resolve(value, names), _resolve(inner, names)
            return None if origin is None or argument is None else origin[argument]
        case _:
            return None


def _is_name(expression: ast.expr, name: str) -> bool:
    return isinstance(expression, ast.Name) and expression.id == name


def parts(key: tuple[str | None, ...]) -> Iterator[str]:
    """A key as the parts of a TypeScript template literal."""
    for part in key:
        yield "${string}" if part is None else part.replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${")
