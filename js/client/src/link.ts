// How those who watch hear of changes: by one stream that they share or, while there is none, by asking now and then.
import { backoff } from "./backoff.js";
import type { Failure } from "./errors.js";
import type { Requests } from "./request.js";
import type { Message } from "./sse.js";
import { follow } from "./stream.js";
import type { ConnectionState, Event, Job, JobSummary } from "./types.js";

export interface Watched {
  /** Events of all jobs that may be seen, as they come. */
  events(events: readonly Event[]): void;
  /** The stream is open: as of then these jobs were unfinished; null: it goes on where it was. */
  opened(unfinished: readonly (JobSummary | Job)[] | null): void;
  /** Ask the server. Resolves to why that has failed, if it has. */
  poll(): Promise<Failure>;
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

export interface Link {
  add(watched: Watched): void;
  remove(watched: Watched): void;
}

/**
 * Open while somebody watches: the first one opens it, and the last one closes it. `path`: of the stream; null where
 * there is to be none.
 */
export function createLink(requests: Requests, path: string | null, timing: Timing): Link {
  const watching = new Set<Watched>();
  /** Aborted when the link closes; null while it is closed. */
  let life: AbortController | null = null;
  let connection: ConnectionState = "connecting";
  let timer: ReturnType<typeof setTimeout> | undefined;

  let stream: AbortController | null = null;
  let live = false;
  let lastByte = 0;
  let lastEventId: string | null = null;
  /** Streams that were lost in a row. */
  let lost = 0;
  /** When the next one may be tried. */
  let due = 0;

  let asking = false;
  /** Rounds of asking in a row in which nobody got what they asked for. */
  let failed = 0;
  /** The browser says that there is no network. */
  let resting = false;

  // ── Life ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  function open(): void {
    life = new AbortController();
    const { signal } = life;
    // In Node there is none of these.
    for (const type of ["offline", "online", "pageshow", "visibilitychange"])
      globalThis.addEventListener?.(type, type === "offline" ? rest : wake, { signal });
    begin();
  }

  function close(): void {
    cut();
    life?.abort();
    life = lastEventId = null;
    asking = resting = false;
    connection = "connecting";
  }

  /** The browser is back from somewhere: what was waited for need not be, and what was open may be dead. */
  function wake(): void {
    if (stream && Date.now() - lastByte < timing.silence / 2) return;
    cut();
    resting = false;
    begin();
  }

  /** Nothing is tried until the browser says that there is a network. */
  function rest(): void {
    cut();
    resting = true;
    tell("offline");
  }

  function begin(): void {
    lost = failed = due = 0;
    if (path) connect();
    else poll();
  }

  function cut(): void {
    clearTimeout(timer);
    stream?.abort();
    stream = null;
    live = false;
  }

  /** Some of them leave while they are told. */
  function each(tell: (watched: Watched) => void): void {
    watching.forEach(tell);
  }

  function tell(now: ConnectionState): void {
    if (now === connection) return;
    connection = now;
    each((watched) => watched.connected(now));
  }

  function after(milliseconds: number, then: () => void): void {
    clearTimeout(timer);
    timer = setTimeout(then, milliseconds);
  }

  // ── The stream ────────────────────────────────────────────────────────────────────────────────────────────────────

  function connect(): void {
    if (stream || !path) return;
    const mine = new AbortController();
    stream = mine;
    lastByte = Date.now();
    if (!instead()) tell("connecting");
    after(timing.patience, poll);
    const from = lastEventId;
    follow(requests, path, stream, timing.silence, lastEventId, (messages, reached) => {
      if (stream !== mine) return;
      lastEventId = reached;
      take(messages, from !== null);
    })
      .catch(Object)
      .then((error: Failure) => ended(mine, error));
  }

  /** Whether the server is asked instead: the next round then tries the stream again. */
  function instead(): boolean {
    return connection === "polling" || connection === "offline";
  }

  function take(messages: readonly Message[], resumed: boolean): void {
    lastByte = Date.now();
    // One that is cut after each opening, before anything else has come, is as good as none.
    if (live) lost = 0;
    else if (resumed) opened(null);
    const events: Event[] = [];
    for (const { event, data } of messages) {
      const shown = JSON.parse(data);
      if (event !== "snapshot") events.push(shown);
      // A stream of one job begins with that job.
      else opened(shown.jobs ?? [shown]);
    }
    each((watched) => watched.events(events));
  }

  function opened(unfinished: readonly (JobSummary | Job)[] | null): void {
    live = true;
    failed = 0;
    clearTimeout(timer);
    each((watched) => watched.opened(unfinished));
    tell("live");
  }

  function ended(mine: AbortController, error?: Failure): void {
    if (stream !== mine) return;
    stream = null;
    live = false;
    const refused = error?.retryable === false;
    if (refused) lastEventId = null;
    const wait = refused ? timing.refused : delay(error, lost++, timing);
    due = Date.now() + wait;
    if (asking || instead()) return;
    if (refused || lost > TRIES) poll();
    else {
      tell("connecting");
      after(wait, connect);
    }
  }

  // ── Asking ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Ask for each that is watched, until the stream is open. */
  async function poll(): Promise<void> {
    const mine = life;
    if (asking || live || !mine) return;
    asking = true;
    const [probe, ...others] = watching;
    const failure = await probe?.poll();
    // The others are not asked for before it is known that somebody answers, were it to refuse.
    const reached = !failure || failure.status;
    const failures = reached ? await Promise.all(others.map((watched) => watched.poll())) : [];
    if (mine !== life) return;
    asking = false;
    if (live || resting) return;
    let wait = timing.poll;
    if (failure && failures.every(Boolean)) wait = Math.max(wait, delay(failure, failed++, timing));
    else failed = 0;
    tell(reached ? "polling" : "offline");
    if (reached && Date.now() >= due) connect();
    after(wait, poll);
  }

  return {
    add(watched) {
      watching.add(watched);
      watched.connected(connection);
      if (!life) open();
    },
    remove(watched) {
      watching.delete(watched);
      if (watching.size === 0) close();
    },
  };
}

/** Milliseconds until the next try after this one, which failed: what the server says, or more each time. */
export function delay(error: Failure, attempt: number, { retry }: Pick<Timing, "retry">): number {
  return error?.retryAfter ?? backoff(attempt, retry);
}
