import type { Prompt } from "@bide/client";
import { useRef, useState } from "react";
import { classes } from "../classes.js";
import type { Json } from "../form/json.js";
import { useJustNow } from "../hooks/useJustNow.js";
import { useJobWatch, useWatch } from "../hooks/useWatch.js";
import { useBide } from "../provider.js";
import { useTexts } from "../texts/context.js";
import { JobPromptView, type JobPromptViewProps } from "./JobPromptView.js";
import { askServer, useClosing } from "./prompt/closed.js";
import { titleOf } from "./prompt/data.js";

export interface JobPromptProps extends Omit<JobPromptViewProps, "prompt" | "onRespond" | "closed"> {
  job: { id: string } | null;
  /** After an answer of this page was accepted. */
  onAnswered?: ((prompt: Prompt) => void) | undefined;
}

/** What a job asks now: one question at a time, the oldest first. Renders nothing that can be seen while none is open. */
export function JobPrompt({ job, onAnswered, className, ...view }: JobPromptProps) {
  const client = useBide();
  const texts = useTexts();
  const id = job?.id ?? null;
  const { prompts } = useWatch(useJobWatch(id));
  const [answered, note] = useJustNow<string>();
  // The second click on an answer must not hit what is asked next, in the same place.
  const { shown, gone, leave } = useShown(id, prompts, answered !== null);
  const { closed, sending } = useClosing(shown?.id ?? null, gone, (prompt, signal) =>
    askServer(client, prompt, signal),
  );
  /** The job whose question was answered last. */
  const [sent, setSent] = useState<string | null>(null);
  const box = useRef<HTMLDivElement>(null);

  if (sent !== null && sent !== id) setSent(null);

  async function respond(prompt: Prompt, value: Json) {
    await sending(client.respond(prompt.id, value as object));
    // The form with the focus goes away: it must not fall back to the top of the page.
    if (box.current?.contains(document.activeElement)) box.current.focus();
    leave(prompt.id);
    note(prompt.id);
    setSent(prompt.job_id);
    onAnswered?.(prompt);
  }

  function next(prompt: Prompt) {
    // The button with the focus goes away, too.
    box.current?.focus();
    leave(prompt.id);
    setSent(null);
  }

  return (
    <div ref={box} className={classes("bide-prompts", className)} tabIndex={-1}>
      {shown && (
        <JobPromptView
          key={shown.id}
          {...view}
          prompt={shown}
          closed={closed}
          onRespond={(value) => respond(shown, value)}
        />
      )}
      {shown && closed && (
        <div className="bide-actions">
          <button type="button" className="bide-button" onClick={() => next(shown)}>
            {texts.prompt.seen}
          </button>
        </div>
      )}
      {/* Who does not see it come hears of it. How one was closed is said where that is shown. */}
      <p className="bide-hidden" role="status">
        {closed ? "" : shown ? titleOf(shown, texts) : sent !== null ? texts.prompt.sent : ""}
      </p>
    </div>
  );
}

/**
 * The question that is shown stays until it was answered here, or until the person has seen that it was elsewhere.
 * `wait`: no other one comes yet.
 */
function useShown(job: string | null, prompts: readonly Prompt[], wait: boolean) {
  const [held, setHeld] = useState<{ job: string | null; prompt: Prompt | null }>({ job, prompt: null });
  const [done, setDone] = useState<ReadonlySet<string>>(new Set());
  const open = (!wait && prompts.find((prompt) => !done.has(prompt.id))) || null;
  const before = held.job === job ? held.prompt : null;
  const listed = prompts.find(({ id }) => id === before?.id);
  const shown = listed ?? before;

  if (held.job !== job || (shown === null && open !== null)) setHeld({ job, prompt: open });

  function leave(id: string) {
    setDone((before) => new Set([...before, id]));
    setHeld((before) => (before.prompt?.id === id ? { ...before, prompt: null } : before));
  }
  return { shown, gone: shown !== null && !listed, leave };
}
