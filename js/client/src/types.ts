// The nouns, as they go over the wire: taken from the server's OpenAPI document, with names a page uses.
import type { components, operations } from "./api.js";
import type { BideError } from "./errors.js";

type Schemas = components["schemas"];

export type JobStatus = Schemas["JobStatus"];
export type Progress = Schemas["Progress"];
export type JobError = Schemas["JobError"];
export type JobSummary = Schemas["JobSummary"];
export type Event = Schemas["Event"];
export type Problem = Schemas["Problem"];
export type Prompt = Schemas["PromptView"];
export type Receipt = Schemas["Receipt"];
export type JobType = Schemas["JobTypeView"];

/** A job; `result` is what it returned, once its status is `completed`. */
export type Job<R = unknown> = JobSummary & { result: R | null };

export type Page<T> = { items: T[]; next_cursor: string | null };

/** Which jobs: one of each filter must match, and all labels. */
export interface JobFilter {
  status?: JobStatus | readonly JobStatus[];
  type?: string | readonly string[];
  queue?: string | readonly string[];
  labels?: Readonly<Record<string, string>>;
  owner?: string;
  created_after?: Date | string;
  created_before?: Date | string;
  limit?: number;
}

export type JobListQuery = NonNullable<operations["list_jobs"]["parameters"]["query"]>;

// ── What `bide types` fills in ──────────────────────────────────────────────────────────────────────────────────────

/**
 * The job types of your server. `bide types` writes a file that fills it in:
 *
 *     declare module "@bide/client" {
 *       interface JobTypes {
 *         write_post: { input: { topic: string }; output: Post; prompts: { publish: { data: …; answer: … } } };
 *       }
 *     }
 */
// biome-ignore lint/suspicious/noEmptyInterface: it is there to be merged with
export interface JobTypes {}

/** Names of job types: those that are known, if any are, and any other. */
export type JobTypeName = (keyof JobTypes & string) | (string & {});

type Part<T, Field extends string, Unknown> = T extends keyof JobTypes
  ? JobTypes[T] extends Record<Field, infer Found>
    ? Found
    : Unknown
  : Unknown;

export type InputOf<T> = Part<T, "input", Record<string, unknown>>;
export type OutputOf<T> = Part<T, "output", unknown>;
type PromptsOf<T> = Part<T, "prompts", unknown>;

/** The questions that a job of this type asks: of each its key, and the data and kind that are known of it. */
export type PromptOf<T> =
  PromptsOf<T> extends infer Known
    ? unknown extends Known
      ? Prompt
      : {
          [Key in keyof Known & string]: Omit<
            Prompt,
            "key" | ("data" & keyof Known[Key]) | ("kind" & keyof Known[Key])
          > & {
            key: Key;
          } & Pick<Known[Key], keyof Known[Key] & ("data" | "kind")>;
        }[keyof Known & string]
    : never;

/** What may be answered to the questions of a job of this type; on any of them a person may also cancel. */
export type AnswerOf<T> =
  | { action: "cancel" }
  | (PromptsOf<T> extends infer Known
      ? unknown extends Known
        ? Record<string, unknown>
        : { [Key in keyof Known]: Known[Key] extends { answer: infer Answer } ? Answer : never }[keyof Known]
      : never);

// ── What is watched ─────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * How a page hears of changes: it is `connecting`, the stream is `live`, it asks now and then (`polling`), the server is
 * not reached (`offline`), or there is nothing more to come (`ended`).
 */
export type ConnectionState = "connecting" | "live" | "polling" | "offline" | "ended";

export interface JobState<R = unknown> {
  readonly job: Job<R> | null;
  /** The open questions, oldest first. */
  readonly prompts: readonly Prompt[];
  /**
   * What the job's steps have emitted, with a blank line between two of them; filled where the history is watched, as
   * `events` is.
   */
  readonly output: string;
  /** The job's history but for its output. */
  readonly events: readonly Event[];
  /**
   * What the server says instead: no such job, say; with `connection` at `ended`, for good. It may pass, and is gone then:
   * a token that has expired, say. A server that is away, or says that it will be back, is not shown here.
   */
  readonly error: BideError | null;
  readonly connection: ConnectionState;
}

export interface JobsState {
  /** Null until they are known. Newest first. */
  readonly jobs: readonly JobSummary[] | null;
  readonly error: BideError | null;
  readonly connection: ConnectionState;
}

export interface PromptsState {
  /** Null until they are known. Oldest first. */
  readonly prompts: readonly Prompt[] | null;
  readonly error: BideError | null;
  readonly connection: ConnectionState;
}

/** What `useSyncExternalStore` takes: a snapshot stays the same object until something has changed. */
export interface Watch<State> {
  getSnapshot(): State;
  subscribe(listener: () => void): () => void;
}
