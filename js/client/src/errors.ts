import type { Problem } from "./types.js";

export type Flaw = NonNullable<Problem["errors"]>[number];

/** What the server refused, or that it could not be reached: then `status` is 0 and `code` is `network_error`. */
export class BideError extends Error {
  override readonly name = "BideError";
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

  constructor(status: number, problem: Partial<Problem>, retryAfter: number | null = null, cause?: unknown) {
    super(problem.message ?? problem.detail ?? `The server answered with status ${status}.`, { cause });
    this.status = status;
    this.code = problem.code ?? "http_error";
    this.hint = problem.hint ?? null;
    this.retryable = problem.retryable ?? (status === 429 || status >= 500);
    this.errors = problem.errors ?? [];
    this.retryAfter = retryAfter;
    this.problem = problem;
  }
}
