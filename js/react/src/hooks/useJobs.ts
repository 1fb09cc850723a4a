import type { BideError, ConnectionState, JobFilter, JobSummary } from "@bide/client";
import { useMemo } from "react";
import { useBide } from "../provider.js";
import { useWatch } from "./useWatch.js";

export interface UseJobs {
  /** Newest first. */
  jobs: readonly JobSummary[];
  error: BideError | null;
  connection: ConnectionState;
  isLoading: boolean;
  refetch(): Promise<void>;
}

const NONE: readonly JobSummary[] = [];

/** The first page of a list of jobs, as it changes. */
export function useJobs(filter: JobFilter = {}): UseJobs {
  const client = useBide();
  // Filters are written inline: it is what they say that counts.
  const key = JSON.stringify(filter);
  const watch = useMemo(() => client.watchJobs(JSON.parse(key) as JobFilter), [client, key]);
  const { jobs, error, connection } = useWatch(watch);
  const isLoading = jobs === null && error === null;
  return { jobs: jobs ?? NONE, error, connection, isLoading, refetch: watch.refetch };
}
