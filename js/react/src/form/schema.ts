// What a JSON schema of Pydantic's asks for, as the field that takes it. Recursive schemas are followed one level at a
// time: a field holds the schemas of its parts, not their fields.
import { isObject, type Json, type JsonObject, same } from "./json.js";

/** JSON Schema 2020-12, as `model_json_schema(mode="validation")` writes it. */
export type Schema = JsonObject;

export interface Common {
  schema: Schema;
  title: string | null;
  description: string | null;
  examples: Json[];
  deprecated: boolean;
  readOnly: boolean;
  nullable: boolean;
  default: Json | undefined;
}

export interface Option {
  value: Json;
  /** Null: the value speaks for itself. */
  label: string | null;
}

export interface Property {
  name: string;
  schema: Schema;
  required: boolean;
}

export interface Variant {
  schema: Schema;
  title: string | null;
  /** The names by which an error may refer to it: its tag, its definition, its type. */
  names: string[];
}

/** Exact, as numbers are read: a whole one that no double holds is a `bigint`. */
export type Bound = number | bigint | null;

export interface Bounds {
  minimum: Bound;
  maximum: Bound;
  exclusiveMinimum: Bound;
  exclusiveMaximum: Bound;
  multipleOf: Bound;
}

export interface Lengths {
  min: number;
  max: number | null;
}

export type TextFormat = "plain" | "multiline" | "markdown" | "email" | "uri" | "uuid" | "password";

export type Shape =
  | { kind: "object"; properties: Property[]; extra: Schema | null }
  | { kind: "dict"; values: Schema; keys: Schema; size: Lengths }
  | { kind: "list"; items: Schema; size: Lengths; unique: boolean }
  | { kind: "tuple"; items: Schema[] }
  | { kind: "choice"; options: Option[] }
  | { kind: "picks"; options: Option[]; size: Lengths }
  | { kind: "boolean"; only: boolean | null }
  | { kind: "number"; type: "integer" | "number" | "decimal"; bounds: Bounds }
  | { kind: "text"; format: TextFormat; size: Lengths; pattern: string | null }
  | { kind: "temporal"; format: "date" | "time" | "date-time" | "date-time-local" }
  | { kind: "duration" }
  | { kind: "union"; variants: Variant[]; tag: string | null }
  | { kind: "const"; value: Json }
  | { kind: "json" };

export type Field = Common & Shape;
export type FieldKind = Field["kind"];
export type FieldOf<K extends FieldKind> = Common & Extract<Shape, { kind: K }>;

/** The document that `$ref`s point into. */
export class SchemaRoot {
  readonly #known = new WeakMap<Schema, Field>();

  /** `decimal`: what a person writes between whole and part; numbers are shown and read accordingly. */
  constructor(
    readonly schema: Schema,
    readonly decimal: "." | "," = ".",
  ) {}

  field(schema: Schema = this.schema): Field {
    let field = this.#known.get(schema);
    if (!field) {
      // A schema that is nothing but itself comes back here, and says nothing.
      this.#known.set(schema, { ...common(schema, false), kind: "json" });
      field = this.#classify(schema);
      this.#known.set(schema, field);
    }
    return field;
  }

  /** The schema that a reference leads to; what stands beside `$ref` wins. Null where it leads nowhere. */
  resolve(schema: Schema): Schema | null {
    let found = schema;
    for (let hops = 0; hops < 20; hops++) {
      const { $ref, allOf, ...beside } = found;
      if (typeof $ref === "string") {
        const target = this.#find($ref);
        if (!target) return null;
        found = { ...target, ...beside };
      } else if (Array.isArray(allOf) && allOf.length === 1 && isObject(allOf[0])) {
        found = { ...allOf[0], ...beside };
      } else {
        return found;
      }
    }
    return null;
  }

