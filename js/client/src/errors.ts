import type { Problem } from "./types.js";

export type Flaw = NonNullable<Problem["errors"]>[number];

/** What is known of any failure: only those of the server say more. */
export type Failure = Partial<BideError> | null | undefined;

export interface BideError extends Omit<Problem, "type" | "title" | "detail"> {
  /** 0 where the server could not be reached; 200 where what answers is not Bide. */
  status: number;
  /** Stable, to be compared with: `not_found`, `prompt_closed`, `network_error`, … */
  code: string;
  hint: string | null;
  /** Whether the same request may succeed later. */
  retryable: boolean;
  /** What is wrong with which part of the request: `path` is a JSON pointer into the body. */
  errors: Flaw[];
  /** Milliseconds after which to ask again, where the server says so. */
  retryAfter: number | null;
}

/**
 * Whether what will not pass by itself will not pass at all. A proxy that says 404 may know nothing of Bide, a token may
 * be renewed, and a server mended.
 */
export function final({ status, code }: BideError): boolean {
  return code !== "http_error" && status !== 401 && status !== 408 && status < 500;
}

/** What the server refused, with all that it says of it; or that it could not be reached. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the fields are those of the problem
export class BideError extends Error {
  constructor(status: number, problem: Partial<Problem>, retryAfter: number | null = null, cause?: unknown) {
    super(`The server answered with status ${status}.`, { cause });
    const retryable = status === 429 || status >= 500;
    Object.assign(this, { code: "http_error", hint: null, retryable, errors: [] }, problem, {
      name: "BideError",
      status,
      retryAfter,
    });
  }
}
