import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { SchemaRoot } from "../../react/src/form/schema.js";
import { type Case, Judge } from "../../react/tests/judge.js";
import { planOf } from "../../react/tests/plan.js";
import { violations } from "./axe.js";
import { carryOut } from "./fill.js";
import { World } from "./world.js";

const judge = new Judge();
const cases: Case[] = await judge.cases();
judge.end();

let world: World;
let page: Page;
let wrongs: string[];
beforeAll(async () => {
  world = await World.begin();
});
afterAll(() => world.end());
beforeEach(async () => {
  ({ page, wrongs } = await world.page());
});
afterEach(() => page.context().close());

test.for(cases)(
  "$name is asked for, filled in under a strict policy, and accepted",
  async ({ name, schema, answer }) => {
    const id = await world.create("fill_in", { model: name });
    await page.goto(`${world.url}/?job=${id}`);
    await page.locator("form.bide-form").waitFor();
    await carryOut(page, planOf(new SchemaRoot(schema), answer));

    expect(await violations(page)).toEqual([]);

    await page.getByRole("button", { name: "Send answer" }).click();
    await page.locator('.bide-status[data-bide-status="completed"]').waitFor();
    expect(await world.finished(id)).toMatchObject({ status: "completed", result: true });
    expect(await page.locator("[style]").count()).toBe(0);
    expect(wrongs).toEqual([]);
  },
);
