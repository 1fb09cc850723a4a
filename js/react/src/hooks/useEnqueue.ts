import type { BideError, CreateOptions, InputOf, Job, JobTypeName, OutputOf } from "@bide/client";
import { useCallback } from "react";
import { useBide } from "../provider.js";
import { useAction } from "./useAction.js";

export interface UseEnqueue<T> {
  enqueue(input: InputOf<T>, options?: CreateOptions): Promise<Job<OutputOf<T>>>;
  isPending: boolean;
  error: BideError | null;
  reset(): void;
}

/** Make jobs of this type. A double click makes one. */
export function useEnqueue<T extends JobTypeName>(type: T): UseEnqueue<T> {
  const client = useBide();
  const { run, isPending, error, reset } = useAction((type: T, input: InputOf<T>, options?: CreateOptions) =>
    client.create(type, input, options),
  );
  const enqueue = useCallback((input: InputOf<T>, options?: CreateOptions) => run(type, input, options), [run, type]);
  return { enqueue, isPending, error, reset };
}
