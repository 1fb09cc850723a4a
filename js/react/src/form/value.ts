// What a form holds while it is filled in (a draft), where it begins, and the JSON that it stands for.
import { isObject, type Json, JsonError, type JsonObject, same, stringify, tryParse } from "./json.js";
import { isWhole, readNumber, showNumber, tooLong, wholeDigits } from "./number.js";
import { type Field, type FieldOf, fits, type Schema, type SchemaRoot } from "./schema.js";
import { type DurationParts, durationOf, durationParts, fromControl, isNaive, toControl } from "./time.js";

/** `given` is a value that came with the form: while its text is untouched, the very value goes back. */
export interface TextDraft {
  kind: "text";
  text: string;
  given?: { text: string; value: Json };
}

export interface Item {
  /** Names the item while others come and go around it. */
  id: number;
  draft: Draft;
}

export interface Entry extends Item {
  key: string;
}

/** `untouched`: nobody has said that it is empty. */
export interface DictDraft {
  kind: "dict";
  entries: Entry[];
  untouched?: boolean;
}

export type Draft =
  | TextDraft
  /** Text of JSON: for what has no control, and for a value that its control cannot show. */
  | { kind: "json"; text: string }
  | { kind: "flag"; checked: boolean | null }
  | { kind: "choice"; index: number | null }
  | { kind: "picks"; indexes: number[]; untouched?: boolean }
  | { kind: "duration"; parts: DurationParts }
  | { kind: "object"; fields: Record<string, Draft>; extra: DictDraft }
  /** A list or a tuple. */
  | { kind: "list"; items: Item[]; untouched?: boolean }
  | DictDraft
  /** The drafts of variants that were left stay: who comes back finds what they wrote. */
  | { kind: "union"; index: number | null; drafts: Record<number, Draft> }
  /** A part with parts of its own that is left out. */
  | { kind: "none" }
  | { kind: "const" };

export type DraftOf<K extends Draft["kind"]> = Extract<Draft, { kind: K }>;

let ids = 0;

export function newItem(draft: Draft): Item {
  ids += 1;
  return { id: ids, draft };
}

/** A schema that demands itself has no end: from here on it is edited as JSON. */
const DEEPEST = 24;

/** The draft to begin with: of `value`, else of the schema's default, else blank. */
export function draftOf(root: SchemaRoot, field: Field, value: Json | undefined, required: boolean, depth = 0): Draft {
  if (depth > DEEPEST) return jsonDraft(value);
  const given = value === undefined ? field.default : value;
  if (given === undefined || (given === null && takesNothing(field))) return blank(root, field, required, depth);
  return filled(root, field, given, depth) ?? jsonDraft(given);
}

/** Null is not this field's own value, but says that it has none. */
function takesNothing(field: Field): boolean {
  if (field.kind === "choice") return !field.options.some((option) => option.value === null);
  return field.kind !== "const" && (field.kind !== "json" || field.nullable);
}

function jsonDraft(value: Json | undefined): Draft {
  return { kind: "json", text: value === undefined ? "" : stringify(value, 2) };
}

function blank(root: SchemaRoot, field: Field, required: boolean, depth: number): Draft {
  const optional = field.nullable || !required;
  switch (field.kind) {
    case "object":
      return optional ? { kind: "none" } : startOf(root, field, depth);
    case "tuple":
    case "list":
    case "dict":
      return field.nullable ? { kind: "none" } : startOf(root, field, depth);
    case "boolean":
      return { kind: "flag", checked: optional ? null : false };
    case "union": {
      // Several scalars are one question with a usual answer; among models a person chooses.
      const scalar = field.variants.every((variant) => SCALAR.has(root.field(variant.schema).kind));
      if (optional || !scalar) return { kind: "union", index: null, drafts: {} };
      return { kind: "union", index: 0, drafts: { 0: variantDraft(root, field, 0, depth) } };
    }
    default:
      return startOf(root, field, depth);
  }
}

const SCALAR = new Set<Field["kind"]>(["text", "number", "temporal", "duration", "boolean", "choice"]);

/** An empty draft that is there: what a person gets who adds this part. */
export function startOf(root: SchemaRoot, field: Field, depth = 0): Draft {
  switch (field.kind) {
    case "object": {
      const fields = field.properties.map(({ name, schema, required }) => {
        return [name, draftOf(root, root.field(schema), undefined, required, depth + 1)] as const;
      });
      return { kind: "object", fields: Object.fromEntries(fields), extra: { kind: "dict", entries: [] } };
    }
    case "dict":
      return { kind: "dict", entries: [], untouched: true };
    case "list": {
      const items = Array.from({ length: field.size.min }, () => itemOf(root, field.items, depth));
      return { kind: "list", items, untouched: true };
    }
    case "tuple":
      return { kind: "list", items: field.items.map((schema) => itemOf(root, schema, depth)) };
    case "choice":
      return { kind: "choice", index: null };
    case "picks":
      return { kind: "picks", indexes: [], untouched: true };
    case "boolean":
      return { kind: "flag", checked: false };
    case "duration":
      return { kind: "duration", parts: ["", "", "", ""] };
    case "union":
      return { kind: "union", index: null, drafts: {} };
    case "const":
      return { kind: "const" };
    case "json":
      return { kind: "json", text: "" };
    case "text":
    case "number":
    case "temporal":
      return { kind: "text", text: "" };
  }
}

