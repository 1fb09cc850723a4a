import { type ComponentType, createContext, useContext } from "react";
import type { Texts } from "../texts/types.js";
import type { Field, FieldKind, SchemaRoot } from "./schema.js";
import type { Draft } from "./value.js";

/** What every field gets, yours too. `D` is the draft that it holds. */
export interface FieldProps<F extends Field = Field, D extends Draft = Draft> {
  field: F;
  draft: D;
  label: string;
  required: boolean;
  /** The JSON pointer of this part in the answer: where errors say they belong. */
  pointer: string;
  onChange: (draft: Draft) => void;
  /** For parts that may be left out. */
  onRemove?: (() => void) | undefined;
  /** Where the surroundings say what this is; assistive technology still hears it. */
  hideLabel?: boolean | undefined;
  /** The property that names the variant, chosen outside. */
  tag?: string | null | undefined;
}

/** Fields by the kind of what they take; `json` also takes what the others cannot show. */
export type FormComponents = { [K in FieldKind]?: ComponentType<FieldProps> };

export interface FormState {
  root: SchemaRoot;
  texts: Texts;
  components: FormComponents;
  errorsAt: (pointer: string) => readonly string[];
  /** Says something to who cannot see it happen. */
  announce: (message: string) => void;
}

export const FormContext = createContext<FormState | null>(null);

export function useForm(): FormState {
  const form = useContext(FormContext);
  if (!form) throw new Error("A field is rendered outside of a SchemaForm.");
  return form;
}
