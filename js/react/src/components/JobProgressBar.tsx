import type { ComponentType } from "react";
import { classes } from "../classes.js";
import { useTexts } from "../texts/context.js";
import { formatPercent } from "../texts/format.js";
import type { Texts } from "../texts/types.js";
import { isCancelling, type ShownJob } from "./job.js";

export interface ProgressBarParts {
  Bar?: ComponentType<{ percent: number | null }>;
  Caption?: ComponentType<{ job: ShownJob; percent: number | null }>;
}

export interface JobProgressBarProps {
  /** Null: nothing is known of it yet. */
  job: ShownJob | null;
  /** What is under way, for who cannot see it. */
  label?: string;
  /** Message, stages and percentage under the bar. */
  caption?: boolean;
  components?: ProgressBarParts;
  className?: string;
}

export function JobProgressBar({ job, label, caption = true, components = {}, className }: JobProgressBarProps) {
  const texts = useTexts();
  const { Bar = ProgressTrack, Caption = ProgressCaption } = components;
  const percent = percentOf(job);
  const running = job?.status === "running" || job === null;
  return (
    <div
      className={classes("bide-progress", className)}
      data-bide-status={job?.status ?? "unknown"}
      data-bide-cancelling={job && isCancelling(job) ? "" : undefined}
      data-bide-progress={percent === null ? (running ? "indeterminate" : "none") : "determinate"}
    >
      <div
        role="progressbar"
        aria-label={label ?? texts.progress.label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent === null ? undefined : Math.floor(percent)}
        aria-valuetext={valueText(job, percent, texts)}
      >
        <Bar percent={percent} />
      </div>
      {caption && job && <Caption job={job} percent={percent} />}
    </div>
  );
}

/** 0–100, or null where nothing is known: the two do not look alike. */
function percentOf(job: ShownJob | null): number | null {
  if (job?.status === "completed") return 100;
  const percent = job?.progress.percent;
  return typeof percent === "number" ? Math.min(100, Math.max(0, percent)) : null;
}

function valueText(job: ShownJob | null, percent: number | null, texts: Texts): string {
  const cancelling = job && isCancelling(job) ? texts.status.cancelling : null;
  const status =
    cancelling ?? (job && job.status !== "running" ? (texts.status.names[job.status] ?? job.status) : null);
  const amount = percent === null ? null : texts.progress.percent(formatPercent(texts.locale, percent));
  const message = job?.status === "running" ? job.progress.message : null;
  const parts = [status, job?.status === "completed" ? null : amount, message].filter(Boolean);
  return parts.join(", ") || texts.progress.unknown;
}

/** The width is an attribute of SVG: a strict policy forbids inline styles. */
function ProgressTrack({ percent }: { percent: number | null }) {
  return (
    <svg className="bide-track" width="100%" height="8" aria-hidden="true" focusable="false">
      <rect className="bide-fill" width={percent === null ? "100%" : `${percent}%`} height="100%" />
    </svg>
  );
}

function ProgressCaption({ job, percent }: { job: ShownJob; percent: number | null }) {
  const texts = useTexts();
  const { message, stages } = job.progress;
  const done = job.status === "completed";
  return (
    <div className="bide-caption">
      <div className="bide-caption-text">
        {stages.length > 0 && !done && (
          <ol className="bide-stages">
            {stages.map((stage, depth) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: one may be within another of the same name.
              <li key={depth}>
                {typeof stage.item === "number" && typeof stage.of === "number"
                  ? texts.progress.item(stage.name, stage.item, stage.of)
                  : stage.name}
              </li>
            ))}
          </ol>
        )}
        {message && <p className="bide-message">{message}</p>}
      </div>
      {percent !== null && <span className="bide-percent">{formatPercent(texts.locale, percent)}</span>}
    </div>
  );
}
