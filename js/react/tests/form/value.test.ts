import { describe, expect, test } from "vitest";
import type { Json } from "../../src/form/json.js";
import { type Schema, SchemaRoot } from "../../src/form/schema.js";
import { type Draft, draftOf, toJson } from "../../src/form/value.js";

function roundTrip(schema: Schema, initial?: Json, required = true): Json | undefined {
  const root = new SchemaRoot(schema);
  return toJson(root, root.field(), draftOf(root, root.field(), initial, required), required);
}

function typed(schema: Schema, text: string, required = true, initial?: Json): Json | undefined {
  const root = new SchemaRoot(schema);
  const draft = { ...draftOf(root, root.field(), initial, required), text } as Draft;
  return toJson(root, root.field(), draft, required);
}

const STRING = { type: "string" };
const OPTIONAL = { anyOf: [STRING, { type: "null" }] };

describe("where a form begins", () => {
  test.each<[string, Schema, Json | undefined]>([
    ["a default", { type: "string", default: "x" }, "x"],
    ["a default of a number", { type: "number", default: 0.5 }, 0.5],
    ["a default list", { type: "array", items: STRING, default: ["a"] }, ["a"]],
    ["a default object", { type: "object", additionalProperties: STRING, default: { a: "b" } }, { a: "b" }],
    ["no default of a boolean", { type: "boolean" }, false],
    ["no default of a required list", { type: "array", items: STRING }, []],
    ["a constant", { const: "v1" }, "v1"],
    ["no value as the default", { ...OPTIONAL, default: null }, null],
    ["no default of a text", STRING, undefined],
  ])("%s", (_, schema, value) => expect(roundTrip(schema)).toEqual(value));

  test("what is given goes before the defaults, part by part", () => {
    const schema = {
      type: "object",
      properties: { a: { type: "string", default: "x" }, b: { type: "integer", default: 1 } },
    };
    expect(roundTrip(schema, { a: "mine" })).toEqual({ a: "mine", b: 1 });
  });

  test("the least number of items is there", () => {
    expect(roundTrip({ type: "array", items: { type: "boolean" }, minItems: 2 })).toEqual([false, false]);
  });

  test("a schema that demands itself ends", () => {
    const schema = {
      $ref: "#/$defs/A",
      $defs: { A: { type: "object", required: ["a"], properties: { a: { $ref: "#/$defs/A" } } } },
    };
    expect(roundTrip(schema)).toBeDefined();
  });
});

describe("a value that its control cannot show", () => {
  test.each<[string, Schema, Json]>([
    ["a number for a text", STRING, 7],
    ["a text for a list", { type: "array", items: STRING }, "x"],
    ["an unknown option", { enum: ["a"] }, "b"],
    ["what no variant takes", { anyOf: [STRING, { type: "integer" }] }, [1]],
    ["too long a tuple", { type: "array", prefixItems: [STRING], minItems: 1, maxItems: 1 }, ["a", "b"]],
    ["another constant", { const: "v1" }, "v2"],
  ])("is edited as JSON: %s", (_, schema, value) => {
    const root = new SchemaRoot(schema);
    expect(draftOf(root, root.field(), value, true).kind).toBe("json");
    expect(roundTrip(schema, value)).toEqual(value);
  });

  test.each<[string, Schema, Json]>([
    [
      "a name that is not described",
      { type: "object", properties: { a: STRING }, additionalProperties: false },
      { a: "x", z: { deep: [1] } },
    ],
    ["microseconds", { type: "string", format: "date-time" }, "2026-01-01T00:00:00.123456Z"],
    ["a zone", { type: "string", format: "date-time" }, "2026-01-01T00:00:00+05:45"],
    ["months", { type: "string", format: "duration" }, "P3M"],
    ["zeros at the end", { anyOf: [{ type: "number" }, STRING] }, "1.500"],
    ["a long integer", { type: "integer" }, 12345678901234567890n],
  ])("is not lost: %s", (_, schema, value) => expect(roundTrip(schema, value)).toEqual(value));
});

describe("an empty field", () => {
  test("is nothing where it may be left out", () => {
    expect(typed(STRING, "", false)).toBeUndefined();
    expect(typed({ type: "integer" }, "  ", false)).toBeUndefined();
  });
  test("is null where that is an answer", () => {
    expect(typed(OPTIONAL, "")).toBeNull();
    expect(typed({ ...OPTIONAL, default: "x" }, "", false)).toBeNull();
  });
  test("is left out where the default is made by code", () => {
    expect(typed(OPTIONAL, "", false)).toBeUndefined();
  });
  test("is the empty text where somebody emptied a default", () => {
    expect(typed({ type: "string", default: "x" }, "", false)).toBe("");
  });
  test("a mask is nobody's secret", () => {
    const secret = { type: "string", format: "password", writeOnly: true };
    expect(roundTrip(secret, "**********", false)).toBeUndefined();
    expect(typed(secret, "real")).toBe("real");
  });
});

describe("what was typed", () => {
  test("keeps its digits", () => {
    expect(typed({ type: "integer" }, "12345678901234567890")).toBe(12345678901234567890n);
    expect(typed({ type: "integer" }, "42")).toBe(42);
    expect(typed({ type: "number" }, "2.50")).toBe(2.5);
    expect(typed({ anyOf: [{ type: "number" }, STRING] }, "0.10000000000000000001")).toBe("0.10000000000000000001");
  });
  test("of an address loses its spaces, of a text it does not", () => {
    expect(typed({ type: "string", format: "email" }, " a@b.c ")).toBe("a@b.c");
    expect(typed(STRING, " x ")).toBe(" x ");
  });
  test("an instant gets its zone, a naive one that came stays naive", () => {
    const schema = { type: "string", format: "date-time" };
    expect(typed(schema, "2026-01-01T10:00")).toMatch(/^2026-01-01T10:00:00[+-]\d\d:\d\d$/);
    expect(typed(schema, "2026-01-01T10:00", true, "2025-01-01T00:00:00")).toBe("2026-01-01T10:00");
  });
});

test("a default too long for this browser's numbers is left to the server", () => {
  const big = 9007199254740994; // as a rounded one would arrive
  expect(roundTrip({ type: "integer", default: big }, undefined, false)).toBeUndefined();
  expect(roundTrip({ type: "integer" }, big)).toBe(big);
});

test("the variant of a union is found by its tag, else by its shape", () => {
  const cat = {
    type: "object",
    required: ["kind"],
    properties: { kind: { const: "cat" }, lives: { type: "integer" } },
  };
  const fish = { type: "object", required: ["kind"], properties: { kind: { enum: ["fish", "shark"] } } };
  const schema = {
    oneOf: [{ $ref: "#/$defs/Cat" }, { $ref: "#/$defs/Fish" }],
    discriminator: {
      propertyName: "kind",
      mapping: { cat: "#/$defs/Cat", fish: "#/$defs/Fish", shark: "#/$defs/Fish" },
    },
    $defs: { Cat: cat, Fish: fish },
  };
  expect(roundTrip(schema, { kind: "shark" })).toEqual({ kind: "shark" });
  expect(roundTrip({ anyOf: [cat, fish] }, { kind: "fish" })).toEqual({ kind: "fish" });
  const root = new SchemaRoot(schema);
  expect(draftOf(root, root.field(), { kind: "shark" }, true)).toMatchObject({ kind: "union", index: 1 });
});

test("a key named __proto__ is a key", () => {
  const value = JSON.parse('{"__proto__": "x"}') as Json;
  const back = roundTrip({ type: "object", additionalProperties: STRING }, value);
  expect(JSON.stringify(back)).toBe('{"__proto__":"x"}');
});
