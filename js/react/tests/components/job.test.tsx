import type { Event } from "@bide/client";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test, vi } from "vitest";
import {
  BideTexts,
  CancelButtonView,
  type CancelParts,
  JobOutputView,
  JobProgressBar,
  JobStatus,
  JobTimelineView,
  ptBR,
  type ShownJob,
  type StatusParts,
} from "../../src/index.js";

function job(status: string, percent: number | null, more: Partial<ShownJob> = {}): ShownJob {
  return { status: status as ShownJob["status"], progress: { percent, message: null, stages: [] }, ...more };
}

function Bar({ percent }: { percent: number | null }) {
  return <b>{percent} of a hundred</b>;
}

const STATUS_PARTS: StatusParts = {
  Badge: ({ job, label }) => `${job.status}: ${label}`,
  Details: ({ job }) => `run ${job.attempt}`,
  Failure: ({ error }) => <b>{error.type}</b>,
};

const CANCEL_PARTS: CancelParts = {
  Button: ({ label, onClick }) => <input type="button" value={`× ${label}`} onClick={onClick} />,
  Confirm: ({ question, onYes }) => <input type="button" value={`${question} Of course`} onClick={onYes} />,
};

function Nothing() {
  return null;
}

describe("the bar", () => {
  test.each<[string, ShownJob | null, string, string | null, string]>([
    ["unknown", null, "indeterminate", null, "In progress"],
    ["running, nothing known", job("running", null), "indeterminate", null, "In progress"],
    ["running at 0", job("running", 0), "determinate", "0", "0%"],
    ["running", job("running", 42.4), "determinate", "42", "42%"],
    ["nearly done", job("running", 99.9), "determinate", "99", "99%"],
    ["waiting", job("pending_hitl", 60), "determinate", "60", "Waiting for you, 60%"],
    ["queued", job("pending", null), "none", null, "Queued"],
    [
      "being cancelled",
      { ...job("running", 60), cancel_requested_at: "2026-01-01" },
      "determinate",
      "60",
      "Cancelling…, 60%",
    ],
    ["completed", job("completed", 80), "determinate", "100", "Completed"],
    ["failed", job("failed", 71), "determinate", "71", "Failed, 71%"],
    ["cancelled, nothing known", job("cancelled", null), "none", null, "Cancelled"],
    ["of a newer server", job("hibernating", 10), "determinate", "10", "hibernating, 10%"],
  ])("%s", (_, shown, progress, now, text) => {
    const { container } = render(<JobProgressBar job={shown} label="Writing" className="mine" />);
    const bar = screen.getByRole("progressbar", { name: "Writing" });
    expect(container.firstElementChild?.getAttribute("data-bide-progress")).toBe(progress);
    expect(container.firstElementChild?.className).toContain("mine");
    expect(bar.getAttribute("aria-valuenow")).toBe(now);
    expect(bar.getAttribute("aria-valuetext")).toBe(text);
    expect(container.querySelector("[style]")).toBeNull();
  });

  test("shows message and stages", () => {
    const progress = {
      percent: 10,
      message: "Reading",
      stages: [{ name: "Draft", item: 2, of: 3 }, { name: "Check" }],
    };
    render(<JobProgressBar job={{ status: "running", progress }} />);
    expect(screen.getByText("Draft (2 of 3)")).toBeDefined();
    expect(screen.getByText("Check")).toBeDefined();
    expect(screen.getByText("Reading")).toBeDefined();
    expect(screen.getByRole("progressbar").getAttribute("aria-valuetext")).toBe("10%, Reading");
  });

  test("shows a stage within another of the same name", () => {
    const progress = { percent: 10, message: null, stages: [{ name: "Part", item: 1, of: 2 }, { name: "Part" }] };
    const complaints = vi.spyOn(console, "error");
    render(<JobProgressBar job={{ status: "running", progress }} />);
    expect(screen.getAllByRole("listitem").map(({ textContent }) => textContent)).toEqual(["Part (1 of 2)", "Part"]);
    expect(complaints).not.toHaveBeenCalled();
  });

  test("its parts are replaced", () => {
    render(<JobProgressBar job={job("running", 5)} components={{ Bar, Caption: Nothing }} />);
    expect(screen.getByText("5 of a hundred")).toBeDefined();
  });
});

