// Events into jobs. Nothing here waits, asks or forgets: a state and an event give the next state.
import type { Event, Job, JobStatus, JobSummary, Prompt } from "./types.js";

export interface History {
  /** The number of the last event in it: there are none missing up to there. */
  readonly seen: number;
  /** All but the output. */
  readonly events: readonly Event[];
  /** What each step has emitted, in the order in which they began to. */
  readonly output: Readonly<Record<string, string>>;
}

export interface Folded {
  /** The job as of event `job.seq`; null until it was fetched. */
  readonly job: Job | null;
  /** The highest number of an event heard of: a job that is behind it needs the events between, or to be fetched. */
  readonly heard: number;
  /** Events that wait for those before them, in order. */
  readonly ahead: readonly Event[];
  readonly prompts: readonly Prompt[];
  /** Questions known to be closed: an answer that was on its way before does not open them again. */
  readonly closed: readonly string[];
  /** Counts how often questions may have been opened: they are to be fetched, as events do not carry them. */
  readonly asked: number;
  /** Null where nobody wants it. */
  readonly history: History | null;
}

export const NOTHING: Folded = { job: null, heard: 0, ahead: [], prompts: [], closed: [], asked: 0, history: null };

export const NO_HISTORY: History = { seen: 0, events: [], output: {} };

const FINISHED = /^(completed|failed|cancelled)$/;

/** Whether the job has reached its end: nothing leaves it. */
export function finished(job: Pick<JobSummary, "status"> | null): boolean {
  return job !== null && FINISHED.test(job.status);
}

/** After these a question takes no answer any more. */
export const CLOSING = /^prompt\.(answered|expired|withdrawn)$/;

/** Whether the job is to be fetched: it is not known, or events are missing. */
export function behind(state: Folded): boolean {
  return state.job === null || state.job.seq < state.heard;
}

/** Whether more of the history is there than is known. */
export function historyBehind({ history, heard }: Folded): boolean {
  return history !== null && history.seen < Math.max(heard, 1);
}

/** These events of the job, in whatever order and however often; what is known already changes nothing. */
export function fold(state: Folded, ...events: readonly Event[]): Folded {
  const waiting = new Map(state.ahead.map((event) => [event.seq, event]));
  for (const event of events) if (event.seq > known(state)) waiting.set(event.seq, event);
  if (waiting.size === state.ahead.length) return state;
  return advance(
    state,
    [...waiting.values()].sort((a, b) => a.seq - b.seq),
  );
}

/** The job as it was fetched; one from before what is known changes nothing. */
export function seed(state: Folded, job: Job): Folded {
  if (job.seq <= (state.job?.seq ?? 0)) return state;
  // What happened to its questions in between is not known; before its first attempt it has none.
  const asked = state.asked + Number(!finished(job) && job.attempt > 0);
  return advance({ ...state, job, asked }, state.ahead);
}

/** The open questions as they were fetched. */
export function ask(state: Folded, fetched: readonly Prompt[]): Folded {
  const open = finished(state.job) ? [] : fetched.filter((prompt) => !state.closed.includes(prompt.id));
  return { ...state, prompts: kept(state.prompts, open) };
}

/** This question takes no answer any more. */
export function close(state: Folded, prompt: string): Folded {
  if (state.closed.includes(prompt)) return state;
  return {
    ...state,
    closed: [...state.closed, prompt],
    prompts: state.prompts.filter((one) => one.id !== prompt),
  };
}

/** What is now, in the objects of before as far as they are not older; the same list, if all of it is the same. */
export function kept<Item extends { id: string; seq?: number }>(
  before: readonly Item[],
  now: readonly Item[],
): readonly Item[] {
  const next = now.map((item) => {
    const known = before.find((one) => one.id === item.id);
    return known && (known.seq ?? 0) >= (item.seq ?? 0) ? known : item;
  });
  return next.length === before.length && next.every((item, n) => item === before[n]) ? before : next;
}

/** What events that tell all move a job to. */
const MOVES: Readonly<Record<string, JobStatus>> = {
  "job.started": "running",
  "job.waiting": "pending_hitl",
  "job.cancelled": "cancelled",
  "job.released": "pending",
  "job.rescued": "pending",
  "job.sleeping": "pending",
  "job.resumed": "pending",
};

/**
 * Whether this event does not tell all: a result, say, or an error. The job is fetched then, as it is where the event is
 * of a newer version; a status is not shown without what belongs to it.
 */
export function opaque(kind: string): boolean {
  return kind.startsWith("job.") && !MOVES[kind];
}

/** The job after this event, which must be the next one, and tell all. */
export function apply<J extends JobSummary>(job: J, { seq, at, kind, attempt, data }: Event): J {
  const next = { ...job, seq, attempt };
  const status = MOVES[kind];
  if (status) {
    next.status = status;
    next.reason = (data.reason as string | undefined) ?? null;
    next.due_at = (data.due_at as string | undefined) ?? null;
    if (status === "running") next.started_at ??= at;
    if (status === "cancelled") next.finished_at = at;
  }
  if (kind === "cancel.requested") next.cancel_requested_at = at;
  // What is not set is left out in an event, and null in a job.
  if (kind === "progress") next.progress = { percent: null, message: null, stages: [], ...data };
  return next;
}

// ── Inside ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Up to which event all is known. */
function known({ job, history }: Folded): number {
  const seq = job?.seq ?? 0;
  return history && history.seen < seq ? history.seen : seq;
}

/** Go on with what waits, as far as it follows without a gap. */
function advance(state: Folded, waiting: readonly Event[]): Folded {
  let next = { ...state, heard: Math.max(state.heard, state.job?.seq ?? 0, waiting.at(-1)?.seq ?? 0) };
  for (const event of waiting) {
    if (!next.job || event.seq > next.job.seq + 1 || opaque(event.kind)) break;
    if (event.seq === next.job.seq + 1) next = question({ ...next, job: apply(next.job, event) }, event);
  }
  if (finished(next.job) && next.prompts.length) next = { ...next, prompts: [] };
  next = { ...next, history: next.history && remember(next.history, waiting) };
  return { ...next, ahead: waiting.filter((event) => event.seq > known(next)) };
}

/** What an event says of the questions. */
function question(state: Folded, { kind, data }: Event): Folded {
  const id = data.prompt as string;
  if (CLOSING.test(kind)) return close(state, id);
  const known = state.closed.includes(id) || state.prompts.some((prompt) => prompt.id === id);
  return kind !== "prompt.opened" || known ? state : { ...state, asked: state.asked + 1 };
}

function remember(history: History, waiting: readonly Event[]): History {
  const fresh: Event[] = [];
  let output = history.output;
  let seen = history.seen;
  for (const event of waiting) {
    if (event.seq !== seen + 1) continue;
    seen = event.seq;
    const { kind, data } = event;
    // Steps that emit side by side must not be mixed up letter by letter.
    const step = `${data.step}\n${data.key}`;
    if (kind === "output") output = { ...output, [step]: (output[step] ?? "") + data.text };
    else if (kind === "output.reset") output = { ...output, [step]: "" };
    else fresh.push(event);
  }
  if (seen === history.seen) return history;
  return { seen, output, events: fresh.length ? [...history.events, ...fresh] : history.events };
}
