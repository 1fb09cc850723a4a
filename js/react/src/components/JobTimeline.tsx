import { useTimeline } from "../hooks/useOutput.js";
import { JobTimelineView, type JobTimelineViewProps } from "./JobTimelineView.js";

export interface JobTimelineProps extends Omit<JobTimelineViewProps, "events"> {
  job: { id: string } | null;
}

export function JobTimeline({ job, ...view }: JobTimelineProps) {
  return <JobTimelineView {...view} events={useTimeline(job?.id ?? null)} />;
}
