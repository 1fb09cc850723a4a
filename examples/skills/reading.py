"""A package becomes a `PackageSurface`, by importing it and looking: nothing is guessed from its sources.

`read_package` does so in a child process (`python -m examples.skills.reading PACKAGE` prints the surface as JSON),
because importing a package runs whatever its author put there.
"""

import enum
import importlib
import importlib.metadata
import importlib.util
import inspect
import os
import pkgutil
import platform
import re
import sys
import types
import typing
from typing import Any

from pydantic import ValidationError

from examples.skills.isolation import run_module
from examples.skills.offline import seclude
from examples.skills.surface import Kind, Method, PackageSurface, Parameter, PublicName
from examples.skills.topics import group_into_topics

IMPORT_SECONDS = 60
NAME_LIMIT = 400  # a package may announce thousands; a skill never needs them
SIGNATURE_LIMIT = 180
SUMMARY_LIMIT = 160
METHOD_LIMIT = 14
MANY_NAMES = 100

VALID_NAME = re.compile(r"[A-Za-z0-9_]+([._-][A-Za-z0-9_]+)*")
NOT_FOUND, NOT_IMPORTABLE, NO_NAMES = 3, 4, 5  # exit codes of the child process


class ReadingError(Exception):
    """The package cannot be read. The message says why, `remedy` what to do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


async def read_package(package: str) -> PackageSurface:
    """Reads an installed package's public API in a child process, without network. Raises `ReadingError`."""
    if not VALID_NAME.fullmatch(package):
        raise ReadingError(f"{package!r} is not the name of a package.", "Give one that can be imported, as `httpx`.")
    child = await run_module("examples.skills.reading", package, timeout=IMPORT_SECONDS)
    if child.code == NOT_FOUND:
        raise ReadingError(f"{package} is not installed on this machine.", f"Run `pip install {package}`.")
    if child.code == NOT_IMPORTABLE:
        raise ReadingError(
            f"{package} is installed but importing it failed: {child.complaint}.",
            f'Make `python -c "import {package}"` work and try again.',
        )
    if child.code == NO_NAMES:
        modules = child.stderr.splitlines()[-1]  # the lines before it are the package's own
        raise ReadingError(
            f"{package} itself has no public names.",
            f"Name one of its modules: {modules}." if modules else "There is nothing to write a skill about.",
        )
    if not child.ok:
        raise ReadingError(f"Reading {package} failed: {child.complaint}.", "Import it by hand to see what happens.")
    try:
        return PackageSurface.model_validate_json(child.stdout)
    except ValidationError as error:
        raise ReadingError(f"What was read of {package} makes no sense: {error}.", "Report this package.") from error


# ── What follows runs in the child process ───────────────────────────────────────────────────────────────────────────


class NotInstalledError(Exception):
    """There is no such package."""


def introspect(package: str) -> PackageSurface:
    """Imports the package into *this* process and describes it. Raises `NotInstalledError`."""
    import_name = _import_name(package)
    module = importlib.import_module(import_name)
    found: dict[str, object] = {}
    unreadable: list[str] = []
    for name in _public_names(module)[:NAME_LIMIT]:
        try:
            found[name] = getattr(module, name)
        except Exception:  # noqa: BLE001 - a lazy attribute may run any code, and want what is not installed
            unreadable.append(name)
    published = {obj: name for name, obj in found.items() if isinstance(obj, type)}
    names: list[PublicName] = []
    for name, obj in found.items():
        try:
            names.append(_describe(name, obj, import_name, published))
        except Exception:  # noqa: BLE001 - an object may answer any question with an error; the others still count
            unreadable.append(name)
    # Of many names less is said about each: the surface is kept in a database, and nobody reads a hundred long entries.
    methods = METHOD_LIMIT if len(names) <= MANY_NAMES else METHOD_LIMIT // 4
    for public in names:
        public.methods, public.properties = public.methods[:methods], public.properties[:methods]
    return PackageSurface(
        package=import_name,
        **_metadata(import_name, module),
        names=names,
        unreadable=unreadable,
        topics=group_into_topics(names),
    )


def _submodules(package: str) -> list[str]:
    """The public modules in a package that is only a folder for them, as `xml`."""
    folders = getattr(importlib.import_module(package), "__path__", [])
    return [f"{package}.{info.name}" for info in pkgutil.iter_modules(folders) if not info.name.startswith("_")]


def _import_name(package: str) -> str:
    """`PyYAML` is imported as `yaml`: a distribution's name is understood as well as a module's."""
    for candidate in dict.fromkeys([package, package.replace("-", "_")]):
        try:
            if importlib.util.find_spec(candidate) is not None:
                return candidate
        except (ModuleNotFoundError, ValueError):
            continue
    wanted = _normalised(package)
    for module, distributions in sorted(importlib.metadata.packages_distributions().items()):
        if not module.startswith("_") and wanted in map(_normalised, distributions):
            return module
    raise NotInstalledError(package)


