import type { Json } from "./json.js";
import { stringify } from "./json.js";
import type { Schema } from "./schema.js";

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
