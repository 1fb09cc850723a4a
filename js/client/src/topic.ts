// Something that is watched: a snapshot and its listeners. The first one opens it; the last one, after a while, closes it.
import { backoff } from "./backoff.js";
import { BideError, transient } from "./errors.js";
import type { Link, Timing, Watched } from "./link.js";
import type { ConnectionState, Event, Job, JobSummary, Watch } from "./types.js";

/** Milliseconds after which a question to the server is given up. */
const TIMEOUT = 30_000;

export abstract class Topic<State extends object> implements Watch<State>, Watched {
  protected connection: ConnectionState = "connecting";
  protected error: BideError | null = null;
  readonly #listeners = new Set<() => void>();
  /** Aborted when it closes; null while it is closed. */
  #life: AbortController | null = null;
  #linked = false;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;
  #failed = 0;
  #asking: Promise<void> | null = null;
  /** How often there was reason to ask the server, and how many of these reasons came before the last answer's request. */
  #doubts = 1;
  #settled = 0;

  constructor(
    private state: State,
    private readonly link: Link,
    private readonly timing: Timing,
    /** Called once nobody has watched it for a while. */
    private readonly forget: () => void,
  ) {}

  // ── Those who watch ───────────────────────────────────────────────────────────────────────────────────────────────

  getSnapshot(): State {
    return this.state;
  }

  subscribe(listener: () => void): () => void {
    const entry = () => listener();
    this.#listeners.add(entry);
    clearTimeout(this.#linger);
    if (!this.#life) {
      this.#life = new AbortController();
      this.follow();
    }
    return () => {
      if (!this.#listeners.delete(entry) || this.#listeners.size) return;
      // React unsubscribes to subscribe again; and pages come and go.
      this.#linger = setTimeout(() => this.#close(), this.timing.linger);
    };
  }

  #close(): void {
    this.#life?.abort();
    this.#life = this.#asking = null;
    this.#linked = false;
    clearTimeout(this.#again);
    this.link.remove(this);
    this.forget();
  }

  // ── What a topic says of itself ───────────────────────────────────────────────────────────────────────────────────

  /** The state as it is now. */
  protected abstract render(): State;
  /** Whether the server is to be asked. */
  protected abstract incomplete(): boolean;
  /** Ask the server, once. */
  protected abstract ask(signal: AbortSignal): Promise<void>;
  /** Wait before that: whatever happens meanwhile is in the answer. */
  protected async pause(_: AbortSignal): Promise<void> {}
  /** Whether nothing more will come. */
  protected abstract over(): boolean;

  /** What the server has answered to some request. */
  learn?(job: Job): void;
  /** This question was answered. */
  close?(prompt: string): void;

  abstract events(events: readonly Event[]): void;
  abstract opened(unfinished: readonly (JobSummary | Job)[] | null): void;

  // ── The server ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What is known of the server may not hold any more; an answer that is on its way does not settle that. */
  protected doubt(): void {
    this.#doubts++;
  }

  protected get doubtful(): boolean {
    return this.#doubts > this.#settled;
  }

  poll(): Promise<void> {
    this.doubt();
    return this.#ask();
  }

  /** Ask anew, also after an error that had ended it. */
  async refetch(): Promise<void> {
    this.error = null;
    this.doubt();
    await this.follow();
  }

  connected(connection: ConnectionState): void {
    this.connection = connection;
    this.changed();
  }

  /** Something has changed: tell of it, and ask for what is missing now. */
  protected async follow(): Promise<void> {
    if (!this.#life) return;
    const over = this.#over();
    if (over === this.#linked) {
      this.#linked = !over;
      if (over) this.link.remove(this);
      else this.link.add(this);
    }
    if (over && !this.#wants()) this.connection = "ended";
    this.changed();
    try {
      await this.#ask();
    } catch (error) {
      // While there is no stream, it is the link that asks again.
      if (!this.#life || (this.#linked && this.connection !== "live")) return;
      clearTimeout(this.#again);
      const wait = (error as BideError).retryAfter ?? backoff(this.#failed++, this.timing.retry);
      this.#again = setTimeout(() => this.follow(), wait);
    }
  }

  #over(): boolean {
    return this.error !== null || this.over();
  }

  #wants(): boolean {
    return this.#life !== null && this.error === null && this.incomplete();
  }

  /** Ask until nothing is missing. Rejects where the server is away; what it refuses ends the topic. */
  #ask(): Promise<void> {
    if (!this.#asking && this.#wants()) this.#asking = this.#complete(this.#life as AbortController);
    return this.#asking ?? Promise.resolve();
  }

  async #complete({ signal }: AbortController): Promise<void> {
    try {
      while (!signal.aborted && this.#wants()) {
        try {
          await this.pause(signal);
          const doubts = this.#doubts;
          await this.ask(AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]));
          if (signal.aborted) return;
          this.#settled = doubts;
          this.#failed = 0;
        } catch (error) {
          if (signal.aborted) return;
          if (!(error instanceof BideError) || transient(error)) throw error;
          this.error = error;
        }
        this.follow();
      }
    } finally {
      // At once, and not when the promise settles: who asks in between must not be told that somebody does.
      if (this.#life?.signal === signal) this.#asking = null;
    }
  }

  protected changed(): void {
    const next = this.render();
    const same = (Object.keys(next) as (keyof State)[]).every((key) => Object.is(next[key], this.state[key]));
    if (same) return;
    this.state = next;
    for (const listener of [...this.#listeners]) listener();
  }
}
