// What can be watched: one job, a list of jobs, and the inbox.
import { backoff, sleep } from "./backoff.js";
import type { Link, Timing } from "./link.js";
import * as reducer from "./reducer.js";
import type { Requests, Sent } from "./request.js";
import { TIMEOUT, Topic } from "./topic.js";
import type { Event, Job, JobState, JobSummary, JobsState, Page, Prompt, PromptsState } from "./types.js";

const CONNECTING = { error: null, connection: "connecting" } as const;
export const NO_JOB: JobState = Object.freeze({ ...CONNECTING, job: null, prompts: [], output: "", events: [] });
export const NO_JOBS: JobsState = Object.freeze({ ...CONNECTING, jobs: null });
export const NO_PROMPTS: PromptsState = Object.freeze({ ...CONNECTING, prompts: null });

/** Events of a history asked for at once. */
const HISTORY = 1_000;

/** Questions of an inbox. */
const INBOX = 200;

/** Milliseconds between two fetches of one list, whatever happens. */
const PACE = 500;

export class JobTopic extends Topic<JobState> {
  #folded = reducer.NOTHING;
  /** How many of the reasons to fetch the questions came before their last fetch. */
  #prompted = 0;
  #lags = 0;
  #output: [ReadonlyMap<string, string> | null, string] = [null, ""];

  constructor(
    readonly id: string,
    private readonly requests: Requests,
    link: Link,
    timing: Timing,
    forget: () => void,
  ) {
    super(NO_JOB, link, timing, forget);
  }

