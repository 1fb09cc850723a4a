"""Connections that are lost, before the server heard a call and after it has done it: every call comes out right."""

from __future__ import annotations

import asyncio

import pytest

from bide.errors import StoreUnavailable
from bide.events import EventKind as E
from bide.job import JobStatus as S
from bide.store.base import Accepted, Completed, Existing, Fork, Prunable, Settle, Settled
from bide.store.postgres import PostgresStore
from bide.store.postgres.driver import connect
from bide.testing.checker import assert_sound
from bide.testing.contract.moves import (
    claims,
    enqueue,
    finish,
    kinds,
    new_id,
    new_job,
    percent,
    question,
    record,
    register,
    row,
    start,
    step,
    wait_for_answer,
    wanting,
)
from tests.postgres import Server, execute
from tests.store.postgres.proxy import Proxy
from tests.support import comes

CUTS = pytest.mark.parametrize("cut", ["before", "after"])


COMMIT = "commit\0"
"""The whole of a message: BEGIN speaks of `committed`, too."""


def lose(proxy: Proxy, cut: str, text: str) -> None:
    (proxy.cut_before if cut == "before" else proxy.cut_after)(text)


async def warm(remote: PostgresStore) -> str:
    """Have every statement prepared once, so that what is cut next is its execution; returns a worker."""
    worker = await register(remote)
    run = await start(remote, worker)
    await remote.note([percent(run, 1)])
    await record(remote, run, step())
    await remote.settle_and_claim(worker, [Settle(run.id, run.lease, 1, Completed("1"))], [])
    return worker


@CUTS
async def test_jobs_are_accepted_once(remote: PostgresStore, proxy: Proxy, cut: str) -> None:
    await warm(remote)
    jobs = [new_job(idempotency_key="k", digest="d"), new_job()]
    lose(proxy, cut, jobs[0].id)
    first, second = await remote.insert(jobs)
    assert proxy.cuts == 1
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert [await kinds(remote, job.id) for job in jobs] == [[E.ENQUEUED]] * 2


@CUTS
async def test_facts_are_noted_once(remote: PostgresStore, proxy: Proxy, cut: str) -> None:
    worker = await warm(remote)
    run = await start(remote, worker)
    lose(proxy, cut, '"percent"')
    late = percent(run, 3)._replace(lease=run.lease + 1)
    assert list(await remote.note([percent(run, 1), percent(run, 2), late])) == [True, True, False]
    assert proxy.cuts == 1
    assert await kinds(remote, run.id) == [E.ENQUEUED, E.STARTED, E.PROGRESS, E.PROGRESS]


@CUTS
async def test_a_step_is_recorded_once(remote: PostgresStore, proxy: Proxy, cut: str) -> None:
    worker = await warm(remote)
    run = await start(remote, worker)
    lose(proxy, cut, '"page"')
    await record(remote, run, step())
    assert proxy.cuts == 1
    assert await kinds(remote, run.id) == [E.ENQUEUED, E.STARTED, E.STEP_COMPLETED]


@CUTS
async def test_an_end_is_written_once(remote: PostgresStore, proxy: Proxy, cut: str) -> None:
    worker = await warm(remote)
    run = await start(remote, worker)
    lose(proxy, cut, '"the result"')
    settled, _ = await remote.settle_and_claim(
        worker, [Settle(run.id, run.lease, 1, Completed('"the result"'))], [wanting()]
    )
    assert proxy.cuts == 1
    assert list(settled) == [Settled.APPLIED]
    assert await kinds(remote, run.id) == [E.ENQUEUED, E.STARTED, E.COMPLETED]


async def test_a_claim_whose_reply_was_lost_is_told_by_the_next_beat(remote: PostgresStore, proxy: Proxy) -> None:
    worker = await warm(remote)
    job = await enqueue(remote)
    proxy.cut_after("limit")
    assert not await claims(remote, worker, wanting())
    assert proxy.cuts == 1
    beat = await remote.beat(worker)
    assert dict(beat.running) == {job: 1}
    await remote.release(beat.running)
    assert [run.id for run in await claims(remote, worker, wanting())] == [job]


@CUTS
@pytest.mark.parametrize("said", ["update", COMMIT], ids=["update", "commit"])
async def test_an_answer_counts_once(remote: PostgresStore, proxy: Proxy, cut: str, said: str) -> None:
    worker = await warm(remote)
    run, (prompt,) = await wait_for_answer(remote, worker, question())
    response = new_id()
    lose(proxy, cut, said)
    answered = await remote.respond(response, prompt.id, None, "answer", '"yes"', "ann")
    assert proxy.cuts == 1
    assert (answered.id, answered.value) == (response, '"yes"')
    assert (await kinds(remote, run.id))[-2:] == [E.PROMPT_ANSWERED, E.RESUMED]


