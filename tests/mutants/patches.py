"""The planted faults: a file, what stands in it, what is put there instead, and the test that must turn red."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Patch:
    """`file` is below `src/bide`; `old` stands in it exactly once; `test` is a node id below `tests`."""

    name: str
    file: str
    old: str
    new: str
    test: str


SQL = "store/sqlite"
CONTRACT = "contract/test_sqlite.py::TestSQLite::"
FAULTS = "faults/"

PATCHES = (
    Patch(
        "lease check dropped in record, ask",
        f"{SQL}/running.sql",
        "and lease = :lease and status = 'running'",
        "and :lease is not null",
        f"{FAULTS}test_paused.py::test_no_verb_takes_what_comes_under_a_lease_that_was_lost",
    ),
    Patch(
        "lease check dropped in facts",
        f"{SQL}/noting.sql",
        "select job.id, job.lease, job.seq, job.attempt\n"
        "from json_each(:pairs) as s\n"
        "cross join bide_job as job on job.id = s.value ->> 0\n"
        "where job.lease = s.value ->> 1 and job.status = 'running'",
        "select job.id, s.value ->> 1, job.seq, job.attempt\n"
        "from json_each(:pairs) as s\n"
        "cross join bide_job as job on job.id = s.value ->> 0\n"
        "where job.status = 'running'",
        f"{FAULTS}test_paused.py::test_no_verb_takes_what_comes_under_a_lease_that_was_lost",
    ),
    Patch(
        "lease check dropped in settle",
        f"{SQL}/settling.py",
        'if job is None or job.status != "running" or job.lease != one.lease:',
        'if job is None or job.status != "running":',
        f"{CONTRACT}test_the_zombie_of_a_rescued_job_writes_nothing",
    ),
    Patch(
        "event of a step left out of its transaction",
        f"{SQL}/running.py",
        "        if recorded:\n            append(",
        "        if not recorded:\n            append(",
        f"{FAULTS}test_stopped.py::test_leaving_the_worker_of_an_app_drains_it",
    ),
    Patch(
        "answer recorded without closing its prompt",
        f"{SQL}/answer.sql",
        "update bide_prompt set status = 'answered', closed_at = :now",
        "update bide_prompt set status = 'open', closed_at = :now",
        f"{FAULTS}test_people.py::test_of_fifty_people_one_is_heard_and_the_others_are_told_whom",
    ),
    Patch(
        "answer accepted at the very deadline",
        f"{SQL}/answer.sql",
        "deadline_at > :now",
        "deadline_at >= :now",
        f"{CONTRACT}test_an_answer_counts_only_before_the_deadline",
    ),
    Patch(
        "answer accepted after a cancel was requested",
        f"{SQL}/answer.sql",
        "and (select cancel_requested_at from bide_job where id = bide_prompt.job) is null",
        "",
        f"{CONTRACT}test_after_a_cancel_nobody_answers",
    ),
    Patch(
        "clean-up without a look at the status",
        f"{SQL}/delete_job.sql",
        " and status in ('completed', 'failed', 'cancelled')",
        "",
        f"{FAULTS}test_endings.py::test_what_runs_is_not_deleted_and_what_is_deleted_is_gone_whole",
    ),
    Patch(
        "cancel overwritten by an outcome",
        f"{SQL}/settling.py",
        "        elif job.cancel_requested_at is not None:\n            withdraw(tx, one.job)",
        "        elif job.cancel_requested_at is not None and isinstance(one.outcome, Cancelled):\n"
        "            withdraw(tx, one.job)",
        f"{CONTRACT}test_of_a_cancel_and_a_completion_one_wins_and_both_are_told",
    ),
    Patch(
        "suspension without a look at the answers",
        f"{SQL}/settling.py",
        "heard = [prompt for prompt in outcome.awaiting if prompt not in still_open]",
        "heard = [prompt for prompt in outcome.awaiting if prompt in still_open and False]",
        "engine/test_suspension.py::test_an_answer_that_comes_before_the_run_has_ended_is_not_lost",
    ),
    Patch(
        "release spends an attempt",
        f"{SQL}/claim.sql",
        "attempt = attempt + 1 - continues",
        "attempt = attempt + 1",
        f"{FAULTS}test_people.py::test_an_answer_that_only_the_authors_own_validator_refuses_is_asked_for_again",
    ),
    Patch(
        "lease not raised where a run ends",
        f"{SQL}/leave.sql",
        "lease = job.lease + 1",
        "lease = job.lease",
        f"{FAULTS}test_endings.py::test_a_clean_up_beside_runs_takes_finished_jobs_only",
    ),
    Patch(
        "heartbeat that raises the dead",
        f"{SQL}/beat.sql",
        "where id = :worker and dead_at is null",
        "where id = :worker",
        f"{CONTRACT}test_who_is_buried_retired_or_unknown_is_not_alive",
    ),
    Patch(
        "heartbeat that waits for the event loop",
        "lease.py",
        "asked, flushes = alive_for(), self._flushes()",
        "asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop).result()\n"
        "                asked, flushes = alive_for(), self._flushes()",
        f"{FAULTS}test_code.py::test_a_worker_whose_loop_is_blocked_is_stuck_and_not_dead",
    ),
    Patch(
        "no look at its own last beat before a step",
        "run.py",
        "if alive_for() >= self.host.lease_valid_until:",
        "if alive_for() < 0:",
        f"{FAULTS}test_paused.py::test_before_a_step_a_worker_checks_its_own_last_beat",
    ),
    Patch(
        "first run gets what the step returned, not what is stored",
        "context.py",
        "        return decoded\n    finally:",
        "        return value\n    finally:",
        "engine/test_replay.py::test_the_first_run_and_its_replay_see_the_same_value",
    ),
    Patch(
        "questions left open at the end",
        f"{SQL}/withdraw.sql",
        "set status = 'withdrawn'",
        "set status = status",
        f"{FAULTS}test_people.py::test_after_a_cancel_no_answer_counts_and_the_reason_is_told",
    ),
    Patch(
        "progress that falls",
        "progress.py",
        "self._floor = whole if self._floor is None else max(self._floor, whole)",
        "self._floor = whole",
        f"{FAULTS}test_code.py::test_odd_progress_is_clamped_and_never_falls",
    ),
    Patch(
        "progress written as often as it is said",
        "progress.py",
        "INTERVAL = 0.5",
        "INTERVAL = 0.0",
        "engine/test_telling.py::test_progress_is_written_twice_a_second_and_its_last_value_always",
    ),
    Patch(
        "a nested stage that ignores the one around it",
        "progress.py",
        "self.low = outer.map(low) if outer else float(low)",
        "self.low = float(low)",
        "engine/test_telling.py::test_a_nested_stage_fills_its_part_of_the_stage_around_it",
    ),
    Patch(
        "a nested stage as wide as the job",
        "progress.py",
        "self.high = outer.map(high) if outer else float(high)",
        "self.high = float(high)",
        "engine/test_telling.py::test_a_nested_stage_fills_its_part_of_the_stage_around_it",
    ),
    Patch(
        "what is said while a job is suspended is written",
        "run.py",
        "        if self.ending in GOES_ON:\n            return\n",
        "",
        "engine/test_telling.py::test_what_is_said_while_a_job_is_being_suspended_is_not_written",
    ),
    Patch(
        "what follows a step taken out of the code stays unheard",
        "execute.py",
        "if run.replaying and run.ending is None:",
        "if run.replaying and run.ending is not None:",
        "engine/test_telling.py::test_what_is_said_after_a_step_was_taken_out_of_the_code_is_heard",
    ),
    Patch(
        "a job that waits for other code withdraws its questions",
        "run.py",
        'if prompt.status == "open")',
        'if prompt.status == "expired")',
        "engine/test_deferral.py::test_a_question_that_the_code_did_not_come_to_stays_open_for_other_code",
    ),
    Patch(
        "a hung step keeps its place",
        "context.py",
        "        async with step.run.host.step_threads, asyncio.timeout(timeout) as patience:",
        "        await step.run.host.step_threads.acquire()\n        async with asyncio.timeout(timeout) as patience:",
        "engine/test_threads.py::test_steps_that_never_return_keep_no_other_step_from_running",
    ),
    Patch(
        "owner missing in a query",
        f"{SQL}/prompts_of_job.sql",
        "and (:owner is null or job.owner = :owner)",
        "and (:owner is null or job.owner is not null)",
        f"{FAULTS}test_people.py::test_another_owner_neither_sees_nor_answers",
    ),
    Patch(
        "one idempotency key for every body",
        f"{SQL}/intake.py",
        "if holder[1] != job.digest:",
        "if holder[1] != job.digest and not job.digest:",
        f"{FAULTS}test_code.py::test_one_key_is_one_job_however_many_ask_and_another_body_is_refused",
    ),
    Patch(
        "a step's failure is not recorded",
        "context.py",
        "    await _record(run, StepRow(name=name, key=key, result=None, error=stored),",
        "    assert stored or await _record(run, StepRow(name=name, key=key, result=None, error=stored),",
        "engine/test_replay.py::test_a_failed_step_fails_alike_when_replayed_and_takes_the_same_path",
    ),
    Patch(
        "parking raises instead of waiting to be cancelled",
        "run.py",
        "        self.doings.parked.add(parked)\n",
        "        self.doings.parked.add(parked)\n"
        "        prompt, wake_at, _ = parked\n"
        "        self.suspension = Suspended((prompt,) if prompt else (), wake_at)\n"
        "        self.ending = Ending.SUSPEND\n        raise JobSuspended\n",
        "engine/test_suspension.py::test_a_question_suspends_after_its_sibling_step_and_repeats_nothing",
    ),
    Patch(
        "the living are rescued",
        f"{SQL}/abandoned.sql",
        "and worker not in (select id from bide_worker where dead_at is null)",
        "and worker is not null",
        f"{FAULTS}test_paused.py::test_a_living_worker_is_not_rescued",
    ),
    Patch(
        "the wall clock says who ran too long",
        "upkeep.py",
        "        now = time.monotonic()\n        seen: dict[tuple",
        "        now = self._store.now() / 1_000_000\n        seen: dict[tuple",
        f"{FAULTS}test_storage.py::test_a_clock_that_jumps_kills_nobody_and_strands_nothing",
    ),
    Patch(
        "counting and deleting by different predicates",
        f"{SQL}/count_prunable.sql",
        "select count(*) from (",
        "select count(*) + 1 from (",
        f"{FAULTS}test_endings.py::test_what_would_be_cleaned_up_is_what_is",
    ),
    Patch(
        "the lowest priority goes first",
        f"{SQL}/pick.sql",
        "order by urgency desc",
        "order by urgency",
        f"{CONTRACT}test_the_higher_priority_goes_first",
    ),
    Patch(
        "nobody is lifted above the urgent",
        "worker.py",
        "age_limit=options.age_limit,\n",
        "age_limit=options.age_limit * 1e6,\n",
        f"{FAULTS}test_code.py::test_what_waited_too_long_goes_before_what_is_urgent",
    ),
    Patch(
        "a commit of unknown outcome is told as a failure",
        f"{SQL}/writer.py",
        "            raise _OutcomeUnknown from error",
        "            raise",
        f"{FAULTS}test_storage.py::test_a_commit_of_unknown_outcome_is_looked_up_and_not_repeated",
    ),
    Patch(
        "a full worker is not told that a job was taken",
        "worker.py",
        "        # A beat that is asked for from here on must know these claims.\n        self._flushes += 1\n",
        "",
        f"{FAULTS}test_paused.py::test_a_full_worker_learns_that_a_job_was_taken_from_it",
    ),
    Patch(
        "two beats in a row are taken for a lost answer",
        "worker.py",
        "if claim in before and asked <= self._answered",
        "if claim in before and asked <= self._asked",
        f"{FAULTS}test_code.py::test_a_claim_whose_answer_waits_for_a_blocked_loop_is_not_given_back",
    ),
    Patch(
        "a claim carries whatever there is",
        f"{SQL}/claiming.py",
        "for place, _ in picked[:enough]]",
        "for place, _ in picked if enough]",
        f"{FAULTS}test_storage.py::test_many_large_inputs_are_claimed_a_few_at_a_time",
    ),
    Patch(
        "time in which nobody could look counts",
        "upkeep.py",
        "before.still + min(now - before.looked, lease / BEATS_A_LEASE)",
        "before.still + now - before.looked",
        f"{FAULTS}test_storage.py::test_a_time_in_which_nobody_could_look_is_not_time_that_a_worker_stood_still",
    ),
    Patch(
        "older code runs what newer code enqueued",
        f"{SQL}/pick.sql",
        "(type_version = 1 or type_version <=",
        "(type_version >= 1 or type_version <=",
        f"{FAULTS}test_code.py::test_older_code_leaves_alone_what_newer_code_enqueued",
    ),
    Patch(
        "a job that is taken over forgets its steps",
        f"{SQL}/recall_steps.sql",
        "where step.job in (select value from json_each(:ids))",
        "where step.job in (select value from json_each(:ids)) and false",
        f"{FAULTS}test_killed.py::test_a_worker_killed_between_two_steps_loses_the_job_to_another_that_repeats_none",
    ),
    Patch(
        "another idempotency key for each attempt",
        "context.py",
        'return f"{self.run.claim.id}:{self.name}:{self.key}"',
        'return f"{self.run.claim.id}:{self.run.claim.attempt}:{self.name}:{self.key}"',
        f"{FAULTS}test_killed.py::test_an_effect_cut_off_before_its_record_is_repeated_under_the_same_key",
    ),
    Patch(
        "a waiting job holds its worker",
        f"{SQL}/leave.sql",
        "    worker = null,",
        "    worker = case when s.status = 'pending_hitl' then job.worker end,",
        f"{FAULTS}test_killed.py::test_nobody_is_missed_while_a_job_waits_and_everything_is_dead",
    ),
    Patch(
        "a response sent again gets no receipt",
        f"{SQL}/people.py",
        "if earlier := tx.db.execute(_RESPONSE, given).fetchone():",
        "if (earlier := tx.db.execute(_RESPONSE, given).fetchone()) and earlier == ():",
        f"{FAULTS}test_killed.py::test_an_answer_cut_off_at_its_commit_is_absent_or_whole",
    ),
    Patch(
        "an enqueue sent again is a conflict",
        f"{SQL}/intake.py",
        "            return Existing(job_rows(tx.db, [holder[0]])[0])",
        "            return IdempotencyClash(job.idempotency_key, holder[0])",
        f"{FAULTS}test_killed.py::test_an_enqueue_whose_reply_was_lost_is_repeated_by_its_key",
    ),
    Patch(
        "a full disk is not told apart",
        f"{SQL}/failures.py",
        "if code == sqlite3.SQLITE_FULL:",
        "if code == -1:",
        f"{FAULTS}test_storage.py::test_a_full_disk_refuses_new_jobs_and_running_ones_go_on_when_it_heals",
    ),
    Patch(
        "a lock is not waited for",
        f"{SQL}/writer.py",
        "                timeout=self._busy_timeout,\n",
        "                timeout=0,\n",
        f"{FAULTS}test_storage.py::test_a_lock_of_somebody_else_is_waited_for",
    ),
    Patch(
        "what another connection commits does not show",
        f"{SQL}/reader.py",
        'self._marks.execute("pragma data_version")',
        'self._marks.execute("pragma user_version")',
        f"{FAULTS}test_storage.py::test_two_apps_on_one_file_see_each_others_jobs_at_once",
    ),
    Patch(
        "an odd result is tried again",
        "execute.py",
        'return Failed(_error(error), "invalid_result")',
        'return Retrying(_error(error), 0) if run.claim.attempt < 5 else Failed(_error(error), "invalid_result")',
        f"{FAULTS}test_code.py::test_such_a_result_fails_its_job_once",
    ),
    Patch(
        "SystemExit ends a thread unheard",
        "thread.py",
        "        except BaseException as error:",
        "        except Exception as error:",
        f"{FAULTS}test_code.py::test_whatever_is_raised_fails_that_job_and_the_worker_lives",
    ),
    Patch(
        "a cancel that came in time is overwritten",
        f"{SQL}/complete.sql",
        "    and cancel_requested_at is null\n",
        "",
        f"{FAULTS}test_endings.py::test_of_a_cancel_and_a_completion_one_wins_and_both_are_told",
    ),
    Patch(
        "told to end four times",
        "run.py",
        "DELIVERIES = 5\n",
        "DELIVERIES = 4\n",
        f"{FAULTS}test_endings.py::test_code_that_swallows_every_cancel_is_forced_after_five_and_audited",
    ),
    Patch(
        "a stored value that no longer fits fails the job",
        "context.py",
        'await run.defer(f"{what} no longer fits its declared type: {error}")',
        "raise",
        f"{FAULTS}test_code.py::test_a_value_that_new_code_cannot_read_parks_the_job_unspent",
    ),
    Patch(
        "a job of a type that is not known is claimed",
        f"{SQL}/pick.sql",
        "        and type in (select key from json_each(:types))\n",
        "",
        f"{FAULTS}test_code.py::test_a_job_of_a_type_that_no_worker_knows_stays_visible_and_goes_on_when_it_is_back",
    ),
    Patch(
        "time executed is not counted",
        "run.py",
        "return round((time.monotonic() - self.began) * 1_000_000)",
        "return 0",
        f"{FAULTS}test_code.py::test_time_executed_before_a_question_counts_after_it",
    ),
    Patch(
        "crash_everywhere crashes nowhere",
        "testing/harness.py",
        "for n in range(1, counting.writes + 1):",
        "for n in range(0):",
        "engine/test_crash_everywhere.py::test_the_job_is_crashed_at_its_writes_and_each_time_another_attempt_ends_it",
    ),
    Patch(
        "crash_everywhere takes any result",
        "testing/harness.py",
        "                if result != expected:",
        "                if False:",
        "engine/test_crash_everywhere.py::"
        "test_a_job_whose_result_a_crash_changes_is_refused_with_the_write_that_did_it",
    ),
    Patch(
        "the cache is never swept",
        "app.py",
        "asyncio.create_task(self.cache.sweep_forever())",
        "asyncio.create_task(asyncio.Event().wait())",
        "engine/test_cache.py::test_an_open_app_sweeps_its_cache_by_itself",
    ),
    Patch(
        "no retention",
        "upkeep.py",
        "if self._retention is None or now - self._pruned < PRUNE_EVERY:",
        "if self._retention is None or now < float('inf'):",
        "engine/test_retention.py::test_a_worker_deletes_what_finished_before_the_retention_and_nothing_else",
    ),
)
