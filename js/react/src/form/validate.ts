// What can be told of an answer before it is sent. The server decides; this only spares the way to it.
import { type Json, JsonError, same, tryParse } from "./json.js";
import { compare, isMultiple, isWhole, readNumber, tooLong } from "./number.js";
import { child } from "./pointer.js";
import type { Field, FieldOf, Lengths, Schema, SchemaRoot } from "./schema.js";
import { isShown } from "./time.js";
import { type DictDraft, type Draft, type DraftOf, mayBeLeftOut, toJson } from "./value.js";

/** What is wrong, without words: the texts have those. */
export type Fault =
  | { code: "required" | "choose" | "accept" | "number" | "integer" | "incomplete" | "duplicate" | "sameKey" }
  | { code: "email" | "uri" | "uuid" | "date" | "time" | "date-time" | "date-time-local" | "duration" | "pattern" }
  | { code: "minimum" | "maximum" | "above" | "below" | "multiple"; limit: number | bigint }
  | { code: "shorter" | "longer" | "fewer" | "more"; limit: number }
  | { code: "json"; line: number; column: number };

export type Issue = Fault & { pointer: string };

export function validate(root: SchemaRoot, field: Field, draft: Draft, required: boolean, pointer = ""): Issue[] {
  const at = (fault: Fault | null): Issue[] => (fault ? [{ ...fault, pointer }] : []);
  const empty = toJson(root, field, draft, required) === undefined;
  switch (draft.kind) {
    case "none":
    case "choice":
      return at(empty && required ? { code: draft.kind === "choice" ? "choose" : "required" } : null);
    case "const":
      return [];
    case "json":
      return at(jsonFault(draft.text, required && !field.nullable));
    case "flag":
      return at(flagFault(field, draft.checked, required));
    case "picks":
      return field.kind === "picks"
        ? at(sizeFault(draft.indexes.length, field.size, mayBeLeftOut(field, draft, required)))
        : [];
    case "duration":
      return at(durationFault(draft, empty && required));
    case "text":
      if (draft.given?.text === draft.text) return [];
      return at(
        draft.text.trim() === "" ? emptyFault(field, draft.text, empty && required) : textFault(root, field, draft),
      );
    case "object":
      return field.kind === "object" ? objectIssues(root, field, draft, pointer) : [];
    case "list":
      return listIssues(root, field, draft, required, pointer);
    case "dict":
      return field.kind === "dict" ? dictIssues(root, field, draft, required, pointer) : [];
    case "union": {
      const variant = field.kind === "union" && draft.index !== null ? field.variants[draft.index] : undefined;
      const inner = draft.index === null ? undefined : draft.drafts[draft.index];
      if (!variant || !inner) return at(empty && required ? { code: "choose" } : null);
      return validate(root, root.field(variant.schema), inner, true, pointer);
    }
  }
}

function jsonFault(text: string, required: boolean): Fault | null {
  if (text.trim() === "") return required ? { code: "required" } : null;
  const read = tryParse(text);
  return read instanceof JsonError ? { code: "json", line: read.line, column: read.column } : null;
}

function flagFault(field: Field, checked: boolean | null, required: boolean): Fault | null {
  if (checked === null) return required && !field.nullable ? { code: "choose" } : null;
  // A literal `True` asks for consent.
  return field.kind === "boolean" && field.only === true && !checked ? { code: "accept" } : null;
}

function emptyFault(field: Field, text: string, missing: boolean): Fault | null {
  if (missing) return { code: "required" };
  // Spaces are a text too, but not the number, the date or the address that they stand in for: those are just empty.
  return field.kind === "text" && text !== "" ? lengthFault(text, field.size) : null;
}

function textFault(root: SchemaRoot, field: Field, draft: DraftOf<"text">): Fault | null {
  const text = draft.text.trim();
  switch (field.kind) {
    case "number":
      return numberFault(field, readNumber(text, root.decimal));
    case "temporal":
      return isShown(field.format, text) || /\d.*[:-].*\d/.test(text) ? null : { code: field.format };
    case "duration":
      return /^[+-]?P/.test(text) ? null : { code: "duration" };
    case "text":
      return formatFault(field, text) ?? lengthFault(draft.text, field.size) ?? patternFault(field.pattern, draft.text);
    default:
      return null;
  }
}

function numberFault(field: FieldOf<"number">, read: string | null): Fault | null {
  if (read === null || tooLong(read)) return { code: "number" };
  if (field.type === "number" && !Number.isFinite(Number(read))) return { code: "number" };
  if (field.type === "integer" && !isWhole(read)) return { code: "integer" };
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = field.bounds;
  const to = (limit: number | bigint) => compare(read, String(limit));
  if (minimum !== null && to(minimum) < 0) return { code: "minimum", limit: minimum };
  if (exclusiveMinimum !== null && to(exclusiveMinimum) <= 0) return { code: "above", limit: exclusiveMinimum };
  if (maximum !== null && to(maximum) > 0) return { code: "maximum", limit: maximum };
  if (exclusiveMaximum !== null && to(exclusiveMaximum) >= 0) return { code: "below", limit: exclusiveMaximum };
  if (multipleOf !== null && !isMultiple(read, String(multipleOf))) return { code: "multiple", limit: multipleOf };
  return null;
}

