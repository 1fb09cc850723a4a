import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { violations } from "./axe.js";
import { World } from "./world.js";

let world: World;
beforeAll(async () => {
  world = await World.begin();
});
afterAll(() => world.end());

const SHOTS = fileURLToPath(new URL("../shots/", import.meta.url));
mkdirSync(SHOTS, { recursive: true });

const LOOKS: { name: string; query?: string; options?: BrowserContextOptions }[] = [
  { name: "light" },
  { name: "dark by the system", options: { colorScheme: "dark" } },
  { name: "dark by attribute", query: "&theme=dark" },
  { name: "light by attribute in a dark system", query: "&theme=light", options: { colorScheme: "dark" } },
  { name: "phone", options: { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true } },
  { name: "portuguese", query: "&lang=pt-BR" },
  { name: "forced colors", options: { forcedColors: "active" } },
  { name: "reduced motion", options: { reducedMotion: "reduce" } },
];

test.for(LOOKS)("axe finds nothing in any component: $name", async ({ name, query = "", options = {} }) => {
  const { page, wrongs } = await world.page(options);
  await page.goto(`${world.url}/?gallery${query}`);
  await page.locator(".bide-inbox").waitFor();
  await page.screenshot({ path: `${SHOTS}/${name.replaceAll(" ", "-")}.png`, fullPage: true });
  expect(await violations(page)).toEqual([]);

  await openAll(page);
  await page.screenshot({ path: `${SHOTS}/${name.replaceAll(" ", "-")}-open.png`, fullPage: true });
  expect(await violations(page)).toEqual([]);
  // Nothing makes the page wider than the screen.
  expect(await page.evaluate(() => document.documentElement.scrollWidth - screen.width)).toBeLessThanOrEqual(0);
  // An empty one is left by the screenshot, which hides the caret.
  expect(await page.locator('[style]:not([style=""])').count()).toBe(0);
  expect(wrongs).toEqual([]);
  await page.context().close();
});

test("nothing moves for who wants no motion", async () => {
  const moving = async (options: BrowserContextOptions) => {
    const { page } = await world.page(options);
    await page.goto(`${world.url}/?gallery`);
    await page.locator(".bide-inbox").waitFor();
    const count = await page.evaluate(() => document.getAnimations().length);
    await page.context().close();
    return count;
  };
  expect(await moving({})).toBeGreaterThan(0);
  expect(await moving({ reducedMotion: "reduce" })).toBe(0);
});

test("a planted violation turns axe red", async () => {
  const { page } = await world.page();
  await page.goto(`${world.url}/?gallery`);
  await page.locator(".bide-inbox").waitFor();
  await page.evaluate(() => {
    for (const label of document.querySelectorAll(".bide-prompt label")) label.remove();
    document.querySelector(".bide-progress [role=progressbar]")?.removeAttribute("aria-label");
  });
  const found = (await violations(page)).map(([rule]) => rule);
  expect(found).toContain("label");
  expect(found).toContain("aria-progressbar-name");
  await page.context().close();
});

test("a planted breach of the policy is seen", async () => {
  const { page, wrongs } = await world.page();
  await page.goto(`${world.url}/?gallery`);
  await page.locator(".bide-inbox").waitFor();
  expect(wrongs).toEqual([]);
  await page.evaluate(() => {
    document.body.insertAdjacentHTML("beforeend", '<p style="color: red">inline</p>');
  });
  await expect.poll(() => wrongs.join()).toContain("style-src");
  await page.context().close();
});

/** What is folded away, and what a form says of an empty answer. */
async function openAll(page: Page): Promise<void> {
  for (const summary of await page.locator("summary").all()) await summary.click();
  for (const button of await page.locator('.bide-form button[type="submit"]').all()) await button.click();
  const revise = page.locator('[data-bide-do="revise"]');
  while (await revise.count()) await revise.first().click();
  await page.locator('.bide-cancel [data-bide-do="cancel"]').first().click();
  await page.locator(".bide-inbox-button").first().click();
}
