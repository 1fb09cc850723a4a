// One request: headers of the caller's own, problems as errors, and bodies that are not sent twice.
import { backoff, sleep } from "./backoff.js";
import { BideError, transient } from "./errors.js";
import type { Problem } from "./types.js";

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

export class Requests {
  readonly #options: RequestOptions;
  readonly #url: string;
  readonly #kept = new Map<string, { etag: string; body: unknown }>();

  constructor(options: RequestOptions) {
    this.#options = options;
    this.#url = (options.url ?? "").replace(/\/+$/, "");
  }

  /** The body of the answer; one that has not changed is the same object as before. Rejects with BideError. */
  async json<T>(path: string, sent: Sent = {}): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#once<T>(path, sent);
      } catch (error) {
        if (!transient(error) || attempt >= (sent.retries ?? 0)) throw error;
        await sleep(error.retryAfter ?? backoff(attempt), sent.signal);
      }
    }
  }

  /** The answer, if it is a good one. Rejects with BideError, or with the reason of the signal. */
  async open(path: string, { method = "GET", query, body, headers, signal }: Sent = {}): Promise<Response> {
    const { headers: own, credentials = "same-origin" } = this.#options;
    const init: RequestInit = {
      method,
      credentials,
      headers: {
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(typeof own === "function" ? await own() : own),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    };
    let response: Response;
    try {
      response = await (this.#options.fetch ?? fetch)(this.#url + path + search(query), init);
    } catch (cause) {
      throw signal?.aborted ? signal.reason : unreachable(cause);
    }
    if (response.ok || response.status === 304) return response;
    throw new BideError(response.status, await problem(response), { retryAfter: retryAfter(response) });
  }

  async #once<T>(path: string, sent: Sent): Promise<T> {
    const reads = (sent.method ?? "GET") === "GET";
    const key = path + search(sent.query);
    const kept = reads ? this.#kept.get(key) : undefined;
    const headers = { ...(kept && { "If-None-Match": kept.etag }), ...sent.headers };
    const response = await this.open(path, { ...sent, headers });
    if (response.status === 304 && kept) return kept.body as T;
    if (response.status === 204) return undefined as T;
    let body: T;
    try {
      body = (await response.json()) as T;
    } catch (cause) {
      // A connection that is cut within the body, or a page of some proxy.
      throw sent.signal?.aborted ? sent.signal.reason : unreachable(cause);
    }
    const etag = response.headers.get("ETag");
    if (reads && etag) this.#keep(key, etag, body);
    return body;
  }

  #keep(key: string, etag: string, body: unknown): void {
    this.#kept.delete(key);
    this.#kept.set(key, { etag, body });
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value as string);
  }
}

function search(query: Record<string, unknown> = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => (one === undefined || one === null ? [] : [[name, String(one)]])),
  );
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}

function unreachable(cause: unknown): BideError {
  return new BideError(
    0,
    { code: "network_error", message: "The server cannot be reached.", retryable: true },
    { cause },
  );
}

async function problem(response: Response): Promise<Partial<Problem>> {
  try {
    return response.headers.get("Content-Type")?.includes("json") ? await response.json() : {};
  } catch {
    return {};
  }
}

/** A date, which is allowed too, counts as nothing. */
function retryAfter({ headers }: Response): number | null {
  const seconds = Number.parseFloat(headers.get("Retry-After") ?? "");
  return seconds >= 0 ? seconds * 1_000 : null;
}
