// How those who watch hear of changes: by one stream that they share or, while there is none, by asking now and then.
import { backoff } from "./backoff.js";
import { BideError, transient } from "./errors.js";
import type { Requests } from "./request.js";
import type { Message } from "./sse.js";
import { follow } from "./stream.js";
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

export const TIMING: Timing = {
  silence: 40_000,
  poll: 1_500,
  patience: 5_000,
  refused: 60_000,
  retry: 1_000,
  linger: 1_000,
};

/** Streams lost in a row after which the server is asked instead. */
const TRIES = 2;

/** Open while somebody watches: the first one opens it, and the last one closes it. */
export class Link {
  connection: ConnectionState = "connecting";
  readonly #watched = new Set<Watched>();
  /** Aborted when the link closes; null while it is closed. */
  #life: AbortController | null = null;
  #stream: AbortController | null = null;
  #lastEventId: string | null = null;
  #lastByte = 0;
  #live = false;
  #liveSince = 0;
  /** The browser says that there is no network. */
  #resting = false;
  #lost = 0;
  #streamDue = 0;
  #failed = 0;
  #asking = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `path`: of the stream; null where there is to be none. */
  constructor(
    private readonly requests: Requests,
    private readonly path: string | null,
    private readonly timing: Timing,
  ) {}

  add(watched: Watched): void {
    this.#watched.add(watched);
    watched.connected(this.connection);
    if (!this.#life) this.#open();
  }

  remove(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size === 0) this.#close();
  }

  // ── Life ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #open(): void {
    this.#life = new AbortController();
    const { signal } = this.#life;
    const wake = () => this.#wake();
    const { document } = globalThis;
    // In Node there is none of these.
    globalThis.addEventListener?.("online", wake, { signal });
    globalThis.addEventListener?.("pageshow", wake, { signal });
    globalThis.addEventListener?.("offline", () => this.#rest(), { signal });
    document?.addEventListener("visibilitychange", () => document.hidden || wake(), { signal });
    this.#begin();
  }

  #close(): void {
    this.#cut();
    this.#life?.abort();
    this.#life = this.#lastEventId = null;
    this.#asking = this.#resting = false;
    this.connection = "connecting";
  }

  /** The browser is back from somewhere: what was waited for need not be, and what was open may be dead. */
  #wake(): void {
    if (this.#live && Date.now() - this.#lastByte < this.timing.silence / 2) return;
    this.#cut();
    this.#resting = false;
    this.#begin();
  }

  #begin(): void {
    this.#lost = this.#failed = this.#streamDue = 0;
    if (this.path) this.#connect();
    else this.#poll();
  }

  /** The browser says that there is no network: nothing is tried until it says that there is. */
  #rest(): void {
    this.#cut();
    this.#resting = true;
    this.#tell("offline");
  }

  #cut(): void {
    clearTimeout(this.#timer);
    this.#stream?.abort();
    this.#stream = null;
    this.#live = false;
  }

  #tell(connection: ConnectionState): void {
    if (connection === this.connection) return;
    this.connection = connection;
    for (const watched of [...this.#watched]) watched.connected(connection);
  }

  // ── The stream ────────────────────────────────────────────────────────────────────────────────────────────────────

  #connect(): void {
    if (this.#stream || !this.path) return;
    const stream = new AbortController();
    this.#stream = stream;
    if (this.connection !== "polling" && this.connection !== "offline") this.#tell("connecting");
    this.#after(this.timing.patience, () => this.#poll());
    const { silence } = this.timing;
    const lastEventId = this.#lastEventId;
    follow(this.requests, this.path, { lastEventId, silence, stream }, (messages, reached) => {
      if (this.#stream !== stream) return;
      this.#lastEventId = reached;
      this.#take(messages, lastEventId !== null);
    }).then(
      () => this.#ended(stream),
      (error: unknown) => this.#ended(stream, error),
    );
  }

  #take(messages: readonly Message[], resumed: boolean): void {
    this.#lastByte = Date.now();
    if (!this.#live && resumed) this.#opened(null);
    const events: Event[] = [];
    for (const { event, data } of messages) {
      if (event !== "snapshot") events.push(JSON.parse(data));
      else {
        // A stream of one job begins with that job.
        const shown = JSON.parse(data) as Job | { jobs: JobSummary[] };
        this.#opened("jobs" in shown ? shown.jobs : [shown]);
      }
    }
    if (events.length) for (const watched of [...this.#watched]) watched.events(events);
  }

  #opened(unfinished: readonly (JobSummary | Job)[] | null): void {
    this.#live = true;
    this.#liveSince = Date.now();
    this.#failed = 0;
    clearTimeout(this.#timer);
    this.#tell("live");
    for (const watched of [...this.#watched]) watched.opened(unfinished);
  }

  #ended(stream: AbortController, error?: unknown): void {
    if (this.#stream !== stream) return;
    this.#stream = null;
    // One that is cut soon after each opening is as good as none.
    if (this.#live && Date.now() - this.#liveSince >= this.timing.patience) this.#lost = 0;
    const wait = backoff(this.#lost++, this.timing.retry);
    this.#live = false;
    const refused = error instanceof BideError && !transient(error);
    if (refused) this.#lastEventId = null;
    this.#streamDue = Date.now() + (refused ? this.timing.refused : (retryAfter(error) ?? wait));
    // The next round of asking tries it again.
    if (this.#asking || this.connection === "polling" || this.connection === "offline") return;
    if (refused || this.#lost > TRIES) this.#poll();
    else {
      this.#tell("connecting");
      this.#after(this.#streamDue - Date.now(), () => this.#connect());
    }
  }

  // ── Asking ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Ask for each that is watched, until the stream is open. */
  async #poll(): Promise<void> {
    const life = this.#life;
    if (this.#asking || this.#live || !life) return;
    this.#asking = true;
    const [probe, ...others] = this.#watched;
    let wait = this.timing.poll;
    try {
      // The others are not asked for before it is known that somebody answers.
      await probe?.poll();
      await Promise.allSettled(others.map((watched) => this.#watched.has(watched) && watched.poll()));
      this.#failed = 0;
    } catch (error) {
      wait = retryAfter(error) ?? Math.max(wait, backoff(this.#failed++, this.timing.retry));
    }
    if (life.signal.aborted) return;
    this.#asking = false;
    if (this.#live || this.#resting) return;
    this.#tell(this.#failed ? "offline" : "polling");
    if (!this.#failed && Date.now() >= this.#streamDue) this.#connect();
    this.#after(wait, () => this.#poll());
  }

  #after(milliseconds: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, milliseconds);
  }
}

function retryAfter(error: unknown): number | null {
  return error instanceof BideError ? error.retryAfter : null;
}
