import { describe, expect, it } from "vitest";
import {
  apply,
  ask,
  behind,
  close,
  type Folded,
  finished,
  fold,
  historyBehind,
  NO_HISTORY,
  NOTHING,
  opaque,
  seed,
} from "../src/reducer.js";
import type { Event, Job, Prompt } from "../src/types.js";
import { random, shuffled, whole } from "./random.js";

const ID = "01999f5e-3c1a-7b2d-9a4e-5f6071829304";

const CREATED: Job = {
  id: ID,
  type: "write",
  status: "pending",
  reason: null,
  queue: "default",
  priority: 0,
  owner: "ann",
  labels: {},
  attempt: 0,
  max_attempts: 3,
  progress: { percent: null, message: null, stages: [] },
  error: null,
  result: null,
  created_at: at(1),
  due_at: null,
  started_at: null,
  finished_at: null,
  cancel_requested_at: null,
  parent: null,
  forked_from: null,
  seq: 1,
};

function at(seq: number): string {
  return new Date(Date.UTC(2026, 0, 1, 0, 0, seq)).toISOString();
}

function event(seq: number, kind: string, data: Event["data"] = {}, attempt = 1): Event {
  return { job_id: ID, seq, at: at(seq), kind, attempt, data };
}

function prompt(id: string): Prompt {
  return { id, job_id: ID, key: id, kind: "confirm", data: {}, schema: {}, status: "open", opened_at: at(1) };
}

/** A whole life of a job, made by chance; with what its row would be after each event. */
function life(next: () => number): { events: Event[]; jobs: Job[]; open: Set<string>[] } {
  const events: Event[] = [event(1, "job.enqueued", { type: "write" }, 0)];
  const jobs: Job[] = [CREATED];
  const open: Set<string>[] = [new Set()];
  let asked = 0;
  const add = (kind: string, data: Event["data"] = {}, attempt = 0) => {
    const seq = events.length + 1;
    const before = jobs.at(-1) as Job;
    const happened = event(seq, kind, data, attempt || before.attempt);
    events.push(happened);
    let job = apply(before, happened);
    if (kind === "job.retrying")
      job = { ...job, status: "pending", reason: "retrying", error: { type: "E", message: "m" } };
    if (kind === "job.completed")
      job = { ...job, status: "completed", result: 42, error: null, finished_at: happened.at };
    if (kind === "job.failed") job = { ...job, status: "failed", reason: "error", finished_at: happened.at };
    jobs.push(job);
    const questions = new Set(open.at(-1));
    if (kind === "prompt.opened") questions.add(data.prompt as string);
    if (/prompt\.(answered|expired|withdrawn)/.test(kind)) questions.delete(data.prompt as string);
    open.push(questions);
  };
  const runs = 1 + whole(4, next);
  for (let run = 1; run <= runs; run++) {
    add("job.started", { worker: "w" }, run);
    for (let n = whole(8, next); n > 0; n--) {
      const step = `s${whole(2, next)}`;
      const facts: [string, Event["data"]][] = [
        ["progress", { percent: whole(100, next), message: "on it" }],
        ["output", { step, key: "", text: `${run}${n} ` }],
        ["output.reset", { step, key: "" }],
        ["step.completed", { step, key: "" }],
        ["log", { message: "hm" }],
        ["of.a.newer.version", {}],
        ["prompt.opened", { prompt: `p${asked++}`, key: "k", kind: "confirm" }],
      ];
      add(...(facts[whole(facts.length, next)] as [string, Event["data"]]));
    }
    for (const id of open.at(-1) as Set<string>) if (next() < 0.7) add("prompt.answered", { prompt: id, key: "k" });
    if (run < runs) {
      const leave = ["job.retrying", "job.released", "job.rescued", "job.sleeping"][whole(4, next)] as string;
      add(leave, { reason: leave.slice(4), due_at: leave === "job.sleeping" ? "2026-01-01T00:00:00Z" : undefined });
    }
  }
  for (const id of open.at(-1) as Set<string>) add("prompt.withdrawn", { prompt: id, key: "k" });
  add(["job.completed", "job.failed", "job.cancelled"][whole(3, next)] as string, { reason: "done" });
  return { events, jobs, open };
}

