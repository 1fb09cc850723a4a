import { type BideClient, BideError, type Job } from "@bide/client";
import { act, cleanup, render, renderHook, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { type ReactNode, StrictMode, version } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Page } from "../../../tests/page.js";
import {
  BideProvider,
  CancelButton,
  en,
  JobPrompt,
  PromptInbox,
  useBide,
  useEnqueue,
  useJob,
  useJobPolling,
  useJobs,
  useOutput,
  usePrompt,
  usePrompts,
  useTimeline,
} from "../../src/index.js";
import { between, hold } from "../hand.js";

const gates: [Page, string][] = [];
afterEach(async () => {
  cleanup();
  for (const [page, gate] of gates.splice(0)) await page.open(gate);
});

function gate(page: Page): string {
  const name = `${page.user}-${gates.length}`;
  gates.push([page, name]);
  return name;
}

function wrapper(client: BideClient) {
  return ({ children }: { children: ReactNode }) => (
    <StrictMode>
      <BideProvider client={client}>{children}</BideProvider>
    </StrictMode>
  );
}

/** The ends that a hook tells of. */
function ends() {
  const told: string[] = [];
  return {
    told,
    // New functions with each render, as they are written in a component.
    inline: () => ({
      onComplete: (result: unknown) => told.push(`completed ${result}`),
      onError: (error: { message: string }) => told.push(`failed ${error.message}`),
      onCancelled: (job: Job) => told.push(`cancelled ${job.reason}`),
    }),
  };
}

function Status({ id }: { id: string }) {
  return <li>{useJob(id).job?.status}</li>;
}

function Row({ id, tell }: { id: string; tell: (end: string) => void }) {
  const { job } = useJob(id, {
    onComplete: () => tell(`completed ${id}`),
    onError: () => tell(`failed ${id}`),
    onCancelled: () => tell(`cancelled ${id}`),
  });
  return <li>{job?.status}</li>;
}

function Rows({ ids, tell }: { ids: string[]; tell: (id: string) => void }) {
  return ids.map((id) => <Row key={id} id={id} tell={tell} />);
}

function Button({ made }: { made: string[] }) {
  const { enqueue, isPending } = useEnqueue("add");
  return (
    <button type="button" onClick={() => enqueue({ a: 4 }).then(({ id }) => made.push(id))}>
      {isPending ? "busy" : "add"}
    </button>
  );
}

function Inner({ clients }: { clients: Set<BideClient> }) {
  clients.add(useBide());
  return <p>{useJobs().isLoading ? "loading" : "loaded"}</p>;
}

function Cancelling({ id }: { id: string }) {
  const { job } = useJob(id);
  return (
    <>
      <CancelButton job={job} />
      <p>{job?.status}</p>
      <a href="#elsewhere">Elsewhere</a>
    </>
  );
}

function Jobs() {
  const { jobs, isLoading } = useJobs();
  if (jobs.length === 0) return <p>{isLoading ? "loading" : "none"}</p>;
  return jobs.map(({ id }) => <p key={id}>{id}</p>);
}

function Everything({ id }: { id: string }) {
  const { job, isLoading } = useJob(id);
  const all = [useJobs().isLoading, usePrompts().isLoading, usePrompt(id).prompt, useJobPolling(id).isPolling];
  return (
    <p>
      {JSON.stringify([job, isLoading, ...all])} {useOutput(id)}
    </p>
  );
}

it("runs on the React that it says", ({ task }) => {
  expect(task.file.projectName).toBe(`React ${version.split(".")[0]}`);
});

