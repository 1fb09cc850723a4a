import { describe, expect, test } from "vitest";
import { placeErrors } from "../../src/form/place.js";
import { SchemaRoot } from "../../src/form/schema.js";
import { draftOf } from "../../src/form/value.js";

const root = new SchemaRoot({
  type: "object",
  properties: {
    name: { type: "string" },
    pet: {
      oneOf: [{ $ref: "#/$defs/Cat" }, { $ref: "#/$defs/Dog" }],
      discriminator: { propertyName: "kind", mapping: { cat: "#/$defs/Cat", dog: "#/$defs/Dog" } },
    },
    amount: { anyOf: [{ type: "integer" }, { type: "string" }] },
    counts: { type: "object", additionalProperties: { type: "integer" } },
    tags: { type: "array", items: { type: "string" } },
  },
  $defs: {
    Cat: { type: "object", properties: { kind: { const: "cat" }, lives: { type: "integer" } } },
    Dog: { type: "object", properties: { kind: { const: "dog" }, name: { type: "string" } } },
  },
});
const draft = draftOf(
  root,
  root.field(),
  { name: "x", pet: { kind: "dog", name: "Rex" }, amount: 1, counts: { a: 1 }, tags: ["t"] },
  true,
);
const place = (...paths: string[]) => [
  ...placeErrors(
    root,
    draft,
    paths.map((path) => ({ path, message: `of ${path}` })),
  ).keys(),
];

describe("the server's errors find their fields", () => {
  test.each([
    ["/name", "/name"],
    ["/tags/0", "/tags/0"],
    ["/tags/7", "/tags"],
    ["/pet/name", "/pet/name"],
    ["/pet/dog/name", "/pet/name"], // as Pydantic says it
    ["/pet/Dog/name", "/pet/name"],
    ["/amount/int", "/amount"],
    ["/counts/a", "/counts/a"],
    ["/counts/a/[key]", "/counts/a/[key]"],
    ["/counts/zzz", "/counts"],
    ["/unknown", ""],
    ["", ""],
  ])("%s at %s", (path, pointer) => expect(place(path)).toEqual([pointer]));

  test("errors of another branch are told only where there are no others", () => {
    expect(place("/pet/cat/lives", "/pet/dog/name")).toEqual(["/pet/name"]);
    expect(place("/pet/cat/lives")).toEqual([""]);
  });

  test("the same is not said twice", () => {
    const placed = placeErrors(root, draft, [
      { path: "/name", message: "no" },
      { path: "/name", message: "no" },
    ]);
    expect(placed.get("/name")).toEqual(["no"]);
  });
});