  /** From now on the history is part of the state. */
  remember(): void {
    if (this.#folded.history === null) this.#fold({ ...this.#folded, history: reducer.NO_HISTORY });
  }

  /** What the server answered to some request. */
  learn(job: Job): void {
    this.#fold(reducer.seed(this.#folded, job));
  }

  /** This question was answered. */
  close(prompt: string): void {
    this.#fold(reducer.close(this.#folded, prompt));
  }

  events(events: readonly Event[]): void {
    this.#fold(reducer.fold(this.#folded, ...events.filter((event) => event.job_id === this.id)));
  }

  opened(unfinished: readonly (JobSummary | Job)[] | null): void {
    const now = unfinished?.find((job) => job.id === this.id);
    // Among many, or finished while nobody told: it is to be looked at.
    if (unfinished && !now) this.doubt();
    this.#folded = reducer.hear(this.#folded, now?.seq ?? 0);
    this.follow();
  }

  protected over(): boolean {
    return reducer.finished(this.#folded.job);
  }

  protected incomplete(): boolean {
    return this.#wantsJob() || this.#wantsPrompts() || reducer.historyBehind(this.#folded);
  }

  protected async ask(signal: AbortSignal): Promise<void> {
    const before = this.#folded;
    await Promise.all([
      this.#wantsJob() && this.#fetchJob(signal),
      this.#wantsPrompts() && this.#fetchPrompts(signal),
      reducer.historyBehind(this.#folded) && this.#fetchHistory(signal),
    ]);
    // Some replica lags: it does not know yet what a stream has told of.
    const lags = this.#folded === before && (reducer.behind(before) || reducer.historyBehind(before));
    this.#lags = lags ? this.#lags + 1 : 0;
    if (lags) await sleep(backoff(this.#lags), signal);
  }

  protected render(): JobState {
    const { job, prompts, history } = this.#folded;
    if (history && history.output !== this.#output[0]) {
      this.#output = [history.output, [...history.output.values()].join("")];
    }
    return {
      job,
      prompts,
      output: this.#output[1],
      events: history?.events ?? NO_JOB.events,
      error: this.error,
      connection: this.connection,
    };
  }

  #fold(next: reducer.Folded): void {
    if (next === this.#folded) return;
    this.#folded = next;
    this.follow();
  }

  #wantsJob(): boolean {
    return !this.over() && (this.doubtful || reducer.behind(this.#folded));
  }

  #wantsPrompts(): boolean {
    return !this.over() && this.#folded.asked > this.#prompted;
  }

  async #fetchJob(signal: AbortSignal): Promise<void> {
    const job = await this.#get<Job>("", { signal });
    this.#folded = reducer.seed(this.#folded, job);
  }

  async #fetchPrompts(signal: AbortSignal): Promise<void> {
    const { asked } = this.#folded;
    const { items } = await this.#get<{ items: Prompt[] }>("/prompts", { signal });
    this.#prompted = asked;
    this.#folded = reducer.ask(this.#folded, items);
  }

  async #fetchHistory(signal: AbortSignal): Promise<void> {
    const query = { after: this.#folded.history?.seen, limit: HISTORY };
    const { items } = await this.#get<{ items: Event[] }>("/history", { query, signal });
    this.#folded = reducer.fold(this.#folded, ...items);
  }

  #get<T>(path: string, sent: Sent): Promise<T> {
    return this.requests.json<T>(`/jobs/${encodeURIComponent(this.id)}${path}`, { ...sent, timeout: TIMEOUT });
  }
}

/** What never ends, and is fetched anew where an event does not tell all. */
abstract class ListTopic<State extends object> extends Topic<State> {
  #asked = 0;

  opened(unfinished: readonly JobSummary[] | null): void {
    if (unfinished) this.doubt();
    this.follow();
  }

  protected over(): boolean {
    return false;
  }

  protected incomplete(): boolean {
    return this.doubtful;
  }

  protected override async pause(signal: AbortSignal): Promise<void> {
    await sleep(Math.max(0, this.#asked + PACE - Date.now()), signal);
    this.#asked = Date.now();
  }
}

export class JobsTopic extends ListTopic<JobsState> {
  #jobs: readonly JobSummary[] | null = null;

  constructor(
    private readonly query: Record<string, unknown>,
    private readonly requests: Requests,
    link: Link,
    timing: Timing,
    forget: () => void,
  ) {
    super(NO_JOBS, link, timing, forget);
  }

  events(events: readonly Event[]): void {
    for (const event of events) this.#take(event);
    this.follow();
  }

  protected render(): JobsState {
    return { jobs: this.#jobs, error: this.error, connection: this.connection };
  }

  protected async ask(signal: AbortSignal): Promise<void> {
    const { items } = await this.requests.json<Page<JobSummary>>("/jobs", {
      query: this.query,
      signal,
      timeout: TIMEOUT,
    });
    const known = new Map(this.#jobs?.map((job) => [job.id, job]));
    const jobs = items.map((job) => {
      const before = known.get(job.id);
      return before && before.seq >= job.seq ? before : job;
    });
    const same = jobs.length === this.#jobs?.length && jobs.every((job, n) => job === this.#jobs?.[n]);
    if (!same) this.#jobs = jobs;
  }

  #take(event: Event): void {
    const at = this.#jobs?.findIndex((job) => job.id === event.job_id) ?? -1;
    const job = this.#jobs?.[at];
    if (!this.#jobs || !job) {
      // It may belong into the list; or the list that is on its way has it as it was before.
      if (this.doubtful || event.kind.startsWith("job.")) this.doubt();
      return;
    }
    if (event.seq <= job.seq) return;
    if (event.seq > job.seq + 1) {
      this.doubt();
      return;
    }
    const next = reducer.apply(job, event);
    this.#jobs = this.#jobs.map((one, n) => (n === at ? next : one));
    // It may not belong there any more.
    if (next.status !== job.status && this.query.status) this.doubt();
  }
}

export class PromptsTopic extends ListTopic<PromptsState> {
  #prompts: readonly Prompt[] | null = null;
  readonly #closed = new Set<string>();

  constructor(
    private readonly requests: Requests,
    link: Link,
    timing: Timing,
    forget: () => void,
  ) {
    super(NO_PROMPTS, link, timing, forget);
  }

  /** This question was answered. */
  close(prompt: string): void {
    this.#closed.add(prompt);
    if (this.#prompts?.some(({ id }) => id === prompt)) this.#prompts = this.#prompts.filter(({ id }) => id !== prompt);
    this.follow();
  }

  events(events: readonly Event[]): void {
    for (const { kind, data } of events) {
      if (kind === "prompt.opened") this.doubt();
      else if (["prompt.answered", "prompt.expired", "prompt.withdrawn"].includes(kind))
        this.close(data.prompt as string);
    }
    this.follow();
  }

  protected render(): PromptsState {
    return { prompts: this.#prompts, error: this.error, connection: this.connection };
  }

  protected async ask(signal: AbortSignal): Promise<void> {
    const query = { limit: INBOX };
    const { items } = await this.requests.json<{ items: Prompt[] }>("/prompts", { query, signal, timeout: TIMEOUT });
    const prompts = items.filter(({ id }) => !this.#closed.has(id));
    const same =
      prompts.length === this.#prompts?.length && prompts.every(({ id }, n) => id === this.#prompts?.[n]?.id);
    if (!same) this.#prompts = prompts;
  }
}