describe("useJob", () => {
  it("follows a job to its end, and tells of it once", async () => {
    const page = new Page();
    const client = page.client();
    const way = gate(page);
    const { id } = await client.create("gated", { gate: way, percent: 70 });
    const { told, inline } = ends();
    const { result, rerender } = renderHook(() => useJob(id, inline()), { wrapper: wrapper(client) });
    expect(result.current).toMatchObject({ job: null, isLoading: true, error: null, connection: "connecting" });
    await waitFor(() => expect(result.current.job?.progress.percent).toBe(70));
    expect(result.current).toMatchObject({ isLoading: false, connection: "live" });
    await page.open(way);
    await waitFor(() => expect(result.current.connection).toBe("ended"));
    expect(result.current.job).toMatchObject({ status: "completed", result: "through" });
    rerender();
    expect(told).toEqual(["completed through"]);
  });

  it("asks for nothing because of inline callbacks, however often it renders", async () => {
    const page = new Page();
    const client = page.client();
    const { id } = await client.create("gated", { gate: "nobody opens" });
    const { inline } = ends();
    const { result, rerender } = renderHook(() => useJob(id, inline()), { wrapper: wrapper(client) });
    await waitFor(() => expect(result.current).toMatchObject({ connection: "live", job: { status: "running" } }));
    const before = await page.quiet();
    for (let n = 0; n < 1_000; n++) rerender();
    expect(await page.quiet()).toBe(before);
    expect(await page.requests(`/jobs/${id}`)).toHaveLength(1);
    expect(await page.requests("/events")).toHaveLength(1);
    await act(() => client.cancel(id));
  });

  it("calls the callback of the last render", async () => {
    const page = new Page();
    const client = page.client();
    const way = gate(page);
    const { id } = await client.create("gated", { gate: way });
    const told: number[] = [];
    const { result, rerender } = renderHook(({ n }) => useJob(id, { onComplete: () => told.push(n) }), {
      wrapper: wrapper(client),
      initialProps: { n: 1 },
    });
    rerender({ n: 2 });
    await page.open(way);
    await waitFor(() => expect(result.current.connection).toBe("ended"));
    expect(told).toEqual([2]);
  });

  it("waits for an id, and goes from one to the next and back", async () => {
    const page = new Page();
    const client = page.client();
    const first = await client.create("add", { a: 1 }, { wait: 30 });
    const second = await client.create("add", { a: 2 }, { wait: 30 });
    const { told, inline } = ends();
    const { result, rerender } = renderHook(({ id }) => useJob(id, inline()), {
      wrapper: wrapper(client),
      initialProps: { id: null as string | null },
    });
    expect(result.current).toMatchObject({ job: null, isLoading: false, connection: "ended" });
    await expect(result.current.cancel()).rejects.toThrow("There is no job");
    expect(await page.requests(/\/jobs\/./)).toEqual([]);
    for (const { id } of [first, second, first]) {
      rerender({ id });
      expect(result.current.job?.id ?? id).toBe(id);
      await waitFor(() => expect(result.current.job?.id).toBe(id));
    }
    rerender({ id: null });
    expect(result.current.job).toBeNull();
    expect(told).toEqual(["completed 2", "completed 3"]);
  });

  it("shows and tells nothing of a job that it left before its answer came", async () => {
    const page = new Page();
    const [first, second] = await Promise.all([1, 2].map((a) => page.client().create("add", { a }, { wait: 30 })));
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let arrived = 0;
    const client = page.client({
      fetch: async (url, init) => {
        // Without the signal: so late an answer comes all the same.
        const response = await fetch(url, { ...init, signal: null });
        if (String(url).endsWith(`${first?.id}`)) await released.then(() => arrived++);
        return response;
      },
    });
    const { told, inline } = ends();
    const shown = new Set<unknown>();
    const { result, rerender, unmount } = renderHook(
      ({ id }) => {
        const state = useJob(id, inline());
        shown.add(state.job?.id);
        return state;
      },
      { wrapper: wrapper(client), initialProps: { id: first?.id as string } },
    );
    rerender({ id: second?.id as string });
    await waitFor(() => expect(result.current.job?.result).toBe(3));
    rerender({ id: first?.id as string });
    unmount();
    release();
    await vi.waitFor(() => expect(arrived).toBeGreaterThan(0));
    await page.quiet();
    expect(shown).toEqual(new Set([undefined, second?.id]));
    expect(told).toEqual(["completed 3"]);
  });

  it("cancels, and tells of it", async () => {
    const client = new Page().client();
    const { id } = await client.create("gated", { gate: "nobody opens" });
    const { told, inline } = ends();
    const { result } = renderHook(() => useJob(id, inline()), { wrapper: wrapper(client) });
    await waitFor(() => expect(result.current.job?.status).toBe("running"));
    await act(() => result.current.cancel("enough"));
    await waitFor(() => expect(result.current.job?.status).toBe("cancelled"));
    expect(told).toEqual(["cancelled enough"]);
  });

  it("tells that a job has failed, or is not there", async () => {
    const page = new Page();
    const client = page.client();
    const failing = await client.create("fail", {});
    const { told, inline } = ends();
    const { result, rerender } = renderHook(({ id }) => useJob(id, inline()), {
      wrapper: wrapper(client),
      initialProps: { id: failing.id },
    });
    await waitFor(() => expect(result.current.job?.error?.message).toBe("as it was told to"));
    expect(result.current.error).toBeNull();
    rerender({ id: "01999f5e-3c1a-7b2d-9a4e-5f6071829304" });
    await waitFor(() => expect(result.current.error).toMatchObject({ status: 404 }));
    expect(result.current.isLoading).toBe(false);
    const { error } = result.current;
    await act(() => result.current.refetch());
    await waitFor(() => expect(result.current.error).not.toBe(error));
    await waitFor(() => expect(result.current.error).toMatchObject({ status: 404 }));
    expect(told).toEqual(["failed as it was told to", expect.stringMatching(/^failed .*not found/)]);
    await page.quiet();
    expect(await page.requests("/jobs/01999f5e-3c1a-7b2d-9a4e-5f6071829304")).toHaveLength(2);
  });

  it("tells nobody of what may pass: a token that has expired", async () => {
    const page = new Page();
    const { id } = await page.client().create("gated", { gate: gate(page) });
    let left = 3;
    const who = { code: "unauthenticated", message: "Who?", retryable: false };
    const client = page.client({
      timing: { poll: 20, refused: 20, retry: 10 },
      fetch: (url, init) => (left-- > 0 ? Promise.resolve(Response.json(who, { status: 401 })) : fetch(url, init)),
    });
    const { told, inline } = ends();
    const shown = new Set<number | undefined>();
    const { result } = renderHook(
      () => {
        const state = useJob(id, inline());
        shown.add(state.error?.status);
        return state;
      },
      { wrapper: wrapper(client) },
    );
    await waitFor(() => expect(result.current).toMatchObject({ connection: "live", error: null, job: { id } }));
    expect(shown).toContain(401);
    await page.open(gates[0]?.[1] as string);
    await waitFor(() => expect(told).toEqual(["completed through"]));
  });

  it("runs nothing after the end", async () => {
    const page = new Page();
    // What went on would be seen at once.
    const client = page.client({ timing: { poll: 10, patience: 10, refused: 10, retry: 10, linger: 10 } });
    const { id } = await client.create("add", { a: 1 });
    const { result, rerender, unmount } = renderHook(() => useJob(id, { history: true }), { wrapper: wrapper(client) });
    await waitFor(() => expect(result.current.connection).toBe("ended"));
    const before = await page.quiet();
    for (let n = 0; n < 50; n++) rerender();
    await result.current.refetch();
    unmount();
    expect(await page.quiet()).toBe(before);
  });

  it("shares what several components ask for", async () => {
    const page = new Page();
    const client = page.client();
    const { id } = await client.create("gated", { gate: "nobody opens" });
    render(
      Array.from({ length: 10 }, (_, n) => <Status key={String(n)} id={id} />),
      { wrapper: wrapper(client) },
    );
    await waitFor(() => expect(screen.getAllByText("running")).toHaveLength(10));
    await page.quiet();
    expect(await page.requests(`/jobs/${id}`)).toHaveLength(1);
    expect(await page.requests("/events")).toHaveLength(1);
    await act(() => client.cancel(id));
  });

  it("tells of 1,000 ends once each", async () => {
    const page = new Page();
    const streams: AbortController[] = [];
    const client = page.client({
      timing: { retry: 10 },
      fetch: (url, init) => {
        if (!String(url).endsWith("/events")) return fetch(url, init);
        const cable = new AbortController();
        streams.push(cable);
        return fetch(url, { ...init, signal: AbortSignal.any([cable.signal, init?.signal as AbortSignal]) });
      },
    });
    const told: string[] = [];
    const expected: string[] = [];
    const tell = (end: string) => told.push(end);
    const { rerender } = render(<Rows ids={[]} tell={tell} />, { wrapper: wrapper(client) });
    for (let batch = 0; batch < 10; batch++) {
      const way = gate(page);
      const jobs = await Promise.all(
        Array.from({ length: 100 }, (_, n) => client.create("gated", { gate: way, fails: n % 3 === 1 })),
      );
      rerender(<Rows ids={jobs.map(({ id }) => id)} tell={tell} />);
      streams.at(-1)?.abort(new TypeError("terminated"));
      const cancelled = jobs.filter((_, n) => n % 3 === 2);
      await Promise.all(cancelled.map(({ id }) => page.client().cancel(id)));
      await page.open(way);
      await waitFor(() => expect(screen.queryAllByText(/^(completed|failed|cancelled)$/)).toHaveLength(100));
      expected.push(...jobs.map(({ id }, n) => `${["completed", "failed", "cancelled"][n % 3]} ${id}`));
    }
    // Whoever is told twice is told late.
    await page.quiet();
    expect(streams.length).toBeGreaterThan(5);
    expect(told).toHaveLength(1_000);
    expect(new Set(told)).toEqual(new Set(expected));
  }, 120_000);
});

