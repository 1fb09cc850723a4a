import type { JobState, Watching } from "@bide/client";
import { useMemo, useSyncExternalStore } from "react";
import { useBide } from "../provider.js";

const NO_JOB: JobState = { job: null, prompts: [], output: "", events: [], error: null, connection: "ended" };

/** Where there is no job to watch: nothing, and nothing to come. */
const NOTHING: Watching<JobState> = {
  initial: NO_JOB,
  getSnapshot: () => NO_JOB,
  subscribe: () => () => {},
  refetch: () => Promise.resolve(),
};

/** A hook is a subscription; all that it takes happens in the client. */
export function useWatch<State>(watch: Watching<State>): State {
  return useSyncExternalStore(watch.subscribe, watch.getSnapshot, () => watch.initial);
}

/** What `client.watch` gives, the same for as long as it is about the same. */
export function useJobWatch(id: string | null, history = false, interval?: number): Watching<JobState> {
  const client = useBide();
  return useMemo(
    () => (id === null ? NOTHING : client.watch(id, { history, ...(interval !== undefined && { interval }) })),
    [client, id, history, interval],
  );
}
