// What a person does in a form so that it holds an answer: for whatever carries it out, in jsdom or in a real browser.
import { type Json, type JsonObject, same, stringify } from "../src/form/json.js";
import { shown, variantLabels } from "../src/form/label.js";
import { child } from "../src/form/pointer.js";
import type { Field, SchemaRoot } from "../src/form/schema.js";
import { type DurationParts, durationParts, toControl } from "../src/form/time.js";
import { KEY } from "../src/form/validate.js";
import { type Draft, draftOf, itemOf, newItem, startOf, variantDraft } from "../src/form/value.js";
import { en } from "../src/texts/en.js";

/** `pointer` names a field as `data-bide-pointer` does. */
export type Action =
  | { do: "fill"; pointer: string; text: string }
  | { do: "select"; pointer: string; label: string }
  | { do: "variant"; pointer: string; label: string }
  | { do: "radio"; pointer: string; label: string }
  | { do: "tick"; pointer: string; on: boolean }
  | { do: "pick"; pointer: string; label: string; on: boolean }
  | { do: "duration"; pointer: string; parts: DurationParts }
  | { do: "add"; pointer: string }
  | { do: "remove"; pointer: string; name: string };

export function planOf(root: SchemaRoot, answer: Json): Action[] {
  const field = root.field();
  return [...plan(root, field, draftOf(root, field, undefined, true), answer, "", true)];
}

function* plan(
  root: SchemaRoot,
  field: Field,
  draft: Draft,
  answer: Json,
  pointer: string,
  required: boolean,
): Generator<Action> {
  if (draft.kind === "json") return yield* filled(pointer, draft.text, stringify(answer, 2));
  if (draft.kind === "none") {
    if (answer === null) return;
    yield { do: "add", pointer };
    return yield* plan(root, field, startOf(root, field), answer, pointer, required);
  }
  switch (field.kind) {
    case "object":
      if (draft.kind === "object") yield* planObject(root, field, draft, answer as JsonObject, pointer);
      return;
    case "dict":
      if (draft.kind === "dict") yield* planEntries(root, field.values, answer as JsonObject, pointer);
      return;
    case "tuple":
      if (draft.kind !== "list") return;
      for (const [n, item] of draft.items.entries()) {
        const of = root.field(field.items[n] as JsonObject);
        yield* plan(root, of, item.draft, (answer as Json[])[n] as Json, child(pointer, n), true);
      }
      return;
    case "list": {
      if (draft.kind !== "list") return;
      const wanted = answer as Json[];
      const items = [...draft.items];
      while (items.length > wanted.length) {
        const label = en.form.item(items.length);
        yield { do: "remove", pointer, name: en.form.remove(label) };
        items.pop();
      }
      for (const [n, item] of wanted.entries()) {
        if (n >= items.length) {
          yield { do: "add", pointer };
          items.push(itemOf(root, field.items));
        }
        yield* plan(root, root.field(field.items), (items[n] as { draft: Draft }).draft, item, child(pointer, n), true);
      }
      return;
    }
    case "choice": {
      const index = field.options.findIndex((option) => same(option.value, answer));
      if (draft.kind !== "choice" || draft.index === (index < 0 ? null : index)) return;
      const option = field.options[index];
      const label = option ? (option.label ?? shown(option.value)) : en.form.none;
      const optional = field.nullable || (!required && field.default === undefined);
      yield { do: field.options.length + Number(optional) > 4 ? "select" : "radio", pointer, label };
      return;
    }
    case "picks":
      for (const [n, option] of field.options.entries()) {
        const on = (answer as Json[]).some((item) => same(item, option.value));
        if (draft.kind === "picks" && draft.indexes.includes(n) !== on) {
          yield { do: "pick", pointer, label: option.label ?? shown(option.value), on };
        }
      }
      return;
    case "boolean":
      if (draft.kind !== "flag" || draft.checked === answer) return;
      if (!field.nullable && (required || field.default !== undefined))
        yield { do: "tick", pointer, on: answer === true };
      else yield { do: "radio", pointer, label: answer === null ? en.form.none : answer ? en.form.yes : en.form.no };
      return;
    case "duration": {
      const parts = typeof answer === "string" ? durationParts(answer) : (["", "", "", ""] as const);
      if (draft.kind === "duration" && parts && parts.some((part, n) => part !== draft.parts[n])) {
        yield { do: "duration", pointer, parts };
      }
      return;
    }
    case "union": {
      if (draft.kind !== "union") return;
      const filledDraft = draftOf(root, field, answer, true);
      const index = filledDraft.kind === "union" ? filledDraft.index : null;
      if (index !== draft.index) {
        yield {
          do: "variant",
          pointer,
          label: index === null ? en.form.none : (variantLabels(root, field, en)[index] as string),
        };
      }
      const variant = index === null ? undefined : field.variants[index];
      if (index === null || !variant) return;
      const inner = draft.drafts[index] ?? variantDraft(root, field, index);
      return yield* plan(root, root.field(variant.schema), inner, answer, pointer, true);
    }
    case "number":
    case "text":
      if (draft.kind === "text") yield* filled(pointer, draft.text, answer === null ? "" : String(answer));
      return;
    case "temporal":
      if (draft.kind !== "text") return;
      yield* filled(pointer, draft.text, answer === null ? "" : toControl(field.format, String(answer)));
      return;
    case "const":
    case "json":
  }
}

function* planObject(
  root: SchemaRoot,
  field: Extract<Field, { kind: "object" }>,
  draft: Extract<Draft, { kind: "object" }>,
  answer: JsonObject,
  pointer: string,
): Generator<Action> {
  for (const { name, schema, required } of field.properties) {
    const value = answer[name];
    const inner = draft.fields[name];
    if (value === undefined || !inner) continue;
    yield* plan(root, root.field(schema), inner, value, child(pointer, name), required);
  }
  const known = new Set(field.properties.map(({ name }) => name));
  const rest = Object.entries(answer).filter(([name]) => !known.has(name));
  if (rest.length) yield* planEntries(root, field.extra ?? {}, Object.fromEntries(rest), pointer);
}

function* planEntries(root: SchemaRoot, values: JsonObject, answer: JsonObject, pointer: string): Generator<Action> {
  for (const [key, value] of Object.entries(answer)) {
    yield { do: "add", pointer };
    yield { do: "fill", pointer: child(child(pointer, ""), KEY), text: key };
    const fresh = newItem(draftOf(root, root.field(values), undefined, true));
    yield* plan(root, root.field(values), fresh.draft, value, child(pointer, key), true);
  }
}

function* filled(pointer: string, before: string, text: string): Generator<Action> {
  if (before !== text) yield { do: "fill", pointer, text };
}
