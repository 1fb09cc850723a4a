// What goes wrong between a page and its server.

import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Page, until } from "../../tests/page.js";
import { Server } from "../../tests/server.js";
import type { Timing } from "../src/link.js";
import type { ConnectionState } from "../src/types.js";

const QUICK: Partial<Timing> = { silence: 20_000, poll: 20, patience: 2_000, refused: 50, retry: 10, linger: 10 };

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** The network between a page and its server: it can be cut, and streams may be refused or swallowed. */
class Network {
  down = false;
  streams: "pass" | "refuse" | "swallow" | "cut" = "pass";
  tried = { streams: 0, others: 0 };
  /** Of the others. */
  answered = 0;
  /** Holds up what goes to the server, and what comes from it. */
  going: (path: string) => Promise<unknown> | undefined = () => undefined;
  coming: (path: string) => Promise<unknown> | undefined = () => undefined;
  #open = new Set<AbortController>();

  fetch: typeof fetch = async (input, init) => {
    const path = new URL(String(input)).pathname;
    const stream = path.endsWith("/events");
    this.tried[stream ? "streams" : "others"]++;
    if (this.down) throw new TypeError("Failed to fetch");
    if (stream && this.streams === "refuse") return new Response("No such page", { status: 404 });
    const cable = new AbortController();
    this.#open.add(cable);
    const signal = init?.signal ? AbortSignal.any([init.signal, cable.signal]) : cable.signal;
    // A proxy that gathers the answer until its end.
    if (stream && this.streams === "swallow") {
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    }
    await this.going(path);
    const response = await fetch(input, { ...init, signal });
    await this.coming(path);
    if (!stream) this.answered++;
    if (stream && this.streams === "cut") setTimeout(() => cable.abort(new TypeError("terminated")), 5);
    return response;
  };

