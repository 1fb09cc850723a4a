import type { Event, Job, JobSummary, Prompt } from "./types.js";
export interface History {
  /** The number of the last event in it: there are none missing up to there. */
  readonly seen: number;
  /** All but the output. */
  readonly events: readonly Event[];
  /** What each step has emitted, in the order in which they began to. */
  readonly output: ReadonlyMap<string, string>;
}
export interface Folded {
  /** The job as of event `job.seq`; null until it was fetched. */
  readonly job: Job | null;
  /** The highest number of an event heard of: a job that is behind it needs the events between, or to be fetched. */
  readonly heard: number;
  /** Events that wait for those before them, in order. */
  readonly ahead: readonly Event[];
  readonly prompts: readonly Prompt[];
  /** Questions known to be closed: an answer that was on its way before does not open them again. */
  readonly closed: readonly string[];
  /** Counts how often questions may have been opened: they are to be fetched, as events do not carry them. */
  readonly asked: number;
  /** Null where nobody wants it. */
  readonly history: History | null;
}
export declare const NOTHING: Folded;
export declare const NO_HISTORY: History;
/** Whether the job has reached its end: nothing leaves it. */
export declare function finished(job: Pick<JobSummary, "status"> | null): boolean;
/** Whether the job is to be fetched: it is not known, or events are missing. */
export declare function behind(state: Folded): boolean;
/** Whether more of the history is there than is known. */
export declare function historyBehind({ history, heard }: Folded): boolean;
/** These events of the job, in whatever order and however often; what is known already changes nothing. */
export declare function fold(state: Folded, ...events: readonly Event[]): Folded;
/** The job as it was fetched; one from before what is known changes nothing. */
export declare function seed(state: Folded, job: Job): Folded;
/** The number of an event that is there, without the event itself. */
export declare function hear(state: Folded, seq: number): Folded;
/** The open questions as they were fetched. */
export declare function ask(state: Folded, fetched: readonly Prompt[]): Folded;
/** This question takes no answer any more. */
export declare function close(state: Folded, prompt: string): Folded;
/** The job after this event, which must be the next one. */
export declare function apply<J extends JobSummary>(job: J, { seq, at, kind, attempt, data }: Event): J;
