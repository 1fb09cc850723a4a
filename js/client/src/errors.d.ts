import type { Problem } from "./types.js";
export type Flaw = NonNullable<Problem["errors"]>[number];
/** What the server refused, or that it could not be reached: then `status` is 0 and `code` is `network_error`. */
export declare class BideError extends Error {
  readonly name = "BideError";
  readonly status: number;
  /** Stable, to be compared with: `not_found`, `prompt_closed`, … */
  readonly code: string;
  readonly hint: string | null;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** What is wrong with which part of the request: `path` is a JSON pointer into the body. */
  readonly errors: readonly Flaw[];
  /** Milliseconds after which to ask again, where the server says so. */
  readonly retryAfter: number | null;
  /** The whole of what the server said: some problems have more to tell. */
  readonly problem: Partial<Problem>;
  constructor(
    status: number,
    problem: Partial<Problem>,
    options?: {
      retryAfter?: number | null;
      cause?: unknown;
    },
  );
}
/** Whether it may pass by itself: the server is away or busy. What a proxy says without a body counts by its status. */
export declare function transient(error: unknown): error is BideError;