  #find(ref: string): Schema | null {
    if (!ref.startsWith("#")) return null;
    let at: Json | undefined = this.schema;
    for (const part of ref.slice(1).split("/").slice(1)) {
      const name = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
      if (!isObject(at) || !Object.hasOwn(at, name)) return null;
      at = at[name];
    }
    return isObject(at) ? at : null;
  }

  #classify(given: Schema): Field {
    const schema = this.resolve(given);
    if (!schema) return { ...common(given, false), kind: "json" };
    const branches = branchesOf(schema);
    if (!branches) return { ...common(schema, schema.type === "null"), ...this.#shape(schema) };

    const some = branches.filter((branch) => this.resolve(branch)?.type !== "null");
    const nullable = some.length < branches.length;
    const { anyOf: _anyOf, oneOf: _oneOf, discriminator, ...beside } = schema;
    const about = common(schema, nullable);
    const [only] = some;
    if (only && some.length === 1) {
      const inner = this.field(only);
      return { ...inner, ...merged(inner, about), nullable: nullable || inner.nullable };
    }
    // What narrows all branches at once is beyond this form.
    if (Object.keys(beside).some((name) => NARROWS.has(name))) return { ...about, kind: "json" };
    return { ...about, ...this.#union(some, isObject(discriminator) ? discriminator : null) };
  }

  #union(branches: Schema[], discriminator: JsonObject | null): Shape {
    const resolved = branches.map((branch) => this.resolve(branch));
    const decimal = decimalOf(resolved);
    if (decimal) return decimal;
    const options = resolved.map((branch) => (branch ? optionsOf(branch) : null));
    if (options.length && options.every((found) => found !== null)) return { kind: "choice", options: options.flat() };
    const tag = typeof discriminator?.propertyName === "string" ? discriminator.propertyName : null;
    const mapping = isObject(discriminator?.mapping) ? discriminator.mapping : {};
    const variants = branches.map((schema, n): Variant => {
      const ref = typeof schema.$ref === "string" ? schema.$ref : null;
      const tags = Object.keys(mapping).filter((name) => ref !== null && mapping[name] === ref);
      const full = resolved[n] ?? {};
      const names = [...tags, ...(ref ? [ref.slice(ref.lastIndexOf("/") + 1)] : []), ...pydanticNames(full)];
      return { schema, title: text(full.title), names };
    });
    return variants.length ? { kind: "union", variants, tag } : { kind: "json" };
  }

  #shape(schema: Schema): Shape {
    if (UNKNOWN.some((name) => name in schema)) return { kind: "json" };
    if (schema.const !== undefined) {
      return typeof schema.const === "boolean"
        ? { kind: "boolean", only: schema.const }
        : { kind: "const", value: schema.const };
    }
    const options = optionsOf(schema);
    if (options) return { kind: "choice", options };
    switch (schema.type) {
      case "object":
        return this.#objectOf(schema);
      case "array":
        return this.#arrayOf(schema);
      case "boolean":
        return { kind: "boolean", only: null };
      case "integer":
      case "number":
        return { kind: "number", type: schema.type, bounds: boundsOf(schema) };
      case "string":
        return stringOf(schema);
      case "null":
        return { kind: "const", value: null };
      default:
        return { kind: "json" };
    }
  }

  #objectOf(schema: Schema): Shape {
    const { properties, additionalProperties: more, patternProperties, propertyNames } = schema;
    if (isObject(properties)) {
      if (patternProperties !== undefined || propertyNames !== undefined) return { kind: "json" };
      const required = Array.isArray(schema.required) ? schema.required : [];
      const listed = Object.entries(properties).map(
        ([name, of]): Property => ({ name, schema: schemaOf(of), required: required.includes(name) }),
      );
      // A name that is demanded but not described would have no field, and so no answer would ever fit.
      if (required.some((name) => !Object.hasOwn(properties, String(name)))) return { kind: "json" };
      const extra = more === undefined || more === false ? null : schemaOf(more);
      return { kind: "object", properties: listed, extra };
    }
    const size = { min: count(schema.minProperties) ?? 0, max: count(schema.maxProperties) };
    if (isObject(patternProperties)) {
      const [[pattern, values] = [], ...others] = Object.entries(patternProperties);
      if (pattern === undefined || others.length || (more !== undefined && more !== false)) return { kind: "json" };
      return { kind: "dict", values: schemaOf(values), keys: { type: "string", pattern }, size };
    }
    if (more === false) return { kind: "object", properties: [], extra: null };
    return { kind: "dict", values: schemaOf(more), keys: schemaOf(propertyNames), size };
  }

  #arrayOf(schema: Schema): Shape {
    const size = { min: count(schema.minItems) ?? 0, max: count(schema.maxItems) };
    const { prefixItems, items } = schema;
    if (Array.isArray(prefixItems)) {
      if (size.max !== prefixItems.length) return { kind: "json" };
      return { kind: "tuple", items: prefixItems.map(schemaOf) };
    }
    const unique = schema.uniqueItems === true;
    const each = schemaOf(items);
    const item = this.resolve(each);
    const options = unique && item && !branchesOf(item) ? optionsOf(item) : null;
    if (options && options.length <= 20) return { kind: "picks", options, size };
    return { kind: "list", items: each, size, unique };
  }
}

