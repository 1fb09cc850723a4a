// One connection to a stream of events, from its opening to its end.
import { BideError } from "./errors.js";
import type { Requests } from "./request.js";
import { type Message, messages, SseParser } from "./sse.js";

export interface Following {
  lastEventId: string | null;
  /** Milliseconds without a byte after which the connection counts as dead: the server shows now and then that it lives. */
  silence: number;
  signal: AbortSignal;
  /** With every piece that arrives, the first one too; where to go on from, if the connection is lost. */
  onMessages(messages: readonly Message[], lastEventId: string | null): void;
}

/** Resolves once the server has ended the stream; rejects where it is lost, refused, dead, or aborted. */
export async function follow(requests: Requests, path: string, following: Following): Promise<void> {
  const { lastEventId, silence, signal, onMessages } = following;
  const dead = new AbortController();
  const watchdog = () => setTimeout(() => dead.abort(lost("The connection is silent.")), silence);
  let timer = watchdog();
  const stop = () => dead.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const response = await requests.open(path, {
      headers: { Accept: "text/event-stream", ...(lastEventId === null ? {} : { "Last-Event-ID": lastEventId }) },
      signal: dead.signal,
    });
    if (response.status === 204 || !response.body) return;
    const parser = new SseParser();
    parser.lastEventId = lastEventId;
    for await (const batch of messages(response.body, parser)) {
      clearTimeout(timer);
      timer = watchdog();
      onMessages(batch, parser.lastEventId);
    }
  } catch (error) {
    throw error instanceof BideError || signal.aborted
      ? error
      : (dead.signal.reason ?? lost("The connection is lost.", error));
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

function lost(message: string, cause?: unknown): BideError {
  return new BideError(0, { code: "network_error", message, retryable: true }, { cause });
}
