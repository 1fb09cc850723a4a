import { describe, expect, it } from "vitest";
import { Page, until } from "../../tests/page.js";
import { BideError } from "../src/errors.js";
import type { Job } from "../src/types.js";

async function refused(promise: Promise<unknown>): Promise<BideError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BideError);
  return error as BideError;
}

describe("the client", () => {
  it("creates, waits for, reads, retries, forks and removes jobs", async () => {
    const page = new Page();
    const client = page.client();
    const job = await client.create("add", { a: 1, b: 2 }, { wait: 30, labels: { for: "test" }, priority: 3 });
    expect(job).toMatchObject({ status: "completed", result: 3, priority: 3, labels: { for: "test" } });
    expect(await client.get(job.id)).toEqual(job);
    const again = await client.retry(job.id);
    expect(again).toMatchObject({ forked_from: job.id });
    const fork = await client.fork(job.id, { after: 1 });
    expect(await client.settled(fork.id)).toMatchObject({ status: "completed", result: 3 });
    const { items, next_after } = await client.history(job.id, { limit: 2 });
    expect(items.map(({ kind }) => kind)).toEqual(["job.enqueued", "job.started"]);
    expect(next_after).toBe(2);
    expect((await refused(client.remove(job.id))).status).toBe(403);
    await page.client({ headers: { "X-User": page.user, "X-Admin": "yes" } }).remove(job.id);
    expect((await refused(client.get(job.id))).status).toBe(404);
  });

  it("delays and cancels", async () => {
    const client = new Page().client();
    const job = await client.create("add", { a: 1 }, { delay: "1h" });
    expect(job).toMatchObject({ status: "pending", reason: "delayed" });
    expect(await client.cancel(job.id, { reason: "not today" })).toMatchObject({
      status: "cancelled",
      reason: "not today",
    });
  });

  it("makes one job of a request that is repeated, and two of two", async () => {
    const page = new Page();
    let lost = 0;
    const client = page.client({
      timing: { retry: 1 },
      fetch: async (...request) => {
        const response = await fetch(...request);
        // The server has accepted it, and the answer does not arrive.
        if (request[1]?.method === "POST" && lost++ < 1) throw new TypeError("Failed to fetch");
        return response;
      },
    });
    const job = await client.create("add", { a: 1 });
    expect(lost).toBe(2);
    expect((await client.list()).items.map(({ id }) => id)).toEqual([job.id]);
    await client.create("add", { a: 1 });
    expect((await client.list()).items).toHaveLength(2);
    const keyed = await client.create("add", { a: 2 }, { idempotencyKey: "mine" });
    expect((await client.create("add", { a: 2 }, { idempotencyKey: "mine" })).id).toBe(keyed.id);
  });

  it("lists by filters, page by page", async () => {
    const client = new Page().client();
    const made: Job[] = [];
    for (let a = 0; a < 7; a++)
      made.push(await client.create("add", { a }, { labels: { odd: `${a % 2 === 1}` }, delay: 60 }));
    const page = await client.list({ limit: 3 });
    expect(page.items).toHaveLength(3);
    const next = await client.list({ limit: 3 }, { cursor: page.next_cursor as string });
    expect(next.items[0]?.id).toBe(made[3]?.id);
    const all: string[] = [];
    for await (const { id } of client.listAll({ limit: 2, labels: { odd: "true" }, status: ["pending", "running"] }))
      all.push(id);
    expect(all).toEqual([made[5]?.id, made[3]?.id, made[1]?.id]);
    expect((await client.list({ created_after: new Date(Date.now() + 60_000) })).items).toEqual([]);
    expect((await client.list({ type: "ask" })).items).toEqual([]);
  });

  it("answers questions, once, and tells of errors by their fields", async () => {
    const client = new Page().client();
    const { id } = await client.create("let", {});
    let prompts = await client.prompts(id);
    while (prompts.length === 0) prompts = await client.prompts(id);
    const prompt = prompts[0];
    expect(prompt).toMatchObject({ kind: "form", key: "flat" });
    expect(await client.prompts()).toEqual([await client.prompt(prompt?.id as string)]);

    const error = await refused(client.respond(prompt?.id as string, { rooms: 12, street: "" }));
    expect(error).toMatchObject({ status: 422, retryable: false });
    expect(error.errors.map(({ path }) => path).sort()).toEqual(["/rooms", "/street"]);

    const receipt = await client.respond(
      prompt?.id as string,
      { rooms: 2, street: "Lane" },
      { idempotencyKey: "once" },
    );
    expect(
      await client.respond(prompt?.id as string, { rooms: 2, street: "Lane" }, { idempotencyKey: "once" }),
    ).toEqual(receipt);
    const late = await refused(client.respond(prompt?.id as string, { rooms: 3, street: "Lane" }));
    expect(late).toMatchObject({ status: 409, code: "prompt_closed" });
    expect(late).toMatchObject({ reason: "answered", response: { rooms: 2, street: "Lane" } });
    expect(await client.settled(id)).toMatchObject({ result: { rooms: 2, street: "Lane" } });
  });

  it("knows the job types", async () => {
    const types = await new Page().client().jobTypes();
    expect(types.map(({ name }) => name)).toContain("add");
    expect(types.find(({ name }) => name === "add")?.input).toMatchObject({ required: ["a"] });
  });

  it("tells what went wrong, and what to do", async () => {
    const client = new Page().client();
    const unknown = await refused(client.create("nothing", {}));
    expect(unknown).toMatchObject({ status: 422, code: "unknown_job_type", retryable: false });
    expect(unknown.hint).toContain("/job-types");
    expect(unknown.message).toContain("nothing");
    const away = await refused(new Page("http://127.0.0.1:9").client().get("x"));
    expect(away).toMatchObject({ status: 0, code: "network_error", retryable: true });
  });

  it("asks for headers anew with each request", async () => {
    const page = new Page();
    let n = 0;
    const client = page.client({ headers: async () => ({ "X-User": page.user, "X-Count": `${n++}` }) });
    await client.list();
    await client.list();
    expect((await page.requests()).map(({ headers }) => headers["x-count"])).toEqual(["0", "1"]);
  });

  it("sends no body twice: what has not changed is the same object", async () => {
    const page = new Page();
    const client = page.client();
    const { id } = await client.create("add", { a: 1 }, { wait: 30 });
    const first = await client.get(id);
    expect(await client.get(id)).toBe(first);
    expect((await page.requests(`/jobs/${id}`)).map(({ status }) => status)).toEqual([200, 304]);
  });

  it("reads every page of the inbox", async () => {
    const page = new Page();
    const client = page.client({
      fetch: (input, init) => {
        const url = new URL(input as string);
        if (url.pathname === "/prompts") url.searchParams.set("limit", "2");
        return fetch(url, init);
      },
    });
    const asked: (string | undefined)[] = [];
    for (let n = 0; n < 5; n++) {
      const { id } = await client.create("let", {});
      let prompts = await client.prompts(id);
      while (prompts.length === 0) prompts = await client.prompts(id);
      asked.push(prompts[0]?.id);
    }
    expect((await client.prompts()).map(({ id }) => id)).toEqual(asked);
    expect(await page.requests("/prompts")).toHaveLength(3);
    for (const { job_id } of await client.prompts()) await client.cancel(job_id);
  });

  it("gives up when it is told to", async () => {
    const page = new Page();
    const client = page.client();
    const { id } = await client.create("gated", { gate: "nobody opens" });
    const abort = new AbortController();
    const settled = client.settled(id, { signal: abort.signal });
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(settled).rejects.toBe(reason);
    // A stream that is there already tells at once how it is.
    const fresh = page.client();
    const stop = fresh.watchPrompts().subscribe(() => {});
    await until(fresh.watchPrompts(), ({ connection }) => connection === "live");
    await expect(fresh.settled(id, { signal: abort.signal })).rejects.toBe(reason);
    stop();
    await expect(client.get(id, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await client.cancel(id);
  });
});
