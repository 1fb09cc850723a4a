import type { AnswerOf, BideError, JobTypeName, Keyed, Prompt, PromptOf, Receipt } from "@bide/client";
import { useCallback, useEffect } from "react";
import { useBide } from "../provider.js";
import { type JobArguments, split } from "./arguments.js";
import { useAction } from "./useAction.js";
import { useJustNow } from "./useJustNow.js";
import { useJobWatch, useWatch } from "./useWatch.js";

export interface UsePrompt<P = Prompt, Answer = object> {
  /** The oldest open question, or null. After an answer the next one comes half a second later at the earliest. */
  prompt: P | null;
  /** Answer it. What the server refuses is in `error`, with `errors` for its fields. */
  respond(value: Answer, options?: Keyed): Promise<Receipt>;
  isPending: boolean;
  error: BideError | null;
  reset(): void;
}

/** What a job asks now. */
export function usePrompt(id: string | null): UsePrompt;
export function usePrompt<T extends JobTypeName>(type: T, id: string | null): UsePrompt<PromptOf<T>, AnswerOf<T>>;
export function usePrompt(...given: JobArguments<object>): UsePrompt {
  const [id] = split(given);
  const client = useBide();
  const { prompts } = useWatch(useJobWatch(id));
  // The second click on an answer must not answer what is asked next: meanwhile it is about the question before.
  const [answered, note] = useJustNow<string>();
  const prompt = answered === null ? (prompts[0] ?? null) : null;
  const asked = answered ?? prompt?.id ?? null;
  const { run, reset, isPending, error, failed } = useAction(
    async (prompt: string | null, value: object, options?: Keyed) => {
      if (prompt === null) throw new Error("Nothing is asked.");
      const receipt = await client.respond(prompt, value, options);
      note(prompt);
      return receipt;
    },
  );
  const respond = useCallback((value: object, options?: Keyed) => run(asked, value, options), [run, asked]);
  // What was wrong with an answer to one question is not to be seen at the next, nor once it is asked no more.
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever another one is asked
  useEffect(reset, [asked, reset]);
  // And what is refused may come later than the next question.
  return { prompt, respond, reset, isPending, error: failed?.[0] === asked ? error : null };
}
