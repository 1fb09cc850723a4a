// The components on their hooks, against a real server: what two people see who look at the same job.
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { violations } from "./axe.js";
import { World } from "./world.js";

let world: World;
beforeAll(async () => {
  world = await World.begin();
});
afterAll(() => world.end());

async function open(id: string): Promise<{ page: Page; wrongs: string[] }> {
  const opened = await world.page();
  await opened.page.goto(`${world.url}/?job=${id}`);
  return opened;
}

const status = (page: Page, name: string) => page.locator(`.bide-status[data-bide-status="${name}"]`).waitFor();

test("a job asks, is answered, shows what it has made, takes feedback, and ends", async () => {
  const id = await world.create("write", { topic: "tea" });
  const { page, wrongs } = await open(id);
  await page.getByRole("radio", { name: "Dry" }).check();
  await page.getByLabel("For whom?").fill("coffee people");
  await page.getByRole("button", { name: "Send answer" }).click();

  await page.getByText("On tea, dry, for coffee people", { exact: true }).waitFor();
  expect(await page.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("50");
  // The question that was answered took the focus with it: it stays where the questions are.
  expect(await page.evaluate(() => document.activeElement?.className)).toBe("bide-prompts");
  await page.getByRole("button", { name: "Ask for changes" }).click();
  await page.getByLabel("What should change?").fill("funnier");
  await page.getByRole("button", { name: "Send feedback" }).click();

  await page.getByText("On tea, dry, for coffee people (funnier)", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Approve" }).click();
  await status(page, "completed");
  expect(await page.locator("output").textContent()).toBe("On tea, dry, for coffee people (funnier)");
  expect(await page.locator(".bide-prompt").count()).toBe(0);
  expect(await page.getByRole("listitem").filter({ hasText: "Question answered" }).count()).toBe(3);
  expect(wrongs).toEqual([]);
  await page.context().close();
});

test("who is slower is told who was faster, and loses nothing of the page", async () => {
  const id = await world.create("fill_in_twice");
  const [first, second] = [await open(id), await open(id)];
  await second.page.getByLabel("Short").fill("slow");
  await first.page.getByLabel("Short").fill("fast");
  await first.page.getByLabel("Code").fill("ABC-1");
  await first.page.getByRole("button", { name: "Send answer" }).click();
  await status(first.page, "completed");

  await second.page.getByText("has answered this in the meantime").waitFor();
  await second.page.getByText("The answer that counts").waitFor();
  expect(await second.page.locator("dd").filter({ hasText: "fast" }).count()).toBe(1);
  expect(await violations(second.page)).toEqual([]);
  await second.page.getByRole("button", { name: "Go on" }).click();
  expect(await second.page.locator(".bide-prompt").count()).toBe(0);
  expect([...first.wrongs, ...second.wrongs]).toEqual([]);
  await first.page.context().close();
  await second.page.context().close();
});

test("what only the server knows to be wrong is said at the field, which has the focus", async () => {
  const id = await world.create("fill_in", { model: "Lines" });
  const { page } = await open(id);
  await page.getByLabel("Text").fill("odd");
  await page.getByRole("button", { name: "Send answer" }).click();
  const error = page.getByText("an even number of letters is wanted");
  await error.waitFor();
  expect(await page.getByLabel("Text").getAttribute("aria-invalid")).toBe("true");
  expect(await page.evaluate(() => document.activeElement?.getAttribute("data-bide-pointer"))).toBe("/text");
  await page.getByLabel("Text").fill("even");
  expect(await error.count()).toBe(0);
  await page.getByRole("button", { name: "Send answer" }).click();
  await status(page, "completed");
  await page.context().close();
});

test("a question cancels the job, and so does the button", async () => {
  const [asked, plain] = [await world.create("write", { topic: "a" }), await world.create("write", { topic: "b" })];
  const { page } = await open(asked);
  await page.getByRole("button", { name: "Cancel the job" }).click();
  await page.getByRole("button", { name: "Yes, cancel it" }).click();
  await status(page, "cancelled");
  await page.goto(`${world.url}/?job=${plain}`);
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("button", { name: "Yes, cancel it" }).click();
  await status(page, "cancelled");
  await page.context().close();
});

test("a form is filled in with the keyboard alone", async () => {
  const id = await world.create("fill_in", { model: "Lists" });
  const { page } = await open(id);
  await page.getByRole("button", { name: "Add item" }).first().focus();
  await page.keyboard.press("Enter");
  await page.keyboard.type("a");
  await page.keyboard.press("Tab"); // to "Remove"
  await page.keyboard.press("Tab"); // to "Add"
  await page.keyboard.press("Enter");
  await page.keyboard.type("b");
  expect(await page.locator('[data-bide-pointer="/tags/1"]').inputValue()).toBe("b");
  await page.keyboard.press("Enter"); // sends, and leads to what is missing
  expect(await page.evaluate(() => document.activeElement?.getAttribute("data-bide-pointer"))).toBe("/scores/0");
  await page.context().close();
});

test("half a date is not lost in silence", async () => {
  const id = await world.create("fill_in", { model: "Order" });
  const { page } = await open(id);
  await page.locator('[data-bide-pointer="/deliver"]').click();
  await page.keyboard.type("12");
  await page.getByRole("button", { name: "Send answer" }).click();
  await page.getByText("This is incomplete.").waitFor();
  await page.context().close();
});

test("50 jobs on one page use one connection, end once each, and then none", async () => {
  const ids = await Promise.all(Array.from({ length: 50 }, () => world.create("fill_in", { model: "Lines" })));
  const before = (await world.counted()).requests.length;
  const { page, wrongs } = await world.page();
  await page.goto(`${world.url}/?jobs=${ids}`);
  const waiting = page.locator('.bide-status[data-bide-status="pending_hitl"]');
  await expect.poll(() => waiting.count()).toBe(50);
  await expect.poll(async () => (await world.counted()).streams).toEqual(["/api/events"]);

  for (const id of ids) await world.answer(id, { text: "even" });
  const completed = page.locator('.bide-status[data-bide-status="completed"]');
  await expect.poll(() => completed.count()).toBe(50);
  await expect.poll(async () => (await world.counted()).streams).toEqual([]);
  expect(await page.locator("output").textContent()).toBe("50");
  const { requests } = await world.counted();
  expect(requests.slice(before).filter((path) => path === "/api/events")).toHaveLength(1);
  expect(wrongs).toEqual([]);
  await page.context().close();
});
