import type { Prompt } from "@bide/client";
import type { ComponentType, ReactNode } from "react";
import type { FormComponents } from "../../form/context.js";
import type { Json } from "../../form/json.js";
import type { ServerError } from "../../form/place.js";

/** What the part gets that asks: for each kind of question there is one. */
export interface PromptBodyProps {
  prompt: Prompt;
  respond: (value: Json) => void;
  busy: boolean;
  /** What the server did not take of the last answer. */
  errors: readonly ServerError[];
  /** To be put beside your own buttons: it cancels the job. */
  cancel: ReactNode;
  /** Of the question's own heading; those inside come below. */
  level: number;
  formComponents: FormComponents | undefined;
}

export interface PromptParts {
  Header?: ComponentType<{ prompt: Prompt; id: string; level: number }>;
  /** By kind, yours before ours; `form` takes the kinds that are not known. */
  bodies?: Record<string, ComponentType<PromptBodyProps>>;
}
