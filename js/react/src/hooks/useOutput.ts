import type { Event } from "@bide/client";
import { useJobWatch, useWatch } from "./useWatch.js";

/** What the steps of a job have emitted so far, with a blank line between two of them: a draft as it is written, say. */
export function useOutput(id: string | null): string {
  return useWatch(useJobWatch(id, true)).output;
}

/** What has happened to a job so far, but for its output. */
export function useTimeline(id: string | null): readonly Event[] {
  return useWatch(useJobWatch(id, true)).events;
}
