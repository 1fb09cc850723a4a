import { CancelButton, JobOutput, JobProgressBar, JobPrompt, JobStatus, useEnqueue, useJob } from "@bide/react";
import { type FormEvent, useState } from "react";
import "./jobs.js";

export function App() {
  // In the address, so that the page finds its job again after a reload.
  const [id, setId] = useState(() => new URLSearchParams(location.search).get("job"));
  const { enqueue, isPending, error } = useEnqueue("write_post");
  const { job, error: missing } = useJob("write_post", id);

  function begin(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const topic = String(new FormData(event.currentTarget).get("topic"));
    const begun = ({ id }: { id: string }) => {
      history.replaceState(null, "", `?job=${id}`);
      setId(id);
    };
    enqueue({ topic }).then(begun, () => {}); // what goes wrong is in `error`
  }

  return (
    <main>
      <h1>Write a post</h1>
      <form className="begin" onSubmit={begin}>
        <label htmlFor="topic">About</label>
        <input id="topic" name="topic" defaultValue="tea" required />
        <button type="submit" disabled={isPending}>
          Write it
        </button>
      </form>
      {(error ?? missing) && <p role="alert">{(error ?? missing)?.message}</p>}
      {job && (
        <section aria-labelledby="post">
          <h2 id="post">Your post</h2>
          <JobStatus job={job} />
          <JobProgressBar job={job} />
          {job.status === "running" && <JobOutput job={job} />}
          {/* The button below cancels, whatever the job does. */}
          <JobPrompt job={job} cancellable={false} />
          <CancelButton job={job} />
          {job.result && (
            <article className="result">
              <h3>{job.result.title}</h3>
              <p>{job.result.body}</p>
            </article>
          )}
        </section>
      )}
    </main>
  );
}
