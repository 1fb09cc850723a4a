import { useTexts } from "../../texts/context.js";
import type { PromptBodyProps } from "./parts.js";

/** A machine answers, by the question's address. */
export function CallbackBody({ cancel }: PromptBodyProps) {
  const { prompt } = useTexts();
  return (
    <>
      <p>{prompt.callback}</p>
      <div className="bide-actions">{cancel}</div>
    </>
  );
}
