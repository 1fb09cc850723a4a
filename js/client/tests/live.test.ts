import { afterEach, describe, expect, it } from "vitest";
import { Page, until } from "../../tests/page.js";
import type { BideClient } from "../src/client.js";
import { finished } from "../src/reducer.js";
import type { JobState } from "../src/types.js";

/** All states that are shown, until the job has ended. */
function record(client: BideClient, id: string, history = false): Promise<JobState[]> {
  const watch = client.watch(id, { history });
  const states: JobState[] = [];
  return until(
    {
      getSnapshot: watch.getSnapshot,
      subscribe: (listener) =>
        watch.subscribe(() => {
          states.push(watch.getSnapshot());
          listener();
        }),
    },
    ({ connection }) => connection === "ended",
  ).then(() => states);
}

/** Tells again and again, for what tells nothing by itself. */
function poll(listener: () => void): () => void {
  const timer = setInterval(listener, 10);
  return () => clearInterval(timer);
}

const gates: [Page, string][] = [];
afterEach(async () => {
  for (const [page, gate] of gates.splice(0)) await page.open(gate);
});

function gate(page: Page): string {
  const name = `${page.user}-${gates.length}`;
  gates.push([page, name]);
  return name;
}

describe("a watched job", () => {
  it("goes from its start to its end as the server has it", async () => {
    const page = new Page();
    const client = page.client();
    const way = gate(page);
    const { id } = await client.create("gated", { gate: way, percent: 40 });
    const recorded = record(client, id);
    const midway = await until(
      client.watch(id),
      ({ job, connection }) => job?.progress.percent === 40 && connection === "live",
    );
    expect(midway.job).toEqual(await client.get(id));
    expect(midway).toMatchObject({ connection: "live", error: null, prompts: [] });
    await page.open(way);
    const states = await recorded;
    expect(states.at(-1)?.job).toEqual(await client.get(id));
    expect(states.at(-1)).toMatchObject({ connection: "ended", job: { status: "completed", result: "through" } });
    const seqs = states.map(({ job }) => job?.seq ?? 0);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    for (const { job } of states) if (job?.status === "completed") expect(job.result).toBe("through");
  });

  it("is the same object until something has changed, and tells each listener of each change", async () => {
    const page = new Page();
    const client = page.client();
    const way = gate(page);
    const { id } = await client.create("gated", { gate: way });
    const watch = client.watch(id);
    const first: JobState[] = [];
    const stop = watch.subscribe(() => first.push(watch.getSnapshot()));
    await until(watch, ({ job }) => job?.progress.percent === 50);
    expect(watch.getSnapshot()).toBe(watch.getSnapshot());
    for (let n = 1; n < first.length; n++) expect(first[n]).not.toBe(first[n - 1]);
    stop();
    await page.open(way);
    const told = first.length;
    await client.settled(id);
    expect(first).toHaveLength(told);
  });

  it("asks nothing more after the end, and holds no connection", async () => {
    const page = new Page();
    // What went on would be seen at once.
    const client = page.client({ timing: { poll: 10, patience: 10, refused: 10, retry: 10, linger: 10 } });
    const { id } = await client.create("add", { a: 1 });
    const watch = client.watch(id, { history: true });
    const stop = watch.subscribe(() => {});
    await until(watch, ({ connection }) => connection === "ended");
    const before = await page.quiet();
    await watch.refetch();
    expect(await page.quiet()).toBe(before);
    expect((await page.requests("/events")).length).toBeLessThanOrEqual(1);
    stop();
  });

  it("shows its questions, and hides them once they are answered", async () => {
    const client = new Page().client();
    const { id } = await client.create("ask", { questions: 2 });
    const watch = client.watch(id);
    const stop = watch.subscribe(() => {});
    for (let n = 0; n < 2; n++) {
      const { prompts, job } = await until(watch, ({ prompts }) => prompts[0]?.key === `go-${n}`);
      expect(prompts).toHaveLength(1);
      expect(prompts[0]?.data).toMatchObject({ summary: `Go on, ${n}?` });
      expect(["running", "pending_hitl"]).toContain(job?.status);
      await client.respond(prompts[0]?.id as string, { action: "proceed" });
      expect(watch.getSnapshot().prompts.map(({ key }) => key)).not.toContain(`go-${n}`);
    }
    expect((await client.settled(id)).result).toBe("went on");
    stop();
  });

  it("is met in the middle, with its questions, its output and its events", async () => {
    const page = new Page();
    const client = page.client();
    const way = gate(page);
    const words = ["It ", "was ", "a ", "dark ", "and ", "stormy ", "night."];
    const { id } = await client.create("write", { words, gate: way });
    await until(client.watch(id, { history: true }), ({ output }) => output === "It was a ");
    // Another page, which has seen nothing of it.
    const other = page.client();
    const watch = other.watch(id, { history: true });
    const stop = watch.subscribe(() => {});
    await until(watch, ({ output }) => output === "It was a ");
    await page.open(way);
    const state = await until(watch, ({ connection }) => connection === "ended");
    expect(state.output).toBe(words.join(""));
    const { items } = await client.history(id, { limit: 1_000 });
    expect(state.events).toEqual(items.filter(({ kind }) => kind !== "output"));
    stop();
  });

  it("shows how it failed, and how it stumbled before", async () => {
    const client = new Page().client();
    const { id } = await client.create("fail", {});
    const failed = (await record(client, id)).at(-1);
    expect(failed?.job).toMatchObject({ status: "failed", error: { message: "as it was told to" } });
    expect(failed?.job).toEqual(await client.get(id));
    const stumbling = await client.create("stumble", {});
    const states = await record(client, stumbling.id);
    expect(states.at(-1)?.job).toEqual(await client.get(stumbling.id));
    expect(states.at(-1)?.job?.result).toBe(2);
  });

  it("that is not there is an error, and asked for once", async () => {
    const page = new Page();
    const client = page.client();
    const id = "01999f5e-3c1a-7b2d-9a4e-5f6071829304";
    const watch = client.watch(id);
    const stop = watch.subscribe(() => {});
    const state = await until(watch, ({ error }) => error);
    expect(state).toMatchObject({ job: null, connection: "ended", error: { status: 404, code: "not_found" } });
    await page.quiet();
    expect(await page.requests(`/jobs/${id}`)).toHaveLength(1);
    await expect(client.settled(id)).rejects.toMatchObject({ status: 404 });
    stop();
  });

  it("that is cancelled says so at once", async () => {
    const page = new Page();
    const client = page.client();
    const { id } = await client.create("gated", { gate: "nobody opens" });
    const watch = client.watch(id);
    const stop = watch.subscribe(() => {});
    await until(watch, ({ job }) => job?.status === "running");
    await client.cancel(id, { reason: "no more" });
    expect(watch.getSnapshot().job?.cancel_requested_at).not.toBeNull();
    const { job } = await until(watch, ({ connection }) => connection === "ended");
    expect(job).toMatchObject({ status: "cancelled", reason: "no more" });
    expect(job).toEqual(await client.get(id));
    stop();
  });

  it("costs no second request when it is left and come back to at once", async () => {
    const page = new Page();
    const client = page.client();
    const { id } = await client.create("gated", { gate: "nobody opens" });
    for (let n = 0; n < 3; n++) client.watch(id).subscribe(() => {})();
    const watch = client.watch(id);
    const stop = watch.subscribe(() => {});
    await until(watch, ({ job, connection }) => job?.status === "running" && connection === "live");
    await page.quiet();
    expect(await page.requests("/events")).toHaveLength(1);
    expect(await page.requests(`/jobs/${id}`)).toHaveLength(1);
    stop();
    await client.cancel(id);
  });

  it("that nobody wants any more, or another one, is not told of when its answer comes late", async () => {
    const page = new Page();
    const [first, second] = [await page.client().create("add", { a: 1 }), await page.client().create("add", { a: 2 })];
    await page.client().settled(second.id);
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let arrived = 0;
    const client = page.client({
      timing: { linger: 0 },
      fetch: async (input, init) => {
        // The signal is kept from it: so late an answer comes all the same.
        const response = await fetch(input, { ...init, signal: null });
        if (!String(input).endsWith(first.id)) return response;
        await released;
        arrived++;
        return response;
      },
    });
    const told: JobState[] = [];
    const stop = client.watch(first.id).subscribe(() => told.push(client.watch(first.id).getSnapshot()));
    stop();
    const stopSecond = client.watch(second.id).subscribe(() => {});
    expect((await until(client.watch(second.id), ({ connection }) => connection === "ended")).job?.result).toBe(3);
    const before = told.length;
    release();
    await until({ getSnapshot: () => arrived, subscribe: poll }, (arrived) => arrived > 0);
    await page.quiet();
    expect(told).toHaveLength(before);
    expect(client.watch(first.id).getSnapshot()).toBe(client.watch(first.id).initial);
    stopSecond();
  });

  it("is not fetched by who only looks", async () => {
    const page = new Page();
    const watch = page.client().watch("01999f5e-3c1a-7b2d-9a4e-5f6071829304");
    expect(watch.getSnapshot()).toBe(watch.initial);
    expect(await page.requests()).toEqual([]);
  });
});