describe("questions", () => {
  it("are answered, and the server's errors have their fields", async () => {
    const client = new Page().client();
    const { id } = await client.create("let", {});
    const { result } = renderHook(() => usePrompt(id), { wrapper: wrapper(client) });
    expect(result.current.prompt).toBeNull();
    await waitFor(() => expect(result.current.prompt?.kind).toBe("form"));
    const refused = await act(() =>
      result.current.respond({ rooms: 0, street: "Lane" }).catch((error: unknown) => error),
    );
    expect(result.current.error).toBe(refused);
    expect(result.current.error?.errors).toMatchObject([{ path: "/rooms" }]);
    expect(result.current.isPending).toBe(false);
    act(() => result.current.reset());
    expect(result.current.error).toBeNull();
    const letGo = hold(500);
    await act(() => result.current.respond({ rooms: 3, street: "Lane" }));
    expect(result.current).toMatchObject({ prompt: null, error: null });
    act(letGo);
    await expect(result.current.respond({})).rejects.toThrow("Nothing is asked");
    expect((await client.settled(id)).result).toEqual({ rooms: 3, street: "Lane" });
  });

  it("come back with every digit of the long integers that they came with", async () => {
    const client = new Page().client();
    const { id } = await client.create("keep", {});
    render(<JobPrompt job={{ id }} />, { wrapper: wrapper(client) });
    expect((await screen.findByLabelText<HTMLInputElement>(/^Number/)).value).toBe("9223372036854775807");
    expect(screen.getByLabelText<HTMLInputElement>(/^Limit/).value).toBe("9007199254740993");
    await userEvent.click(screen.getByRole("button", { name: "Send answer" }));
    expect((await client.settled(id)).result).toBe("9223372036854775807 9007199254740993");
  });

  it("that are asked next are not answered by the second click on the one before", async () => {
    const client = new Page().client();
    const { id } = await client.create("both", {});
    await vi.waitFor(async () => expect(await client.prompts(id)).toHaveLength(2));
    render(<JobPrompt job={{ id }} />, { wrapper: wrapper(client) });
    const approve = await screen.findByRole("button", { name: "Approve" });
    const letGo = hold(500);
    await userEvent.click(approve);
    await screen.findByText("Your answer was sent.");
    await between();
    const next = screen.queryByRole("button", { name: "Approve" });
    if (next) await userEvent.click(next);
    expect(await client.prompts(id)).toHaveLength(1);
    act(letGo);
    await userEvent.click(await screen.findByRole("button", { name: "Approve" }));
    expect((await client.settled(id)).result).toBe("went on");
  });

  it("are answered once by a double click, and what is asked next by none of it", async () => {
    const client = new Page().client();
    const { id } = await client.create("both", {});
    await vi.waitFor(async () => expect(await client.prompts(id)).toHaveLength(2));
    const { result } = renderHook(() => usePrompt(id), { wrapper: wrapper(client) });
    await waitFor(() => expect(result.current.prompt).not.toBeNull());
    const letGo = hold(500);
    const receipt = await act(() => result.current.respond({ action: "proceed" }));
    await between();
    expect(await act(() => result.current.respond({ action: "proceed" }))).toEqual(receipt);
    expect(await client.prompts(id)).toHaveLength(1);
    expect(result.current).toMatchObject({ prompt: null, error: null });
    act(letGo);
    await waitFor(() => expect(result.current.prompt).not.toBeNull());
    await act(() => result.current.respond({ action: "proceed" }));
    expect((await client.settled(id)).result).toBe("went on");
  });

  it("are not said to be withdrawn where the server is only away", async () => {
    const page = new Page();
    const { id } = await page.client().create("ask", {});
    let missed = 0;
    const client = page.client({
      fetch: (url, init) => {
        if (!/\/prompts\/[^/]+$/.test(String(url))) return fetch(url, init);
        missed += 1;
        return Promise.reject(new TypeError("no network"));
      },
    });
    render(<JobPrompt job={{ id }} />, { wrapper: wrapper(client) });
    await screen.findByRole("button", { name: "Approve" });
    const [asked] = await page.client().prompts(id);
    await page.client().respond(asked?.id as string, { action: "proceed" });
    await waitFor(() => expect(missed).toBeGreaterThan(0));
    await act(() => client.get(id));
    expect(screen.queryByText(/withdrawn/)).toBeNull();
  });

  it("that are gone are asked about until it is known how, and then the next one comes", async () => {
    const page = new Page();
    const { id } = await page.client().create("ask", { questions: 2 });
    let missed = 0;
    const client = page.client({
      fetch: (url, init) => {
        if (!/\/prompts\/[^/]+$/.test(String(url)) || missed === 2) return fetch(url, init);
        missed += 1;
        return Promise.reject(new TypeError("no network"));
      },
    });
    render(<JobPrompt job={{ id }} />, { wrapper: wrapper(client) });
    await screen.findByText("Go on, 0?");
    const [asked] = await page.client().prompts(id);
    await page.client().respond(asked?.id as string, { action: "proceed" });
    expect(await screen.findByText(/has answered this in the meantime/)).toBeDefined();
    expect(missed).toBe(2);
    await userEvent.click(screen.getByRole("button", { name: "Go on" }));
    expect(await screen.findByText("Go on, 1?")).toBeDefined();
    await act(() => client.cancel(id));
  });

  it("that only seem to be gone are asked about again", async () => {
    const page = new Page();
    const { id } = await page.client().create("ask", {});
    let looked = 0;
    const client = page.client({
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        if (!/\/prompts\/[^/]+$/.test(String(url)) || looked++) return response;
        return Response.json({ ...(await response.json()), status: "open" });
      },
    });
    render(<JobPrompt job={{ id }} />, { wrapper: wrapper(client) });
    await screen.findByRole("button", { name: "Approve" });
    const [asked] = await page.client().prompts(id);
    await page.client().respond(asked?.id as string, { action: "proceed" });
    expect(await screen.findByRole("button", { name: "Go on" })).toBeDefined();
    expect(looked).toBe(2);
  });

  it("that the server calls closed are left behind, though no event has told of it", async () => {
    const page = new Page();
    const { id } = await page.client().create("ask", { questions: 2 });
    // One that hears of nothing by itself.
    const client = page.client({
      timing: { poll: 600_000, patience: 600_000 },
      fetch: (url, init) => (/\/events$/.test(String(url)) ? new Promise(() => {}) : fetch(url, init)),
    });
    await vi.waitFor(async () => expect(await page.client().prompts(id)).toHaveLength(1));
    render(<JobPrompt job={{ id }} />, { wrapper: wrapper(client) });
    const approve = await screen.findByRole("button", { name: "Approve" });
    const [asked] = await page.client().prompts(id);
    await page.client().respond(asked?.id as string, { action: "proceed" });
    await userEvent.click(approve);
    expect(await screen.findByText(/has answered this in the meantime/)).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Go on" }));
    expect(screen.queryByText("Go on, 0?")).toBeNull();
    await act(() => client.cancel(id));
  });

  it("are said when they come, and each time that the answer was sent, and not where it was not", async () => {
    const page = new Page();
    const client = page.client();
    const { id } = await client.create("ask", { questions: 3 });
    const other = await client.create("gated", { gate: "nobody opens" });
    const { container, rerender } = render(<JobPrompt job={{ id }} />, { wrapper: wrapper(client) });
    const box = container.querySelector(".bide-prompts") as HTMLElement;
    const region = container.querySelector(".bide-prompts > [role=status]") as HTMLElement;
    const said: (string | null)[] = [];
    const listening = new MutationObserver(() => said.push(region.textContent));
    listening.observe(region, { characterData: true, childList: true, subtree: true });
    for (const n of [0, 1]) {
      await screen.findByText(`Go on, ${n}?`);
      await userEvent.click(screen.getByRole("button", { name: "Approve" }));
    }
    await screen.findByText("Go on, 2?");
    const asks = en.prompt.kinds.confirm;
    expect(said).toEqual([asks, en.prompt.sent, asks, en.prompt.sent, asks]);
    const [asked] = await page.client().prompts(id);
    await page.client().respond(asked?.id as string, { action: "revise", feedback: "no" });
    await userEvent.click(await screen.findByRole("button", { name: "Go on" }));
    expect(document.activeElement).toBe(box);
    expect(region.textContent).toBe("");
    listening.disconnect();
    rerender(<JobPrompt job={other} />);
    expect(region.textContent).toBe("");
    await act(() => client.cancel(other.id));
  });

  it("of another job are not said to be answered", async () => {
    const client = new Page().client();
    const [first, second] = [await client.create("ask", {}), await client.create("ask", {})];
    const { container, rerender } = render(<JobPrompt job={first} />, { wrapper: wrapper(client) });
    const region = container.querySelector(".bide-prompts > [role=status]") as HTMLElement;
    await userEvent.click(await screen.findByRole("button", { name: "Approve" }));
    await waitFor(() => expect(region.textContent).toBe(en.prompt.sent));
    rerender(<JobPrompt job={second} />);
    expect(region.textContent).toBe("");
    await screen.findByRole("button", { name: "Approve" });
    rerender(<JobPrompt job={first} />);
    expect(region.textContent).toBe("");
    await act(() => client.cancel(second.id));
  });

  it("do not show what was refused at the one before, however late that comes", async () => {
    const page = new Page();
    const { id } = await page.client().create("ask", { questions: 2 });
    let arrive = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const client = page.client({
      fetch: async (url, init) => {
        if (/\/response$/.test(String(url))) await arrived;
        return fetch(url, init);
      },
    });
    const { result } = renderHook(() => usePrompt(id), { wrapper: wrapper(client) });
    await waitFor(() => expect(result.current.prompt?.key).toBe("go-0"));
    let refused: Promise<unknown> = Promise.resolve();
    act(() => {
      refused = result.current.respond({ action: "revise", feedback: "late" }).catch((error: unknown) => error);
    });
    await page.client().respond(result.current.prompt?.id as string, { action: "proceed" });
    await waitFor(() => expect(result.current.prompt?.key).toBe("go-1"));
    arrive();
    expect(await act(() => refused)).toMatchObject({ code: "prompt_closed" });
    expect(result.current).toMatchObject({ error: null, isPending: false });
    await act(() => client.cancel(id));
  });

  it("that are answered here are not said to be answered in the meantime, however late the receipt comes", async () => {
    const page = new Page();
    const { id } = await page.client().create("ask", {});
    let arrive = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    let looked = 0;
    const client = page.client({
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        if (/\/prompts\/[^/]+$/.test(String(url))) looked += 1;
        if (/\/response$/.test(String(url))) await arrived;
        return response;
      },
    });
    render(<JobPrompt job={{ id }} />, { wrapper: wrapper(client) });
    await userEvent.click(await screen.findByRole("button", { name: "Approve" }));
    await waitFor(() => expect(looked).toBeGreaterThan(0));
    await act(() => client.get(id));
    expect(screen.queryByText(/in the meantime/)).toBeNull();
    expect(screen.queryByRole("button", { name: "Go on" })).toBeNull();
    act(arrive);
    expect(await screen.findByText("Your answer was sent.")).toBeDefined();
    expect(screen.queryByText(/in the meantime/)).toBeNull();
  });

  it("of all jobs are in the inbox", async () => {
    const client = new Page().client();
    const { result } = renderHook(() => usePrompts(), { wrapper: wrapper(client) });
    expect(result.current).toMatchObject({ prompts: [], isLoading: true });
    const { id } = await client.create("ask", {});
    await waitFor(() => expect(result.current.prompts).toMatchObject([{ job_id: id, key: "go-0" }]));
    await act(() => result.current.respond(result.current.prompts[0]?.id as string, { action: "proceed" }));
    expect(result.current.prompts).toEqual([]);
    expect((await client.settled(id)).result).toBe("went on");
  });
});

