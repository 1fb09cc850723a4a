"""Real packages are read as they are; strange ones do no harm."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from examples.skills import isolation, reading
from examples.skills.isolation import run_code
from examples.skills.reading import ReadingError, read_package
from examples.skills.surface import PackageSurface, Topic
from examples.skills.topics import choose_topics


def test_httpx_is_read_with_its_names_signatures_and_summaries(httpx_surface: PackageSurface) -> None:
    assert httpx_surface.distribution == "httpx"
    assert httpx_surface.license == "BSD-3-Clause"
    assert len(httpx_surface.names) > 50
    client = httpx_surface.get("Client")
    assert client is not None
    assert client.kind == "class"
    assert client.home == "client"
    assert client.enters == "with"
    assert client.signature.startswith("(*, auth: AuthTypes | None = None")
    assert client.summary.startswith("An HTTP client")
    assert "get" in [method.name for method in client.methods]
    timeout = httpx_surface.get("ConnectTimeout")
    assert timeout is not None
    assert timeout.kind == "exception"
    assert timeout.bases[0] == "TimeoutException"
    codes = httpx_surface.get("codes")
    assert codes is not None
    assert codes.kind == "enum"


def test_topics_are_few_and_hold_each_name_once(httpx_surface: PackageSurface) -> None:
    topics = [topic.id for topic in httpx_surface.topics]
    assert topics[:2] == ["client", "async"]
    assert topics[-1] == "errors"
    assert len(topics) <= 10
    grouped = [name for topic in httpx_surface.topics for name in topic.names]
    assert sorted(grouped) == sorted(public.name for public in httpx_surface.names)


@pytest.mark.parametrize(
    ("package", "name", "kind"),
    [
        ("pydantic", "BaseModel", "class"),  # lazy attributes, more than a hundred of them
        ("rich", "print", "function"),
        ("orjson", "dumps", "function"),  # written in C
        ("json", "JSONDecodeError", "exception"),
        ("pathlib", "Path", "class"),
        ("asyncio", "Queue", "class"),
        ("rich.table", "Table", "class"),
    ],
)
async def test_any_installed_package_can_be_read(package: str, name: str, kind: str) -> None:
    surface = await read_package(package)
    public = surface.get(name)
    assert public is not None
    assert public.kind == kind
    assert surface.version
    assert 0 < len(surface.topics) <= 10
    # A step's result is kept in the database: a surface must stay a compact one.
    assert len(surface.model_dump_json()) < 64_000
    assert PackageSurface.model_validate_json(surface.model_dump_json()) == surface


async def test_without_all_a_package_has_what_it_defines_and_does_not_hide(parcel: PackageSurface) -> None:
    names = {public.name: public.kind for public in parcel.names}
    assert names == {
        "AsyncDepot": "class",
        "LIMIT": "constant",
        "Parcel": "class",
        "ParcelError": "exception",
        "Size": "enum",
        "TooHeavy": "exception",
        "decode": "function",
        "encode": "function",
        "fetch": "function",
        "remove": "function",
    }
    assert (parcel.version, parcel.summary) == ("9.9", "Parcels and how to send them.")
    fetch = parcel.get("fetch")
    assert fetch is not None
    assert fetch.asynchronous
    assert fetch.signature == "(url: str) -> str"


async def test_the_name_a_package_is_installed_by_is_understood(installed: None) -> None:
    surface = await read_package("their.distribution")
    assert (surface.package, surface.distribution, surface.version) == ("module_of_theirs", "Their-Distribution", "3.1")
    assert (surface.summary, surface.license) == ("What they make.", "MIT")


async def test_a_package_that_is_not_installed_fails_with_the_remedy() -> None:
    with pytest.raises(ReadingError, match="no-such-package is not installed") as caught:
        await read_package("no-such-package")
    assert caught.value.remedy == "Run `pip install no-such-package`."


async def test_a_package_that_is_only_a_folder_names_its_modules() -> None:
    with pytest.raises(ReadingError, match="xml itself has no public names") as caught:
        await read_package("xml")
    assert caught.value.remedy == "Name one of its modules: xml.dom, xml.etree, xml.parsers, xml.sax."


@pytest.mark.parametrize("name", ["", "../etc", "a b", "os; import x", "-c", ".hidden"])
async def test_what_cannot_be_a_package_is_not_tried(name: str) -> None:
    with pytest.raises(ReadingError, match="is not the name of a package"):
        await read_package(name)


@pytest.mark.parametrize(
    ("package", "complaint"),
    [("quitter", "SystemExit"), ("broken", "No module named 'nothing_of_this_name'"), ("wanting", "KeyError")],
)
async def test_a_package_that_cannot_be_imported_is_told_apart(installed: None, package: str, complaint: str) -> None:
    with pytest.raises(ReadingError, match=f"installed but importing it failed: .*{complaint}"):
        await read_package(package)


async def test_what_a_package_prints_while_imported_is_kept_out(installed: None) -> None:
    assert [public.name for public in (await read_package("noisy")).names] == ["VALUE"]


async def test_a_package_that_hangs_is_given_up(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "IMPORT_SECONDS", 1)
    with pytest.raises(ReadingError, match="did not finish in time"):
        await read_package("hanging")


async def test_a_thread_left_behind_does_not_keep_the_process(installed: None) -> None:
    await read_package("lingering")  # the thread goes on for longer than a test may take


async def test_an_import_reaches_no_network(installed: None) -> None:
    reached = (await read_package("dialling")).get("REACHED")
    assert reached is not None
    assert "the network is shut" in reached.summary


async def test_announced_names_that_cannot_be_had_are_listed(installed: None) -> None:
    surface = await read_package("lazy")
    assert [public.name for public in surface.names] == ["here"]
    assert surface.unreadable == ["elsewhere"]


async def test_foreign_code_sees_no_keys_no_checkout_and_an_empty_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    code = (
        "import os, sys, importlib.util\n"
        "print(os.environ.get('ANTHROPIC_API_KEY'), os.listdir(os.path.expanduser('~')), os.listdir('.'))\n"
        f"print({str(isolation.CHECKOUT)!r} in sys.path)\n"
    )
    result = await run_code(code)
    assert result.stdout.splitlines() == ["None [] []", "False"]


async def test_a_cancelled_run_leaves_no_process_behind(tmp_path: Path) -> None:
    started, survived = tmp_path / "started", tmp_path / "survived"
    code = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(started)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(3)\n"
        f"pathlib.Path({str(survived)!r}).touch()\n"
    )
    running = asyncio.create_task(run_code(code))
    pid = await asyncio.to_thread(_wait_for_text, started)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    assert not survived.exists()


def _wait_for_text(path: Path) -> str:
    while not (path.exists() and path.read_text()):
        time.sleep(0.01)
    return path.read_text()


@pytest.mark.parametrize(
    ("answer", "topics", "remark"),
    [
        ("all", ["a", "b", "c"], ""),
        ([], ["a", "b", "c"], ""),
        (["c", "a"], ["a", "c"], ""),
        ("a, b", ["a", "b"], ""),
        ("2", ["b"], ""),
        ("4", ["a", "b", "c"], ""),
        (["all", "b"], ["a", "b", "c"], ""),
        ("only what is about b", ["b"], ""),
        ("Please cover the topics a and c.", ["a", "c"], ""),
        ("B and tell them to be careful", ["b"], "tell them to be careful"),
        ("b in great depth, mention the moon", ["b"], "b in great depth, mention the moon"),
        ("without b, please", ["a", "b", "c"], "without b, please"),
        ("whatever you like", ["a", "b", "c"], "whatever you like"),
        ("everything except b", ["a", "b", "c"], "everything except b"),
        ("all but b", ["a", "b", "c"], "but b"),
        ("a, but not b", ["a"], "but not b"),
        ("I want no b", ["a", "b", "c"], "I want no b"),
        ("topics 1 and 2", ["a", "b"], ""),
        ("2 examples please", ["a", "b", "c"], "2 examples please"),
    ],
)
def test_a_choice_of_topics_is_understood_in_the_ways_people_answer(
    answer: str | list[str], topics: list[str], remark: str
) -> None:
    offered = [Topic(id=name, description=name, names=[name]) for name in "abc"]
    assert choose_topics(answer, offered) == (topics, remark)
