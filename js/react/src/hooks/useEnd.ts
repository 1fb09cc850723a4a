import { type BideError, finished, type Job, type JobError, type JobState } from "@bide/client";
import { useEffect, useRef, useState } from "react";

export interface EndCallbacks<R = unknown> {
  onComplete?: ((result: R, job: Job<R>) => void) | undefined;
  /** The job has failed, or cannot be read: then there is no job. */
  onError?: ((error: JobError | BideError, job: Job<R> | null) => void) | undefined;
  onCancelled?: ((job: Job<R>) => void) | undefined;
}

/** Tell of the end of a job: once, however often this component renders, and whichever callbacks it then has. */
export function useEnd<R>(
  id: string | null,
  { job, error: shown, connection }: JobState<R>,
  callbacks: EndCallbacks<R>,
): void {
  const latest = useRef(callbacks);
  useEffect(() => {
    latest.current = callbacks;
  });
  const [told] = useState(() => new Set<string>());
  const ended = finished(job) ? job : null;
  // What may pass is no end.
  const error = connection === "ended" ? shown : null;
  useEffect(() => {
    const { onComplete, onError, onCancelled } = latest.current;
    const end = error ? `${id} cannot be read` : ended?.id;
    if (end === undefined || told.has(end)) return;
    told.add(end);
    if (error) onError?.(error, null);
    else if (ended?.status === "completed") onComplete?.(ended.result as R, ended);
    else if (ended?.status === "cancelled") onCancelled?.(ended);
    else if (ended) onError?.(ended.error ?? { type: "Error", message: "" }, ended);
  }, [id, error, ended, told]);
}
