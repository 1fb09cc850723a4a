import type { BideError, Prompt } from "@bide/client";
import { useEffect, useRef, useState } from "react";
import { classes } from "../classes.js";
import type { Json } from "../form/json.js";
import { useJobWatch, useWatch } from "../hooks/useWatch.js";
import { useBide } from "../provider.js";
import { useTexts } from "../texts/context.js";
import { JobPromptView, type JobPromptViewProps } from "./JobPromptView.js";
import type { Closed } from "./prompt/answer.js";

export interface JobPromptProps extends Omit<JobPromptViewProps, "prompt" | "onRespond" | "closed"> {
  job: { id: string } | null;
  /** After an answer of this page was accepted. */
  onAnswered?: ((prompt: Prompt) => void) | undefined;
}

/** What a job asks now: one question at a time, the oldest first. Renders nothing that can be seen while none is open. */
export function JobPrompt({ job, onAnswered, className, ...view }: JobPromptProps) {
  const client = useBide();
  const texts = useTexts();
  const { prompts } = useWatch(useJobWatch(job?.id ?? null));
  const { shown, closed: gone, next, answered } = useShown(job?.id ?? null, prompts);
  const [sending, setSending] = useState(false);
  const [sent, setSent] = useState(false);
  const box = useRef<HTMLDivElement>(null);

  // That a question is closed is heard before the receipt of the answer that closed it, at times.
  const closed = sending ? null : gone;

  async function respond(prompt: Prompt, value: Json) {
    setSending(true);
    try {
      await client.respond(prompt.id, value as object);
    } finally {
      setSending(false);
    }
    // The form with the focus goes away: it must not fall back to the top of the page.
    if (box.current?.contains(document.activeElement)) box.current.focus();
    answered(prompt.id);
    setSent(true);
    onAnswered?.(prompt);
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
          <button type="button" className="bide-button" onClick={next}>
            {texts.prompt.seen}
          </button>
        </div>
      )}
      <p className="bide-hidden" role="status">
        {sent && !closed ? texts.prompt.sent : ""}
      </p>
    </div>
  );
}

/** The question that is shown stays until it was answered here, or until the person has seen that it was elsewhere. */
function useShown(job: string | null, prompts: readonly Prompt[]) {
  const client = useBide();
  const [held, setHeld] = useState<{ job: string | null; prompt: Prompt | null }>({ job, prompt: null });
  const [done, setDone] = useState<ReadonlySet<string>>(new Set());
  const [closed, setClosed] = useState<Closed | null>(null);
  const open = prompts.find((prompt) => !done.has(prompt.id)) ?? null;
  const before = held.job === job ? held.prompt : null;
  const prompt = prompts.find(({ id }) => id === before?.id) ?? before;

  if (held.job !== job || (prompt === null && open !== null)) {
    setHeld({ job, prompt: open });
    setClosed(null);
  }
  const gone =
    prompt !== null && !done.has(prompt.id) && !prompts.some(({ id }) => id === prompt.id) ? prompt.id : null;

  useEffect(() => {
    if (gone === null) return;
    const asked = new AbortController();
    client.prompt(gone, { signal: asked.signal }).then(
      (now) => {
        if (now.status === "open") return; // it is only not known to be open any more, after a reconnection say
        setClosed({ reason: now.status, by: now.answer?.by ?? null, response: now.response as Json | undefined });
      },
      (error: BideError) => {
        // Where the server is only away, nothing is known of it.
        if (error.retryable === false) setClosed({ reason: "withdrawn", by: null, response: undefined });
      },
    );
    return () => asked.abort();
  }, [client, gone]);

  function next() {
    if (prompt) setDone(new Set([...done, prompt.id]));
    setHeld({ job, prompt: null });
    setClosed(null);
  }
  function answered(id: string) {
    setDone((before) => new Set([...before, id]));
    setHeld((before) => (before.prompt?.id === id ? { ...before, prompt: null } : before));
  }
  return { shown: prompt, closed: gone === null ? null : closed, next, answered };
}
