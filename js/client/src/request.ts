// One request: headers of the caller's own, problems as errors, and bodies that are not sent twice.
import { backoff, sleep, unless } from "./backoff.js";
import { BideError } from "./errors.js";

export type Headers = Readonly<Record<string, string>>;

export interface RequestOptions {
  /** Where `bide.router()` is included; in Node it must be absolute. */
  url?: string;
  /** Sent with every request, streams too. A function is asked anew for each, so that tokens may expire. */
  headers?: Headers | (() => Headers | Promise<Headers>);
  /** A token for one job, as `job_token()` makes them in Python: the client then reaches this job alone. */
  jobToken?: string;
  fetch?: typeof fetch;
  credentials?: RequestCredentials;
}

/** How JSON is read and written: `JSON` is one. */
export interface Codec {
  parse(text: string): unknown;
  stringify(value: unknown): string;
}

export interface Sent {
  method?: string;
  query?: Record<string, unknown>;
  body?: object;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/** How often a POST is repeated while the server is away: its idempotency key keeps it from having its effect twice. */
const REPEATED = 3;

/** Bodies kept for `If-None-Match`; with more, all are forgotten. */
const KEPT = 200;

export interface Requests {
  /** The body of the answer; one that has not changed is the same object as before. Rejects with BideError. */
  json<T>(path: string, sent?: Sent): Promise<T>;
  /** The items of such a body. */
  items<T>(path: string, sent?: Sent): Promise<T[]>;
  /** The answer, if it is a good one. Rejects with BideError, or with the reason of the signal. */
  open(path: string, sent?: Sent): Promise<Response>;
}

export function createRequests(
  { url = "", headers: own, jobToken, fetch: send, credentials }: RequestOptions,
  client: { json: Codec },
): Requests {
  const base = url.replace(/\/+$/, "");
  const kept = new Map<string, { etag: string; body: unknown }>();

  async function open(path: string, { method, query, body, headers, signal }: Sent = {}): Promise<Response> {
    const init: RequestInit = {
      ...(method && { method }),
      ...(credentials && { credentials }),
      headers: {
        ...(body && { "Content-Type": "application/json" }),
        ...(typeof own === "function" ? await unless(own(), signal) : own),
        ...(jobToken && { Authorization: `Bearer ${jobToken}` }),
        ...headers,
      },
      body: body ? client.json.stringify(body) : null,
      signal: signal ?? null,
    };
    const response = await reached((send ?? fetch)(base + path + search(query), init), signal);
    if (response.ok || response.status === 304) return response;
    const problem = await response
      .text()
      .then((text) => client.json.parse(text))
      .catch(() => ({}));
    // Milliseconds. A date, which is allowed too, counts as nothing.
    const retryAfter = Number(response.headers.get("Retry-After")) * 1_000 || null;
    throw new BideError(response.status, problem as object, retryAfter);
  }

  async function once<T>(path: string, sent: Sent): Promise<T> {
    const key = sent.method ? "" : path + search(sent.query);
    const known = kept.get(key);
    const headers = { ...(known && { "If-None-Match": known.etag }), ...sent.headers };
    const response = await open(path, { ...sent, headers });
    // Not changed, or nothing to say.
    if (response.status === 304 || response.status === 204) return known?.body as T;
    const text = await reached(response.text(), sent.signal);
    let body: unknown;
    try {
      // Questions, and answers that were given: what goes back in an answer must not be rounded on its way.
      body = (path.includes("/prompts") ? client.json : JSON).parse(text);
    } catch {
      // The page of some site, say: a good answer, but none of Bide's.
      const hint = `Is Bide at ${base + path}?`;
      throw new BideError(200, { code: "not_bide", hint, retryable: false });
    }
    const etag = response.headers.get("ETag");
    if (key && etag) {
      if (kept.size > KEPT) kept.clear();
      kept.set(key, { etag, body });
    }
    return body as T;
  }

  async function json<T>(path: string, sent: Sent = {}): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await once(path, sent);
      } catch (error) {
        const { retryable, retryAfter } = Object(error) as BideError;
        if (!retryable || sent.method !== "POST" || attempt >= REPEATED) throw error;
        await sleep(retryAfter ?? backoff(attempt), sent.signal);
      }
    }
  }

  return { open, json, items: async (path, sent) => (await json<{ items: never[] }>(path, sent)).items };
}

/** Where a job is. */
export function jobPath(id: string): string {
  return `/jobs/${encodeURIComponent(id)}`;
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
  // JSON leaves out what is undefined, and writes dates as the server reads them.
  const pairs = Object.entries(JSON.parse(JSON.stringify(query))).flatMap(([name, value]) =>
    [value].flat().map((one) => [name, `${one}`]),
  );
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}
