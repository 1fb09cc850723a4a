"""The demo, as a program: unattended, with answers typed at a terminal, ended with Ctrl-C, and caught out."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

import psutil
import pytest

from bide import Bide
from bide.testing import assert_sound
from examples.skills.checking import check_front_matter
from examples.skills.demo.person import excerpt
from examples.skills.demo.tally import STEPS, Tally, read_lines

CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE = 55.0
CONTROL = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[()][A-Z0-9]|[=>])")

STEP_LINE = re.compile(
    r"^  step (\w+) +ran (once|twice|\d+ times), pid ([\d, ]+?)(?:  \(you .+\))?(  ← remembered)?$", re.MULTILINE
)
KILL_LINE = re.compile(r"^✗ kill -9 (\d+), (.+)$", re.MULTILINE)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a demo. `tmp_path` stands in it, in a variable that all its processes inherit."""
    paths = [str(CHECKOUT), str(tmp_path / "mark"), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BIDE_", "PYTEST_"))}
    return kept | {
        "PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in paths),
        "TERM": "xterm-256color",
        "BIDE_SKILLS_MODEL": "rules",
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "examples.skills.demo", *arguments]


def run_unattended(tmp_path: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("--keep", "kept", *arguments),
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def processes_of(tmp_path: Path) -> list[psutil.Process]:
    """The living processes that have this test's mark in their environment."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            marked = str(tmp_path / "mark") in process.environ().get("PYTHONPATH", "")
            if marked and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


# ── Unattended ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_unattended_it_is_killed_twice_and_repeats_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    del environment["BIDE_SKILLS_MODEL"]
    environment["OPENAI_API_KEY"] = "not spent"
    ended = run_unattended(tmp_path, environment)
    said = ended.stdout
    assert (ended.returncode, ended.stderr) == (0, ""), said + ended.stderr
    assert "\x1b" not in said
    assert "because nobody is here" in said
    *_, address, hint = said.rstrip().splitlines()
    assert address.endswith("python -m examples.skills — its API is at http://127.0.0.1:8001/docs")
    assert hint == "Look at the job: bide jobs list --url sqlite:///kept/jobs.db"

    accepted = re.search(r"^✓ accepted in (\d+\.\d) ms: a skill for httpx", said, re.MULTILINE)
    assert accepted is not None
    assert float(accepted[1]) > 0

    # Killed twice, where it says so: by the order of what it printed, and by what the steps wrote.
    asked, between = KILL_LINE.findall(said)
    assert asked[1].startswith("while a question is open")
    assert between[1] == "between 'outline' and 'write'"
    assert said.index("kill -9") < said.index("which asks it") < said.index("What should the skill cover?")
    first, second = int(asked[0]), int(between[0])
    started = [int(pid) for pid in re.findall(r"^▸ server (\d+) started", said, re.MULTILINE)]
    assert started[:2] == [first, second]
    assert len(set(started)) == 3
    third = started[2]
    assert read_lines(tmp_path / "kept" / "effects.txt") == [
        ("consider", first),
        ("read", first),
        ("outline", second),
        ("between:outline:write", second),
        ("write", third),
        ("save_draft", third),
        ("validate", third),
        ("save", third),
    ]

    # What it prints of the steps is what they wrote.
    assert STEP_LINE.findall(said) == [
        ("consider", "once", str(first), "  ← remembered"),
        ("read", "once", str(first), "  ← remembered"),
        ("outline", "once", str(second), "  ← remembered"),
        ("write", "once", str(third), ""),
        ("save_draft", "once", str(third), ""),
        ("validate", "once", str(third), ""),
        ("save", "once", str(third), ""),
    ]
    assert re.search(
        r"^✓ completed, attempt 2, nothing repeated → taxonomy/python/httpx/SKILL\.md  ", said, re.MULTILINE
    )
    skill = (tmp_path / "taxonomy" / "python" / "httpx" / "SKILL.md").read_text(encoding="utf-8")
    assert check_front_matter(skill, folder="httpx") == []
    assert "| `Client` | class |" in skill

    assert processes_of(tmp_path) == []
    async with Bide(f"sqlite:///{tmp_path / 'kept' / 'jobs.db'}") as kept:
        await assert_sound(kept.store)


def test_it_says_so_and_fails_when_a_step_has_run_twice(tmp_path: Path, environment: dict[str, str]) -> None:
    effects = tmp_path / "kept" / "effects.txt"
    effects.parent.mkdir()
    effects.write_text("write 1\n")
    ended = run_unattended(tmp_path, environment, "orjson")
    assert ended.returncode == 1, ended.stdout
    assert "✗ step write began twice, expected once" in ended.stdout
    assert "nothing repeated" not in ended.stdout
    assert (tmp_path / "taxonomy" / "python" / "orjson" / "SKILL.md").is_file()


def test_a_package_that_is_not_installed_is_told_with_its_remedy(tmp_path: Path, environment: dict[str, str]) -> None:
    ended = run_unattended(tmp_path, environment, "no_such_package")
    assert ended.returncode == 1
    assert "✗ failed, attempt 1, nothing repeated" in ended.stdout
    assert "pip install" in ended.stdout
    assert re.search(r"^  step outline +never ran$", ended.stdout, re.MULTILINE)
    assert processes_of(tmp_path) == []


def test_nobody_reads_on_and_it_ends_with_nothing_left(tmp_path: Path, environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        command(),
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("▸".encode()):
            break
    process.stdout.close()
    _, complaints = process.communicate(timeout=PATIENCE)
    assert (process.returncode, complaints) == (1, b"")
    assert processes_of(tmp_path) == []


def test_a_server_that_cannot_start_is_told_with_its_last_words(tmp_path: Path, environment: dict[str, str]) -> None:
    ended = run_unattended(tmp_path, environment | {"BIDE_SLOTS": "none"})
    assert ended.returncode == 1
    assert "slots" in ended.stdout + ended.stderr
    assert processes_of(tmp_path) == []


# ── At a terminal ────────────────────────────────────────────────────────────────────────────────────────────────────


class AtTerminal:
    """A demo whose terminal is a pseudo-terminal, with a person who reads, types and waits."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self._terminal = terminal
        self._raw = b""
        self._read_until = 0

    @property
    def said(self) -> str:
        """All that was said, without colours and movements, each line as it was left."""
        text = CONTROL.sub("", self._raw.decode(errors="replace")).replace("\r\n", "\n")
        return re.sub(r"[^\n]*\r", "", text)

    def wait_for(self, text: str) -> Self:
        """Read until `text` has been said, after what was waited for before."""
        deadline = time.monotonic() + PATIENCE
        while (at := self.said.find(text, self._read_until)) < 0:
            assert self._read_more(deadline), f"It never said {text!r}:\n{self.said}"
        self._read_until = at + len(text)
        return self

    def type(self, text: str) -> Self:
        os.write(self._terminal, text.encode())
        return self

    def to_the_end(self) -> int:
        deadline = time.monotonic() + PATIENCE
        while self._read_more(deadline):
            pass
        return self.process.wait(10)

    def _read_more(self, deadline: float) -> bool:
        if not select.select([self._terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        try:
            more = os.read(self._terminal, 65_536)
        except OSError:  # nobody has it open any more
            return False
        self._raw += more
        return bool(more)


@contextmanager
def at_terminal(tmp_path: Path, environment: dict[str, str], *arguments: str) -> Generator[AtTerminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 110, 0, 0))
    process = subprocess.Popen(
        command(*arguments),
        cwd=tmp_path,
        env={name: value for name, value in environment.items() if name != "CI"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        # Its controlling terminal, so that what is typed as ^C arrives as SIGINT.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - the test has no other thread
    )
    os.close(theirs)
    try:
        with closing(os.fdopen(ours, "wb", buffering=0)):
            yield AtTerminal(process, ours)
    finally:
        process.kill()
        process.wait()
        for left in processes_of(tmp_path):
            left.kill()


def test_a_person_answers_sends_back_and_approves(tmp_path: Path, environment: dict[str, str]) -> None:
    with at_terminal(tmp_path, environment) as demo:
        demo.wait_for("What should the skill cover?").wait_for("cancels the job) ›").type("1,2\n")
        demo.wait_for("answer recorded")
        demo.wait_for("Is this what you want?").wait_for("cancel the job ›").type("2\n")
        demo.wait_for("What should change? ›").type("also cover URL\n")
        demo.wait_for("Is this what you want?").wait_for("URL").wait_for("cancel the job ›").type("1\n")
        demo.wait_for("between 'outline' and 'write'")
        demo.wait_for("Is this result good?").wait_for("cancel the job ›").type("2\n")
        demo.wait_for("What should change? ›").type("shorter, mention the moon\n")
        demo.wait_for("Is this result good?").wait_for("cancel the job ›").type("1\n")
        demo.wait_for("Accept the outcome of these checks?").wait_for("cancel the job ›").type("2\n")
        demo.wait_for("What should change? ›").type("mention the sun\n")
        demo.wait_for("Accept the outcome of these checks?").wait_for("cancel the job ›").type("1\n")
        code = demo.to_the_end()
        said = demo.said
    assert code == 0, said
    assert "completed, attempt 2, nothing repeated → taxonomy/python/httpx/SKILL.md" in said
    ran = {step: (often, bool(remembered)) for step, often, _, remembered in STEP_LINE.findall(said)}
    assert ran == {
        "consider": ("once", True),
        "read": ("once", True),
        "outline": ("twice", True),
        "write": ("3 times", False),
        "save_draft": ("3 times", False),
        "validate": ("twice", False),
        "save": ("once", False),
    }
    skill = (tmp_path / "taxonomy" / "python" / "httpx" / "SKILL.md").read_text(encoding="utf-8")
    assert check_front_matter(skill, folder="httpx") == []
    assert "the moon" in skill
    assert "the sun" in skill
    assert [path.name for path in (tmp_path / "taxonomy").iterdir()] == ["python"], "no draft is left"
    assert "`URL`" in skill
    assert "### Errors" not in skill
    assert processes_of(tmp_path) == []


def test_a_person_cancels_the_job(tmp_path: Path, environment: dict[str, str]) -> None:
    with at_terminal(tmp_path, environment, "orjson") as demo:
        demo.wait_for("cancels the job) ›").type("/cancel\n")
        code = demo.to_the_end()
        assert "cancelled, attempt 1, nothing repeated: you cancelled it" in demo.said
        assert code == 0
    assert not (tmp_path / "taxonomy").exists()


def until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def ended_in_order(demo: AtTerminal, tmp_path: Path) -> None:
    assert demo.to_the_end() == 130, demo.said
    assert "Stopped. Nothing is left running." in demo.said
    assert "Traceback" not in demo.said
    assert processes_of(tmp_path) == []


def test_ctrl_c_at_a_question_leaves_no_process(tmp_path: Path, environment: dict[str, str]) -> None:
    with at_terminal(tmp_path, environment) as demo:
        demo.wait_for("cancels the job) ›").type("all\n")
        demo.wait_for("cancel the job ›")
        assert len(processes_of(tmp_path)) == 2, "the demo and its second server"
        demo.type("\x03")
        ended_in_order(demo, tmp_path)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda ending: ending.name)
def test_ended_in_the_middle_of_a_step_it_leaves_no_process(
    tmp_path: Path, environment: dict[str, str], ending: signal.Signals
) -> None:
    with at_terminal(tmp_path, environment, "--unattended", "--keep", "kept") as demo:
        demo.wait_for("which takes the job over")
        effects = tmp_path / "kept" / "effects.txt"
        until(lambda: "write" in {step for step, _ in read_lines(effects)})
        # The server, and the child process in which it tries out an example.
        until(lambda: len(processes_of(tmp_path)) >= 3)
        if ending is signal.SIGINT:
            demo.type("\x03")
        else:
            demo.process.send_signal(ending)
        ended_in_order(demo, tmp_path)


# ── Its parts ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tally_finds_what_ran_too_often_and_what_never_ran() -> None:
    once = dict.fromkeys(STEPS, 1)
    whole = Tally(dict.fromkeys(STEPS, (7,)))
    assert whole.flaws(once, finished=True) == []
    cut = Tally({**whole.pids, "write": (7, 8)})
    assert cut.flaws(once, finished=True) == ["step write began twice, expected once"]
    assert cut.flaws({**once, "write": 2}, finished=True) == []
    begun = Tally({"consider": (7,), "read": (7,)})
    assert begun.flaws(once, finished=False) == []
    assert begun.flaws(once, finished=True)[0] == "step outline began never, expected once"
    assert Tally({"sing": (1,)}).flaws({}, finished=False) == ["step sing began once, expected never"]


def test_of_a_draft_only_the_beginning_is_shown() -> None:
    body = ["# Title", "", "Words.", "", "## API", "", "| a |", "|---|", *["| b |"] * 50]
    shown = excerpt("\n".join(["---", "name: x", "---", "", *body]), "in `draft.md`")
    assert shown == "# Title\n\nWords.\n\n… and 55 more lines, in `draft.md`"
    assert excerpt("# All\n\nof it", "in `draft.md`") == "# All\n\nof it"
