import { usePrompts } from "../hooks/usePrompts.js";
import { PromptInboxView, type PromptInboxViewProps } from "./PromptInboxView.js";

export type PromptInboxProps = Omit<PromptInboxViewProps, "prompts" | "failed" | "onRespond">;

/** The open questions of all jobs that this person may see. */
export function PromptInbox(props: PromptInboxProps) {
  const { prompts, respond, error, isLoading } = usePrompts();
  return (
    <PromptInboxView
      {...props}
      prompts={isLoading ? null : prompts}
      failed={error !== null}
      onRespond={(prompt, value) => respond(prompt.id, value as object)}
    />
  );
}
