import type { BideError, ConnectionState, Keyed, Prompt, Receipt } from "@bide/client";
import { useCallback, useMemo } from "react";
import { useBide } from "../provider.js";
import { useWatch } from "./useWatch.js";

export interface UsePrompts {
  /** The open questions of all jobs, oldest first. */
  prompts: readonly Prompt[];
  respond(prompt: string, value: object, options?: Keyed): Promise<Receipt>;
  error: BideError | null;
  connection: ConnectionState;
  isLoading: boolean;
  refetch(): Promise<void>;
}

const NONE: readonly Prompt[] = [];

/** The inbox. */
export function usePrompts(): UsePrompts {
  const client = useBide();
  const watch = useMemo(() => client.watchPrompts(), [client]);
  const { prompts, error, connection } = useWatch(watch);
  const respond = useCallback(
    (prompt: string, value: object, options?: Keyed) => client.respond(prompt, value, options),
    [client],
  );
  return {
    prompts: prompts ?? NONE,
    respond,
    error,
    connection,
    isLoading: prompts === null && error === null,
    refetch: watch.refetch,
  };
}
