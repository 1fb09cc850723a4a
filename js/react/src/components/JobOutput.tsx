import { useOutput } from "../hooks/useOutput.js";
import { JobOutputView, type JobOutputViewProps } from "./JobOutputView.js";

export interface JobOutputProps extends Omit<JobOutputViewProps, "text" | "streaming"> {
  job: { id: string; status: string } | null;
}

/** What the job's steps have written so far. */
export function JobOutput({ job, ...view }: JobOutputProps) {
  return <JobOutputView {...view} text={useOutput(job?.id ?? null)} streaming={job?.status === "running"} />;
}
