import { usePrompts } from "../hooks/usePrompts.js";
import { useBide } from "../provider.js";
import { PromptInboxView, type PromptInboxViewProps } from "./PromptInboxView.js";
import { askServer } from "./prompt/closed.js";

export type PromptInboxProps = Omit<PromptInboxViewProps, "prompts" | "failed" | "onRespond" | "onGone">;

/** The open questions of all jobs that this person may see. */
export function PromptInbox(props: PromptInboxProps) {
  const client = useBide();
  const { prompts, respond, error, isLoading } = usePrompts();
  return (
    <PromptInboxView
      {...props}
      prompts={isLoading ? null : prompts}
      failed={error !== null}
      onRespond={(prompt, value) => respond(prompt.id, value as object)}
      onGone={(prompt, signal) => askServer(client, prompt, signal)}
    />
  );
}