export function itemOf(root: SchemaRoot, schema: Schema, depth = 0): Item {
  return newItem(draftOf(root, root.field(schema), undefined, true, depth + 1));
}

export function entryOf(root: SchemaRoot, schema: Schema): Entry {
  return { ...itemOf(root, schema), key: "" };
}

export function variantDraft(root: SchemaRoot, field: FieldOf<"union">, index: number, depth = 0): Draft {
  const variant = field.variants[index];
  return variant ? draftOf(root, root.field(variant.schema), undefined, true, depth + 1) : { kind: "json", text: "" };
}

/** The draft that shows a value, or null where this field's control cannot. */
function filled(root: SchemaRoot, field: Field, value: Json, depth: number): Draft | null {
  const at = (schema: Schema, item: Json) => draftOf(root, root.field(schema), item, true, depth + 1);
  switch (field.kind) {
    case "object": {
      if (!isObject(value)) return null;
      const fields = field.properties.map(({ name, schema, required }) => {
        const own = Object.hasOwn(value, name) ? value[name] : undefined;
        return [name, draftOf(root, root.field(schema), own, required, depth + 1)] as const;
      });
      const known = new Set(field.properties.map((property) => property.name));
      const rest = Object.entries(value).filter(([name]) => !known.has(name));
      // Without `extra` a name that is not described stays all the same: it came with the form, and is not this form's to drop.
      const entries = rest.map(([key, item]) => ({ ...newItem(at(field.extra ?? {}, item)), key }));
      return { kind: "object", fields: Object.fromEntries(fields), extra: { kind: "dict", entries } };
    }
    case "dict": {
      if (!isObject(value)) return null;
      const entries = Object.entries(value).map(([key, item]) => ({ ...newItem(at(field.values, item)), key }));
      return { kind: "dict", entries };
    }
    case "list":
      return Array.isArray(value) ? { kind: "list", items: value.map((item) => newItem(at(field.items, item))) } : null;
    case "tuple": {
      if (!Array.isArray(value) || value.length > field.items.length) return null;
      return { kind: "list", items: field.items.map((schema, n) => newItem(draftAt(root, schema, value[n], depth))) };
    }
    case "choice": {
      const index = field.options.findIndex((option) => same(option.value, value));
      return index < 0 ? null : { kind: "choice", index };
    }
    case "picks": {
      if (!Array.isArray(value)) return null;
      const indexes = value.map((item) => field.options.findIndex((option) => same(option.value, item)));
      return indexes.includes(-1) ? null : { kind: "picks", indexes };
    }
    case "boolean":
      return typeof value === "boolean" ? { kind: "flag", checked: value } : null;
    case "number":
      return numberDraft(root, field, value);
    case "text": {
      if (typeof value !== "string") return null;
      // Pydantic masks a secret where it writes one: the mask is nobody's secret.
      if (field.format === "password" && /^\**$/.test(value)) return { kind: "text", text: "" };
      return textDraft(value, value);
    }
    case "temporal":
      return typeof value === "string" ? textDraft(toControl(field.format, value), value) : null;
    case "duration": {
      if (typeof value !== "string") return null;
      const parts = durationParts(value);
      return parts ? { kind: "duration", parts } : textDraft(value, value);
    }
    case "union": {
      const index = variantOf(root, field, value);
      if (index < 0) return null;
      return {
        kind: "union",
        index,
        drafts: { [index]: at((field.variants[index] as { schema: Schema }).schema, value) },
      };
    }
    case "const":
      return same(value, field.value) ? { kind: "const" } : null;
    case "json":
      return jsonDraft(value);
  }
}

function draftAt(root: SchemaRoot, schema: Schema, value: Json | undefined, depth: number): Draft {
  return draftOf(root, root.field(schema), value, true, depth + 1);
}

function textDraft(text: string, value: Json): TextDraft {
  return { kind: "text", text, given: { text, value } };
}

function numberDraft(root: SchemaRoot, field: FieldOf<"number">, value: Json): Draft | null {
  const numeric = typeof value === "number" || typeof value === "bigint";
  if (!numeric && !(field.type === "decimal" && typeof value === "string")) return null;
  return textDraft(showNumber(String(value), root.decimal), value);
}

function variantOf(root: SchemaRoot, field: FieldOf<"union">, value: Json): number {
  if (field.tag !== null && isObject(value)) {
    const tag = value[field.tag];
    const index = field.variants.findIndex(({ names }) => names.includes(String(tag)));
    if (index >= 0) return index;
  }
  return field.variants.findIndex((variant) => fits(root, variant.schema, value));
}