describe("useEnqueue", () => {
  it("makes one job of a double click", async () => {
    const client = new Page().client();
    const made: string[] = [];
    render(<Button made={made} />, { wrapper: wrapper(client) });
    await userEvent.dblClick(screen.getByRole("button"));
    await waitFor(() => expect(made).toHaveLength(2));
    await screen.findByText("add");
    expect((await client.list()).items.map(({ id }) => id)).toEqual([made[0]]);
    expect(made[1]).toBe(made[0]);
  });

  it("makes one job of two clicks of a hand, though the first was answered before the second", async () => {
    const client = new Page().client();
    const made: string[] = [];
    render(<Button made={made} />, { wrapper: wrapper(client) });
    const letGo = hold(500);
    await userEvent.click(screen.getByRole("button"));
    await waitFor(() => expect(made).toHaveLength(1));
    await between();
    await userEvent.click(screen.getByRole("button", { name: "add" }));
    await waitFor(() => expect(made).toHaveLength(2));
    expect(made[1]).toBe(made[0]);
    expect((await client.list()).items.map(({ id }) => id)).toEqual([made[0]]);
    // Who clicks later means another one.
    letGo();
    await userEvent.click(screen.getByRole("button"));
    await waitFor(() => expect(made).toHaveLength(3));
    expect((await client.list()).items).toHaveLength(2);
  });

  it("asks anew at once after a failure", async () => {
    const page = new Page();
    const client = page.client();
    const { result } = renderHook(() => useEnqueue("nothing"), { wrapper: wrapper(client) });
    for (let n = 0; n < 2; n++) await act(() => result.current.enqueue({}).catch(() => {}));
    expect(await page.requests("/jobs")).toHaveLength(2);
  });

  it("makes one of each type, though what they take is the same", async () => {
    const client = new Page().client();
    const { result, rerender } = renderHook(({ type }) => useEnqueue(type), {
      wrapper: wrapper(client),
      initialProps: { type: "ask" },
    });
    const begun: Promise<Job>[] = [];
    act(() => void begun.push(result.current.enqueue({})));
    rerender({ type: "let" });
    act(() => void begun.push(result.current.enqueue({})));
    const jobs = await act(() => Promise.all(begun));
    expect(jobs.map(({ type }) => type)).toEqual(["ask", "let"]);
    await Promise.all(jobs.map(({ id }) => client.cancel(id)));
  });

  it("takes integers of any length", async () => {
    const client = new Page().client();
    const { result } = renderHook(() => useEnqueue("add"), { wrapper: wrapper(client) });
    const { id } = await act(() => result.current.enqueue({ a: 9007199254740993n, b: -9007199254740990n }));
    expect((await client.settled(id)).result).toBe(3);
  });

  it("shows why it was refused, and need not be caught", async () => {
    const client = new Page().client();
    const { result } = renderHook(() => useEnqueue("nothing"), { wrapper: wrapper(client) });
    act(() => void result.current.enqueue({}));
    expect(result.current.isPending).toBe(true);
    await waitFor(() => expect(result.current.error?.code).toBe("unknown_job_type"));
    expect(result.current.isPending).toBe(false);
    act(() => result.current.reset());
    expect(result.current.error).toBeNull();
  });

  it("has an error of the same kind for what goes wrong elsewhere", async () => {
    const client = new Page().client({ headers: () => Promise.reject(new Error("no token")) });
    const { result } = renderHook(() => useEnqueue("add"), { wrapper: wrapper(client) });
    const thrown = await act(() => result.current.enqueue({ a: 1 }).catch((error: unknown) => error));
    expect(result.current.error).toBeInstanceOf(BideError);
    expect(result.current.error).toMatchObject({ status: 0, message: "no token", errors: [], cause: thrown });
  });
});

