// What is published, as `npm run build` makes it.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

test("it says first that it is for the browser: a server component may import it", () => {
  const built = readFileSync(resolve(import.meta.dirname, "../dist/index.js"), "utf8");
  expect(built.split("\n", 1)).toEqual(['"use client";']);
});
