import { CancelButton, JobProgressBar, JobPrompt, JobStatus, JobTimeline, useJob, ValueView } from "@bide/react";

export function JobPage({ id }: { id: string }) {
  const { job } = useJob(id);
  return (
    <>
      <h1>{job?.type ?? "A job"}</h1>
      <JobStatus job={job} />
      <JobProgressBar job={job} />
      <JobPrompt job={job} level={2} />
      {job?.status === "completed" && (
        <output>
          <ValueView value={job.result as string} />
        </output>
      )}
      <CancelButton job={job} />
      <JobTimeline job={job} />
    </>
  );
}
