// Every text that a person reads, in one object: take `en` or `ptBR`, or spread one and replace what you like.
import type { Fault } from "../form/validate.js";

export interface Texts {
  /** BCP 47: how dates, numbers and plurals are written. */
  locale: string;
  status: StatusTexts;
  progress: ProgressTexts;
  cancel: CancelTexts;
  prompt: PromptTexts;
  inbox: InboxTexts;
  timeline: TimelineTexts;
  output: OutputTexts;
  form: FormTexts;
}

export interface StatusTexts {
  /** By status; one that is not listed is shown as it is. */
  names: Record<string, string>;
  /** By `reason`, beside the status; one that is not listed is not shown. */
  reasons: Record<string, string>;
  cancelling: string;
  attempt(attempt: number, of: number): string;
  due(when: string): string;
}

export interface ProgressTexts {
  label: string;
  percent(percent: string): string;
  unknown: string;
  item(name: string, item: number, of: number): string;
}

export interface CancelTexts {
  cancel: string;
  question: string;
  yes: string;
  no: string;
  pending: string;
  failed: string;
}

export interface PromptTexts {
  kinds: Record<string, string>;
  proceed: string;
  revise: string;
  feedback: string;
  feedbackHint: string;
  sendFeedback: string;
  back: string;
  send: string;
  sending: string;
  cancelJob: string;
  cancelQuestion: string;
  rationale: string;
  assumptions: string;
  highlights: string;
  issues: string;
  path: string;
  confidence(percent: string): string;
  score(percent: string): string;
  passed: string;
  notPassed: string;
  other: string;
  otherLabel: string;
  answer: string;
  several: string;
  callback: string;
  deadline(date: string, relative: string): string;
  overdue: string;
  assignee(name: string): string;
  answered: string;
  answeredBy(name: string | null, date: string): string;
  answeredMeanwhile(name: string | null): string;
  theirAnswer: string;
  defaulted(date: string): string;
  expired: string;
  withdrawn: string;
  gone: string;
  sent: string;
  seen: string;
  refused(why: string): string;
  failed: string;
  unknownKind(kind: string): string;
  flaws(count: number): string;
}

export interface InboxTexts {
  title: string;
  count(count: number): string;
  /** There may be more than these. */
  atLeast(count: number): string;
  empty: string;
  loading: string;
  failed: string;
  asked(relative: string): string;
}

export interface TimelineTexts {
  title: string;
  empty: string;
  /** By the event's kind; one that is not listed is shown as it is. */
  kinds: Record<string, string>;
  attempt(n: number): string;
  by(name: string): string;
}

export interface OutputTexts {
  title: string;
  empty: string;
  streaming: string;
}

export interface FormTexts {
  required: string;
  optional: string;
  deprecated: string;
  choose: string;
  none: string;
  yes: string;
  no: string;
  example(examples: string): string;
  number(limits: { from: string | null; to: string | null; step: string | null }): string | null;
  length(min: number, max: number | null): string | null;
  items(min: number, max: number | null): string | null;
  add(what: string): string;
  remove(what: string): string;
  up(what: string): string;
  down(what: string): string;
  item(n: number): string;
  one: string;
  entry: string;
  key: string;
  value: string;
  moved(what: string, position: number, of: number): string;
  removed(what: string): string;
  added(what: string): string;
  further: string;
  kind: string;
  /** By the JSON schema's `type`, for the branches of a union that have no title. */
  types: Record<string, string>;
  json: string;
  markdown: string;
  preview: string;
  duration: { days: string; hours: string; minutes: string; seconds: string };
  durationHint: string;
  isoHint: string;
  fault(fault: Fault): string;
  /** Before a message, for who does not see its colour. */
  error: string;
}
