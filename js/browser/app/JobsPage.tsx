import { JobStatus, useJob } from "@bide/react";
import { useState } from "react";

/** Each job watched by itself, with callbacks that are new with each render. */
export function JobsPage({ ids }: { ids: string[] }) {
  const [ended, setEnded] = useState<string[]>([]);
  return (
    <>
      <h1>Jobs</h1>
      <output>{ended.length}</output>
      {ids.map((id) => (
        <Row key={id} id={id} onEnd={() => setEnded((before) => [...before, id])} />
      ))}
    </>
  );
}

function Row({ id, onEnd }: { id: string; onEnd: () => void }) {
  const { job } = useJob(id, { onComplete: () => onEnd() });
  return <JobStatus job={job} />;
}