describe("useJobs", () => {
  it("shows a list as it changes, by a filter that is written inline", async () => {
    const page = new Page();
    const client = page.client();
    const { result, rerender } = renderHook(() => useJobs({ type: ["add"], labels: { a: "b" } }), {
      wrapper: wrapper(client),
    });
    expect(result.current).toMatchObject({ jobs: [], isLoading: true });
    await waitFor(() => expect(result.current).toMatchObject({ isLoading: false, connection: "live" }));
    const before = await page.quiet();
    for (let n = 0; n < 100; n++) rerender();
    expect(await page.quiet()).toBe(before);
    const { id } = await client.create("add", { a: 1 }, { labels: { a: "b" } });
    await client.create("add", { a: 1 });
    await waitFor(() => expect(result.current.jobs).toMatchObject([{ id, status: "completed" }]));
  });
});

describe("useOutput and useTimeline", () => {
  it("show what is written as it is written, and what has happened", async () => {
    const page = new Page();
    const client = page.client();
    const way = gate(page);
    const { id } = await client.create("write", { words: ["Hello ", "dear ", "reader", "."], gate: way });
    const { result } = renderHook(() => ({ output: useOutput(id), events: useTimeline(id), job: useJob(id).job }), {
      wrapper: wrapper(client),
    });
    await waitFor(() => expect(result.current.output).toBe("Hello dear "));
    await page.open(way);
    await waitFor(() => expect(result.current.job?.status).toBe("completed"));
    expect(result.current.output).toBe("Hello dear reader.");
    await waitFor(() => expect(result.current.events.map(({ kind }) => kind)).toContain("job.completed"));
    expect(result.current.events[0]?.kind).toBe("job.enqueued");
  });

  it("keep apart what several steps have written", async () => {
    const client = new Page().client();
    const { id } = await client.create("write", { words: ["It ", "ends."], drafts: 2 });
    const { result } = renderHook(() => useOutput(id), { wrapper: wrapper(client) });
    await waitFor(() => expect(result.current).toBe("It ends.\n\nIt ends."));
  });
});

