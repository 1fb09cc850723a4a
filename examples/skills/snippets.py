"""Example code made from a package's surface, of which only what was seen to run is kept.

Nothing here knows any package. Values are guessed from the names and annotations of parameters; most guesses are wrong,
so each candidate is run, offline, and the output of those that pass is written beside them as a comment.
"""

import builtins
import itertools
import json
import keyword
import re
from collections.abc import Iterator, Sequence

from pydantic import BaseModel

from examples.skills.isolation import run_module
from examples.skills.surface import PackageSurface, Parameter, PublicName
from examples.skills.topics import weight

TRIAL_SECONDS = 40
SUBJECT_LIMIT = 40
GUESS_LIMIT = 8
OUTPUT_WIDTH = 80
SHOWN_PROPERTIES = 3

# Not even tried: they end, change or wait for something, or start what does not end.
UNTRIED = re.compile(
    r"(?i)^(main|exit|quit|abort|kill|shutdown|terminate|system|exec\w*|spawn\w*|fork\w*|popen|input|getpass|breakpoint|"
    r"set_trace|run\w*|serve\w*|listen|open_?browser|(un)?install\w*|unlink|rm\w*|remove\w*|delete|reload|ch(dir|mod|own))$"
)
ROUND_TRIPS = [
    ("dumps", "loads"),
    ("safe_dump", "safe_load"),
    ("encode", "decode"),
    ("b64encode", "b64decode"),
    ("compress", "decompress"),
    ("escape", "unescape"),
    ("quote", "unquote"),
    ("serialize", "deserialize"),
]

TEXT = ['"example"', '\'{"name": "Ada"}\'']
GUESSES_BY_NAME: list[tuple[str, list[str]]] = [
    (r"url|uri|href|link", ['"https://example.org/path?page=1"']),
    (r"path|file|folder|directory", ['"example.txt"']),
    (r"host|domain", ['"example.org"']),
    (r"method", ['"GET"']),
    (r"status|code", ["200"]),
    (r"func|function|callback|fn", ["len"]),
    (r"type|cls|tp", ["int"]),
    (r"args|parts|pathsegments", ['"example.txt"']),
    (r"objects", ['"example"']),
    (r"n|count|size|index|number|limit|width|height|seconds|timeout", ["3"]),
    (r"iterable|items|values|seq|sequence", ["[3, 1, 2]"]),
    (r"obj|data|mapping|o", ['{"name": "Ada", "age": 36}']),
]
GUESSES_BY_ANNOTATION: list[tuple[str, list[str]]] = [
    (r"\bstr\b", TEXT),
    (r"\bbytes\b|\bBuffer\b", ['b"example"']),
    (r"\bint\b", ["3"]),
    (r"\bfloat\b", ["1.5"]),
    (r"\bbool\b", ["True"]),
    (r"(?i)\bdict\b|\bmapping\b", ['{"name": "Ada"}']),
    (r"(?i)\blist\b|\bsequence\b|\biterable\b", ['["one", "two"]']),
    (r"\btype\b|\bType\b", ["int"]),
    (r"\bCallable\b", ["len"]),
]
GUESSES_AT_LAST = ['"example"', '{"name": "Ada", "age": 36}', "3", "[3, 1, 2]", 'b"example"', "'[1, 2, 3]'"]

# What a snippet prints of an object until it is known which of the properties are worth showing.
BARE = re.compile(r"^( *)print\(type\((\w+)\)\.__name__\)$", re.MULTILINE)
PROBE = f"""
import json

def probe(obj, names):
    found = {{}}
    for name in names:
        try:
            found[name] = str(getattr(obj, name))[:{OUTPUT_WIDTH + 1}]
        except Exception:
            pass
    print(json.dumps(found))

"""


class Snippet(BaseModel):
    """A piece of example code about one public name."""

    subject: str
    title: str
    code: str


