import { describe, expect, test } from "vitest";
import { type Schema, SchemaRoot } from "../../src/form/schema.js";

const kindOf = (schema: Schema) => new SchemaRoot(schema).field().kind;

describe("what a schema asks for", () => {
  test.each<[string, Schema]>([
    ["text", { type: "string" }],
    ["text", { type: "string", format: "ipv4" }],
    ["number", { type: "integer" }],
    ["number", { anyOf: [{ type: "number" }, { type: "string", pattern: "^\\d+$" }] }],
    ["boolean", { type: "boolean" }],
    ["boolean", { const: true }],
    ["choice", { enum: ["a", 1, null] }],
    [
      "choice",
      {
        oneOf: [
          { const: "a", title: "A" },
          { const: "b", title: "B" },
        ],
        type: "string",
      },
    ],
    ["choice", { anyOf: [{ enum: ["a"] }, { const: "b" }] }],
    ["const", { const: "v1" }],
    ["const", { type: "null" }],
    ["temporal", { type: "string", format: "date-time" }],
    ["duration", { type: "string", format: "duration" }],
    ["list", { type: "array", items: { type: "string" } }],
    ["list", { type: "array", items: { enum: ["a"] } }],
    ["picks", { type: "array", items: { enum: ["a"] }, uniqueItems: true }],
    ["tuple", { type: "array", prefixItems: [{ type: "string" }], minItems: 1, maxItems: 1 }],
    ["dict", { type: "object", additionalProperties: { type: "integer" } }],
    ["dict", { type: "object", patternProperties: { "^a": { type: "integer" } } }],
    ["object", { type: "object", properties: { a: { type: "string" } } }],
    ["object", { type: "object", additionalProperties: false }],
    ["union", { anyOf: [{ type: "string" }, { type: "integer" }] }],
  ])("%s: %j", (kind, schema) => expect(kindOf(schema)).toBe(kind));

  test.each<[string, Schema]>([
    ["nothing said", {}],
    ["several types", { type: ["string", "integer"] }],
    ["a reference to nowhere", { $ref: "#/$defs/Missing" }],
    ["a reference to elsewhere", { $ref: "https://example.org/schema" }],
    ["a reference to itself", { $ref: "#" }],
    ["not", { type: "string", not: { const: "x" } }],
    ["if", { type: "object", properties: {}, if: {} }],
    ["several of allOf", { allOf: [{ type: "string" }, { minLength: 1 }] }],
    ["an open tuple", { type: "array", prefixItems: [{ type: "string" }], items: { type: "integer" } }],
    ["two patterns of names", { type: "object", patternProperties: { a: {}, b: {} } }],
    ["a union that is narrowed from outside", { anyOf: [{ type: "object" }, { type: "string" }], required: ["x"] }],
    ["a name that is demanded but not described", { type: "object", properties: {}, required: ["x"] }],
    ["an unknown type", { type: "tensor" }],
    ["anyOf beside oneOf", { anyOf: [{}], oneOf: [{}] }],
  ])("becomes JSON: %s", (_, schema) => expect(kindOf(schema)).toBe("json"));

  test("Optional is the same field, with no value as a value of its own", () => {
    const field = new SchemaRoot({
      anyOf: [{ $ref: "#/$defs/Tone" }, { type: "null" }],
      default: null,
      description: "of the property",
      $defs: { Tone: { enum: ["dry", "warm"], title: "Tone", description: "of the enum" } },
    }).field();
    expect(field).toMatchObject({
      kind: "choice",
      nullable: true,
      default: null,
      title: "Tone",
      description: "of the property",
    });
  });

  test("what stands beside a reference wins", () => {
    const field = new SchemaRoot({
      $ref: "#/$defs/A",
      title: "Mine",
      $defs: { A: { type: "string", title: "Its" } },
    }).field();
    expect(field).toMatchObject({ kind: "text", title: "Mine" });
  });

  test("names with slashes and tildes are found", () => {
    const schema = { $ref: "#/$defs/a~1b~0c%20d", $defs: { "a/b~c d": { type: "boolean" } } };
    expect(kindOf(schema)).toBe("boolean");
  });

  test("a recursive schema has no end, and needs none", () => {
    const root = new SchemaRoot({
      $ref: "#/$defs/Node",
      $defs: {
        Node: { type: "object", properties: { next: { anyOf: [{ $ref: "#/$defs/Node" }, { type: "null" }] } } },
      },
    });
    let field = root.field();
    for (let depth = 0; depth < 50; depth++) {
      if (field.kind !== "object") throw new Error(field.kind);
      field = root.field(field.properties[0]?.schema);
    }
    expect(field.nullable).toBe(true);
  });
});
