import { unless } from "./backoff.js";
import { createLink, type Link, TIMING, type Timing } from "./link.js";
import { finished } from "./reducer.js";
import { type Codec, createRequests, jobPath, type RequestOptions, type Requests, type Sent } from "./request.js";
import type { Host, Topic } from "./topic.js";
import { jobsTopic, jobTopic, NO_JOB, NO_JOBS, NO_PROMPTS, promptsTopic } from "./topics.js";
import type {
  Event,
  InputOf,
  Job,
  JobFilter,
  JobState,
  JobSummary,
  JobsState,
  JobType,
  JobTypeName,
  OutputOf,
  Page,
  Prompt,
  PromptsState,
  Receipt,
  Watch,
} from "./types.js";

export interface ClientOptions extends RequestOptions {
  /** For unusual networks, and for tests. */
  timing?: Partial<Timing>;
}

export interface Signalled {
  signal?: AbortSignal | undefined;
}

export interface Keyed extends Signalled {
  /** The same key again does the same thing no second time. By default a random one, for the repetitions of one call. */
  idempotencyKey?: string | undefined;
}

export interface CreateOptions extends Keyed {
  /** `7d`, `36h`, or seconds. */
  delay?: string | number;
  priority?: number;
  queue?: string;
  labels?: Readonly<Record<string, string>>;
  /** For administrators. */
  owner?: string;
  /** Seconds to wait for the end of the job, at most 60. */
  wait?: number;
}

export interface WatchOptions {
  /** With `events` and `output`: they cost a request of their own. */
  history?: boolean;
  /** Ask every so many milliseconds instead of listening to the stream. */
  interval?: number;
}

export interface Watching<State> extends Watch<State> {
  /** The snapshot before anything is known: what a server renders. */
  readonly initial: State;
  /** Ask the server anew: after an error that had ended it, say. */
  refetch(): Promise<void>;
}

export function createClient(options: ClientOptions = {}): BideClient {
  return new BideClient(options);
}

export class BideClient {
  /**
   * How questions are read, and all is written. With one that makes `bigint` of long integers, answers keep every digit
   * of theirs: `BideProvider` puts one here.
   */
  json: Codec = JSON;
  readonly #requests: Requests;
  readonly #timing: Timing;
  readonly #jobToken: string | undefined;
  readonly #links = new Map<unknown, Link>();
  readonly #topics = new Map<string, Topic<unknown>>();

  constructor({ timing, ...options }: ClientOptions) {
    this.#requests = createRequests(options, this);
    this.#timing = { ...TIMING, ...timing };
    this.#jobToken = options.jobToken;
  }

  // ── Jobs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Accept a job: it is durable once this resolves. Repeated while the server is away, it makes no second one. */
  create<T extends JobTypeName>(
    type: T,
    input: InputOf<T>,
    { idempotencyKey, signal, wait, ...options }: CreateOptions = {},
  ): Promise<Job<OutputOf<T>>> {
    const headers = wait ? { Prefer: `wait=${wait}` } : {};
    return this.#post("/jobs", { idempotencyKey, signal, headers, body: { type, input, ...options } });
  }

  get<R = unknown>(id: string, options?: Signalled): Promise<Job<R>> {
    return this.#requests.json(jobPath(id), options);
  }

  /** One page, newest first. */
  list(
    filter?: JobFilter,
    { cursor, ...options }: Signalled & { cursor?: string | undefined } = {},
  ): Promise<Page<JobSummary>> {
    return this.#requests.json("/jobs", { ...options, query: { ...query(filter), cursor } });
  }

  /** All of them, newest first, page by page. */
  listAll(filter?: JobFilter, options?: Signalled): AsyncGenerator<JobSummary, void> {
    return this.#all("/jobs", options, query(filter));
  }

