// The quickstart, as a person sees it: its page in a browser, its jobs in a server that dies and comes back.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Server } from "../../tests/server.js";
import { violations } from "./axe.js";
import { LAUNCH } from "./world.js";

const PICTURES = fileURLToPath(new URL("../shots/", import.meta.url));
mkdirSync(PICTURES, { recursive: true });

let server: Server;
let browser: Browser;
let context: BrowserContext;

beforeAll(async () => {
  server = await Server.start({ app: "examples.quickstart.blog:app", prefix: "/bide" });
  browser = await chromium.launch(LAUNCH);
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});
beforeEach(async () => {
  context = await browser.newContext();
  context.setDefaultTimeout(30_000);
});
afterEach(() => context.close());

/** A page on which a post is being written. */
async function writing(topic: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(server.url);
  await page.getByLabel("About").fill(topic);
  await page.getByRole("button", { name: "Write it" }).click();
  await page.getByRole("progressbar").waitFor();
  return page;
}

const question = (page: Page) => page.getByRole("heading", { name: "Is this what you want?" });
const status = (page: Page) => page.locator("[data-bide-status]").first().getAttribute("data-bide-status");
const percent = async (page: Page) => Number(await page.getByRole("progressbar").getAttribute("aria-valuenow"));

test("progress moves, a draft is streamed, a question is answered, and the post is there", async () => {
  const page = await writing("the moon");
  await page.getByText("There is more to the moon").first().waitFor();
  await question(page).waitFor();
  expect(await percent(page)).toBe(10);
  expect(await violations(page)).toEqual([]);
  expect(await page.getByRole("button", { name: /cancel/i }).count()).toBe(1);
  await page.getByRole("button", { name: "Ask for changes" }).click();
  await page.getByRole("textbox", { name: "What should change?" }).fill("It should be blue");
  await page.getByRole("button", { name: "Send feedback" }).click();
  await expect.poll(() => percent(page)).toBe(40);
  // The second draft is a paragraph of its own, and does not go on where the first has ended.
  const drafts = page.locator(".bide-output p").filter({ hasText: "There is more" });
  const first = expect.stringMatching(/^There is more to the moon [^.]*\. It begins [^.]*, and it ends with one\.$/);
  await expect.poll(() => drafts.allTextContents()).toEqual([first, expect.stringMatching(/^There is more/)]);
  await page.locator(".bide-prompt").getByText("It should be blue, and it ends").waitFor();
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("heading", { name: "The moon" }).waitFor();
  expect(await status(page)).toBe("completed");
  expect(await violations(page)).toEqual([]);
});

const LOOKS: Record<string, BrowserContextOptions> = {
  quickstart: {},
  "quickstart-forced-colors": { forcedColors: "active" },
  "quickstart-dark": { colorScheme: "dark" },
  "quickstart-phone": { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true },
};

test("a question looks well by day, by night, in forced colours and on a phone", async () => {
  const first = await writing("tea");
  await question(first).waitFor();
  for (const [name, options] of Object.entries(LOOKS)) {
    const other = await browser.newContext(options);
    const page = await other.newPage();
    await page.goto(first.url());
    await question(page).waitFor();
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - screen.width)).toBeLessThanOrEqual(0);
    await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true });
    await other.close();
  }
});

test("a job is cancelled from the page", async () => {
  const page = await writing("cancelling");
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("button", { name: "Yes, cancel it" }).click();
  await expect.poll(() => status(page)).toBe("cancelled");
  expect(await question(page).count()).toBe(0);
});

test("the server is killed and started again, and the page goes on by itself", async () => {
  const page = await writing("crashes");
  await page.getByText("There is more to crashes").first().waitFor();
  await server.kill();
  await server.run();
  await question(page).waitFor();
  await server.kill();
  await server.run();
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("heading", { name: "Crashes" }).waitFor();
});

test("two tabs agree", async () => {
  const page = await writing("tabs");
  await question(page).waitFor();
  const other = await context.newPage();
  await other.goto(page.url());
  await question(other).waitFor();
  await page.getByRole("button", { name: "Approve" }).click();
  await other.getByRole("heading", { name: "Tabs" }).waitFor();
  await expect.poll(() => status(other)).toBe("completed");
});

test("a page that was offline shows what happened meanwhile", async () => {
  const page = await writing("tunnels");
  await question(page).waitFor();
  await context.setOffline(true);
  const id = new URL(page.url()).searchParams.get("job");
  const asked = await fetch(`${server.url}/bide/hitl/${id}/prompt`);
  const { prompt } = (await asked.json()) as { prompt: { id: string } };
  await fetch(`${server.url}/bide/prompts/${prompt.id}/response`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ action: "proceed" }),
  });
  await expect
    .poll(async () => ((await (await fetch(`${server.url}/bide/jobs/${id}`)).json()) as { status: string }).status)
    .toBe("completed");
  expect(await page.getByRole("heading", { name: "Tunnels" }).count()).toBe(0);
  await context.setOffline(false);
  await page.getByRole("heading", { name: "Tunnels" }).waitFor();
});

test("a page that is loaded anew finds its job", async () => {
  const page = await writing("reloading");
  await question(page).waitFor();
  await page.reload();
  await question(page).waitFor();
});