describe("many watched jobs", () => {
  it("share one connection", async () => {
    const page = new Page();
    const client = page.client();
    const way = gate(page);
    const jobs = await Promise.all(
      Array.from({ length: 50 }, (_, n) => client.create("gated", { gate: way, percent: n })),
    );
    const stops = jobs.map(({ id }) => client.watch(id).subscribe(() => {}));
    await Promise.all(jobs.map(({ id }, n) => until(client.watch(id), ({ job }) => job?.progress.percent === n)));
    expect(await page.requests("/events")).toHaveLength(1);
    await page.open(way);
    const ended = await Promise.all(jobs.map(({ id }) => client.settled(id)));
    expect(ended.map(({ result }) => result)).toEqual(jobs.map(() => "through"));
    expect(await page.requests("/events")).toHaveLength(1);
    const before = await page.quiet();
    expect(await page.quiet()).toBe(before);
    for (const stop of stops) stop();
  });

  it("end once each, in 1,000 of them", async () => {
    const client = new Page().client();
    const ends = new Map<string, number>();
    for (let batch = 0; batch < 20; batch++) {
      const jobs = await Promise.all(Array.from({ length: 50 }, (_, a) => client.create("add", { a })));
      await Promise.all(
        jobs.map(async ({ id }) => {
          const watch = client.watch(id);
          let before = false;
          const stop = watch.subscribe(() => {
            const now = finished(watch.getSnapshot().job);
            if (now && !before) ends.set(id, (ends.get(id) ?? 0) + 1);
            if (before) expect(now).toBe(true);
            before = now;
          });
          await until(watch, ({ connection }) => connection === "ended");
          stop();
        }),
      );
    }
    expect(ends.size).toBe(1_000);
    expect([...ends.values()].every((count) => count === 1)).toBe(true);
  });
});

