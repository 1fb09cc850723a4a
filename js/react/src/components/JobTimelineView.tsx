import type { Event } from "@bide/client";
import type { ComponentType } from "react";
import { classes } from "../classes.js";
import { useTexts } from "../texts/context.js";
import { formatDate } from "../texts/format.js";
import type { Texts } from "../texts/types.js";

export interface TimelineEntryProps {
  event: Event;
  label: string;
  detail: string | null;
}

export interface JobTimelineViewProps {
  events: readonly Event[];
  /** Which events to show. By default all but progress, output, and that a question was shown. */
  filter?: ((event: Event) => boolean) | undefined;
  components?: { Entry?: ComponentType<TimelineEntryProps> } | undefined;
  className?: string | undefined;
}

const QUIET = new Set(["progress", "output", "output.reset", "prompt.served"]);

export function JobTimelineView({ events, filter, components = {}, className }: JobTimelineViewProps) {
  const texts = useTexts();
  const { Entry = TimelineEntry } = components;
  const shown = events.filter(filter ?? ((event) => !QUIET.has(event.kind)));
  const attempts = new Set(shown.map((event) => event.attempt)).size > 2;
  if (!shown.length) return <p className={classes("bide-timeline", "bide-hint", className)}>{texts.timeline.empty}</p>;
  return (
    <ol className={classes("bide-timeline", className)} aria-label={texts.timeline.title}>
      {shown.map((event) => (
        <li key={event.seq} className="bide-event" data-bide-event={event.kind}>
          <Entry
            event={event}
            label={texts.timeline.kinds[event.kind] ?? event.kind}
            detail={detailOf(event, texts, attempts)}
          />
        </li>
      ))}
    </ol>
  );
}

function TimelineEntry({ event, label, detail }: TimelineEntryProps) {
  const { locale } = useTexts();
  return (
    <>
      <span className="bide-event-label">{label}</span>
      {detail && <span className="bide-event-detail">{detail}</span>}
      <time className="bide-event-time" dateTime={event.at}>
        {formatDate(locale, event.at)}
      </time>
    </>
  );
}

/** What an event says beyond its kind, as far as it is known here. */
function detailOf({ kind, data, attempt }: Event, texts: Texts, attempts: boolean): string | null {
  const text = (name: string) => (typeof data[name] === "string" && data[name] ? data[name] : null);
  const step = [text("step"), text("key")].filter(Boolean).join(" ");
  const by = text("by");
  const said = kind.startsWith("step.") ? [step] : kind.startsWith("prompt.") ? [text("key")] : [];
  const error = typeof data.error === "object" && data.error !== null ? (data.error as Record<string, unknown>) : null;
  const parts = [
    ...said,
    kind === "job.started" && attempts ? texts.timeline.attempt(attempt) : null,
    text("message") ?? (typeof error?.message === "string" ? error.message : null),
    by && texts.timeline.by(by),
  ];
  return parts.filter(Boolean).join(" · ") || null;
}
