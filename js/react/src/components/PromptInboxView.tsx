import type { Prompt } from "@bide/client";
import { createElement, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { classes } from "../classes.js";
import type { Json } from "../form/json.js";
import { useTexts } from "../texts/context.js";
import { JobPromptView, type JobPromptViewProps } from "./JobPromptView.js";
import type { Closed } from "./prompt/answer.js";
import { type Ask, useClosing } from "./prompt/closed.js";
import { summaryOf, titleOf } from "./prompt/data.js";
import { RelativeTime } from "./Time.js";

export interface PromptInboxViewProps
  extends Pick<JobPromptViewProps, "renderForm" | "components" | "formComponents" | "cancellable"> {
  /** Null: not known yet. */
  prompts: readonly Prompt[] | null;
  /** There may be further ones, which are not among these. */
  more?: boolean | undefined;
  /** They cannot be read, or no further ones. */
  failed?: boolean | undefined;
  onRespond: (prompt: Prompt, value: Json) => Promise<unknown>;
  /** Finds out how the question was closed that is opened, and went away. Without it, only that it did is said. */
  onGone?: Ask | undefined;
  /** Instead of the line that opens a question: within its button. */
  renderEntry?: ((prompt: Prompt) => ReactNode) | undefined;
  /** Instead of the question itself, when it is opened. What is yours goes away with it. */
  renderPrompt?: ((prompt: Prompt) => ReactNode) | undefined;
  level?: number | undefined;
  className?: string | undefined;
}

/** The open questions of all jobs. One is opened at a time. */
export function PromptInboxView({
  prompts,
  more = false,
  failed = false,
  onRespond,
  onGone = unknown,
  renderEntry,
  renderPrompt,
  level = 2,
  className,
  ...view
}: PromptInboxViewProps) {
  const texts = useTexts();
  const id = useId();
  /** The question that is opened, and its place in the list. */
  const [opened, setOpened] = useState<{ prompt: Prompt; at: number } | null>(null);
  const told = useRef<HTMLParagraphElement>(null);
  const at = prompts?.findIndex(({ id }) => id === opened?.prompt.id) ?? -1;
  const now = prompts?.[at];
  const gone = opened !== null && prompts !== null && !now;
  const { closed, answered, sending } = useClosing(opened?.prompt.id ?? null, gone && !renderPrompt, onGone);
  const over = gone && (answered || renderPrompt !== undefined);
  const held = gone && !over;
  const shown = [...(prompts ?? [])];
  if (held) shown.splice(opened.at, 0, opened.prompt);

  if (opened && now && (now !== opened.prompt || at !== opened.at)) setOpened({ prompt: now, at });

  useEffect(() => {
    if (!over) return;
    setOpened(null);
    // The form with the focus has gone away: it must not fall back to the top of the page.
    if (document.activeElement === document.body) told.current?.focus();
  }, [over]);

  function close() {
    // With what went away while it was opened, the button with the focus goes away.
    if (held) told.current?.focus();
    setOpened(null);
  }

  return (
    <section className={classes("bide-inbox", className)} aria-labelledby={id} aria-busy={prompts === null && !failed}>
      {createElement(`h${level}`, { id, className: "bide-title" }, texts.inbox.title)}
      {failed ? (
        <p ref={told} className="bide-notice bide-notice-error" role="alert" tabIndex={-1}>
          {texts.inbox.failed}
        </p>
      ) : (
        <p ref={told} className="bide-hint" role="status" tabIndex={-1}>
          {prompts === null
            ? texts.inbox.loading
            : prompts.length
              ? (more ? texts.inbox.atLeast : texts.inbox.count)(prompts.length)
              : texts.inbox.empty}
        </p>
      )}
      {shown.length > 0 && (
        <ul className="bide-inbox-list">
          {shown.map((prompt, at) => {
            const open = opened?.prompt.id === prompt.id;
            return (
              <li key={prompt.id} className="bide-inbox-item" data-bide-kind={prompt.kind}>
                <button
                  type="button"
                  className="bide-inbox-button"
                  aria-expanded={open}
                  onClick={() => (open ? close() : setOpened({ prompt, at }))}
                >
                  {renderEntry ? renderEntry(prompt) : <Entry prompt={prompt} />}
                </button>
                {open &&
                  (renderPrompt ? (
                    renderPrompt(prompt)
                  ) : (
                    <JobPromptView
                      {...view}
                      prompt={prompt}
                      level={level + 1}
                      closed={closed}
                      onRespond={(value) => sending(onRespond(prompt, value))}
                    />
                  ))}
                {open && held && closed && (
                  <div className="bide-actions">
                    <button type="button" className="bide-button" onClick={close}>
                      {texts.prompt.seen}
                    </button>
                  </div>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}

/** Who has nobody to ask knows only that it is not open any more. */
async function unknown(): Promise<Closed> {
  return { reason: "gone", by: null, response: undefined };
}

function Entry({ prompt }: { prompt: Prompt }) {
  const texts = useTexts();
  const summary = summaryOf(prompt);
  return (
    <>
      <span className="bide-inbox-title">{titleOf(prompt, texts)}</span>
      {summary && <span className="bide-inbox-summary">{summary}</span>}
      <span className="bide-hint">
        <RelativeTime at={prompt.opened_at}>{texts.inbox.asked}</RelativeTime>
      </span>
    </>
  );
}