class Verdict(BaseModel):
    """What happened to a snippet on trial: its output, or the error."""

    ok: bool
    output: str


async def try_out(codes: Sequence[str]) -> list[Verdict]:
    """Runs each code in a shared child process; whatever takes that process down is left out, and the rest goes on."""
    verdicts: dict[int, Verdict] = {}
    start = 0
    while start < len(codes):
        child = await run_module(
            "examples.skills.offline", "trials", stdin=json.dumps(codes[start:]), timeout=TRIAL_SECONDS
        )
        lines = [json.loads(line) for line in child.stdout.splitlines() if line.endswith("}")]
        for line in lines:
            verdicts[start + line["number"]] = Verdict(ok=line["ok"], output=line["output"])
        start += len(lines)
        if start < len(codes):
            verdicts[start] = Verdict(ok=False, output=child.complaint)
            start += 1
    return [verdicts[number] for number in range(len(codes))]


async def compose_examples(surface: PackageSurface, names: Sequence[str], limit: int) -> list[Snippet]:
    """At most `limit` examples about `names`, each run twice with the same output, the most telling first."""
    subjects = sorted(surface.select(list(names)), key=lambda public: -weight(public))
    calls = [public for public in subjects if public.kind != "exception"][:SUBJECT_LIMIT]
    candidates = [*_round_trips(surface, names), *(c for public in calls for c in _candidates(surface, public))]
    candidates += _caught_errors(surface, subjects)
    passed = _first_of_each(candidates, await try_out([candidate.code for candidate in candidates]))
    shown = [pair for pair in await _with_properties(surface, passed) if _is_short(pair[1])]
    # The second run is the proof that the output does not change from one process to the next.
    again = await try_out([snippet.code for snippet, _ in shown])
    certain = [pair for pair, verdict in zip(shown, again, strict=True) if verdict.ok and verdict.output == pair[1]]
    chosen = _varied(surface, certain)[:limit]
    return [snippet.model_copy(update={"code": _annotated(snippet.code, output)}) for snippet, output in chosen]


# ── Candidates ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _candidates(surface: PackageSurface, public: PublicName) -> Iterator[Snippet]:
    """Ways to use one name, the most telling first."""
    module, name = surface.package, public.name
    if UNTRIED.match(name) or public.abstract:
        return
    if public.kind == "enum" and public.members:
        code = "".join(f"print({module}.{name}.{member}.value)\n" for member in public.members[:2])
        yield _snippet(surface, public, f"Values of `{name}`", code)
    elif public.kind == "class":
        if public.takes_fields:
            yield _snippet(surface, public, f"A class of your own from `{name}`", _subclass(module, name))
        for arguments in _arguments(public):
            yield _snippet(surface, public, f"Create `{name}`", _construction(module, public, arguments))
    elif public.kind == "function":
        for arguments in _arguments(public):
            call = f"{module}.{name}({arguments})"
            if public.asynchronous:
                yield _snippet(surface, public, f"Await `{name}`", f"print(asyncio.run({call}))\n")
            else:
                yield _snippet(surface, public, f"Call `{name}`", f"result = {call}\nprint(result)\n")
                yield _snippet(surface, public, f"Call `{name}`", f"{call}\n")


def _snippet(surface: PackageSurface, public: PublicName, title: str, body: str) -> Snippet:
    imports = f"import {surface.package}\n"
    if "asyncio." in body:
        imports = f"import asyncio\n\n{imports}"
    gap = "\n\n" if body.startswith(("class ", "async def ")) else "\n"
    return Snippet(subject=public.name, title=title, code=f"{imports}{gap}{body}")


def _subclass(module: str, name: str) -> str:
    return (
        f"class Person({module}.{name}):\n    name: str\n    age: int = 0\n\n\n"
        'person = Person(name="Ada", age=36)\nprint(person.name, person.age)\n'
    )