describe("useJobPolling", () => {
  it("asks now and then until the end, and then no more", async () => {
    const page = new Page();
    const client = page.client();
    const way = gate(page);
    const { id } = await client.create("gated", { gate: way });
    const { told, inline } = ends();
    const { result, rerender } = renderHook(() => useJobPolling(id, { interval: 20, ...inline() }), {
      wrapper: wrapper(client),
    });
    expect(result.current).toMatchObject({ job: null, isPolling: true, error: null });
    await waitFor(async () => expect((await page.requests(`/jobs/${id}`)).length).toBeGreaterThan(3));
    expect(result.current.job?.progress.message).toBe("at the gate");
    rerender();
    await page.open(way);
    await waitFor(() => expect(result.current.isPolling).toBe(false));
    expect(result.current.job?.result).toBe("through");
    const before = await page.quiet();
    for (let n = 0; n < 100; n++) rerender();
    expect(await page.quiet()).toBe(before);
    expect(told).toEqual(["completed through"]);
    expect(await page.requests("/events")).toEqual([]);
  });

  it("asks for nothing more because of inline callbacks, however often it renders", async () => {
    const page = new Page();
    const client = page.client();
    const { id } = await client.create("gated", { gate: "nobody opens" });
    const { told, inline } = ends();
    const { result, rerender } = renderHook(() => useJobPolling(id, { interval: 60_000, ...inline() }), {
      wrapper: wrapper(client),
    });
    await waitFor(() => expect(result.current.job?.id).toBe(id));
    for (let n = 0; n < 1_000; n++) rerender();
    await page.quiet();
    const looks = () => page.requests(`/jobs/${id}`);
    expect((await looks()).map(({ method }) => method)).toEqual(["GET"]);
    // Another page of this user: what this one watches does not learn of it.
    const other = page.client();
    await other.cancel(id);
    await vi.waitFor(async () => expect((await other.get(id)).status).toBe("cancelled"));
    const before = (await looks()).length;
    await act(() => result.current.refetch());
    expect(result.current).toMatchObject({ isPolling: false, error: null, job: { status: "cancelled" } });
    expect(told).toEqual(["cancelled null"]);
    rerender();
    await page.quiet();
    expect(await looks()).toHaveLength(before + 1);
    expect(told).toHaveLength(1);
    expect(await page.requests("/events")).toEqual([]);
  });

  it("tells once that a job has failed, or is not there", async () => {
    const client = new Page().client();
    const { told, inline } = ends();
    const { result, rerender } = renderHook(({ id }) => useJobPolling(id, { interval: 20, ...inline() }), {
      wrapper: wrapper(client),
      initialProps: { id: (await client.create("fail", {})).id },
    });
    await waitFor(() => expect(result.current.error?.message).toBe("as it was told to"));
    rerender({ id: "01999f5e-3c1a-7b2d-9a4e-5f6071829304" });
    await waitFor(() => expect(result.current.error).toMatchObject({ status: 404 }));
    expect(told).toEqual(["failed as it was told to", expect.stringMatching(/^failed .*not found/)]);
  });

  it("asks every second and a half, where nothing else is said", async () => {
    const page = new Page();
    const client = page.client();
    const { id } = await client.create("gated", { gate: "nobody opens" });
    const timers = vi.spyOn(globalThis, "setTimeout");
    renderHook(() => useJobPolling(id), { wrapper: wrapper(client) });
    await waitFor(async () => expect(await page.requests(`/jobs/${id}`)).toHaveLength(2));
    const waits = timers.mock.calls.map(([, milliseconds]) => milliseconds);
    timers.mockRestore();
    expect(waits).toContain(1_500);
    expect(await page.requests("/events")).toEqual([]);
    await act(() => client.cancel(id));
  });

  it("asks for nothing while it is not enabled, and shows why a job has failed", async () => {
    const page = new Page();
    const client = page.client();
    const { id } = await client.create("fail", {});
    const { result, rerender } = renderHook(({ enabled }) => useJobPolling(id, { interval: 20, enabled }), {
      wrapper: wrapper(client),
      initialProps: { enabled: false },
    });
    expect(result.current).toMatchObject({ job: null, isPolling: false });
    expect(await page.requests(`/jobs/${id}`)).toEqual([]);
    rerender({ enabled: true });
    await waitFor(() => expect(result.current.error?.message).toBe("as it was told to"));
    expect(result.current.isPolling).toBe(false);
  });
});