def _normalised(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _metadata(import_name: str, module: types.ModuleType) -> dict[str, Any]:
    top = import_name.partition(".")[0]
    own_summary = _first_sentence(module.__doc__)
    if top in sys.stdlib_module_names:
        return {
            "distribution": "",
            "version": platform.python_version(),
            "summary": own_summary,
            "license": "PSF-2.0",
            "requires_python": "",
        }
    distributions = importlib.metadata.packages_distributions().get(top, [])
    if not distributions:
        version = str(vars(module).get("__version__", "0"))
        return {"distribution": "", "version": version, "summary": own_summary}
    # Several distributions may share a namespace: the one named like it comes first.
    distribution = min(distributions, key=lambda name: (_normalised(name) != _normalised(top), name))
    metadata = importlib.metadata.metadata(distribution)

    def field(name: str) -> str:
        values: list[str] = metadata.get_all(name) or [""]
        return values[0]

    license_text = field("License-Expression") or field("License")
    return {
        "distribution": distribution,
        "version": field("Version"),
        "summary": " ".join((field("Summary") or own_summary).split()),
        # Some packages put the whole text of the license there.
        "license": license_text if len(license_text) <= 60 and "\n" not in license_text else "",
        "requires_python": field("Requires-Python"),
    }


def _public_names(module: types.ModuleType) -> list[str]:
    """What `__all__` announces; without one, what the package defines and does not hide."""
    announced = vars(module).get("__all__")
    if announced is not None:
        return [name for name in dict.fromkeys(map(str, announced)) if not name.startswith("__")]

    def own(name: str, obj: object) -> bool:
        if name.startswith("_") or isinstance(obj, types.ModuleType) or vars(typing).get(name, module) is obj:
            return False
        home = getattr(obj, "__module__", None)
        # `_socket` is where `socket` has what it shows as its own.
        return not isinstance(home, str) or f"{home.lstrip('_')}.".startswith((f"{module.__name__}.", "builtins."))

    return [name for name in dir(module) if own(name, vars(module).get(name))]


def _describe(name: str, obj: object, package: str, published: dict[type, str]) -> PublicName:
    kind = _kind(obj)
    public = PublicName(name=name, kind=kind, home=_home(obj, package), summary=_summary(name, obj, kind))
    if kind in ("class", "function"):
        _add_signature(public, obj, package)
    if kind == "function":
        public.asynchronous = inspect.iscoroutinefunction(obj)
    if isinstance(obj, type):
        _add_class(public, obj, package, published)
    return public


def _kind(obj: object) -> Kind:
    if isinstance(obj, type):
        if issubclass(obj, BaseException):
            return "exception"
        return "enum" if issubclass(obj, enum.Enum) else "class"
    if isinstance(obj, types.ModuleType):
        return "module"
    # `types.GenericAlias` and its like can be called, and are constants all the same.
    if inspect.isroutine(obj) or (callable(obj) and hasattr(obj, "__wrapped__")):
        return "function"
    return "constant"


def _home(obj: object, package: str) -> str:
    """The defining module. Code objects remember their file, even where `__module__` was set to the package."""
    module = getattr(obj, "__module__", None)
    if module == package:
        for function in (obj, *(vars(obj).values() if isinstance(obj, type) else ())):
            code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
            folder = os.sep + package.replace(".", os.sep) + os.sep
            if isinstance(code, types.CodeType) and folder in code.co_filename:
                inner = code.co_filename.rpartition(folder)[2].removesuffix(".py").removesuffix("__init__")
                module = f"{package}.{inner.strip(os.sep).replace(os.sep, '.')}"
                break
    if not isinstance(module, str) or module in (package, f"{package}.", "builtins", f"_{package}"):
        return ""
    return ".".join(part.strip("_") for part in module.removeprefix(f"{package}.").split("."))


def _first_sentence(text: object) -> str:
    if not isinstance(text, str):
        return ""
    paragraph = " ".join(inspect.cleandoc(text).partition("\n\n")[0].split())
    if re.match(r">>>|[\w.]+ = |```|\.\. \w+::", paragraph):
        return ""  # it begins with code, not with a sentence
    sentence = re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0]
    return sentence if len(sentence) <= SUMMARY_LIMIT else sentence[: SUMMARY_LIMIT - 1].rstrip() + "…"


