import type { BideError, ConnectionState, Event, Job, JobTypeName, OutputOf, Prompt, PromptOf } from "@bide/client";
import { useCallback } from "react";
import { useBide } from "../provider.js";
import { type JobArguments, split } from "./arguments.js";
import { type EndCallbacks, useEnd } from "./useEnd.js";
import { useJobWatch, useWatch } from "./useWatch.js";

export interface UseJobOptions<R = unknown> extends EndCallbacks<R> {
  /** With `events` and `output`: they cost a request of their own. */
  history?: boolean | undefined;
}

export interface UseJob<R = unknown, P = Prompt> {
  job: Job<R> | null;
  /** The open questions, oldest first. */
  prompts: readonly P[];
  output: string;
  events: readonly Event[];
  /** Why the job cannot be read. That the job itself has failed is in `job.error`. */
  error: BideError | null;
  connection: ConnectionState;
  isLoading: boolean;
  cancel(reason?: string): Promise<Job>;
  refetch(): Promise<void>;
}

/** A job as it goes on; with null, none yet. `useJob("write_post", id)` knows the types that `bide types` has written. */
export function useJob<R = unknown>(id: string | null, options?: UseJobOptions<R>): UseJob<R>;
export function useJob<T extends JobTypeName>(
  type: T,
  id: string | null,
  options?: UseJobOptions<OutputOf<T>>,
): UseJob<OutputOf<T>, PromptOf<T>>;
export function useJob(...given: JobArguments<UseJobOptions>): UseJob {
  const [id, options = {}] = split(given);
  const client = useBide();
  const watch = useJobWatch(id, options.history);
  const state = useWatch(watch);
  useEnd(id, state, options);
  const cancel = useCallback(
    (reason?: string) =>
      id === null
        ? Promise.reject(new Error("There is no job to cancel."))
        : client.cancel(id, reason === undefined ? {} : { reason }),
    [client, id],
  );
  const isLoading = id !== null && state.job === null && state.error === null;
  return { ...state, isLoading, cancel, refetch: watch.refetch };
}
