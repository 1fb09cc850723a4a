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
  /** Milliseconds after which the server counts as away. */
  timeout?: number;
  /** How often to repeat it while the server is away: for what has the same effect once or twice. */
  retries?: number;
}
export declare class Requests {
  #private;
  constructor(options: RequestOptions);
  /** The body of the answer; one that has not changed is the same object as before. Rejects with BideError. */
  json<T>(path: string, sent?: Sent): Promise<T>;
  /** The answer, if it is a good one. Rejects with BideError, or with the reason of the signal. */
  open(path: string, { method, query, body, headers, signal }?: Sent): Promise<Response>;
}
