"""Wake-ups between processes, and the lifelines of workers."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bide.store.base import Completed, Hint, Settle, WorkerRow
from bide.store.sqlite import SQLiteStore, runtime, writer
from bide.store.sqlite.runtime import runtime_folder
from bide.testing.contract.moves import claims, enqueue, enqueue_all, new_id, new_job, register, start, wanting
from tests.store.process import Process, ending

PATIENCE = 20.0


@pytest.fixture(autouse=True)
def base(monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """Where runtime folders are made: a path that is short enough, as pytest's own is not."""
    with TemporaryDirectory(prefix="bide-") as base:
        monkeypatch.setenv("XDG_RUNTIME_DIR", base)
        yield Path(base)


@pytest.fixture
def folder(path: Path, base: Path) -> Path:
    folder = runtime_folder(str(path))
    assert folder is not None
    assert folder.is_relative_to(base)
    return folder


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found by polling."""
    monkeypatch.setattr(writer, "POLL", 3_600.0)


class Ear:
    """What a subscriber was told."""

    def __init__(self) -> None:
        self.heard: set[Hint] = set()
        self._more = asyncio.Event()

    def __call__(self, hint: Hint) -> None:
        self.heard.add(hint)
        self._more.set()

    async def hear(self, hint: Hint) -> None:
        async with asyncio.timeout(PATIENCE):
            while hint not in self.heard:
                self._more.clear()
                await self._more.wait()


@contextmanager
def listening(store: SQLiteStore) -> Generator[Ear]:
    ear = Ear()
    stop = store.subscribe(ear)
    try:
        yield ear
    finally:
        stop()


@contextmanager
def mailbox(folder: Path) -> Generator[socket.socket]:
    """The socket of somebody else."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as box:
        box.setblocking(False)
        box.bind(str(folder / "other.sock"))
        yield box


def letters(box: socket.socket) -> list[bytes]:
    """All that has come."""
    found: list[bytes] = []
    try:
        while True:
            found.append(box.recv(16))
    except BlockingIOError:
        return found


@pytest.mark.usefixtures("deaf")
async def test_a_commit_of_another_process_wakes_by_datagram(path: Path, store: SQLiteStore) -> None:
    with Process("enqueues", path, 3) as other:
        assert await other.says_soon() == "ready"
        for _ in range(3):
            with listening(store) as ear:
                other.tell()
                await ear.hear(Hint.READY)
                await ear.hear(Hint.CHANGED)
            job = await other.says_soon()
            assert len(await store.get([job], None)) == 1


async def test_a_commit_that_nobody_tells_of_is_found_by_polling(path: Path, store: SQLiteStore) -> None:
    with listening(store) as ear:
        foreign = sqlite3.connect(path)
        foreign.execute("create table theirs (x)")
        foreign.close()
        await ear.hear(Hint.READY)
        await ear.hear(Hint.CHANGED)


@pytest.mark.usefixtures("deaf")
async def test_a_drain_that_makes_nothing_ready_calls_no_other_worker(store: SQLiteStore, folder: Path) -> None:
    worker = await register(store)
    with mailbox(folder) as box:
        await enqueue_all(store, *(new_job() for _ in range(20)))
        await claims(store, worker)
        assert set(letters(box)) == {b"r"}
        settles: list[Settle] = []
        while True:
            _, taken = await store.settle_and_claim(worker, settles, [wanting(5)])
            settles = [Settle(run.id, run.lease, 1, Completed("1")) for run in taken]
            if not taken:
                break
        await store.beat(worker)
        assert set(letters(box)) == {b"c"}


async def test_a_mailbox_that_nobody_reads_holds_up_no_writer(store: SQLiteStore, folder: Path) -> None:
    with mailbox(folder) as box:
        for _ in range(600):  # more than fit
            await enqueue(store)
        assert len(letters(box)) < 600


async def test_the_socket_of_the_dead_is_cleared_away(store: SQLiteStore, folder: Path) -> None:
    with mailbox(folder):
        pass
    assert (folder / "other.sock").exists()
    await enqueue(store)
    await enqueue(store)  # the first may still be told when its caller goes on
    await asyncio.to_thread(lambda: None)
    async with asyncio.timeout(PATIENCE):
        while (folder / "other.sock").exists():
            await enqueue(store)


