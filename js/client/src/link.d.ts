import type { Requests } from "./request.js";
import type { ConnectionState, Event, Job, JobSummary } from "./types.js";
export interface Watched {
  /** Events of all jobs that may be seen, as they come. */
  events(events: readonly Event[]): void;
  /** The stream is open: as of then these jobs were unfinished; null: it goes on where it was. */
  opened(unfinished: readonly (JobSummary | Job)[] | null): void;
  /** Ask the server. Rejects where it is away. */
  poll(): Promise<void>;
  connected(connection: ConnectionState): void;
}
export interface Timing {
  /** Milliseconds of silence after which the stream counts as dead. The server shows every 15 s that it lives. */
  silence: number;
  /** Milliseconds between two questions while there is no stream. */
  poll: number;
  /** Milliseconds that a stream may take to open before the others are asked as well. */
  patience: number;
  /** Milliseconds after which a stream that was refused is tried again. */
  refused: number;
  /** Milliseconds of the first wait after a failure; it doubles, up to half a minute, and is jittered. */
  retry: number;
  /** Milliseconds for which what nobody watches any more is kept, as somebody may come back at once. */
  linger: number;
}
export declare const TIMING: Timing;
/** Open while somebody watches: the first one opens it, and the last one closes it. */
export declare class Link {
  #private;
  private readonly requests;
  private readonly path;
  private readonly timing;
  connection: ConnectionState;
  /** `path`: of the stream; null where there is to be none. */
  constructor(requests: Requests, path: string | null, timing: Timing);
  add(watched: Watched): void;
  remove(watched: Watched): void;
}
