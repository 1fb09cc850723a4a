import { BideError } from "./errors.js";
import type { Link, Timing, Watched } from "./link.js";
import type { ConnectionState, Event, Job, JobSummary, Watch } from "./types.js";
/** Milliseconds after which a question to the server is given up. */
export declare const TIMEOUT = 30000;
export declare abstract class Topic<State extends object> implements Watch<State>, Watched {
  #private;
  private state;
  private readonly link;
  private readonly timing;
  /** Called once nobody has watched it for a while. */
  private readonly forget;
  protected connection: ConnectionState;
  protected error: BideError | null;
  constructor(
    state: State,
    link: Link,
    timing: Timing,
    /** Called once nobody has watched it for a while. */
    forget: () => void,
  );
  getSnapshot(): State;
  subscribe(listener: () => void): () => void;
  /** The state as it is now. */
  protected abstract render(): State;
  /** Whether the server is to be asked. */
  protected abstract incomplete(): boolean;
  /** Ask the server, once. */
  protected abstract ask(signal: AbortSignal): Promise<void>;
  /** Wait before that: whatever happens meanwhile is in the answer. */
  protected pause(_: AbortSignal): Promise<void>;
  /** Whether nothing more will come. */
  protected abstract over(): boolean;
  abstract events(events: readonly Event[]): void;
  abstract opened(unfinished: readonly (JobSummary | Job)[] | null): void;
  /** What is known of the server may not hold any more; an answer that is on its way does not settle that. */
  protected doubt(): void;
  protected get doubtful(): boolean;
  poll(): Promise<void>;
  /** Ask anew, also after an error that had ended it. */
  refetch(): Promise<void>;
  connected(connection: ConnectionState): void;
  /** Something has changed: tell of it, and ask for what is missing now. */
  protected follow(): Promise<void>;
  protected changed(): void;
}