function formatFault(field: FieldOf<"text">, text: string): Fault | null {
  switch (field.format) {
    case "email":
      return /^[^\s@]+@[^\s@]+$/.test(text) ? null : { code: "email" };
    case "uri":
      return /^[a-z][a-z0-9+.-]*:\S+$/i.test(text) ? null : { code: "uri" };
    case "uuid":
      return /^(urn:uuid:|\{)?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?$/i.test(text) ? null : { code: "uuid" };
    default:
      return null;
  }
}

function lengthFault(text: string, size: Lengths): Fault | null {
  const length = [...text].length; // as Python counts
  if (length < size.min) return { code: "shorter", limit: size.min };
  if (size.max !== null && length > size.max) return { code: "longer", limit: size.max };
  return null;
}

function patternFault(pattern: string | null, text: string): Fault | null {
  if (pattern === null) return null;
  try {
    return new RegExp(pattern, "u").test(text) ? null : { code: "pattern" };
  } catch {
    return null; // written for the server's engine, which has the last word
  }
}

function durationFault(draft: DraftOf<"duration">, missing: boolean): Fault | null {
  if (missing) return { code: "required" };
  const whole = draft.parts.slice(0, 3).every((part) => /^\s*\d*\s*$/.test(part));
  return whole && /^\s*(\d+(\.\d+)?)?\s*$/.test(draft.parts[3]) ? null : { code: "duration" };
}

function sizeFault(length: number, size: Lengths, leftOut: boolean): Fault | null {
  if (leftOut) return null;
  if (length < size.min) return { code: "fewer", limit: size.min };
  if (size.max !== null && length > size.max) return { code: "more", limit: size.max };
  return null;
}

function objectIssues(root: SchemaRoot, field: FieldOf<"object">, draft: DraftOf<"object">, pointer: string): Issue[] {
  const own = field.properties.flatMap(({ name, schema, required }) => {
    const inner = draft.fields[name];
    return inner ? validate(root, root.field(schema), inner, required, child(pointer, name)) : [];
  });
  const taken = new Set(field.properties.map((property) => property.name));
  return [...own, ...entryIssues(root, field.extra ?? {}, {}, draft.extra, pointer, taken)];
}

function listIssues(
  root: SchemaRoot,
  field: Field,
  draft: DraftOf<"list">,
  required: boolean,
  pointer: string,
): Issue[] {
  if (field.kind !== "list" && field.kind !== "tuple") return [];
  if (mayBeLeftOut(field, draft, required)) return [];
  const values: Json[] = [];
  const inner = draft.items.flatMap(({ draft: item }, n) => {
    const of = root.field((field.kind === "tuple" ? field.items[n] : field.items) ?? {});
    const place = child(pointer, n);
    const issues = validate(root, of, item, true, place);
    const value = toJson(root, of, item, true) ?? null;
    const twice = field.kind === "list" && field.unique && values.some((other) => same(other, value));
    values.push(value);
    return twice && !issues.length ? [{ code: "duplicate" as const, pointer: place }] : issues;
  });
  const size = field.kind === "list" ? sizeFault(draft.items.length, field.size, false) : null;
  return size ? [{ ...size, pointer }, ...inner] : inner;
}

function dictIssues(
  root: SchemaRoot,
  field: FieldOf<"dict">,
  draft: DictDraft,
  required: boolean,
  pointer: string,
): Issue[] {
  const size = sizeFault(draft.entries.length, field.size, mayBeLeftOut(field, draft, required));
  const inner = entryIssues(root, field.values, field.keys, draft, pointer, new Set());
  return size ? [{ ...size, pointer }, ...inner] : inner;
}

/** Pydantic too gives the place of a key that is wrong as `[key]` behind it. */
export const KEY = "[key]";

function entryIssues(
  root: SchemaRoot,
  values: Schema,
  keys: Schema,
  draft: DictDraft,
  pointer: string,
  taken: ReadonlySet<string>,
): Issue[] {
  const of = root.field(values);
  return draft.entries.flatMap(({ key, draft: inner }) => {
    const place = child(pointer, key);
    const again = taken.has(key) || draft.entries.filter((entry) => entry.key === key).length > 1;
    const fault = keyFault(root, keys, key) ?? (again ? ({ code: "sameKey" } as const) : null);
    const issues = validate(root, of, inner, true, place);
    return fault ? [{ ...fault, pointer: child(place, KEY) }, ...issues] : issues;
  });
}

function keyFault(root: SchemaRoot, keys: Schema, key: string): Fault | null {
  if (key === "") return { code: "required" };
  const field = root.field(keys);
  if (field.kind === "choice") return field.options.some((option) => option.value === key) ? null : { code: "choose" };
  return field.kind === "text" ? textFault(root, field, { kind: "text", text: key }) : null;
}
