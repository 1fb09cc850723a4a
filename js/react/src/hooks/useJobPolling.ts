import type { BideError, Job, JobError } from "@bide/client";
import { useState } from "react";
import { type EndCallbacks, useEnd } from "./useEnd.js";
import { useJobWatch, useWatch } from "./useWatch.js";

export interface UseJobPollingOptions<R = unknown> extends EndCallbacks<R> {
  /** Milliseconds between two requests, by default 1,500; less than 10 count as 10. */
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

/** With none between them, requests would be all that a page does; and to the client it means a stream. */
const SHORTEST = 10;

/** A job that is asked for now and then, until it has finished: for where nothing can be streamed. */
export function useJobPolling<R = unknown>(
  id: string | null,
  { interval = 1_500, enabled = true, ...callbacks }: UseJobPollingOptions<R> = {},
): UseJobPolling<R> {
  const watch = useJobWatch(enabled ? id : null, false, interval > SHORTEST ? interval : SHORTEST);
  const state = useWatch(watch);
  // Who asks at another pace, or no more, knows the job still.
  const [known, setKnown] = useState<Job | null>(null);
  if (state.job !== null && state.job !== known) setKnown(state.job);
  const job = (state.job ?? (known?.id === id && !state.error ? known : null)) as Job<R> | null;
  useEnd(id, { ...state, job }, callbacks);
  const error = state.error ?? (job?.status === "failed" ? job.error : null);
  return { job, isPolling: state.connection !== "ended", error, refetch: watch.refetch };
}