def _variable(public: PublicName) -> str:
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", public.name)
    word = words[-1].lower() if words else ""
    return word if word.isidentifier() and not keyword.iskeyword(word) and not hasattr(builtins, word) else "value"


def _construction(module: str, public: PublicName, arguments: str) -> str:
    variable = _variable(public)
    variable = "value" if variable == module else variable
    call = f"{module}.{public.name}({arguments})"
    if public.enters == "with":
        return f"with {call} as {variable}:\n    print(type({variable}).__name__)\n"
    if public.enters == "async with":
        return (
            f"async def main() -> None:\n    async with {call} as {variable}:\n"
            f"        print(type({variable}).__name__)\n\n\nasyncio.run(main())\n"
        )
    return f"{variable} = {call}\nprint(type({variable}).__name__)\n"


def _arguments(public: PublicName) -> list[str]:
    """Guesses at a call's arguments, as source. Without a readable signature: none, or one."""
    if public.required is None:
        return ["", *GUESSES_AT_LAST]
    if len(public.required) > 3:
        return []
    if not public.required:
        # An object made of something has more to show than an empty one.
        return [*(_hinted(public.optional) if public.optional else []), ""]
    combinations = itertools.product(*map(_guesses, public.required))
    calls = (
        ", ".join(_argument(p, v) for p, v in zip(public.required, values, strict=True)) for values in combinations
    )
    return list(itertools.islice(calls, GUESS_LIMIT))


def _argument(parameter: Parameter, value: str) -> str:
    return f"{parameter.name}={value}" if parameter.keyword_only else value


def _hinted(parameter: Parameter) -> list[str]:
    """Values that the parameter's name or annotation suggests."""
    name = parameter.name.lower().strip("_")
    guesses = [v for pattern, values in GUESSES_BY_NAME if re.search(rf"(^|_)({pattern})$", name) for v in values]
    for pattern, values in GUESSES_BY_ANNOTATION:
        if re.search(pattern, parameter.annotation):
            guesses += values
    return list(dict.fromkeys(guesses))


def _guesses(parameter: Parameter) -> list[str]:
    hinted = _hinted(parameter)
    if not parameter.annotation:
        return list(dict.fromkeys([*hinted, *GUESSES_AT_LAST]))
    return hinted or GUESSES_AT_LAST[:2]


def _round_trips(surface: PackageSurface, names: Sequence[str]) -> Iterator[Snippet]:
    """Two functions that undo each other say more in one example than in two."""
    for there, back in ROUND_TRIPS:
        public = surface.get(there)
        if public is None or surface.get(back) is None or not {there, back} <= set(names):
            continue
        for value in ('{"name": "Ada", "age": 36}', '"a b & c"', 'b"example"'):
            body = (
                f"original = {value}\npacked = {surface.package}.{there}(original)\nprint(packed)\n"
                f"assert {surface.package}.{back}(packed) == original\n"
            )
            yield _snippet(surface, public, f"`{there}` and back with `{back}`", body)


def _caught_errors(surface: PackageSurface, subjects: Sequence[PublicName]) -> Iterator[Snippet]:
    """One error caught by its public ancestor, preferably the one with the most descendants; one is enough."""
    children: dict[str, list[PublicName]] = {}
    for public in subjects:
        for base in public.bases:
            if public.kind == "exception":
                children.setdefault(base, []).append(public)
    families = sorted(children.items(), key=lambda item: -len(item[1]))
    for base, errors in families:
        for public in errors[:3]:
            body = (
                f'try:\n    raise {surface.package}.{public.name}("what went wrong")\n'
                f"except {surface.package}.{base} as error:\n    print(type(error).__name__, error)\n"
            )
            caught = f"{len(errors)} kinds of error" if len(errors) > 1 else f"`{public.name}`"
            snippet = _snippet(surface, public, f"`{base}` catches {caught}", body)
            yield snippet.model_copy(update={"subject": families[0][0]})


