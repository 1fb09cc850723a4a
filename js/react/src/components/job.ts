import type { JobSummary } from "@bide/client";

/** What the parts of a job's state that components show need; a whole job will do. */
export type ShownJob = Pick<JobSummary, "status" | "progress"> &
  Partial<Pick<JobSummary, "reason" | "attempt" | "max_attempts" | "due_at" | "error" | "cancel_requested_at">>;

const TERMINAL = new Set<string>(["completed", "failed", "cancelled"]);

export function isTerminal(job: Pick<ShownJob, "status">): boolean {
  return TERMINAL.has(job.status);
}

/** Asked to stop, and not there yet. */
export function isCancelling(job: ShownJob): boolean {
  return Boolean(job.cancel_requested_at) && !isTerminal(job);
}
