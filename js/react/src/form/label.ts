import type { Texts } from "../texts/types.js";
import type { Json } from "./json.js";
import { stringify } from "./json.js";
import type { FieldOf, Schema, SchemaRoot } from "./schema.js";

/** A property's own title, else its name. The title of a model that it refers to is the model's. */
export function labelOf(name: string, schema: Schema): string {
  if (typeof schema.title === "string" && schema.title) return schema.title;
  const words = name
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replace(/[_\s]+/g, " ")
    .trim();
  return words ? words[0]?.toUpperCase() + words.slice(1) : name;
}

export function shown(value: Json): string {
  return typeof value === "string" ? value : stringify(value);
}

/** The names of a union's variants, such that they can be told apart. */
export function variantLabels(root: SchemaRoot, field: FieldOf<"union">, { form }: Texts): string[] {
  const names = field.variants.map((variant) => {
    const of = root.field(variant.schema);
    return of.title ?? form.types[String(of.schema.type)] ?? variant.names[0] ?? form.kind;
  });
  return names.map((own, n) => (names.indexOf(own) === names.lastIndexOf(own) ? own : `${own} ${n + 1}`));
}