  /** At once where nothing runs; else its code is told to stop. */
  async cancel(id: string, { reason, ...options }: Signalled & { reason?: string | undefined } = {}): Promise<Job> {
    const cancelled = await this.#post<Job>(`${jobPath(id)}/cancel`, { ...options, body: { reason } });
    for (const topic of this.#topics.values()) topic.kind.learn?.(cancelled);
    return cancelled;
  }

  /** Run a finished job again, as a new one that keeps every recorded step and answer. */
  retry(id: string, options?: Keyed): Promise<Job> {
    return this.#post(`${jobPath(id)}/retry`, options);
  }

  /** A new job that keeps what was recorded up to event `after`, by default all of it. */
  fork(id: string, { after, ...options }: Keyed & { after?: number } = {}): Promise<Job> {
    return this.#post(`${jobPath(id)}/fork`, { ...options, body: { after } });
  }

  /** Delete a finished job, with its history. */
  remove(id: string, options?: Signalled): Promise<void> {
    return this.#requests.json(jobPath(id), { ...options, method: "DELETE" });
  }

  /** The events of a job above `after`, in order. */
  history(
    id: string,
    { signal, ...query }: Signalled & { after?: number; limit?: number } = {},
  ): Promise<{ items: Event[]; next_after: number | null }> {
    return this.#requests.json(`${jobPath(id)}/history`, { query, signal });
  }

  /** The types that may be created by their names. */
  jobTypes(options?: Signalled): Promise<JobType[]> {
    return this.#requests.items("/job-types", options);
  }

  /** The job once it has finished, however it did. Rejects with BideError where there is no such job. */
  async settled<R = unknown>(id: string, { signal }: Signalled = {}): Promise<Job<R>> {
    const { getSnapshot, subscribe } = this.watch<R>(id);
    let stop = () => {};
    const ended = new Promise<Job<R>>((resolve, reject) => {
      const look = () => {
        const { job, error, connection } = getSnapshot();
        if (finished(job)) resolve(job as Job<R>);
        else if (connection === "ended") reject(error);
      };
      stop = subscribe(look);
      look();
    });
    return unless(ended, signal).finally(stop);
  }

  // ── Questions ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The open questions, oldest first: of one job, or the inbox of all jobs. */
  async prompts(id?: string, options?: Signalled): Promise<Prompt[]> {
    const prompts: Prompt[] = [];
    const path = `${id === undefined ? "" : jobPath(id)}/prompts`;
    for await (const prompt of this.#all<Prompt>(path, options)) prompts.push(prompt);
    return prompts;
  }

  prompt(id: string, options?: Signalled): Promise<Prompt> {
    return this.#requests.json(prompt(id), options);
  }

  /** Answer a question. It is recorded once; who comes later is told by a BideError `prompt_closed` what was. */
  async respond(id: string, value: object, options?: Keyed): Promise<Receipt> {
    const receipt = await this.#post<Receipt>(`${prompt(id)}/response`, { ...options, body: value });
    // The page need not wait for the stream to tell it what it knows.
    for (const topic of this.#topics.values()) topic.kind.close?.(id);
    return receipt;
  }

  // ── Watching ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** One job, until it has finished. */
  watch<R = unknown>(id: string, { history = false, interval }: WatchOptions = {}): Watching<JobState<R>> {
    return this.#watching(
      `job ${id} ${interval}`,
      NO_JOB,
      this.#link(id, interval),
      (host) => jobTopic(host, id),
      (topic) => history && topic.kind.remember?.(),
    ) as Watching<JobState<R>>;
  }

  /** The first page of a list, as it changes. */
  watchJobs(filter?: JobFilter): Watching<JobsState> {
    const chosen = query(filter);
    const key = `jobs ${JSON.stringify(chosen)}`;
    return this.#watching(key, NO_JOBS, this.#link(), (host) => jobsTopic(host, chosen));
  }

  /** The inbox: the oldest 200 open questions of all jobs. */
  watchPrompts(): Watching<PromptsState> {
    return this.#watching("prompts", NO_PROMPTS, this.#link(), promptsTopic);
  }

  // ── Inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What is on all pages of a list. */
  async *#all<T>(path: string, options?: Signalled, query?: Record<string, unknown>): AsyncGenerator<T, void> {
    let cursor: string | null | undefined;
    do {
      const page: Page<T> = await this.#requests.json(path, { ...options, query: { ...query, cursor } });
      yield* page.items;
      cursor = page.next_cursor;
    } while (cursor);
  }

  #post<T>(path: string, { idempotencyKey = randomKey(), headers, ...sent }: Sent & Keyed = {}): Promise<T> {
    const keyed = { ...headers, "Idempotency-Key": idempotencyKey };
    return this.#requests.json(path, { ...sent, method: "POST", headers: keyed });
  }

  /** What is watched under this key is made when it is first subscribed to: a render alone leaves nothing behind. */
  #watching<State>(
    key: string,
    initial: State,
    link: Link,
    make: (host: Host) => Topic<State>,
    prepare?: (topic: Topic<State>) => void,
  ): Watching<State> {
    const find = () => this.#topics.get(key) as Topic<State> | undefined;
    const host = { requests: this.#requests, timing: this.#timing, link, forget: () => this.#topics.delete(key) };
    return {
      initial,
      getSnapshot: () => find()?.getSnapshot() ?? initial,
      subscribe: (listener) => {
        const topic = find() ?? make(host);
        this.#topics.set(key, topic);
        prepare?.(topic);
        return topic.subscribe(listener);
      },
      refetch: async () => find()?.refetch(),
    };
  }

  /** All share one stream, but for those who bring a token for one job, or want none. */
  #link(id?: string, interval?: number): Link {
    const path = interval ? null : id && this.#jobToken ? `${jobPath(id)}/events` : "/events";
    const key = path ?? interval;
    const timing = { ...this.#timing, ...(interval && { poll: interval }) };
    const link = this.#links.get(key) ?? createLink(this.#requests, path, timing);
    this.#links.set(key, link);
    return link;
  }
}

function prompt(id: string): string {
  return `/prompts/${encodeURIComponent(id)}`;
}

function query({ labels = {}, ...filter }: JobFilter = {}): Record<string, unknown> {
  return { ...filter, label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) };
}

/** It names one call among those of one principal. (`crypto.randomUUID` is there in secure contexts only.) */
function randomKey(): string {
  return `${Date.now()}-${Math.random()}`;
}