describe("a token for one job", () => {
  it("opens the stream of that job", async () => {
    const page = new Page();
    const way = gate(page);
    const { id } = await page.client().create("gated", { gate: way });
    const token = await page.token(id);
    // Nobody's jobs but this one are reached by it.
    const other = new Page();
    const client = other.client({ jobToken: token });
    const watch = client.watch(id, { history: true });
    const stop = watch.subscribe(() => {});
    expect((await until(watch, ({ connection }) => connection === "live")).job?.id).toBe(id);
    await page.open(way);
    const state = await until(watch, ({ connection }) => connection === "ended");
    expect(state.job).toMatchObject({ status: "completed", result: "through" });
    expect(state.events.map(({ kind }) => kind).at(-1)).toBe("job.completed");
    expect(await other.requests(`/jobs/${id}/events`)).toHaveLength(1);
    expect(await other.requests("/events")).toEqual([]);
    stop();
  });
});

describe("a watched list", () => {
  it("shows jobs as they come, go on, and leave it", async () => {
    const page = new Page();
    const client = page.client();
    const way = gate(page);
    const all = client.watchJobs();
    const running = client.watchJobs({ status: "running" });
    const stops = [all.subscribe(() => {}), running.subscribe(() => {})];
    expect((await until(all, ({ jobs }) => jobs !== null)).jobs).toEqual([]);
    const { id } = await client.create("gated", { gate: way, percent: 60 });
    await until(running, ({ jobs }) => jobs?.[0]?.progress.percent === 60);
    expect((await until(all, ({ jobs }) => jobs?.[0]?.status === "running")).jobs).toHaveLength(1);
    await page.open(way);
    await until(running, ({ jobs }) => jobs?.length === 0);
    const { jobs } = await until(all, ({ jobs }) => jobs?.[0]?.status === "completed");
    expect(jobs).toEqual((await client.list()).items);
    expect(jobs?.[0]?.id).toBe(id);
    expect(await page.requests("/events")).toHaveLength(1);
    for (const stop of stops) stop();
  });
});

describe("the inbox", () => {
  it("shows the questions of all jobs, until they are answered", async () => {
    const client = new Page().client();
    const inbox = client.watchPrompts();
    const stop = inbox.subscribe(() => {});
    const jobs = [await client.create("ask", {}), await client.create("ask", {})];
    const { prompts } = await until(inbox, ({ prompts }) => prompts?.length === 2);
    expect(prompts?.map(({ job_id }) => job_id).sort()).toEqual(jobs.map(({ id }) => id).sort());
    const [first, second] = prompts ?? [];
    await client.respond(first?.id as string, { action: "proceed" });
    expect(inbox.getSnapshot().prompts?.map(({ id }) => id)).toEqual([second?.id]);
    await client.cancel(second?.job_id as string);
    await until(inbox, ({ prompts }) => prompts?.length === 0);
    stop();
  });
});
