import {
  CancelButtonView,
  JobOutputView,
  JobProgressBar,
  JobPromptView,
  JobStatus,
  JobTimelineView,
  PromptInboxView,
} from "@bide/react";
import { EVENTS, JOBS, OUTPUT, PROMPTS } from "./samples.js";

const accept = () => Promise.resolve();

/** Every component in every state. */
export function Gallery() {
  return (
    <>
      <h1>Components</h1>
      {JOBS.map((job, n) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the samples never change.
        <section key={n} data-shot={`job-${n}`}>
          <JobStatus job={job} />
          <JobProgressBar job={job} label={`Job ${n + 1}`} />
        </section>
      ))}
      <JobProgressBar job={null} label="A job of which nothing is known" />
      <CancelButtonView onCancel={accept} />
      <JobOutputView text={OUTPUT} streaming level={2} />
      <JobTimelineView events={EVENTS} />
      {PROMPTS.map((prompt) => (
        <JobPromptView key={prompt.id} prompt={prompt} onRespond={accept} level={2} />
      ))}
      <PromptInboxView prompts={PROMPTS.slice(0, 5)} onRespond={accept} />
    </>
  );
}
