import type { Prompt } from "@bide/client";
import { createElement, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { classes } from "../classes.js";
import type { Json } from "../form/json.js";
import { useTexts } from "../texts/context.js";
import { JobPromptView, type JobPromptViewProps } from "./JobPromptView.js";
import { summaryOf, titleOf } from "./prompt/data.js";
import { RelativeTime } from "./Time.js";

export interface PromptInboxViewProps
  extends Pick<JobPromptViewProps, "renderForm" | "components" | "formComponents" | "cancellable"> {
  /** Null: not known yet. */
  prompts: readonly Prompt[] | null;
  /** They cannot be read, or no further ones. */
  failed?: boolean | undefined;
  onRespond: (prompt: Prompt, value: Json) => Promise<unknown>;
  /** Instead of the line that opens a question: within its button. */
  renderEntry?: ((prompt: Prompt) => ReactNode) | undefined;
  /** Instead of the question itself, when it is opened. */
  renderPrompt?: ((prompt: Prompt) => ReactNode) | undefined;
  level?: number | undefined;
  className?: string | undefined;
}

/** The open questions of all jobs. One is opened at a time. */
export function PromptInboxView({
  prompts,
  failed = false,
  onRespond,
  renderEntry,
  renderPrompt,
  level = 2,
  className,
  ...view
}: PromptInboxViewProps) {
  const texts = useTexts();
  const id = useId();
  const [opened, setOpened] = useState<string | null>(null);
  const told = useRef<HTMLParagraphElement>(null);
  const gone = opened !== null && prompts !== null && !prompts.some((prompt) => prompt.id === opened);

  useEffect(() => {
    if (!gone) return;
    setOpened(null);
    // The form with the focus has gone away: it must not fall back to the top of the page.
    if (document.activeElement === document.body) told.current?.focus();
  }, [gone]);

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
              ? texts.inbox.count(prompts.length)
              : texts.inbox.empty}
        </p>
      )}
      {prompts !== null && prompts.length > 0 && (
        <ul className="bide-inbox-list">
          {prompts.map((prompt) => {
            const open = opened === prompt.id;
            return (
              <li key={prompt.id} className="bide-inbox-item" data-bide-kind={prompt.kind}>
                <button
                  type="button"
                  className="bide-inbox-button"
                  aria-expanded={open}
                  onClick={() => setOpened(open ? null : prompt.id)}
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
                      onRespond={(value) => onRespond(prompt, value)}
                    />
                  ))}
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
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