/** Applicators that this form does not read: the part that has one is edited as JSON. */
const UNKNOWN = [
  ...["not", "if", "then", "else", "allOf", "$dynamicRef", "contains"],
  ...["dependentSchemas", "dependentRequired", "unevaluatedProperties", "unevaluatedItems"],
];

const NARROWS = new Set([...UNKNOWN, "properties", "required", "items", "prefixItems", "enum", "const", "$ref"]);

function branchesOf(schema: Schema): Schema[] | null {
  const { anyOf, oneOf } = schema;
  if (Array.isArray(anyOf) && Array.isArray(oneOf)) return null;
  const branches = anyOf ?? oneOf;
  return Array.isArray(branches) && branches.every(isObject) ? branches : null;
}

function common(schema: Schema, nullable: boolean): Common {
  return {
    schema,
    title: text(schema.title),
    description: text(schema.description),
    examples: Array.isArray(schema.examples) ? schema.examples : [],
    deprecated: schema.deprecated === true,
    readOnly: schema.readOnly === true,
    nullable,
    default: schema.default,
  };
}

/** `Optional[X]`: what is said of the property itself goes before what is said of X. */
function merged(inner: Common, outer: Common): Common {
  return {
    schema: inner.schema,
    title: outer.title ?? inner.title,
    description: outer.description ?? inner.description,
    examples: outer.examples.length ? outer.examples : inner.examples,
    deprecated: outer.deprecated || inner.deprecated,
    readOnly: outer.readOnly || inner.readOnly,
    nullable: outer.nullable,
    default: outer.default === undefined ? inner.default : outer.default,
  };
}

function optionsOf(schema: Schema): Option[] | null {
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => ({ value, label: null }));
  if (schema.const === undefined || typeof schema.const === "boolean") return null;
  return [{ value: schema.const, label: text(schema.title) }];
}

/** Pydantic's Decimal takes a number or a text; as a text it keeps every digit. */
function decimalOf(branches: (Schema | null)[]): Shape | null {
  const [number, string] = branches;
  if (branches.length !== 2 || number?.type !== "number" || string?.type !== "string") return null;
  const plain = Object.keys(string).every((name) => name === "type" || name === "pattern");
  return plain ? { kind: "number", type: "decimal", bounds: boundsOf(number) } : null;
}

function stringOf(schema: Schema): Shape {
  const size = { min: count(schema.minLength) ?? 0, max: count(schema.maxLength) };
  const pattern = text(schema.pattern);
  switch (schema.format) {
    case "date":
    case "time":
    case "date-time":
    case "date-time-local":
      return { kind: "temporal", format: schema.format };
    case "duration":
      return { kind: "duration" };
    case "markdown":
    case "multiline":
    case "email":
    case "uri":
    case "uuid":
    case "password":
      return { kind: "text", format: schema.format, size, pattern };
    default:
      return { kind: "text", format: schema.writeOnly === true ? "password" : "plain", size, pattern };
  }
}