# ── What is kept ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _first_of_each(candidates: Sequence[Snippet], verdicts: Sequence[Verdict]) -> list[tuple[Snippet, str]]:
    passed: dict[str, tuple[Snippet, str]] = {}
    for candidate, verdict in zip(candidates, verdicts, strict=True):
        if verdict.ok and _is_short(verdict.output):
            passed.setdefault(candidate.subject, (candidate, verdict.output))
    return list(passed.values())


def _is_short(output: str) -> bool:
    """Fit to stand in a comment, and the same tomorrow: no address of an object, no machine's folder."""
    lines = output.rstrip("\n").split("\n")
    told = len(lines) <= SHOWN_PROPERTIES and all(line.strip() not in ("", "None") for line in lines)
    private = re.search(r"0x[0-9a-f]{4}|bide-skills-|^<", output, re.MULTILINE)
    return told and not private and max(map(len, lines)) <= OUTPUT_WIDTH


async def _with_properties(surface: PackageSurface, passed: Sequence[tuple[Snippet, str]]) -> list[tuple[Snippet, str]]:
    """Where an object was created, shows what its properties say instead of what its class is called."""
    probes: list[str] = []
    for snippet, _ in passed:
        public = surface.get(snippet.subject)
        properties = public.properties if public and public.kind == "class" else []
        probes.append(PROBE + BARE.sub(rf"\g<1>probe(\g<2>, {properties!r})", snippet.code))
    result: list[tuple[Snippet, str]] = []
    for (bare, output), verdict in zip(passed, await try_out(probes), strict=True):
        shown = _telling(verdict.output) if BARE.search(bare.code) and verdict.ok else {}
        if shown:
            prints = "\n".join(rf"\g<1>print(\g<2>.{name})" for name in shown)
            telling = bare.model_copy(update={"code": BARE.sub(prints, bare.code)})
            result.append((telling, "".join(f"{value}\n" for value in shown.values())))
        else:
            result.append((bare, output))
    return result


def _telling(probed: str) -> dict[str, str]:
    """The properties worth showing: text before numbers and flags, and nothing that says "none"."""
    values: dict[str, str] = json.loads(probed)
    fit = [
        name
        for name, value in values.items()
        if _is_short(value) and "\n" not in value and value not in ("{}", "[]", "()", "b''", "set()", "False")
    ]
    fit.sort(key=lambda name: values[name] == "True" or len(values[name]) < 3)
    return {name: values[name] for name in fit[:SHOWN_PROPERTIES]}


def _annotated(code: str, output: str) -> str:
    """The output beside the prints, where there is one line of it for each of them; else below the code."""
    outputs = output.rstrip("\n").split("\n")
    prints = re.findall(r"^ *print\(.*\)$", code, re.MULTILINE)
    if len(prints) != len(outputs):
        return code + "".join(f"# {line}\n" for line in outputs)
    values = iter(outputs)
    return re.sub(r"^( *print\(.*\))$", lambda match: f"{match[1]}  # {next(values)}", code, flags=re.MULTILINE)


def _varied(surface: PackageSurface, passed: Sequence[tuple[Snippet, str]]) -> list[tuple[Snippet, str]]:
    """In turns from each topic, so that a few examples already show all sides.

    What only prints the name of a class stays out, as long as there are two better ones; so does what prints the same
    as its neighbour, as aliases of one thing do.
    """
    telling = [pair for pair in passed if not BARE.search(pair[0].code)]
    topic_of = {name: topic.id for topic in surface.topics for name in topic.names}
    seen: dict[str, list[str]] = {}
    ranked: list[tuple[int, tuple[Snippet, str]]] = []
    for snippet, output in telling if len(telling) > 1 else passed:
        outputs = seen.setdefault(topic_of.get(snippet.subject, ""), [])
        if output not in outputs:
            ranked.append((len(outputs), (snippet, output)))
            outputs.append(output)
    return [pair for _, pair in sorted(ranked, key=lambda item: item[0])]