describe("useJobPolling, as its options change", () => {
  it("opens no stream where the interval is 0, and goes on showing the job that it knows", async () => {
    const page = new Page();
    const client = page.client();
    const { id } = await client.create("gated", { gate: gate(page) });
    const seen: (string | undefined)[] = [];
    const { result, rerender } = renderHook(
      (options) => {
        const state = useJobPolling(id, options);
        seen.push(state.job?.id);
        return state;
      },
      { wrapper: wrapper(client), initialProps: { interval: 0, enabled: true } },
    );
    await waitFor(() => expect(result.current.job?.progress.percent).toBe(50));
    seen.length = 0;
    rerender({ interval: 60_000, enabled: true });
    rerender({ interval: 60_000, enabled: false });
    expect(result.current.isPolling).toBe(false);
    expect(new Set(seen)).toEqual(new Set([id]));
    expect(await page.requests("/events")).toEqual([]);
  });
});

describe("CancelButton", () => {
  it("leaves the focus where it was, until it goes elsewhere", async () => {
    const client = new Page().client();
    const { id } = await client.create("gated", { gate: "nobody opens" });
    render(<Cancelling id={id} />, { wrapper: wrapper(client) });
    await userEvent.click(await screen.findByRole("button", { name: "Cancel" }));
    await userEvent.click(screen.getByRole("button", { name: "Yes, cancel it" }));
    await screen.findByText("cancelled");
    await waitFor(() => expect(screen.queryByRole("button", { name: /Cancel/ })).toBeNull());
    expect(document.activeElement?.className).toBe("bide-cancel-place");
    act(() => screen.getByRole("link").focus());
    expect(document.querySelector(".bide-cancel-place")).toBeNull();
  });
});

