// A server with its page, and a browser to look at it.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { PYTHON } from "../../react/tests/judge.js";

/** How the browser of this machine is started. */
export const LAUNCH = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
};

export class World {
  private constructor(
    readonly url: string,
    readonly browser: Browser,
    private readonly server: ChildProcess,
    private readonly folder: string,
  ) {}

  static async begin(): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), "bide-browser-"));
    const script = fileURLToPath(new URL("../server.py", import.meta.url));
    const server = spawn(PYTHON, [script, `sqlite:///${folder}/jobs.db`], { stdio: ["pipe", "pipe", "inherit"] });
    if (!server.stdout) throw new Error("The server has no voice.");
    const { value: url, done } = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next();
    if (done) throw new Error(`The server did not start with ${PYTHON}.`);
    const browser = await chromium.launch(LAUNCH);
    return new World(url, browser, server, folder);
  }

  async end(): Promise<void> {
    await this.browser.close();
    const ended = new Promise((resolve) => this.server.once("exit", resolve));
    this.server.stdin?.end();
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A page, and whatever goes wrong on it: errors, and breaches of the policy. */
  async page(options: BrowserContextOptions = {}): Promise<{ page: Page; wrongs: string[] }> {
    const context = await this.browser.newContext(options);
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    const wrongs: string[] = [];
    page.on("pageerror", (error) => wrongs.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") wrongs.push(message.text());
    });
    return { page, wrongs };
  }

  async create(type: string, input: object = {}): Promise<string> {
    const response = await fetch(`${this.url}/api/jobs`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ type, input }),
    });
    if (!response.ok) throw new Error(await response.text());
    return ((await response.json()) as { id: string }).id;
  }

  /** Answer what a job asks, as somebody elsewhere does. */
  async answer(job: string, value: object): Promise<void> {
    const asked = (await (await fetch(`${this.url}/api/jobs/${job}/prompts`)).json()) as { items: { id: string }[] };
    const response = await fetch(`${this.url}/api/prompts/${asked.items[0]?.id}/response`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(value),
    });
    if (!response.ok) throw new Error(await response.text());
  }

  /** The paths of the API's requests so far, and of the streams that are open. */
  async counted(): Promise<{ requests: string[]; streams: string[] }> {
    return (await fetch(`${this.url}/tests/counted`)).json() as Promise<{ requests: string[]; streams: string[] }>;
  }

  /** The job once it has ended. */
  async finished(id: string): Promise<{ status: string; result: unknown }> {
    for (;;) {
      const response = await fetch(`${this.url}/api/jobs/${id}?wait=10`, { headers: { Prefer: "wait=10" } });
      const job = (await response.json()) as { status: string; result: unknown };
      if (["completed", "failed", "cancelled"].includes(job.status)) return job;
    }
  }
}
