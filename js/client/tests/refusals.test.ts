// What answers otherwise than it should: for good, for a while, or because it is somebody else.
import { afterEach, describe, expect, it, vi } from "vitest";
import { Page, until } from "../../tests/page.js";
import type { Timing } from "../src/link.js";
import type { JobState, Watch } from "../src/types.js";

const QUICK: Partial<Timing> = { poll: 20, patience: 2_000, refused: 50, retry: 10, linger: 10 };

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** Answers in place of the server, for as long as there is something to say. */
function instead(answer: (path: string) => Response | undefined): typeof fetch {
  return async (input, init) => answer(new URL(String(input)).pathname) ?? fetch(input, init);
}

/** All errors that are shown, each once. */
function errors(watch: Watch<JobState>) {
  const seen: unknown[] = [];
  endings.push(
    watch.subscribe(() => {
      const { error } = watch.getSnapshot();
      if (error && seen.at(-1) !== error) seen.push(error);
    }),
  );
  return seen;
}

const HTML = { "Content-Type": "text/html" };
const PASSING: Record<string, () => Response> = {
  "Bide's 401": () => Response.json({ code: "unauthenticated", message: "Who?", retryable: false }, { status: 401 }),
  "Bide's 500": () => Response.json({ code: "schema_mismatch", message: "Old.", retryable: false }, { status: 500 }),
  "a proxy's 403": () => new Response("<h1>Forbidden</h1>", { status: 403, headers: HTML }),
  "a proxy's 404": () => new Response("<h1>Not found</h1>", { status: 404, headers: HTML }),
  "a proxy's 408": () => new Response("", { status: 408 }),
};

describe("a refusal that may pass", () => {
  for (const [name, refusal] of Object.entries(PASSING))
    for (const streams of ["too", "not"])
      it(`is shown, and asked again: ${name}, streams ${streams}`, async () => {
        const page = new Page();
        let left = 3;
        const { id } = await page.client().create("gated", { gate: page.user });
        const client = page.client({
          timing: QUICK,
          fetch: instead((path) => {
            if (streams === "not" && path.endsWith("/events")) return undefined;
            return left-- > 0 ? refusal() : undefined;
          }),
        });
        const watch = client.watch(id);
        const seen = errors(watch);
        const settled = client.settled(id);
        await until(watch, ({ connection, job, error }) => job && connection === "live" && !error);
        expect(left).toBeLessThanOrEqual(0);
        expect(seen[0]).toMatchObject({ status: refusal().status });
        await page.open(page.user);
        expect((await settled).result).toBe("through");
      });

  it("is no error where the server says that it will be back: a 500 in plain text", async () => {
    const page = new Page();
    let left = 2;
    const { id } = await page.client().create("gated", { gate: page.user });
    const away = () => new Response("Internal Server Error", { status: 500 });
    const client = page.client({
      timing: QUICK,
      fetch: instead((path) => (path.startsWith("/jobs/") && left-- > 0 ? away() : undefined)),
    });
    const watch = client.watch(id);
    const seen = errors(watch);
    await until(watch, ({ job, connection }) => job && connection === "live");
    await vi.waitFor(() => expect(left).toBeLessThan(0));
    expect(seen).toEqual([]);
    await page.open(page.user);
    expect((await client.settled(id)).result).toBe("through");
  });
});

describe("one job that cannot be read", () => {
  it("keeps nobody else from being asked for, nor the stream from coming back", async () => {
    const page = new Page();
    let streams = false;
    const [broken, other] = [await page.client().create("ask", {}), await page.client().create("ask", {})];
    const client = page.client({
      timing: QUICK,
      fetch: instead((path) => {
        if (path === `/jobs/${broken.id}`) return Response.json({ code: "internal", retryable: true }, { status: 500 });
        if (path === "/events" && !streams) return new Response("No such page", { status: 404 });
        return undefined;
      }),
    });
    const watches = [client.watch(broken.id), client.watch(other.id)] as const;
    for (const watch of watches) endings.push(watch.subscribe(() => {}));
    await until(watches[1], ({ prompts, connection }) => prompts.length && connection === "polling");
    streams = true;
    await until(watches[1], ({ connection }) => connection === "live");
    await page.client().cancel(other.id);
    await until(watches[1], ({ connection }) => connection === "ended");
    await page.client().cancel(broken.id);
  });
});

describe("somebody who is not Bide", () => {
  it("is told from a server that is away, by the address", async () => {
    const page = new Page();
    const answer = () => new Response("<!doctype html><div id=root></div>", { headers: HTML });
    const client = page.client({ timing: QUICK, url: `${page.url}/wrong`, fetch: instead(answer) });
    const error = { code: "not_bide", status: 200, retryable: false };
    await expect(client.list()).rejects.toMatchObject({ ...error, hint: expect.stringContaining("/wrong/jobs") });
    await expect(client.settled("x")).rejects.toMatchObject(error);
    const watch = client.watch("x");
    endings.push(watch.subscribe(() => {}));
    expect((await until(watch, ({ connection }) => connection === "ended")).error).toMatchObject(error);
  });
});

describe("a listener that throws", () => {
  it("keeps no other one from hearing, and is heard of", async () => {
    const listeners = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    const unhandled: unknown[] = [];
    process.on("unhandledRejection", (reason) => unhandled.push(reason));
    endings.push(async () => {
      // They are told of after all else that is due now.
      await new Promise(setImmediate);
      process.removeAllListeners("unhandledRejection");
      for (const listener of listeners) process.on("unhandledRejection", listener);
    });
    const page = new Page();
    const client = page.client();
    const [first, second] = [await client.create("add", { a: 1 }), await client.create("add", { a: 2 })];
    const wrong = new Error("a mistake of the page");
    for (const { id } of [first, second])
      endings.push(
        client.watch(id).subscribe(() => {
          throw wrong;
        }),
      );
    expect((await client.settled(first.id)).result).toBe(2);
    expect((await client.settled(second.id)).result).toBe(3);
    await vi.waitFor(() => expect(unhandled[0]).toBe(wrong));
  });
});

describe("headers that never come", () => {
  const never = new Promise<Record<string, string>>(() => {});

  it("are given up with what asks for them", async () => {
    const client = new Page().client({ headers: () => never });
    const abort = new AbortController();
    const asked = client.get("x", { signal: abort.signal });
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(asked).rejects.toBe(reason);
    await expect(client.get("x", { signal: abort.signal })).rejects.toBe(reason);
  });

  it("are asked for anew with the next stream", async () => {
    const page = new Page();
    const { id } = await page.client().create("gated", { gate: page.user });
    let calls = 0;
    const headers = () => (calls++ < 2 ? never : { "X-User": page.user });
    const client = page.client({ timing: { ...QUICK, silence: 200 }, headers });
    const watch = client.watch(id);
    endings.push(watch.subscribe(() => {}));
    await until(watch, ({ job, connection }) => job && connection === "live");
    await page.open(page.user);
    await page.client().settled(id);
  });
});