describe("the status", () => {
  test("says the state, the reason and the attempt", () => {
    render(<JobStatus job={job("pending", null, { reason: "retrying", attempt: 2, max_attempts: 3 })} />);
    expect(screen.getByRole("status").textContent).toBe("Queued");
    expect(screen.getByText("will try again")).toBeDefined();
    expect(screen.getByText("Attempt 2 of 3")).toBeDefined();
  });

  test("says that a job is being cancelled, and why one failed", () => {
    const { rerender } = render(<JobStatus job={job("running", 1, { cancel_requested_at: "2026-01-01T00:00:00Z" })} />);
    expect(screen.getByRole("status").textContent).toBe("Cancelling…");
    const error = { type: "ValueError", message: "no such topic", traceback: null };
    rerender(<JobStatus job={job("failed", 1, { cancel_requested_at: "2026-01-01T00:00:00Z", error })} />);
    expect(screen.getByRole("status").textContent).toBe("Failed");
    expect(screen.getByText(/no such topic/)).toBeDefined();
  });

  test("its parts are replaced", () => {
    const error = { type: "ValueError", message: "no such topic", traceback: null };
    const shown = { ...job("pending", 1), reason: "retrying", attempt: 2, error };
    const { container } = render(<JobStatus job={shown} components={STATUS_PARTS} />);
    expect(container.textContent).toBe("pending: Queuedrun 2ValueError");
  });

  test("in Portuguese", () => {
    render(
      <BideTexts texts={ptBR}>
        <JobStatus job={job("pending_hitl", null)} />
      </BideTexts>,
    );
    expect(screen.getByRole("status").textContent).toBe("Aguardando você");
  });
});

describe("the cancel button", () => {
  test("asks once more, takes no for an answer, and shows that it is under way", async () => {
    const user = userEvent.setup();
    let finish = () => {};
    const onCancel = vi.fn(
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    );
    render(<CancelButtonView onCancel={onCancel} />);
    await user.click(screen.getByRole("button", { name: "Cancel" }));
    await user.keyboard("{Enter}"); // on "Keep it"
    expect(document.activeElement).toBe(screen.getByRole("button", { name: "Cancel" }));
    await user.click(screen.getByRole("button", { name: "Cancel" }));
    await user.keyboard("{Escape}");
    expect(onCancel).not.toHaveBeenCalled();
    await user.click(screen.getByRole("button", { name: "Cancel" }));
    await user.click(screen.getByRole("button", { name: "Yes, cancel it" }));
    const busy = screen.getByRole("button", { name: "Cancelling…" });
    expect(busy.getAttribute("aria-disabled")).toBe("true");
    await user.click(busy);
    expect(onCancel).toHaveBeenCalledTimes(1);
    finish();
    expect(await screen.findByRole("button", { name: "Cancel" })).toBeDefined();
  });

  test("its parts are replaced", async () => {
    const user = userEvent.setup();
    const onCancel = vi.fn(async () => {});
    render(<CancelButtonView onCancel={onCancel} components={CANCEL_PARTS} />);
    await user.click(screen.getByRole("button", { name: "× Cancel" }));
    await user.click(screen.getByRole("button", { name: "Cancel this job? Of course" }));
    expect(onCancel).toHaveBeenCalledTimes(1);
    expect(await screen.findByRole("button", { name: "× Cancel" })).toBeDefined();
  });

  test("says that it did not work", async () => {
    render(<CancelButtonView confirm={false} onCancel={() => Promise.reject(new Error("away"))} />);
    await userEvent.click(screen.getByRole("button", { name: "Cancel" }));
    expect((await screen.findByRole("alert")).textContent).toBe("It could not be cancelled. Please try again.");
  });
});

describe("the history", () => {
  const event = (seq: number, kind: string, data: Event["data"] = {}, attempt = 1): Event => ({
    job_id: "0192-0",
    seq,
    at: "2026-01-01T00:00:00Z",
    kind,
    attempt,
    data,
  });

  test("tells what happened, and who did it", () => {
    render(
      <JobTimelineView
        events={[
          event(1, "job.started"),
          event(2, "progress", { percent: 1 }),
          event(3, "step.completed", { step: "draft", key: "2" }),
          event(4, "prompt.answered", { key: "publish", by: "ana" }),
          event(5, "job.danced"),
        ]}
      />,
    );
    expect(screen.getAllByRole("listitem").map((item) => item.querySelector(".bide-event-label")?.textContent)).toEqual(
      ["Started", "Step done", "Question answered", "job.danced"],
    );
    expect(screen.getByText("draft 2")).toBeDefined();
    expect(screen.getByText("publish · by ana")).toBeDefined();
  });

  test("shows what it is told to show", () => {
    const { rerender } = render(
      <JobTimelineView events={[event(1, "progress", { message: "Half" })]} filter={() => true} />,
    );
    expect(screen.getByText("Half")).toBeDefined();
    rerender(<JobTimelineView events={[]} />);
    expect(screen.getByText("Nothing has happened yet.")).toBeDefined();
  });
});

describe("the output", () => {
  test("is Markdown, or text, or yours", () => {
    const { rerender, container } = render(<JobOutputView text="**a**" streaming />);
    expect(container.querySelector("strong")?.textContent).toBe("a");
    expect(container.firstElementChild?.getAttribute("aria-busy")).toBe("true");
    rerender(<JobOutputView text="**a**" format="text" />);
    expect(container.querySelector("pre")?.textContent).toBe("**a**");
    rerender(<JobOutputView text="x" render={(text) => <i>{text}</i>} />);
    expect(container.querySelector("i")?.textContent).toBe("x");
    rerender(<JobOutputView text="" />);
    expect(screen.getByText("No output yet.")).toBeDefined();
  });
});
