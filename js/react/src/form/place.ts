// Where the server's errors belong in the form. Pydantic's places name the branch of a union too, and what has no field.
import { child, segments } from "./pointer.js";
import type { Field, SchemaRoot } from "./schema.js";
import { KEY } from "./validate.js";
import type { Draft } from "./value.js";

export interface ServerError {
  path: string;
  message: string;
}

/** The pointer of the innermost field that an error's pointer leads to, or null where it is about another branch. */
export function placeOf(root: SchemaRoot, field: Field, draft: Draft, pointer: string): string | null {
  return walk(root, field, draft, segments(pointer), "");
}

function walk(root: SchemaRoot, field: Field, draft: Draft, rest: string[], at: string): string | null {
  const [next, ...after] = rest;
  if (next === undefined) return at;
  if (draft.kind === "object" && field.kind === "object") {
    const property = field.properties.find(({ name }) => name === next);
    const inner = draft.fields[next];
    if (property && inner) return walk(root, root.field(property.schema), inner, after, child(at, next));
    const entry = draft.extra.entries.find(({ key }) => key === next);
    return entry
      ? walk(root, root.field(field.extra ?? {}), entry.draft, after, child(at, next))
      : walk(root, field, draft, after, at);
  }
  if (draft.kind === "dict" && field.kind === "dict") {
    const entry = draft.entries.find(({ key }) => key === next);
    if (!entry) return at;
    if (after[0] === KEY) return child(child(at, next), KEY);
    return walk(root, root.field(field.values), entry.draft, after, child(at, next));
  }
  if (draft.kind === "list" && (field.kind === "list" || field.kind === "tuple")) {
    const item = draft.items[Number(next)];
    if (!item) return at;
    const of = field.kind === "list" ? field.items : (field.items[Number(next)] ?? {});
    return walk(root, root.field(of), item.draft, after, child(at, next));
  }
  if (draft.kind === "union" && field.kind === "union") {
    const inner = draft.index === null ? undefined : draft.drafts[draft.index];
    const variant = draft.index === null ? undefined : field.variants[draft.index];
    if (!inner || !variant) return at;
    if (variant.names.includes(next)) return walk(root, root.field(variant.schema), inner, after, at);
    if (field.variants.some(({ names }) => names.includes(next))) return null;
    return walk(root, root.field(variant.schema), inner, rest, at);
  }
  return at;
}

/** Messages by pointer. Errors of branches that were not chosen are told only where nothing else is. */
export function placeErrors(root: SchemaRoot, draft: Draft, errors: readonly ServerError[]): Map<string, string[]> {
  const placed = new Map<string, string[]>();
  const put = (pointer: string, message: string) => {
    const there = placed.get(pointer) ?? [];
    if (!there.includes(message)) placed.set(pointer, [...there, message]);
  };
  const elsewhere: ServerError[] = [];
  for (const error of errors) {
    const pointer = placeOf(root, root.field(), draft, error.path);
    if (pointer === null) elsewhere.push(error);
    else put(pointer, error.message);
  }
  if (!placed.size) for (const error of elsewhere) put("", error.message);
  return placed;
}
