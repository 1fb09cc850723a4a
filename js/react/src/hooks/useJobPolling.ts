import type { BideError, Job, JobError } from "@bide/client";
import { type EndCallbacks, useEnd } from "./useEnd.js";
import { useJobWatch, useWatch } from "./useWatch.js";

export interface UseJobPollingOptions<R = unknown> extends EndCallbacks<R> {
  /** Milliseconds between two requests. */
  interval?: number | undefined;
  enabled?: boolean | undefined;
}

export interface UseJobPolling<R = unknown> {
  job: Job<R> | null;
  isPolling: boolean;
  /** Why the job has failed, or cannot be read. */
  error: JobError | BideError | null;
  refetch(): Promise<void>;
}

/** A job that is asked for now and then, until it has finished: for where nothing can be streamed. */
export function useJobPolling<R = unknown>(
  id: string | null,
  { interval = 1_500, enabled = true, ...callbacks }: UseJobPollingOptions<R> = {},
): UseJobPolling<R> {
  const watch = useJobWatch(enabled ? id : null, false, interval);
  const state = useWatch(watch);
  const job = state.job as Job<R> | null;
  useEnd({ ...state, job }, callbacks);
  const error = state.error ?? (job?.status === "failed" ? job.error : null);
  return { job, isPolling: state.connection !== "ended", error, refetch: watch.refetch };
}
