import { expect, test } from "vitest";
import { Judge } from "./judge.js";

test("the judge refuses what does not fit, and what is another answer", async () => {
  const judge = new Judge();
  await judge.cases();
  expect(await judge.verdict("Plain", '{"name": "Ana"}')).toBeNull();
  expect(await judge.verdict("Plain", '{"name": "Rui"}')).toContain("is not");
  expect(await judge.verdict("Plain", "{}")).toContain("Field required");
  judge.end();
});