describe("PromptInbox", () => {
  it("says that questions cannot be read, and not that there are none", async () => {
    const page = new Page();
    const Wrapper = wrapper(page.client({ url: `${page.url}/nowhere` }));
    render(<PromptInbox />, { wrapper: Wrapper });
    expect((await screen.findByRole("alert")).textContent).toBe(en.inbox.failed);
    expect(screen.queryByText(en.inbox.empty)).toBeNull();
    expect(screen.getByRole("region").getAttribute("aria-busy")).toBe("false");
  });

  it("says who was faster where an opened question goes away, and not where it was answered here", async () => {
    const page = new Page();
    const client = page.client();
    for (let n = 0; n < 3; n++) await client.create("ask", {});
    render(<PromptInbox />, { wrapper: wrapper(client) });
    await screen.findByText("3 open questions");
    const [entry] = screen.getAllByRole("button");
    const [asked] = await client.prompts();
    await userEvent.click(entry as HTMLElement);
    await userEvent.click(screen.getByRole("button", { name: "Ask for changes" }));
    await userEvent.type(screen.getByLabelText("What should change?"), "all of it");
    await page.client().respond(asked?.id as string, { action: "proceed" });
    expect(await screen.findByText(/has answered this in the meantime/)).toBeDefined();
    expect(screen.getByText("2 open questions")).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Go on" }));
    expect(document.activeElement).toBe(screen.getByText("2 open questions"));
    expect(screen.queryByText(/in the meantime/)).toBeNull();

    await userEvent.click(screen.getAllByRole("button")[0] as HTMLElement);
    await userEvent.click(screen.getByRole("button", { name: "Approve" }));
    await waitFor(() => expect(document.activeElement).toBe(screen.getByText("1 open question")));
    expect(screen.queryByText(/in the meantime/)).toBeNull();
    const [left] = await client.prompts();
    await act(() => client.cancel(left?.job_id as string));
  });
});

describe("BideProvider", () => {
  it("makes one client of its options, whose headers may be new with each render", async () => {
    const page = new Page();
    const clients = new Set<BideClient>();
    const tree = (n: number) => (
      <BideProvider url={page.url} headers={() => ({ "X-User": page.user, "X-Render": `${n}` })}>
        <Inner clients={clients} />
      </BideProvider>
    );
    const { rerender } = render(tree(1));
    await screen.findByText("loaded");
    rerender(tree(2));
    expect(clients.size).toBe(1);
    await [...clients][0]?.list();
    expect((await page.requests("/jobs")).at(-1)?.headers["x-render"]).toBe("2");
  });

  it("asks with the headers that came along with what asks first", async () => {
    const page = new Page();
    const { id } = await page.client().create("gated", { gate: "nobody opens" });
    const tree = (n: number, children: ReactNode) => (
      <BideProvider url={page.url} headers={{ "X-User": page.user, "X-Render": `${n}` }}>
        {children}
      </BideProvider>
    );
    const { rerender } = render(tree(1, null));
    rerender(tree(2, <Status id={id} />));
    await screen.findByText("running");
    expect((await page.requests("/events"))[0]?.headers["x-render"]).toBe("2");
    await page.client().cancel(id);
  });

  it("with another key closes the stream of before, and shows nothing of it", async () => {
    const [first, second] = [new Page(), new Page()];
    const { id } = await first.client().create("gated", { gate: gate(first) });
    const signals: AbortSignal[] = [];
    const noted: typeof fetch = (url, init) => {
      if (String(url).endsWith("/events")) signals.push(init?.signal as AbortSignal);
      return fetch(url, init);
    };
    const tree = (user: string) => (
      <BideProvider key={user} url={first.url} headers={{ "X-User": user }} fetch={noted} timing={{ linger: 10 }}>
        <Jobs />
      </BideProvider>
    );
    const { rerender } = render(tree(first.user));
    await screen.findByText(id);
    await waitFor(async () => expect(await first.requests("/events")).toHaveLength(1));
    rerender(tree(second.user));
    expect(screen.queryByText(id)).toBeNull();
    await screen.findByText("none");
    await waitFor(() => expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]));
    expect(await second.requests("/events")).toHaveLength(1);
  });

  it("lets a client read numbers without loss, but for one that reads them its own way", () => {
    const client = new Page().client();
    renderHook(useBide, { wrapper: wrapper(client) });
    expect(client.json.parse("9007199254740993")).toBe(9007199254740993n);
    const own = { parse: JSON.parse, stringify: JSON.stringify };
    const theirs = new Page().client();
    theirs.json = own;
    renderHook(useBide, { wrapper: wrapper(theirs) });
    expect(theirs.json).toBe(own);
  });

  it("is missed where it is missing", () => {
    expect(() => renderToString(<Status id="x" />)).toThrow("<BideProvider>");
  });
});

describe("on a server", () => {
  it("all is rendered as not known yet, and nothing is asked", async () => {
    const page = new Page();
    const client = page.client();
    const { id } = await client.create("add", { a: 1 }, { wait: 30 });
    const before = await page.quiet();
    const tree = <Everything id={id} />;
    const html = renderToString(<BideProvider client={client}>{tree}</BideProvider>);
    expect(html).toContain("[null,true,true,true,null,true]");
    expect(await page.quiet()).toBe(before);
    // The page that it is sent to takes it over, also where its client knows the job already.
    const stop = client.watch(id).subscribe(() => {});
    await client.settled(id);
    document.body.innerHTML = `<div id="root">${html}</div>`;
    const container = document.getElementById("root") as HTMLElement;
    const complaints: unknown[] = [];
    render(<BideProvider client={client}>{tree}</BideProvider>, {
      container,
      hydrate: true,
      onRecoverableError: (error: unknown) => complaints.push(error),
    });
    await waitFor(() => expect(container.textContent).toContain('"status":"completed"'));
    expect(complaints).toEqual([]);
    stop();
  });
});
