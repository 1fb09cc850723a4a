// @vitest-environment node
import type { Prompt } from "@bide/client";
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { JobOutputView, JobProgressBar, JobPromptView, JobStatus } from "../src/index.js";

test("a server renders the components, without an inline style or its own clock", () => {
  const prompt: Prompt = {
    id: "0192-1",
    job_id: "0192-0",
    key: "k",
    kind: "form",
    data: { title: "Who?", initial: null },
    schema: {
      type: "object",
      properties: {
        when: { type: "string", format: "date-time" },
        body: { type: "string", format: "markdown", default: "*x*" },
      },
    },
    status: "open",
    opened_at: "2026-01-01T00:00:00Z",
    deadline_at: "2026-01-02T00:00:00Z",
  };
  const progress = { percent: 42, message: null, stages: [] };
  const html = renderToString(
    <>
      <JobStatus job={{ status: "running", progress }} />
      <JobProgressBar job={{ status: "running", progress }} />
      <JobOutputView text="**a**" />
      <JobPromptView prompt={prompt} onRespond={() => Promise.resolve()} />
    </>,
  );
  expect(html).toContain('width="42%"');
  expect(html).toContain("<strong>a</strong>");
  expect(html).not.toContain("style=");
  expect(html).not.toContain("ago");
});
