// What can be watched: one job, a list of jobs, and the inbox.
import { backoff, sleep } from "./backoff.js";
import type { Link, Timing } from "./link.js";
import * as reducer from "./reducer.js";
import type { Requests, Sent } from "./request.js";
import { Topic } from "./topic.js";
import type { Event, Job, JobState, JobSummary, JobsState, Prompt, PromptsState } from "./types.js";

const CONNECTING = { error: null, connection: "connecting" } as const;
export const NO_JOB: JobState = { ...CONNECTING, job: null, prompts: [], output: "", events: [] };
export const NO_JOBS: JobsState = { ...CONNECTING, jobs: null };
export const NO_PROMPTS: PromptsState = { ...CONNECTING, prompts: null };

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
    private readonly id: string,
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

  override learn(job: Job): void {
    if (job.id === this.id) this.#fold(reducer.seed(this.#folded, job));
  }

  override close(prompt: string): void {
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
    return this.requests.json<T>(`/jobs/${encodeURIComponent(this.id)}${path}`, { ...sent });
  }
}

/** A list: it never ends, and is fetched anew where an event does not tell all. */
abstract class ListTopic<Item extends { id: string }, State extends object> extends Topic<State> {
  protected items: readonly Item[] | null = null;
  #asked = 0;

  constructor(
    initial: State,
    private readonly path: string,
    protected readonly query: Record<string, unknown>,
    private readonly requests: Requests,
    link: Link,
    timing: Timing,
    forget: () => void,
  ) {
    super(initial, link, timing, forget);
  }

  opened(unfinished: readonly JobSummary[] | null): void {
    if (unfinished) this.doubt();
    this.follow();
  }

  events(events: readonly Event[]): void {
    events.forEach(this.take, this);
    this.follow();
  }

  protected abstract take(event: Event): void;
  /** What is known of a fetched item: a later state of it, or null where it is gone. */
  protected abstract known(item: Item): Item | null;

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

  protected async ask(signal: AbortSignal): Promise<void> {
    const fetched = await this.requests.json<{ items: Item[] }>(this.path, { query: this.query, signal });
    const items = fetched.items.flatMap((item) => this.known(item) ?? []);
    const same = items.length === this.items?.length && items.every((item, n) => item === this.items?.[n]);
    if (!same) this.items = items;
  }
}

export class JobsTopic extends ListTopic<JobSummary, JobsState> {
  constructor(query: Record<string, unknown>, requests: Requests, link: Link, timing: Timing, forget: () => void) {
    super(NO_JOBS, "/jobs", query, requests, link, timing, forget);
  }

  protected render(): JobsState {
    return { jobs: this.items, error: this.error, connection: this.connection };
  }

  protected known(job: JobSummary): JobSummary {
    const known = this.items?.find(({ id }) => id === job.id);
    return known && known.seq >= job.seq ? known : job;
  }

  protected take(event: Event): void {
    const job = this.items?.find(({ id }) => id === event.job_id);
    if (!job) {
      // It may belong into the list; or the list that is on its way has it as it was before.
      if (this.doubtful || event.kind.startsWith("job.")) this.doubt();
    } else if (event.seq === job.seq + 1 && !reducer.FETCHED.has(event.kind)) {
      const next = reducer.apply(job, event);
      this.items = this.items?.map((one) => (one === job ? next : one)) ?? null;
      // It may not belong there any more.
      if (next.status !== job.status && this.query.status) this.doubt();
    } else if (event.seq > job.seq) {
      this.doubt();
    }
  }
}

export class PromptsTopic extends ListTopic<Prompt, PromptsState> {
  readonly #closed = new Set<string>();

  constructor(requests: Requests, link: Link, timing: Timing, forget: () => void) {
    super(NO_PROMPTS, "/prompts", { limit: INBOX }, requests, link, timing, forget);
  }

  override close(prompt: string): void {
    this.#closed.add(prompt);
    if (this.items?.some(({ id }) => id === prompt)) this.items = this.items.filter(({ id }) => id !== prompt);
    this.follow();
  }

  protected render(): PromptsState {
    return { prompts: this.items, error: this.error, connection: this.connection };
  }

  protected known(prompt: Prompt): Prompt | null {
    if (this.#closed.has(prompt.id)) return null;
    return this.items?.find(({ id }) => id === prompt.id) ?? prompt;
  }

  protected take({ kind, data }: Event): void {
    if (kind === "prompt.opened") this.doubt();
    if (reducer.CLOSING.has(kind)) this.close(data.prompt as string);
  }
}
