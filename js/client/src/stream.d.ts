import type { Requests } from "./request.js";
import { type Message } from "./sse.js";
export interface Following {
  lastEventId: string | null;
  /** Milliseconds without a byte after which the connection counts as dead: the server shows now and then that it lives. */
  silence: number;
  signal: AbortSignal;
  /** With every piece that arrives, the first one too; where to go on from, if the connection is lost. */
  onMessages(messages: readonly Message[], lastEventId: string | null): void;
}
/** Resolves once the server has ended the stream; rejects where it is lost, refused, dead, or aborted. */
export declare function follow(requests: Requests, path: string, following: Following): Promise<void>;
