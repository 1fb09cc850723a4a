// A prompt's `data`, read with care: it was written by a server that may be newer than this page.
import type { Prompt } from "@bide/client";
import { plainText } from "../../markdown/render.js";
import type { Texts } from "../../texts/types.js";

export interface QuestionOption {
  id: string;
  label: string;
  description: string;
}

export interface Question {
  name: string;
  text: string;
  options: QuestionOption[];
  several: boolean;
  freeText: boolean;
  rationale: string | null;
}

type Data = Record<string, unknown>;

export function textOf(data: Data, name: string): string | null {
  const value = data[name];
  return typeof value === "string" && value !== "" ? value : null;
}

export function numberOf(data: Data, name: string): number | null {
  const value = data[name];
  return typeof value === "number" ? value : null;
}

export function textsOf(data: Data, name: string): string[] {
  const value = data[name];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

export function questionsOf(data: Data): Question[] {
  return objectsOf(data.questions).map((question, n) => ({
    name: `q${n}`,
    text: textOf(question, "text") ?? `q${n}`,
    options: objectsOf(question.options).map((option) => ({
      id: textOf(option, "id") ?? "",
      label: textOf(option, "label") ?? textOf(option, "id") ?? "",
      description: textOf(option, "description") ?? "",
    })),
    several: question.allows_multiple === true,
    freeText: question.free_text === true,
    rationale: textOf(question, "rationale"),
  }));
}

function objectsOf(value: unknown): Data[] {
  return Array.isArray(value) ? value.filter((item): item is Data => typeof item === "object" && item !== null) : [];
}

export function titleOf(prompt: Prompt, texts: Texts): string {
  const own = prompt.kind === "form" ? textOf(prompt.data, "title") : null;
  return own ?? texts.prompt.kinds[prompt.kind] ?? texts.prompt.unknownKind(prompt.kind);
}

/** In one line, what the question is about; beside its title. */
export function summaryOf({ data, kind }: Prompt): string | null {
  const [first] = kind === "clarify" ? questionsOf(data) : [];
  const markdown = textOf(data, "summary") ?? textOf(data, "report") ?? textOf(data, "content");
  const text = first?.text ?? (markdown && plainText(markdown));
  return text?.split("\n").find((line) => line.trim() !== "") ?? null;
}
