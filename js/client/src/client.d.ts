import { type Timing } from "./link.js";
import { type RequestOptions } from "./request.js";
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
  /** A token for one job, as `bide.job_token()` makes them: the client then reaches this job alone. */
  jobToken?: string;
  /** For unusual networks, and for tests. */
  timing?: Partial<Timing>;
}
export interface Signalled {
  signal?: AbortSignal;
}
export interface Keyed extends Signalled {
  /** The same key again does the same thing no second time. By default a random one, for the repetitions of one call. */
  idempotencyKey?: string;
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
export declare function createClient(options?: ClientOptions): BideClient;
export declare class BideClient {
  #private;
  constructor({ jobToken, timing, ...options }?: ClientOptions);
  /** Accept a job: it is durable once this resolves. Repeated while the server is away, it makes no second one. */
  create<T extends JobTypeName>(
    type: T,
    input: InputOf<T>,
    { idempotencyKey, wait, signal, ...options }?: CreateOptions,
  ): Promise<Job<OutputOf<T>>>;
  get<R = unknown>(id: string, { signal }?: Signalled): Promise<Job<R>>;
  /** One page, newest first. */
  list(
    filter?: JobFilter,
    {
      cursor,
      signal,
    }?: Signalled & {
      cursor?: string;
    },
  ): Promise<Page<JobSummary>>;
  /** All of them, newest first, page by page. */
  listAll(filter?: JobFilter, { signal }?: Signalled): AsyncGenerator<JobSummary, void>;
  /** At once where nothing runs; else its code is told to stop. */
  cancel(
    id: string,
    {
      reason,
      signal,
    }?: Signalled & {
      reason?: string;
    },
  ): Promise<Job>;
  /** Run a finished job again, as a new one that keeps every recorded step and answer. */
  retry(id: string, { idempotencyKey, signal }?: Keyed): Promise<Job>;
  /** A new job that keeps what was recorded up to event `after`, by default all of it. */
  fork(
    id: string,
    {
      after,
      idempotencyKey,
      signal,
    }?: Keyed & {
      after?: number;
    },
  ): Promise<Job>;
  /** Delete a finished job, with its history. */
  remove(id: string, { signal }?: Signalled): Promise<void>;
  /** The events of a job above `after`, in order. */
  history(
    id: string,
    {
      after,
      limit,
      signal,
    }?: Signalled & {
      after?: number;
      limit?: number;
    },
  ): Promise<{
    items: Event[];
    next_after: number | null;
  }>;
  jobTypes({ signal }?: Signalled): Promise<JobType[]>;
  /** The job once it has finished, however it did. Rejects with BideError where there is no such job. */
  settled<R = unknown>(id: string, { signal }?: Signalled): Promise<Job<R>>;
  /** The open questions, oldest first: of one job, or the inbox of all jobs. */
  prompts(id?: string, { signal }?: Signalled): Promise<Prompt[]>;
  prompt(id: string, { signal }?: Signalled): Promise<Prompt>;
  /** Answer a question. It is recorded once; who comes later is told by a BideError `prompt_closed` what was. */
  respond(prompt: string, value: object, { idempotencyKey, signal }?: Keyed): Promise<Receipt>;
  /** One job, until it has finished. */
  watch<R = unknown>(id: string, { history, interval }?: WatchOptions): Watching<JobState<R>>;
  /** The first page of a list, as it changes. */
  watchJobs(filter?: JobFilter): Watching<JobsState>;
  /** The inbox: the open questions of all jobs. */
  watchPrompts(): Watching<PromptsState>;
}
