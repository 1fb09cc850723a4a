import type { ComponentType } from "react";
import { classes } from "../classes.js";
import { useTexts } from "../texts/context.js";
import { isCancelling, isTerminal, type ShownJob } from "./job.js";
import { RelativeTime } from "./Time.js";

export interface StatusParts {
  Badge?: ComponentType<{ job: ShownJob; label: string }>;
  /** Why it is there, when it goes on, and which attempt it is. */
  Details?: ComponentType<{ job: ShownJob }>;
  Failure?: ComponentType<{ error: NonNullable<ShownJob["error"]> }>;
}

export interface JobStatusProps {
  job: ShownJob | null;
  /** Reason, attempt, when it goes on, and why it failed. */
  details?: boolean;
  components?: StatusParts;
  className?: string;
}

/** Told to assistive technology when it changes. */
export function JobStatus({ job, details = true, components = {}, className }: JobStatusProps) {
  const texts = useTexts().status;
  const { Badge = StatusBadge, Details = StatusDetails, Failure = StatusFailure } = components;
  if (!job) return null;
  const cancelling = isCancelling(job);
  return (
    <div
      className={classes("bide-status", className)}
      data-bide-status={job.status}
      data-bide-cancelling={cancelling ? "" : undefined}
    >
      <span className="bide-badge" role="status">
        <Badge job={job} label={cancelling ? texts.cancelling : (texts.names[job.status] ?? job.status)} />
      </span>
      {details && (
        <span className="bide-status-details">
          <Details job={job} />
        </span>
      )}
      {details && job.error && job.status !== "completed" && <Failure error={job.error} />}
    </div>
  );
}

function StatusBadge({ job, label }: { job: ShownJob; label: string }) {
  return (
    <>
      <StatusIcon status={job.status} />
      {label}
    </>
  );
}

function StatusDetails({ job }: { job: ShownJob }) {
  const texts = useTexts().status;
  if (isTerminal(job)) return null;
  const reason = job.reason ? texts.reasons[job.reason] : undefined;
  return (
    <>
      {reason && <span>{reason}</span>}
      {job.due_at && (
        <span>
          <RelativeTime at={job.due_at}>{texts.due}</RelativeTime>
        </span>
      )}
      {(job.attempt ?? 0) > 1 && <span>{texts.attempt(job.attempt ?? 0, job.max_attempts ?? job.attempt ?? 0)}</span>}
    </>
  );
}

function StatusFailure({ error }: { error: NonNullable<ShownJob["error"]> }) {
  return (
    <p className="bide-error">
      <strong>{error.type}</strong>: {error.message}
    </p>
  );
}

const ICONS: Record<string, string> = {
  pending: "M8 4v4l2.5 1.5M8 14A6 6 0 108 2a6 6 0 000 12z",
  running: "M8 2a6 6 0 016 6",
  pending_hitl: "M6 6.2a2 2 0 114 .1c0 1.4-2 1.5-2 3M8 11.8v.1M8 14A6 6 0 108 2a6 6 0 000 12z",
  completed: "M4 8.5l2.7 2.7L12 5.5",
  failed: "M4.5 4.5l7 7m0-7l-7 7",
  cancelled: "M3.8 12.2l8.4-8.4M8 14A6 6 0 108 2a6 6 0 000 12z",
};

function StatusIcon({ status }: { status: string }) {
  return (
    <svg className="bide-icon" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" focusable="false">
      <path d={ICONS[status] ?? "M8 8h.1"} />
    </svg>
  );
}