function boundsOf(schema: Schema): Bounds {
  const bound = (name: string): Bound => {
    const value = schema[name];
    return typeof value === "number" || typeof value === "bigint" ? value : null;
  };
  return {
    minimum: bound("minimum"),
    maximum: bound("maximum"),
    exclusiveMinimum: bound("exclusiveMinimum"),
    exclusiveMaximum: bound("exclusiveMaximum"),
    multipleOf: bound("multipleOf"),
  };
}

/** How Pydantic calls a branch without a name of its own, in the place of an error. */
function pydanticNames(schema: Schema): string[] {
  const names: Record<string, string[]> = {
    string: ["str", "constrained-str"],
    integer: ["int", "constrained-int"],
    number: ["float", "constrained-float"],
    boolean: ["bool"],
    array: ["list", "set", "tuple"],
    object: ["dict"],
  };
  return names[String(schema.type)] ?? [];
}

/** `true` and a missing schema allow anything; `false` allows nothing, and no answer would fit. */
function schemaOf(value: Json | undefined): Schema {
  return isObject(value) ? value : {};
}

function text(value: Json | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function count(value: Json | undefined): number | null {
  return typeof value === "number" ? value : null;
}

/** Whether a value is of this schema's shape: enough to tell the variants of a union apart. */
export function fits(root: SchemaRoot, schema: Schema, value: Json, depth = 0): boolean {
  const field = root.field(schema);
  if (value === null) return field.nullable || (field.kind === "json" && !("type" in field.schema));
  if (depth > 6) return true;
  const inner = (of: Schema, item: Json) => fits(root, of, item, depth + 1);
  switch (field.kind) {
    case "object":
      return (
        isObject(value) &&
        field.properties.every(({ name, schema: of, required }) =>
          Object.hasOwn(value, name) ? inner(of, value[name] as Json) : !required,
        ) &&
        (field.extra !== null ||
          field.schema.additionalProperties !== false ||
          Object.keys(value).every((name) => field.properties.some((property) => property.name === name)))
      );
    case "dict":
      return isObject(value) && Object.values(value).every((item) => inner(field.values, item));
    case "list":
      return Array.isArray(value) && value.every((item) => inner(field.items, item));
    case "tuple":
      return Array.isArray(value) && value.every((item, n) => inner(field.items[n] ?? {}, item));
    case "choice":
      return field.options.some((option) => same(option.value, value));
    case "picks":
      return Array.isArray(value) && value.every((item) => field.options.some((option) => same(option.value, item)));
    case "boolean":
      return typeof value === "boolean" && (field.only === null || field.only === value);
    case "number":
      return fitsNumber(field.type, value);
    case "text":
    case "temporal":
    case "duration":
      return typeof value === "string" && fitsFormat(field, value);
    case "union":
      return field.variants.some((variant) => inner(variant.schema, value));
    case "const":
      return same(field.value, value);
    case "json":
      return true;
  }
}

function fitsNumber(type: "integer" | "number" | "decimal", value: Json): boolean {
  if (typeof value === "bigint") return true;
  if (typeof value === "number") return type !== "integer" || Number.isInteger(value);
  return type === "decimal" && typeof value === "string";
}

const FORMATS: Record<string, RegExp> = {
  date: /^\d{4}-\d\d-\d\d$/,
  time: /^\d\d:\d\d/,
  "date-time": /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/,
  duration: /^-?P/,
  uuid: /^[0-9a-f-]{32,36}$/i,
  uri: /^[a-z][a-z0-9+.-]*:/i,
  email: /@/,
};

function fitsFormat(field: FieldOf<"text"> | FieldOf<"temporal"> | FieldOf<"duration">, value: string): boolean {
  return FORMATS[String(field.schema.format)]?.test(value) ?? true;
}
