// Something that is watched: a snapshot and its listeners. The first one opens it; the last one, after a while, closes it.
import { sleep } from "./backoff.js";
import { type BideError, final } from "./errors.js";
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
  /** What the server has answered instead, until it answers as it should. */
  let error: BideError | null = null;
  /** Whether it will not. */
  let refused = false;
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
    ...kind,
    poll() {
      doubt();
      return ask().then(() => null, Object);
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
    const over = refused || kind.over();
    // It may have come by the stream.
    if (!refused && !kind.incomplete()) error = null;
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
    return life !== null && !refused && kind.incomplete();
  }

  /** Ask until nothing is missing. Rejects where that may be tried again; what the server refuses for good ends the topic. */
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
          if (asked > PATIENCE) await sleep(timing.poll, signal);
          await kind.pause?.(signal);
          const before = doubts;
          await kind.ask(AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]));
          if (mine !== life) return;
          settled = before;
          failed = 0;
        } catch (reason) {
          if (mine !== life) return;
          // A server that is away, or says that it will be back, is no error.
          const problem = reason as BideError;
          if (problem.retryable === false) {
            error = problem;
            refused = final(error);
          }
          if (!refused) {
            tell();
            throw reason;
          }
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
    // What one of them throws becomes a rejection that nobody handles: the page hears of it, and the others go on.
    for (const listener of [...listeners]) (async () => listener())();
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
      refused = false;
      doubt();
      await follow();
    },
  };
}
