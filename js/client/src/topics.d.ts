import type { Link, Timing } from "./link.js";
import type { Requests } from "./request.js";
import { Topic } from "./topic.js";
import type { Event, Job, JobState, JobSummary, JobsState, PromptsState } from "./types.js";
export declare const NO_JOB: JobState;
export declare const NO_JOBS: JobsState;
export declare const NO_PROMPTS: PromptsState;
export declare class JobTopic extends Topic<JobState> {
  #private;
  readonly id: string;
  private readonly requests;
  constructor(id: string, requests: Requests, link: Link, timing: Timing, forget: () => void);
  /** From now on the history is part of the state. */
  remember(): void;
  /** What the server answered to some request. */
  learn(job: Job): void;
  /** This question was answered. */
  close(prompt: string): void;
  events(events: readonly Event[]): void;
  opened(unfinished: readonly (JobSummary | Job)[] | null): void;
  protected over(): boolean;
  protected incomplete(): boolean;
  protected ask(signal: AbortSignal): Promise<void>;
  protected render(): JobState;
}
/** What never ends, and is fetched anew where an event does not tell all. */
declare abstract class ListTopic<State extends object> extends Topic<State> {
  #private;
  opened(unfinished: readonly JobSummary[] | null): void;
  protected over(): boolean;
  protected incomplete(): boolean;
  protected pause(signal: AbortSignal): Promise<void>;
}
export declare class JobsTopic extends ListTopic<JobsState> {
  #private;
  private readonly query;
  private readonly requests;
  constructor(query: Record<string, unknown>, requests: Requests, link: Link, timing: Timing, forget: () => void);
  events(events: readonly Event[]): void;
  protected render(): JobsState;
  protected ask(signal: AbortSignal): Promise<void>;
}
export declare class PromptsTopic extends ListTopic<PromptsState> {
  #private;
  private readonly requests;
  constructor(requests: Requests, link: Link, timing: Timing, forget: () => void);
  /** This question was answered. */
  close(prompt: string): void;
  events(events: readonly Event[]): void;
  protected render(): PromptsState;
  protected ask(signal: AbortSignal): Promise<void>;
}