@CUTS
async def test_what_is_pruned_is_counted_once(remote: PostgresStore, proxy: Proxy, cut: str) -> None:
    worker = await warm(remote)
    for _ in range(3):
        await finish(remote, worker)
    lose(proxy, cut, COMMIT)
    assert await remote.prune(Prunable(before=2**62), None) == 4
    assert proxy.cuts == 1
    assert await remote.orphans() == []


@CUTS
async def test_what_is_rescued_is_counted_once(remote: PostgresStore, proxy: Proxy, cut: str) -> None:
    worker = await warm(remote)
    runs = [await start(remote, worker, max_attempts=2) for _ in range(3)]
    lose(proxy, cut, COMMIT)
    assert await remote.rescue([worker]) == 3
    assert proxy.cuts == 1
    for run in runs:
        assert (await kinds(remote, run.id)).count(E.RESCUED) == 1


@CUTS
async def test_a_fork_is_made_once(remote: PostgresStore, proxy: Proxy, cut: str) -> None:
    done = await finish(remote, await warm(remote))
    lose(proxy, cut, COMMIT)
    wanted = Fork(id=new_id())
    assert (await remote.fork(done, None, wanted)).id == wanted.id
    assert proxy.cuts == 1
    assert await kinds(remote, wanted.id) == [E.ENQUEUED]


@CUTS
async def test_a_job_is_deleted_without_an_error(remote: PostgresStore, proxy: Proxy, cut: str) -> None:
    done = await finish(remote, await warm(remote))
    lose(proxy, cut, COMMIT)
    await remote.delete(done, None)
    assert proxy.cuts == 1
    assert list(await remote.get([done], None)) == []


async def test_readers_notice_nothing(remote: PostgresStore, proxy: Proxy) -> None:
    job = await enqueue(remote)
    for _ in range(5):
        proxy.cut_all()
        assert (await row(remote, job)).id == job


async def test_a_server_that_is_away_is_told_and_comes_back(remote: PostgresStore, proxy: Proxy) -> None:
    proxy.refusing = True
    proxy.cut_all()
    with pytest.raises(StoreUnavailable) as away:
        await enqueue(remote)
    assert away.value.retryable
    assert "postgres@" not in str(away.value)
    proxy.refusing = False
    job = await enqueue(remote)
    assert (await row(remote, job)).status is S.PENDING


async def test_what_was_perhaps_written_is_to_be_asked_for_again(
    remote: PostgresStore, proxy: Proxy, postgres_url: str
) -> None:
    await warm(remote)
    job = new_job()
    proxy.refusing = True
    proxy.cut_after(job.id)
    with pytest.raises(StoreUnavailable, match="could not be found out") as lost:
        await remote.insert([job])
    assert lost.value.hint == "Make the same call again once the database answers."
    proxy.refusing = False
    assert isinstance((await remote.insert([job]))[0], Existing)
    assert await execute(postgres_url, f"select count(*) from bide.job where id = '{job.id}'") == [(1,)]


async def test_a_cancelled_call_is_finished_and_its_connection_is_of_use(store: PostgresStore) -> None:
    job = new_job()
    call = asyncio.create_task(store.insert([job]))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await enqueue(store)
    assert (await row(store, job.id)).status is S.PENDING


async def test_a_cancelled_beat_is_finished_before_the_store_is_closed(postgres_url: str) -> None:
    """It runs apart, on an event loop that ends with the store."""
    store = PostgresStore(postgres_url)
    await store.open()
    worker = await register(store)
    holder = await connect(postgres_url)
    await holder.execute("begin; select from bide.worker for update")
    call = asyncio.create_task(store.beat(worker))

    async def waits() -> bool:
        return bool(await execute(postgres_url, "select from pg_locks where not granted"))

    await comes(waits)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    await holder.execute("commit")
    await holder.close()
    await closing
    assert await execute(postgres_url, "select beat from bide.worker") == [(1,)]


@pytest.mark.parametrize("way", ["postgres_url", "pooled_url"], ids=["direct", "pooled"], indirect=True)
async def test_all_backends_ended_is_survived(store: PostgresStore, postgres: Server) -> None:
    """As by a restart of the server: whatever every connection was at."""
    worker = await register(store)
    for _ in range(3):
        job = await enqueue(store)
        ended = "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid()"
        ended += f" and datname = '{store.url.partition('?')[0].rpartition('/')[2]}'"
        await asyncio.to_thread(postgres.execute, ended)
        assert (await store.beat(worker)).alive
        (run,) = await claims(store, worker, wanting())
        assert run.id == job
        settled, _ = await store.settle_and_claim(worker, [Settle(run.id, run.lease, 1, Completed("1"))], [])
        assert list(settled) == [Settled.APPLIED]
    await assert_sound(store)
