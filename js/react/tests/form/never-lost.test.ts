// Schemas and values at random, good and bad: nothing throws, and nothing that came with the form is lost.
import { expect, test } from "vitest";
import { isObject, type Json, same, stringify } from "../../src/form/json.js";
import { type Schema, SchemaRoot } from "../../src/form/schema.js";
import { validate } from "../../src/form/validate.js";
import { draftOf, toJson } from "../../src/form/value.js";

/** The same numbers in each run (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below);
  };
}

function anySchema(roll: (below: number) => number, depth: number): Schema {
  const inner = () => anySchema(roll, depth - 1);
  const some = <T>(make: () => T) => Array.from({ length: roll(4) }, make);
  const names = () => ["a", "b/c", "~", "__proto__", "d e"].filter(() => roll(2) === 0);
  const makers: (() => Schema)[] = [
    () => ({ type: "string", ...(roll(2) && { minLength: roll(3) }), ...(roll(2) && { pattern: "^(a|b" }) }),
    () => ({
      type: "string",
      format: ["date", "time", "date-time", "duration", "email", "uri", "markdown", "?"][roll(8)] as string,
    }),
    () => ({ type: roll(2) ? "integer" : "number", ...(roll(2) && { minimum: roll(5), multipleOf: 0.5 }) }),
    () => ({ anyOf: [{ type: "number" }, { type: "string" }] }),
    () => ({ type: "boolean" }),
    () => ({ enum: ["a", 1, null, true, [1]].slice(roll(5)) }),
    () => ({ const: [1, "a", null, true][roll(4)] as Json }),
    () => ({ $ref: roll(2) ? "#" : "#/nowhere" }),
    () => ({ type: "tensor", not: {} }),
    () => ({}),
  ];
  if (depth > 0) {
    makers.push(
      () => ({ type: "array", items: inner(), minItems: roll(3), uniqueItems: roll(2) === 0 }),
      () => ({ type: "array", prefixItems: some(inner), maxItems: roll(4) }),
      () => ({ type: "object", additionalProperties: roll(3) ? inner() : roll(2) === 0 }),
      () => ({ type: "object", patternProperties: { "^a": inner() } }),
      () => {
        const properties = Object.fromEntries(names().map((name) => [name, inner()]));
        return { type: "object", properties, required: Object.keys(properties).filter(() => roll(2) === 0) };
      },
      () => ({ anyOf: [...some(inner), ...(roll(2) ? [{ type: "null" }] : [])] }),
      () => ({ oneOf: some(inner), discriminator: { propertyName: "a", mapping: { x: "#" } } }),
      () => ({ allOf: some(inner) }),
    );
  }
  return (makers[roll(makers.length)] as () => Schema)();
}

function anyValue(roll: (below: number) => number, depth: number): Json {
  const makers: (() => Json)[] = [
    () => ["", "a", "2026-01-01", "2026-01-01T00:00:00.123456Z", "PT5M", "1.50", "a@b.c"][roll(7)] as string,
    () => [0, 1, -1.5, 1e300][roll(4)] as number,
    () => 12345678901234567890n,
    () => roll(2) === 0,
    () => null,
  ];
  if (depth > 0) {
    makers.push(
      () => Array.from({ length: roll(3) }, () => anyValue(roll, depth - 1)),
      () =>
        Object.fromEntries(
          ["a", "b/c", "~", "__proto__", "z"]
            .filter(() => roll(2) === 0)
            .map((name) => [name, anyValue(roll, depth - 1)]),
        ),
    );
  }
  return (makers[roll(makers.length)] as () => Json)();
}

/** Whether all of `value` is in `kept`, which may have more: what a form begins with where nothing was given. */
function isKept(value: Json, kept: Json | undefined): boolean {
  if (value === null) return true; // no value, and nothing to lose
  if (Array.isArray(value)) {
    return Array.isArray(kept) && kept.length >= value.length && value.every((item, n) => isKept(item, kept[n]));
  }
  if (isObject(value)) {
    return (
      isObject(kept) &&
      Object.entries(value).every(
        ([name, item]) => item === null || (Object.hasOwn(kept, name) && isKept(item, kept[name])),
      )
    );
  }
  return same(value, kept);
}

test("3,000 forms at random keep what they were given", () => {
  for (let seed = 0; seed < 3_000; seed++) {
    const roll = random(seed);
    const schema = anySchema(roll, 3);
    const value = anyValue(roll, 3);
    const root = new SchemaRoot(schema);
    const draft = draftOf(root, root.field(), value, true);
    validate(root, root.field(), draft, true);
    const kept = toJson(root, root.field(), draft, true);
    if (!isKept(value, kept)) {
      expect.fail(
        `seed ${seed}: ${stringify(schema)} has made of ${stringify(value)} ${kept === undefined ? "nothing" : stringify(kept)}`,
      );
    }
  }
});
