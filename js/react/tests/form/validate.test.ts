import { describe, expect, test } from "vitest";
import { parse } from "../../src/form/json.js";
import { type Schema, SchemaRoot } from "../../src/form/schema.js";
import { validate } from "../../src/form/validate.js";
import { type DictDraft, type Draft, draftOf, newItem } from "../../src/form/value.js";

function codes(schema: Schema, text: string, required = true): string[] {
  const root = new SchemaRoot(schema);
  const draft = { ...draftOf(root, root.field(), undefined, required), text } as Draft;
  return validate(root, root.field(), draft, required).map(({ code }) => code);
}

function issues(schema: Schema, draft: (root: SchemaRoot) => Draft) {
  const root = new SchemaRoot(schema);
  return validate(root, root.field(), draft(root), true);
}

describe("a text", () => {
  test.each<[Schema, string, string[]]>([
    [{ type: "string" }, "", ["required"]],
    [{ type: "string" }, "x", []],
    [{ type: "string", minLength: 2 }, "x", ["shorter"]],
    [{ type: "string", minLength: 2 }, "🎉", ["shorter"]],
    [{ type: "string", maxLength: 2 }, "🎉🎉", []],
    [{ type: "string", maxLength: 2 }, "xyz", ["longer"]],
    [{ type: "string", pattern: "^a" }, "ba", ["pattern"]],
    [{ type: "string", pattern: "(?i)^a" }, "zzz", []],
    [{ type: "string", format: "email" }, "nobody", ["email"]],
    [{ type: "string", format: "uri" }, "example.org", ["uri"]],
    [{ type: "string", format: "uuid" }, "123", ["uuid"]],
    [{ type: "string", format: "uuid" }, "5b8f3a526d0b4c539a0f0f3f2f7c1a11", []],
    [{ type: "string", format: "date" }, "soon", ["date"]],
    [{ type: "integer" }, "1.5", ["integer"]],
    [{ type: "integer" }, "1.0", []],
    [{ type: "integer" }, "1e999999999", ["number"]],
    [{ type: "number" }, "1e400", ["number"]],
    [{ type: "number" }, "x", ["number"]],
    [{ type: "integer", minimum: 1 }, "0", ["minimum"]],
    [{ type: "integer", exclusiveMinimum: 1 }, "1", ["above"]],
    [{ type: "integer", maximum: 1 }, "2", ["maximum"]],
    [{ type: "integer", exclusiveMaximum: 1 }, "1", ["below"]],
    [{ type: "number", multipleOf: 0.1 }, "0.3", []],
    [{ type: "number", multipleOf: 0.25 }, "0.3", ["multiple"]],
    [{}, "{", ["json"]],
    [{}, "", ["required"]],
    [{}, "null", []],
  ])("%j %j: %j", (schema, text, found) => expect(codes(schema, text)).toEqual(found));

  test("of a number is within bounds that no double holds", () => {
    const schema = parse('{"type": "integer", "minimum": 2, "maximum": 9007199254740993}') as Schema;
    expect(codes(schema, "9007199254740993")).toEqual([]);
    expect(codes(schema, "9007199254740994")).toEqual(["maximum"]);
  });

  test("that is optional may be empty", () => {
    expect(codes({ type: "string", minLength: 3 }, "", false)).toEqual([]);
    expect(codes({ type: "integer", minimum: 3 }, "", false)).toEqual([]);
  });
});

test("consent must be given", () => {
  expect(issues({ const: true }, () => ({ kind: "flag", checked: false }))).toEqual([{ code: "accept", pointer: "" }]);
  expect(issues({ const: true }, () => ({ kind: "flag", checked: true }))).toEqual([]);
});

test("lists have sizes, and sets nothing twice", () => {
  const schema = { type: "array", items: { type: "string" }, minItems: 1, maxItems: 2, uniqueItems: true };
  const of =
    (...texts: string[]) =>
    (): Draft => ({ kind: "list", items: texts.map((text) => newItem({ kind: "text", text })) });
  expect(issues(schema, of())).toMatchObject([{ code: "fewer", limit: 1, pointer: "" }]);
  expect(issues(schema, of("a", "b", "c"))).toMatchObject([{ code: "more", limit: 2 }]);
  expect(issues(schema, of("a", "a"))).toMatchObject([{ code: "duplicate", pointer: "/1" }]);
  expect(issues(schema, of("a", ""))).toMatchObject([{ code: "required", pointer: "/1" }]);
});

test("names in a mapping are there, once, and of the right form", () => {
  const schema = { type: "object", patternProperties: { "^[a-z]+$": { type: "integer" } } };
  const of =
    (...keys: string[]) =>
    (): DictDraft => ({
      kind: "dict",
      entries: keys.map((key) => ({ ...newItem({ kind: "text", text: "1" }), key })),
    });
  expect(issues(schema, of("a", "b"))).toEqual([]);
  expect(issues(schema, of(""))).toMatchObject([{ code: "required", pointer: "//[key]" }]);
  expect(issues(schema, of("A"))).toMatchObject([{ code: "pattern", pointer: "/A/[key]" }]);
  expect(issues(schema, of("a", "a"))).toMatchObject([{ code: "sameKey" }, { code: "sameKey" }]);
});

test("places are pointers, slashes in names too", () => {
  const schema = {
    type: "object",
    required: ["a/b"],
    properties: { "a/b": { type: "object", required: ["c~d"], properties: { "c~d": { type: "string" } } } },
  };
  expect(issues(schema, (root) => draftOf(root, root.field(), undefined, true))).toEqual([
    { code: "required", pointer: "/a~1b/c~0d" },
  ]);
});

test("a union is first of all a choice", () => {
  const schema = {
    anyOf: [
      { type: "object", properties: {} },
      { type: "array", items: {} },
    ],
  };
  expect(issues(schema, (root) => draftOf(root, root.field(), undefined, true))).toMatchObject([{ code: "choose" }]);
});
