"""The disk of PostgreSQL is full: a small one of its own, where one may be mounted; and everywhere a limit on files.

The limit is that of the operating system on how large a process may make a file, as `ulimit -f` sets it: the server
asks for room, the kernel refuses. What it says then is not that there is no space, but to Bide it must be the same.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bide import Bide, Job, JobContext, JobStatus
from bide.errors import StoreFull
from tests.faults.rows import Row, covers
from tests.postgres import Server
from tests.support import finished, holds, quick

MEGABYTE = 1024 * 1024
TABLES = ("job", "event", "step")


@pytest.fixture(scope="module")
def own() -> Generator[Server]:
    """A server of these tests' own."""
    with Server(durable=True) as own:
        yield own


@pytest.fixture
def url(own: Server) -> Generator[str]:
    url = own.create()
    yield url
    own.drop(url)


@contextmanager
def mounted(folder: Path) -> Generator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def may_mount() -> bool:
    if os.geteuid() != 0:
        return False
    try:
        # In a folder of its own: several processes may ask at once.
        with tempfile.TemporaryDirectory(prefix="bide-mount-") as folder, mounted(Path(folder)):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


class SmallDisk:
    """The tables are on a disk of their own, most of which is taken."""

    def __init__(self, own: Server, url: str, stack: ExitStack) -> None:
        folder = own.folder / "small"
        folder.mkdir(exist_ok=True)
        stack.enter_context(mounted(folder))
        own.folder.chmod(0o755)
        own.own(folder)
        own.execute(f"create tablespace small location '{folder}'")
        for table in TABLES:
            own.execute(f"alter table bide.{table} set tablespace small", url)
        stack.callback(own.execute, "drop tablespace small")
        stack.callback(self._leave, own, url)
        self._filler = folder / "filler"

    @staticmethod
    def _leave(own: Server, url: str) -> None:
        for table in TABLES:
            own.execute(f"alter table bide.{table} set tablespace pg_default", url)

    def fill(self) -> None:
        with self._filler.open("wb") as filler:
            try:
                while True:
                    filler.write(bytes(65_536))
                    filler.flush()
            except OSError:
                pass

    def free(self) -> None:
        self._filler.unlink()


class SmallFiles:
    """No process of the server may make a file larger than this, which is as large as those of its log must be."""

    def __init__(self, own: Server, url: str, stack: ExitStack) -> None:
        self._own = own
        stack.callback(self.free)

    def fill(self) -> None:
        self._limit(f"{16 * MEGABYTE}:")

    def free(self) -> None:
        self._limit("unlimited:")

    def _limit(self, size: str) -> None:
        """Of those that run, as the user that they run as; who comes later has it from the first of them."""
        for process in self._own.processes():
            command = ["prlimit", "--pid", str(process.pid), f"--fsize={size}"]
            subprocess.run(command, user=self._own.user, check=process.is_running(), capture_output=True)


WAYS: dict[str, Callable[[Server, str, ExitStack], SmallDisk | SmallFiles]] = {"limit": SmallFiles}
if may_mount():
    WAYS["tmpfs"] = SmallDisk


@covers(Row.SERVER_FULL)
@pytest.mark.parametrize("way", WAYS)
async def test_a_full_disk_refuses_jobs_loses_none_and_heals(
    way: str, own: Server, url: str, show: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    show(f"a full disk of PostgreSQL was tried by a {way}")
    bide: Bide[None] = Bide(url, settings=quick(retention=None))
    began, go_on = asyncio.Event(), asyncio.Event()

    async def effect() -> str:
        return os.urandom(1_000_000).hex()

    @bide.job(max_attempts=1)
    async def large(ctx: JobContext) -> int:
        began.set()
        await go_on.wait()
        return sum([len(await ctx.options(key=n).step(effect)) for n in range(12)])

    @bide.job
    async def keep(ctx: JobContext, text: str) -> int:
        return len(text)

    with ExitStack() as stack:
        disk = await asyncio.to_thread(WAYS[way], own, url, stack)
        async with bide.worker() as worker:
            name = worker.id
            job = await large.enqueue()
            await began.wait()
            await asyncio.to_thread(disk.fill)
            accepted: list[Job[int]] = []

            async def accept() -> None:
                while True:
                    accepted.append(await keep.options(delay="1h").enqueue(os.urandom(200_000).hex()))

            with pytest.raises(StoreFull) as full:
                await accept()
            assert full.value.retryable
            assert full.value.hint is not None
            assert "Free some space" in full.value.hint
            # What was refused is not there, what was acknowledged is.
            pending = [JobStatus.PENDING]
            assert {one.id for one in await bide.list(statuses=pending, limit=200)} == {one.id for one in accepted}
            # Steps that are done, and cannot be written, wait for room.
            go_on.set()
            await holds(lambda: "the database does not answer, trying again" in caplog.text)
            await asyncio.to_thread(disk.free)
            done = await finished(bide, job)
            assert (done.status, done.attempt, done.result) == (JobStatus.COMPLETED, 1, 24_000_000)
            assert (await keep.options(delay="1h").enqueue("room again")).status is JobStatus.PENDING
            assert worker.id == name
