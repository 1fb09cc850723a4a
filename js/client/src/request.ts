// One request: headers of the caller's own, problems as errors, and bodies that are not sent twice.
import { backoff, sleep } from "./backoff.js";
import { BideError } from "./errors.js";

export type Headers = Readonly<Record<string, string>>;

export interface RequestOptions {
  /** Where `bide.router()` is included; in Node it must be absolute. */
  url?: string;
  /** Sent with every request, streams too. A function is asked anew for each, so that tokens may expire. */
  headers?: Headers | (() => Headers | Promise<Headers>);
  fetch?: typeof fetch;
  credentials?: RequestCredentials;
}

export interface Sent {
  method?: string;
  query?: Record<string, unknown>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** How often to repeat it while the server is away: for what has the same effect once or twice. */
  retries?: number;
}

/** Bodies kept for `If-None-Match`; the oldest is forgotten first. */
const KEPT = 200;

export interface Requests {
  /** The body of the answer; one that has not changed is the same object as before. Rejects with BideError. */
  json<T>(path: string, sent?: Sent): Promise<T>;
  /** The answer, if it is a good one. Rejects with BideError, or with the reason of the signal. */
  open(path: string, sent?: Sent): Promise<Response>;
}

export function createRequests({
  url = "",
  headers: own,
  fetch: send = (...request) => fetch(...request),
  credentials = "same-origin",
}: RequestOptions): Requests {
  const base = url.replace(/\/+$/, "");
  const kept = new Map<string, { etag: string; body: unknown }>();

  async function open(path: string, { method = "GET", query, body, headers, signal }: Sent = {}): Promise<Response> {
    const init: RequestInit = {
      method,
      credentials,
      headers: {
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...(typeof own === "function" ? await own() : own),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    };
    const response = await reached(send(base + path + search(query), init), signal);
    if (response.ok || response.status === 304) return response;
    const problem = await response.json().catch(() => ({}));
    throw new BideError(response.status, problem, retryAfter(response));
  }

  async function once<T>(path: string, sent: Sent): Promise<T> {
    const key = sent.method ? "" : path + search(sent.query);
    const known = kept.get(key);
    const headers = { ...(known && { "If-None-Match": known.etag }), ...sent.headers };
    const response = await open(path, { ...sent, headers });
    if (response.status === 304) return known?.body as T;
    if (response.status === 204) return undefined as T;
    const body: T = await reached(response.json(), sent.signal);
    const etag = response.headers.get("ETag");
    if (key && etag) {
      kept.delete(key);
      kept.set(key, { etag, body });
      if (kept.size > KEPT) kept.delete(kept.keys().next().value as string);
    }
    return body;
  }

  return {
    open,
    async json(path, sent = {}) {
      for (let attempt = 0; ; attempt++) {
        try {
          return await once(path, sent);
        } catch (error) {
          if (!(error instanceof BideError && error.retryable) || attempt >= (sent.retries ?? 0)) throw error;
          await sleep(error.retryAfter ?? backoff(attempt), sent.signal);
        }
      }
    },
  };
}

/** What does not come for another reason than the signal's: the server is away, or the connection was cut. */
async function reached<T>(arriving: Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await arriving;
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    const problem = { code: "network_error", message: "The server cannot be reached.", retryable: true };
    throw new BideError(0, problem, null, cause);
  }
}

function search(query: Record<string, unknown> = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => (one === undefined || one === null ? [] : [[name, String(one)]])),
  );
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}

/** A date, which is allowed too, counts as nothing. */
function retryAfter({ headers }: Response): number | null {
  const seconds = Number.parseFloat(headers.get("Retry-After") ?? "");
  return seconds >= 0 ? seconds * 1_000 : null;
}
