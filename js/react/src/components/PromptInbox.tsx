import { usePrompts } from "../hooks/usePrompts.js";
import { useBide } from "../provider.js";
import { PromptInboxView, type PromptInboxViewProps } from "./PromptInboxView.js";
import { askServer } from "./prompt/closed.js";

export type PromptInboxProps = Omit<PromptInboxViewProps, "prompts" | "more" | "failed" | "onRespond" | "onGone">;

/** As many questions as the client's inbox has at most. */
const FULL = 200;

/** The open questions of all jobs that this person may see. */
export function PromptInbox(props: PromptInboxProps) {
  const client = useBide();
  const { prompts, respond, error, isLoading } = usePrompts();
  return (
    <PromptInboxView
      {...props}
      prompts={isLoading ? null : prompts}
      more={prompts.length >= FULL}
      failed={error !== null}
      onRespond={(prompt, value) => respond(prompt.id, value as object)}
      onGone={(prompt, signal) => askServer(client, prompt, signal)}
    />
  );
}