/** Fetch what the state asks for, from a server that has come to event `reached`. */
function fetchMissing(
  state: Folded,
  { events, jobs, open }: ReturnType<typeof life>,
  reached: number,
  asked: { n: number },
): Folded {
  let next = state;
  while (behind(next) || (!finished(next.job) && next.asked > asked.n) || historyBehind(next)) {
    const before = next;
    if (behind(next)) next = seed(next, jobs[reached - 1] as Job);
    if (next.asked > asked.n) {
      asked.n = next.asked;
      next = ask(next, [...(open[reached - 1] as Set<string>)].map(prompt));
    }
    if (historyBehind(next)) {
      const after = next.history?.seen ?? 0;
      next = fold(next, ...events.slice(after, Math.min(reached, after + 5)));
    }
    if (next === before) break;
  }
  return next;
}

describe("fold", () => {
  it("goes through a life event by event", () => {
    let state = seed(NOTHING, CREATED);
    state = fold(state, event(2, "job.started", { worker: "w" }));
    expect(state.job).toMatchObject({ status: "running", attempt: 1, started_at: at(2), seq: 2 });
    state = fold(state, event(3, "progress", { percent: 30, message: "Draft" }));
    expect(state.job?.progress).toEqual({ percent: 30, message: "Draft", stages: [] });
    state = fold(state, event(4, "cancel.requested", { by: "ann" }));
    expect(state.job).toMatchObject({ status: "running", cancel_requested_at: at(4) });
    state = fold(state, event(5, "job.cancelled", { by: "ann", reason: "why not" }));
    expect(state.job).toMatchObject({ status: "cancelled", reason: "why not", finished_at: at(5) });
    expect(behind(state)).toBe(false);
  });

  it("reads moments as they are in events", () => {
    const state = fold(
      seed(NOTHING, CREATED),
      event(2, "job.started"),
      event(3, "job.sleeping", { due_at: "2026-01-01T00:00:00Z" }),
    );
    expect(state.job).toMatchObject({ status: "pending", due_at: "2026-01-01T00:00:00Z" });
  });

  it("does not show an end without what it came to: the job is fetched", () => {
    const state = fold(seed(NOTHING, CREATED), event(2, "job.started"), event(3, "job.completed"));
    expect(state.job?.status).toBe("running");
    expect(behind(state)).toBe(true);
    const ended = seed(state, { ...CREATED, status: "completed", result: "text", seq: 3 });
    expect(ended.job).toMatchObject({ status: "completed", result: "text" });
    expect(behind(ended)).toBe(false);
  });

  it("is the very same state where nothing is new", () => {
    const state = fold(seed(NOTHING, CREATED), event(2, "job.started"));
    expect(fold(state)).toBe(state);
    expect(fold(state, event(1, "job.enqueued"), event(2, "job.started"))).toBe(state);
    expect(seed(state, CREATED)).toBe(state);
    expect(ask(state, []).prompts).toBe(state.prompts);
    const closed = close(state, "p");
    expect(close(closed, "p")).toBe(closed);
  });

  it("waits for those before, and asks for them", () => {
    const state = fold(seed(NOTHING, CREATED), event(3, "progress", { percent: 5 }));
    expect(state.job?.seq).toBe(1);
    expect(behind(state)).toBe(true);
    expect(fold(state, event(2, "job.started")).job).toMatchObject({ seq: 3, progress: { percent: 5 } });
  });

  it("asks for questions once they are opened, and for none that it knows", () => {
    let state = fold(seed(NOTHING, CREATED), event(2, "job.started"));
    const before = state.asked;
    state = fold(state, event(3, "prompt.opened", { prompt: "p" }));
    expect(state.asked).toBe(before + 1);
    state = ask(state, [prompt("p"), prompt("q")]);
    state = fold(state, event(4, "prompt.opened", { prompt: "q" }));
    expect(state.asked).toBe(before + 1);
  });

  it("does not open a question again by an answer that comes late", () => {
    let state = fold(seed(NOTHING, CREATED), event(2, "job.started"), event(3, "prompt.opened", { prompt: "p" }));
    state = fold(state, event(4, "prompt.answered", { prompt: "p" }));
    expect(ask(state, [prompt("p")]).prompts).toEqual([]);
  });

  it("asks for the questions of a job that it meets in the middle", () => {
    expect(seed(NOTHING, CREATED).asked).toBe(0);
    expect(seed(NOTHING, { ...CREATED, status: "pending_hitl", attempt: 1, seq: 9 }).asked).toBe(1);
    expect(seed(NOTHING, { ...CREATED, status: "completed", attempt: 1, seq: 9 }).asked).toBe(0);
  });

  it("keeps apart what steps emit side by side, and takes back what does not count", () => {
    const state = fold(
      { ...NOTHING, history: NO_HISTORY },
      event(1, "job.enqueued", {}, 0),
      event(2, "output", { step: "a", key: "", text: "A" }),
      event(3, "output", { step: "b", key: "", text: "B" }),
      event(4, "output", { step: "a", key: "", text: "a" }),
      event(5, "output.reset", { step: "b", key: "" }),
      event(6, "output", { step: "b", key: "", text: "again" }),
    );
    expect(Object.values(state.history?.output ?? {})).toEqual(["Aa", "again"]);
    expect(state.history?.events.map(({ kind }) => kind)).toEqual(["job.enqueued"]);
  });

  it("leads to the same by any cuts, doubles and order", () => {
    const next = random(4);
    for (let run = 0; run < 2_000; run++) {
      const whole_ = life(next);
      const { events, jobs, open } = whole_;
      const asked = { n: 0 };
      let state: Folded = { ...NOTHING, history: next() < 0.5 ? NO_HISTORY : null };
      // Each event at least once, in another order, with some twice; and now and then what is missing is fetched.
      const delivered = shuffled([...events, ...events.filter(() => next() < 0.3)], next);
      let reached = 1;
      while (delivered.length) {
        const batch = delivered.splice(0, 1 + whole(5, next));
        reached = Math.max(reached, ...batch.map(({ seq }) => seq));
        const before = state;
        state = fold(state, ...batch);
        if (next() < 0.4) state = fetchMissing(state, whole_, reached, asked);
        expect(state.job?.seq ?? 0).toBeGreaterThanOrEqual(before.job?.seq ?? 0);
        if (state.job) expect(state.job).toEqual(jobs[state.job.seq - 1]);
        if (state.history) expect(state.history.seen).toBeGreaterThanOrEqual(before.history?.seen ?? 0);
      }
      state = fetchMissing(state, whole_, events.length, asked);
      expect(state.job).toEqual(jobs.at(-1));
      expect(state.ahead).toEqual([]);
      expect(state.prompts.map(({ id }) => id)).toEqual([...(open.at(-1) as Set<string>)]);
      if (state.history) {
        expect(state.history.events).toEqual(events.filter(({ kind }) => !kind.startsWith("output")));
        const straight = fold({ ...NOTHING, history: NO_HISTORY }, ...events);
        expect(state.history.output).toEqual(straight.history?.output);
      }
    }
  });

  it("shows at each moment the questions that were open then", () => {
    const next = random(7);
    for (let run = 0; run < 500; run++) {
      const whole_ = life(next);
      const asked = { n: 0 };
      let state: Folded = NOTHING;
      for (const one of whole_.events) {
        state = fetchMissing(fold(state, one), whole_, one.seq, asked);
        const expected = finished(state.job) ? [] : [...(whole_.open[one.seq - 1] as Set<string>)];
        expect(state.prompts.map(({ id }) => id).sort()).toEqual(expected.sort());
      }
    }
  });

  it("fetches a job after events that do not tell all, and after those of a newer version", () => {
    expect(["job.completed", "job.failed", "job.retrying", "job.teleported"].every(opaque)).toBe(true);
    expect(["job.started", "job.waiting", "job.cancelled", "progress", "prompt.opened", "log"].some(opaque)).toBe(
      false,
    );
  });
});
