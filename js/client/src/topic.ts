// Something that is watched: a snapshot and its listeners. The first one opens it; the last one, after a while, closes it.
import { sleep } from "./backoff.js";
import type { BideError } from "./errors.js";
import { delay, type Link, type Timing, type Watched } from "./link.js";
import type { Requests } from "./request.js";
import type { ConnectionState, Job, Watch } from "./types.js";

/** Milliseconds after which a question to the server is given up. */
const TIMEOUT = 30_000;

/** Questions in a row that are asked at once; the pages of a long history are some. */
const PATIENCE = 50;

export interface Host {
  requests: Requests;
  link: Link;
  timing: Timing;
  /** Called once nobody has watched it for a while. */
  forget(): void;
}

interface Common {
  readonly error: BideError | null;
  readonly connection: ConnectionState;
}

/** What topics have in common, for those that they differ in. */
export interface Frame {
  /** Something has changed: tell of it, and ask for what is missing now. */
  follow(): void;
  /** What was known of the server may not hold any more; an answer that is on its way does not settle that. */
  doubt(): void;
  doubtful(): boolean;
}

/** What topics differ in. */
export interface Kind<State> extends Pick<Watched, "events" | "opened"> {
  /** What is known. */
  render(): Omit<State, keyof Common>;
  /** Whether the server is to be asked. */
  incomplete(): boolean;
  /** Ask the server, once. */
  ask(signal: AbortSignal): Promise<unknown>;
  /** Wait before that: whatever happens meanwhile is in the answer. */
  pause?(signal: AbortSignal): Promise<void>;
  /** Whether nothing more will come. */
  over(): boolean;
  /** What the server has answered to some request. */
  learn?(job: Job): void;
  /** This question was answered. */
  close?(prompt: string): void;
  /** From now on the history is part of the state. */
  remember?(): void;
}

export interface Topic<State> extends Watch<State> {
  readonly kind: Kind<State>;
  /** Ask anew, also after an error that had ended it. */
  refetch(): Promise<void>;
}

export function createTopic<State extends Common>(
  { link, timing, forget }: Host,
  initial: State,
  define: (frame: Frame) => Kind<State>,
): Topic<State> {
  const listeners = new Set<() => void>();
  let state = initial;
  let connection: ConnectionState = "connecting";
  let error: BideError | null = null;
  /** Aborted when it closes; null while it is closed. */
  let life: AbortController | null = null;
  let linked = false;
  let linger: ReturnType<typeof setTimeout> | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  let failed = 0;
  let asking: Promise<void> | null = null;
  /** How often there was reason to ask the server, and how many of these reasons came before the last answer's request. */
  let doubts = 1;
  let settled = 0;

  const kind = define({ follow, doubt, doubtful: () => doubts > settled });

  const watched: Watched = {
    events: kind.events,
    opened: kind.opened,
    poll() {
      doubt();
      return ask();
    },
    connected(now) {
      connection = now;
      tell();
    },
  };

  function doubt(): void {
    doubts++;
  }

  async function follow(): Promise<void> {
    if (!life) return;
    const over = error !== null || kind.over();
    if (over === linked) {
      linked = !over;
      if (over) link.remove(watched);
      else link.add(watched);
    }
    if (over && !wants()) connection = "ended";
    tell();
    try {
      await ask();
    } catch (error) {
      // While there is no stream, it is the link that asks again.
      if (!life || (linked && connection !== "live")) return;
      clearTimeout(again);
      again = setTimeout(follow, delay(error as BideError, failed++, timing));
    }
  }

  function wants(): boolean {
    return life !== null && error === null && kind.incomplete();
  }

  /** Ask until nothing is missing. Rejects where the server is away; what it refuses ends the topic. */
  async function ask(): Promise<void> {
    if (life && !asking && wants()) asking = complete(life);
    await asking;
  }

  async function complete(mine: AbortController): Promise<void> {
    const { signal } = mine;
    try {
      for (let asked = 0; mine === life && wants(); asked++) {
        try {
          // Some replica lags, it seems: it does not know what a stream has told of.
          if (asked > PATIENCE) await sleep(delay(null, asked - PATIENCE, timing), signal);
          await kind.pause?.(signal);
          const before = doubts;
          await kind.ask(AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]));
          if (mine !== life) return;
          settled = before;
          failed = 0;
        } catch (reason) {
          if (mine !== life) return;
          if ((reason as BideError).retryable !== false) throw reason;
          error = reason as BideError;
        }
        follow();
      }
    } finally {
      // At once, and not when the promise settles: who asks in between must not be told that somebody does.
      if (mine === life) asking = null;
    }
  }

  function tell(): void {
    const next = { ...kind.render(), error, connection } as State;
    if ((Object.keys(next) as (keyof State)[]).every((key) => next[key] === state[key])) return;
    state = next;
    for (const listener of [...listeners]) listener();
  }

  function close(): void {
    life?.abort();
    life = asking = null;
    linked = false;
    clearTimeout(again);
    link.remove(watched);
    forget();
  }

  return {
    kind,
    getSnapshot: () => state,
    subscribe(listener) {
      const entry = () => listener();
      listeners.add(entry);
      clearTimeout(linger);
      if (!life) {
        life = new AbortController();
        follow();
      }
      return () => {
        // React unsubscribes to subscribe again; and pages come and go.
        if (listeners.delete(entry) && !listeners.size) linger = setTimeout(close, timing.linger);
      };
    },
    async refetch() {
      error = null;
      doubt();
      await follow();
    },
  };
}