/** The JSON of a draft; undefined: it is left out. Of a draft with flaws it is as much as can be told. */
export function toJson(root: SchemaRoot, field: Field, draft: Draft, required: boolean): Json | undefined {
  switch (draft.kind) {
    case "none":
      return nothing(field, required);
    case "const":
      return field.kind === "const" ? field.value : undefined;
    case "json": {
      const read = tryParse(draft.text);
      return read instanceof JsonError ? nothing(field, required) : read.value;
    }
    case "flag":
      return draft.checked ?? nothing(field, required);
    case "choice": {
      const option = field.kind === "choice" && draft.index !== null ? field.options[draft.index] : undefined;
      return option ? option.value : nothing(field, required);
    }
    case "picks": {
      if (field.kind !== "picks") return undefined;
      const chosen = field.options.filter((_, n) => draft.indexes.includes(n)).map((option) => option.value);
      return chosen.length || !mayBeLeftOut(field, draft, required) ? chosen : undefined;
    }
    case "duration":
      return draft.parts.every((part) => part.trim() === "") ? nothing(field, required) : durationOf(draft.parts);
    case "text":
      return textValue(root, field, draft, required);
    case "object":
      return field.kind === "object" ? objectValue(root, field, draft) : undefined;
    case "list":
      return listValue(root, field, draft, required);
    case "dict":
      if (field.kind !== "dict") return undefined;
      return mayBeLeftOut(field, draft, required) ? undefined : dictValue(root, field.values, draft);
    case "union": {
      if (field.kind !== "union") return undefined;
      const variant = draft.index === null ? undefined : field.variants[draft.index];
      const inner = draft.index === null ? undefined : draft.drafts[draft.index];
      if (!variant || !inner) return nothing(field, required);
      return toJson(root, root.field(variant.schema), inner, true);
    }
  }
}

/** What an empty field stands for: null where that is an answer of its own, else nothing at all. */
function nothing(field: Field, required: boolean): Json | undefined {
  return field.nullable && (required || field.default !== undefined) ? null : undefined;
}

/** What nobody needs and nobody touched is left out, so that a default made by the server's code counts. */
export function mayBeLeftOut(field: Field, draft: { untouched?: boolean }, required: boolean): boolean {
  return draft.untouched === true && !required && !field.nullable && field.default === undefined;
}

function textValue(root: SchemaRoot, field: Field, draft: TextDraft, required: boolean): Json | undefined {
  const { text, given } = draft;
  if (given && given.text === text) {
    // Too long for a double, it may have been rounded on its way here: the server knows its own default better.
    const rounded = typeof given.value === "number" && Math.abs(given.value) > Number.MAX_SAFE_INTEGER;
    return rounded && !required && given.value === field.default ? undefined : given.value;
  }
  switch (field.kind) {
    case "number": {
      if (text.trim() === "") return nothing(field, required);
      const read = readNumber(text, root.decimal);
      if (read === null || tooLong(read)) return text;
      if (field.type === "decimal") return read;
      if (!isWhole(read)) return Number(read);
      const digits = wholeDigits(read);
      return Number.isSafeInteger(Number(digits)) || field.type === "number" ? Number(digits) : digits;
    }
    case "temporal": {
      if (text.trim() === "") return nothing(field, required);
      const naive = typeof given?.value === "string" && isNaive(given.value);
      return fromControl(field.format, text.trim(), naive);
    }
    case "text": {
      const exact = field.format === "plain" || field.format === "multiline" || field.format === "markdown";
      const typed = exact || field.format === "password" ? text : text.trim();
      if (typed !== "") return typed;
      if (field.nullable || required || field.size.min > 0 || field.format === "password")
        return nothing(field, required);
      // Who empties a text that had a default means the empty text.
      return typeof field.default === "string" ? "" : undefined;
    }
    default:
      return text.trim() === "" ? nothing(field, required) : text.trim();
  }
}

function objectValue(root: SchemaRoot, field: FieldOf<"object">, draft: DraftOf<"object">): JsonObject {
  const object: JsonObject = dictValue(root, field.extra ?? {}, draft.extra);
  for (const { name, schema, required } of field.properties) {
    const inner = draft.fields[name];
    const value = inner && toJson(root, root.field(schema), inner, required);
    if (value !== undefined) define(object, name, value);
  }
  return object;
}

function dictValue(root: SchemaRoot, values: Schema, draft: DictDraft): JsonObject {
  const object: JsonObject = {};
  const field = root.field(values);
  for (const { key, draft: inner } of draft.entries) define(object, key, toJson(root, field, inner, true) ?? null);
  return object;
}

/** A key `__proto__` is a key like any other. */
function define(object: JsonObject, name: string, value: Json): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

function listValue(root: SchemaRoot, field: Field, draft: DraftOf<"list">, required: boolean): Json | undefined {
  if (field.kind === "tuple") {
    return draft.items.map(({ draft: item }, n) => toJson(root, root.field(field.items[n] ?? {}), item, true) ?? null);
  }
  if (field.kind !== "list") return undefined;
  if (mayBeLeftOut(field, draft, required)) return undefined;
  const of = root.field(field.items);
  return draft.items.map(({ draft: item }) => toJson(root, of, item, true) ?? null);
}