async def test_a_closed_store_leaves_nothing_in_the_folder(path: Path, folder: Path) -> None:
    store = SQLiteStore(path)
    await store.open()
    await register(store)
    with listening(store) as ear:
        await enqueue(store)
        await ear.hear(Hint.CHANGED)
        assert len(list(folder.iterdir())) == 2
    await store.close()
    assert list(folder.iterdir()) == []


async def test_one_subscriber_that_fails_does_not_silence_the_next(
    store: SQLiteStore, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: Hint) -> None:
        raise RuntimeError("planted")

    stop = store.subscribe(fails)
    with listening(store) as ear:
        await enqueue(store)
        await ear.hear(Hint.READY)
        await ear.hear(Hint.CHANGED)
    stop()
    assert "planted" in caplog.text


@pytest.mark.parametrize("spoilt", ["a file", "open to others"])
async def test_without_a_safe_folder_all_goes_by_polling(path: Path, base: Path, spoilt: str) -> None:
    ours = base / f"bide-{os.getuid()}"
    if spoilt == "a file":
        ours.write_text("")
    else:
        ours.mkdir()
        ours.chmod(0o777)
    assert runtime_folder(str(path)) is None
    store, another = SQLiteStore(path), SQLiteStore(path)
    await store.open()
    await another.open()
    with listening(store) as ear:
        await enqueue(another)
        await ear.hear(Hint.READY)
    worker = WorkerRow(id=new_id(), host=socket.gethostname(), pid=1, queues=(), slots=1, lease=1)
    await another.register(worker)
    await another.close()
    assert not store.gone(worker)  # nobody can tell
    await store.close()


def test_a_long_path_still_fits_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 120)))
    folder = runtime_folder(str(tmp_path / "jobs.db"))
    assert folder is not None
    assert len(os.fsencode(folder)) + 24 <= runtime.SOCKET_PATH_LIMIT
    folder.rmdir()


def test_every_way_to_a_file_leads_to_one_folder(path: Path, tmp_path: Path, folder: Path) -> None:
    path.touch()
    link = tmp_path / "link.db"
    link.symlink_to(path)
    assert runtime_folder(str(link)) == folder


# ── Lifelines ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_end_of_a_process_is_told_at_once_and_not_before(path: Path, store: SQLiteStore) -> None:
    with Process("lives", path) as other:
        _, child = (await other.says_soon()).split()
        with ending(int(child)):  # forked from it, alive after it: holds nothing of it
            (worker,) = await store.workers()
            assert not store.gone(worker)
            os.kill(other.pid, signal.SIGSTOP)
            other.stopped()
            assert not store.gone(worker)
            other.kill()
            assert store.gone(worker)


async def test_of_other_hosts_nobody_can_tell(store: SQLiteStore) -> None:
    await register(store)
    (worker,) = await store.workers()
    assert worker.host != socket.gethostname()
    assert not store.gone(worker)


async def test_who_closed_without_retiring_is_gone(path: Path, store: SQLiteStore, folder: Path) -> None:
    another = SQLiteStore(path)
    await another.open()
    worker = WorkerRow(id=new_id(), host=socket.gethostname(), pid=1, queues=(), slots=1, lease=30_000_000)
    await another.register(worker)
    assert not store.gone(worker)
    assert not another.gone(worker)
    (folder / f"{worker.id}.lock").rename(folder / "kept")  # as after a kill, the file stays
    await another.close()
    (folder / "kept").rename(folder / f"{worker.id}.lock")
    assert store.gone(worker)
    assert not (folder / f"{worker.id}.lock").exists()


async def test_a_job_is_woken_for_in_every_loop(store: SQLiteStore) -> None:
    """Two event loops listen on one store; each is told on its own."""

    async def listen() -> None:
        with listening(store) as ear:
            there.set()
            await ear.hear(Hint.CANCEL)

    there = threading.Event()
    run = await start(store, await register(store))
    thread = threading.Thread(target=asyncio.run, args=(listen(),))
    thread.start()
    await asyncio.to_thread(there.wait)
    with listening(store) as ear:
        await store.cancel(run.id, None, None, None)
        await ear.hear(Hint.CANCEL)
    await asyncio.to_thread(thread.join)