def _summary(name: str, obj: object, kind: Kind) -> str:
    if kind == "constant":
        value = _without_addresses(repr(obj))
        return f"Value: {value}" if len(value) <= 60 and "<" not in value else ""
    # A class's own text, not the one it inherits: `dict`'s says nothing about a subclass.
    text = vars(obj).get("__doc__") if isinstance(obj, type) else getattr(obj, "__doc__", None)
    if isinstance(text, str) and text.lstrip().startswith(f"{name}("):
        # Written in C, or generated: a signature takes the place of the first paragraph.
        text = inspect.cleandoc(text).partition("\n")[2].lstrip("-").strip()
    return _first_sentence(text)


def _without_addresses(text: str) -> str:
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


class _Verbatim:
    """An annotation that was written as text, shown without the quotes that `inspect` would put around it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    @classmethod
    def of(cls, annotation: object) -> object:
        return cls(annotation) if isinstance(annotation, str) else annotation


def _add_signature(public: PublicName, obj: Any, package: str) -> None:
    try:
        signature = inspect.signature(obj)
    except (TypeError, ValueError):
        documented = re.match(re.escape(public.name) + r"\([^\n]*", (getattr(obj, "__doc__", None) or "").lstrip())
        public.signature = documented[0].removeprefix(public.name)[:SIGNATURE_LIMIT] if documented else "(…)"
        return
    parameters = signature.parameters.values()
    bare = signature.replace(
        parameters=[p.replace(annotation=_Verbatim.of(p.annotation)) for p in parameters],
        return_annotation=_Verbatim.of(signature.return_annotation),
    )
    text = _without_addresses(str(bare))
    text = re.sub(rf"\b(typing|collections\.abc|{re.escape(package)}(\._\w+)*)\.(?=\w)", "", text)
    # Cut between two parameters: half of one tells nobody anything.
    public.signature = text if len(text) <= SIGNATURE_LIMIT else text[:SIGNATURE_LIMIT].rpartition(", ")[0] + ", …)"
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    needed = [parameter for parameter in parameters if _is_needed(parameter)]
    optional = [p for p in parameters if p.kind in positional and not _is_needed(p)]
    public.required = [_parameter(parameter) for parameter in needed]
    public.optional = _parameter(optional[0]) if optional else None
    takes_any_keyword = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    public.takes_fields = takes_any_keyword and not needed and not optional


def _is_needed(parameter: inspect.Parameter) -> bool:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.default is inspect.Parameter.empty and parameter.kind not in variadic


def _parameter(parameter: inspect.Parameter) -> Parameter:
    keyword_only = parameter.kind is inspect.Parameter.KEYWORD_ONLY
    return Parameter(name=parameter.name, annotation=_annotation(parameter.annotation), keyword_only=keyword_only)


def _annotation(annotation: object) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _add_class(public: PublicName, cls: type[Any], package: str, published: dict[type, str]) -> None:
    public.abstract = inspect.isabstract(cls)
    public.bases = [published[base] for base in cls.__mro__[1:] if base in published]
    if issubclass(cls, enum.Enum):
        public.members = list(cls.__members__)[:8]
    if public.kind != "class":
        return
    if hasattr(cls, "__enter__"):
        public.enters = "with"
    elif hasattr(cls, "__aenter__"):
        public.enters, public.asynchronous = "async with", True
    top = package.partition(".")[0]
    inherited_from_others = {
        name for base in cls.__mro__ if base.__module__.lstrip("_").partition(".")[0] != top for name in vars(base)
    }
    for name in dir(cls):
        if name.startswith("_") or (name in inherited_from_others and name not in vars(cls)):
            continue
        attribute = inspect.getattr_static(cls, name)
        documentation: object = getattr(attribute, "__doc__", None)
        if isinstance(attribute, property) or type(attribute).__name__ == "cached_property":
            public.properties.append(name)
        elif inspect.isroutine(attribute) or isinstance(attribute, classmethod | staticmethod):
            public.methods.append(Method(name=name, summary=_first_sentence(documentation)))


def main(package: str) -> int:
    """The child process: the surface as JSON on stdout, or an exit code and a complaint on stderr."""
    seclude()
    # What the package prints while it is imported must not mix with the answer.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        surface = introspect(package)
        if not surface.names:
            print(", ".join(_submodules(surface.package)[:8]), file=sys.stderr)
            return NO_NAMES
    except NotInstalledError:
        return NOT_FOUND
    except BaseException as error:  # noqa: BLE001 - a module may even call sys.exit
        print(f"{type(error).__name__}: {error}".replace("\n", " "), file=sys.stderr)
        return NOT_IMPORTABLE
    with answer:
        answer.write(surface.model_dump_json())
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stdout.flush()
    # Not sys.exit: a thread that the package started could keep the process for ever.
    os._exit(code)