  cut(): void {
    for (const cable of this.#open) cable.abort(new TypeError("terminated"));
    this.#open.clear();
  }
}

/** Counts how the connection of a watch goes on. */
function connections(watch: {
  getSnapshot(): { connection: ConnectionState };
  subscribe(listener: () => void): () => void;
}) {
  const seen: ConnectionState[] = [];
  endings.push(
    watch.subscribe(() => {
      const { connection } = watch.getSnapshot();
      if (seen.at(-1) !== connection) seen.push(connection);
    }),
  );
  return seen;
}

describe("a server that is killed and started again", () => {
  it("is found again by itself, and nothing is lost", async () => {
    const server = await Server.start();
    endings.push(() => server.stop());
    const page = new Page(server.url);
    const client = page.client({ timing: QUICK });
    const asking = await client.create("ask", {});
    const watch = client.watch(asking.id, { history: true });
    const seen = connections(watch);
    const { prompts } = await until(watch, ({ prompts, job }) => prompts.length && job?.status === "pending_hitl");
    await server.kill();
    await until(watch, ({ connection }) => connection === "offline");
    expect(watch.getSnapshot().prompts).toEqual(prompts);
    await server.run();
    await until(watch, ({ connection }) => connection === "live");
    // Somebody else answers.
    await page.client().respond(prompts[0]?.id as string, { action: "proceed" });
    const ended = await until(watch, ({ connection }) => connection === "ended");
    expect(ended.job).toMatchObject({ status: "completed", result: "went on" });
    expect(ended.prompts).toEqual([]);
    expect(ended.events.map(({ seq }) => seq)).toEqual(ended.events.map((_, n) => n + 1));
    expect(seen.filter((one) => one === "live")).toHaveLength(2);
    expect(seen.at(-1)).toBe("ended");
  });

  it("has a job that runs taken up again", async () => {
    const server = await Server.start();
    endings.push(() => server.stop());
    const page = new Page(server.url);
    const client = page.client({ timing: QUICK });
    const { id } = await client.create("gated", { gate: "way" });
    const settled = client.settled(id);
    await until(client.watch(id), ({ job }) => job?.progress.percent === 50);
    await server.kill();
    await server.run();
    await page.open("way");
    expect(await settled).toMatchObject({ status: "completed", attempt: 2, result: "through" });
  });
});

describe("between what is fetched and what is streamed", () => {
  function held() {
    let release = () => {};
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    return { until, release };
  }

  it("nothing is lost where the stream is late", async () => {
    const page = new Page();
    const network = new Network();
    const { until: released, release } = held();
    network.going = (path) => (path === "/events" ? released : undefined);
    const client = page.client({ fetch: network.fetch, timing: { ...QUICK, patience: 60_000 } });
    const { id } = await client.create("gated", { gate: page.user });
    await until(page.client().watch(id), ({ job }) => job?.status === "running");
    const watch = client.watch(id, { history: true });
    connections(watch);
    await until(watch, ({ job }) => job);
    await page.open(page.user);
    await page.client().settled(id);
    expect(watch.getSnapshot().job?.status).toBe("running");
    release();
    const { job, events } = await until(watch, ({ connection }) => connection === "ended");
    expect(job?.result).toBe("through");
    expect(events.at(-1)?.kind).toBe("job.completed");
  });

  it("nothing is lost where the fetched job is late", async () => {
    const page = new Page();
    const network = new Network();
    const { until: released, release } = held();
    let fetched = 0;
    // As it was before its end.
    network.coming = (path) => (path.startsWith("/jobs/") && fetched++ === 0 ? released : undefined);
    const client = page.client({ fetch: network.fetch, timing: QUICK });
    const { id } = await client.create("gated", { gate: page.user });
    const watch = client.watch(id);
    connections(watch);
    await until(watch, ({ connection }) => connection === "live");
    await page.open(page.user);
    await page.client().settled(id);
    release();
    expect((await until(watch, ({ connection }) => connection === "ended")).job?.result).toBe("through");
  });

  it("a question that was answered meanwhile stays closed", async () => {
    const page = new Page();
    const network = new Network();
    const { until: released, release } = held();
    let fetched = 0;
    network.coming = (path) => (path.endsWith("/prompts") && fetched++ === 0 ? released : undefined);
    const client = page.client({ fetch: network.fetch, timing: QUICK });
    const { id } = await client.create("ask", { questions: 2 });
    const watch = client.watch(id);
    const shown = new Set<string>();
    endings.push(
      watch.subscribe(() => {
        for (const { key } of watch.getSnapshot().prompts) shown.add(key);
      }),
    );
    await until(watch, ({ job }) => job?.status === "pending_hitl");
    let [prompt] = await page.client().prompts(id);
    await page.client().respond(prompt?.id as string, { action: "proceed" });
    while (prompt?.key !== "go-1") [prompt] = await page.client().prompts(id);
    release();
    await until(watch, ({ prompts }) => prompts[0]?.key === "go-1");
    await client.cancel(id);
    await until(watch, ({ connection }) => connection === "ended");
    expect([...shown]).toEqual(["go-1"]);
  });
});

describe("a stream that is lost", () => {
  it("goes on where it was: nothing is fetched anew", async () => {
    const page = new Page();
    const network = new Network();
    const client = page.client({ fetch: network.fetch, timing: QUICK });
    const { id } = await client.create("ask", {});
    const watch = client.watch(id, { history: true });
    connections(watch);
    await until(
      watch,
      ({ events, prompts, job, connection }) =>
        // That it was shown is told last, and by then nothing is under way that the cut would make it repeat.
        events.some(({ kind }) => kind === "prompt.served") &&
        prompts.length &&
        job?.status === "pending_hitl" &&
        connection === "live",
    );
    await vi.waitFor(() => expect(network.answered).toBe(network.tried.others));
    const before = network.tried.others;
    network.cut();
    await until(watch, ({ connection }) => connection === "connecting");
    await until(watch, ({ connection }) => connection === "live");
    expect(network.tried.others).toBe(before);
    const streams = await page.requests("/events");
    expect(streams.map(({ headers }) => "last-event-id" in headers)).toEqual([false, true]);
    await page.client().cancel(id);
    expect((await until(watch, ({ connection }) => connection === "ended")).job?.status).toBe("cancelled");
  });

  it("is noticed by its silence", async () => {
    const page = new Page();
    const client = page.client({ timing: { ...QUICK, silence: 150 } });
    const { id } = await client.create("gated", { gate: "nobody opens" });
    const seen = connections(client.watch(id));
    // The server says nothing for 15 s where nothing happens.
    await until(client.watch(id), () => seen.filter((one) => one === "live").length >= 2);
    expect(seen.slice(0, 4)).toEqual(["connecting", "live", "connecting", "live"]);
    await client.cancel(id);
  });
});

describe("a network without streams", () => {
  for (const streams of ["refuse", "swallow", "cut"] as const) {
    it(`is asked now and then instead, and streams are taken up once they pass: ${streams}`, async () => {
      const page = new Page();
      const network = new Network();
      network.streams = streams;
      const client = page.client({ fetch: network.fetch, timing: { ...QUICK, patience: 100, silence: 500 } });
      const { id } = await client.create("ask", { questions: 3 });
      const watch = client.watch(id, { history: true });
      const seen = connections(watch);
      for (let n = 0; n < 2; n++) {
        const { prompts } = await until(watch, ({ prompts }) => prompts[0]?.key === `go-${n}`);
        await page.client().respond(prompts[0]?.id as string, { action: "proceed" });
      }
      await until(watch, ({ connection }) => connection === "polling");
      network.streams = "pass";
      await until(watch, ({ connection, job }) => connection === "live" && job?.status === "pending_hitl");
      await until(watch, ({ prompts }) => prompts[0]?.key === "go-2");
      await client.respond(watch.getSnapshot().prompts[0]?.id as string, { action: "proceed" });
      const ended = await until(watch, ({ connection }) => connection === "ended");
      expect(ended.job).toEqual(await client.get(id));
      expect(ended.events.map(({ seq }) => seq)).toEqual(ended.events.map((_, n) => n + 1));
      expect(seen).toContain("polling");
      // What had not changed was not sent again.
      const statuses = (await page.requests(`/jobs/${id}`)).map(({ status }) => status);
      expect(statuses).toContain(304);
    });
  }

  it("has a list and an inbox that go on", async () => {
    const page = new Page();
    const network = new Network();
    network.streams = "refuse";
    const client = page.client({ fetch: network.fetch, timing: { ...QUICK, refused: 60_000 } });
    const [jobs, inbox] = [client.watchJobs({ type: "ask" }), client.watchPrompts()];
    endings.push(
      jobs.subscribe(() => {}),
      inbox.subscribe(() => {}),
    );
    const { id } = await page.client().create("ask", {});
    await until(inbox, ({ prompts, connection }) => prompts?.length === 1 && connection === "polling");
    await until(jobs, ({ jobs }) => jobs?.[0]?.status === "pending_hitl");
    await page.client().cancel(id);
    await until(inbox, ({ prompts }) => prompts?.length === 0);
    await until(jobs, ({ jobs }) => jobs?.[0]?.status === "cancelled");
  });
});

describe("a server that is away", () => {
  it("is asked by one of many", async () => {
    const page = new Page();
    const network = new Network();
    const client = page.client({ fetch: network.fetch, timing: { ...QUICK, retry: 100 } });
    const jobs = await Promise.all(Array.from({ length: 20 }, () => client.create("gated", { gate: "nobody opens" })));
    const watches = jobs.map(({ id }) => client.watch(id));
    for (const watch of watches) endings.push(watch.subscribe(() => {}));
    await Promise.all(watches.map((watch) => until(watch, ({ job, connection }) => job && connection === "live")));
    await page.quiet();
    network.tried = { streams: 0, others: 0 };
    network.down = true;
    network.cut();
    await until(watches[0] as (typeof watches)[0], ({ connection }) => connection === "offline");
    expect(network.tried.others).toBe(1);
    expect(network.tried.streams).toBeLessThanOrEqual(2);
    network.down = false;
    await Promise.all(watches.map((watch) => until(watch, ({ connection }) => connection === "live")));
    await Promise.all(jobs.map(({ id }) => client.cancel(id)));
    await Promise.all(watches.map((watch) => until(watch, ({ connection }) => connection === "ended")));
  });

  it("is given the time it asks for", async () => {
    let asked = 0;
    const busy = createServer((_, response) => {
      response.writeHead(asked++ < 3 ? 503 : 404, {
        "Retry-After": "0.01",
        "Content-Type": "application/problem+json",
      });
      response.end(JSON.stringify({ code: "busy", message: "Later.", retryable: asked <= 3 }));
    }).listen(0, "127.0.0.1");
    await once(busy, "listening");
    endings.push(() => busy.close());
    const { port } = busy.address() as { port: number };
    const client = new Page(`http://127.0.0.1:${port}`).client({ timing: { ...QUICK, retry: 60_000 } });
    await expect(client.create("add", { a: 1 })).rejects.toMatchObject({ status: 404 });
    expect(asked).toBe(4);
  });
});

describe("a browser", () => {
  /** The events that a window tells, in Node. */
  function browser() {
    const target = new EventTarget();
    const before = globalThis.addEventListener;
    globalThis.addEventListener = target.addEventListener.bind(target);
    endings.push(() => {
      globalThis.addEventListener = before;
    });
    return target;
  }

  it("that is offline tries nothing, and is back at once", async () => {
    const window = browser();
    const page = new Page();
    const network = new Network();
    const client = page.client({ fetch: network.fetch, timing: { ...QUICK, retry: 60_000 } });
    const { id } = await client.create("ask", {});
    const watch = client.watch(id);
    connections(watch);
    await until(
      watch,
      ({ job, prompts, connection }) => prompts.length && job?.status === "pending_hitl" && connection === "live",
    );
    network.down = true;
    network.tried = { streams: 0, others: 0 };
    window.dispatchEvent(new Event("offline"));
    expect(watch.getSnapshot().connection).toBe("offline");
    await page.client().cancel(id);
    expect(network.tried).toEqual({ streams: 0, others: 0 });
    network.down = false;
    window.dispatchEvent(new Event("online"));
    const { job } = await until(watch, ({ connection }) => connection === "ended");
    expect(job?.status).toBe("cancelled");
  });

  it("that comes back from sleep looks whether its stream is dead", async () => {
    const window = browser();
    const page = new Page();
    const network = new Network();
    const client = page.client({ fetch: network.fetch, timing: { ...QUICK, silence: 60_000 } });
    const { id } = await client.create("gated", { gate: "nobody opens" });
    const watch = client.watch(id);
    connections(watch);
    await until(watch, ({ job, connection }) => job?.progress.percent && connection === "live");
    // It is open, and nothing comes. While that may be so, it is let be.
    window.dispatchEvent(new Event("visibilitychange"));
    expect(network.tried.streams).toBe(1);
    const slept = Date.now() + 30_000;
    const now = vi.spyOn(Date, "now").mockReturnValue(slept);
    endings.push(() => now.mockRestore());
    window.dispatchEvent(new Event("visibilitychange"));
    await until(watch, ({ connection }) => connection === "live");
    expect(network.tried.streams).toBe(2);
    await client.cancel(id);
    await until(watch, ({ connection }) => connection === "ended");
  });
});
