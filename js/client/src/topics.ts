// What can be watched: one job, a list of jobs, and the inbox.
import { backoff, sleep } from "./backoff.js";
import * as reducer from "./reducer.js";
import { createTopic, type Frame, type Host, type Kind, type Topic } from "./topic.js";
import type { Event, Job, JobState, JobSummary, JobsState, Prompt, PromptsState } from "./types.js";

const CONNECTING = { error: null, connection: "connecting" } as const;
export const NO_JOB: JobState = { ...CONNECTING, job: null, prompts: [], output: "", events: [] };
export const NO_JOBS: JobsState = { ...CONNECTING, jobs: null };
export const NO_PROMPTS: PromptsState = { ...CONNECTING, prompts: null };

/** Events of a history asked for at once. */
const HISTORY = 1_000;

/** Questions of an inbox. */
const INBOX = 200;

/** Milliseconds between two fetches of one list, whatever happens. */
const PACE = 500;

export function jobTopic(host: Host, id: string): Topic<JobState> {
  return createTopic(host, NO_JOB, ({ follow, doubt, doubtful }) => {
    let folded = reducer.NOTHING;
    /** How many of the reasons to fetch the questions came before their last fetch. */
    let prompted = 0;
    let lags = 0;
    let joined: [ReadonlyMap<string, string> | null, string] = [null, ""];

    const over = () => reducer.finished(folded.job);
    const wantsJob = () => !over() && (doubtful() || reducer.behind(folded));
    const wantsPrompts = () => !over() && folded.asked > prompted;
    const wantsHistory = () => reducer.historyBehind(folded);

    function take(next: reducer.Folded): void {
      if (next === folded) return;
      folded = next;
      follow();
    }

    function get<T>(path: string, signal: AbortSignal, query?: Record<string, unknown>): Promise<T> {
      return host.requests.json<T>(`/jobs/${encodeURIComponent(id)}${path}`, { signal, ...(query && { query }) });
    }

    async function fetchJob(signal: AbortSignal): Promise<void> {
      const job = await get<Job>("", signal);
      folded = reducer.seed(folded, job);
    }

    async function fetchPrompts(signal: AbortSignal): Promise<void> {
      const { asked } = folded;
      const { items } = await get<{ items: Prompt[] }>("/prompts", signal);
      prompted = asked;
      folded = reducer.ask(folded, items);
    }

    async function fetchHistory(signal: AbortSignal): Promise<void> {
      const query = { after: folded.history?.seen, limit: HISTORY };
      const { items } = await get<{ items: Event[] }>("/history", signal, query);
      folded = reducer.fold(folded, ...items);
    }

    return {
      over,
      incomplete: () => wantsJob() || wantsPrompts() || wantsHistory(),
      async ask(signal) {
        const before = folded;
        await Promise.all([
          wantsJob() && fetchJob(signal),
          wantsPrompts() && fetchPrompts(signal),
          wantsHistory() && fetchHistory(signal),
        ]);
        // Some replica lags: it does not know yet what a stream has told of.
        lags = folded === before && (reducer.behind(folded) || wantsHistory()) ? lags + 1 : 0;
        if (lags) await sleep(backoff(lags), signal);
      },
      render() {
        const { job, prompts, history } = folded;
        if (history && history.output !== joined[0]) joined = [history.output, [...history.output.values()].join("")];
        return { job, prompts, output: joined[1], events: history?.events ?? NO_JOB.events };
      },
      events(events) {
        take(reducer.fold(folded, ...events.filter((event) => event.job_id === id)));
      },
      opened(unfinished) {
        const shown = unfinished?.find((job) => job.id === id);
        if (shown) folded = reducer.seed(folded, { result: null, ...shown });
        // Among too many, or finished while nobody told: it is to be looked at.
        else if (unfinished) doubt();
        follow();
      },
      learn(job) {
        if (job.id === id) take(reducer.seed(folded, job));
      },
      close(prompt) {
        take(reducer.close(folded, prompt));
      },
      remember() {
        if (!folded.history) take({ ...folded, history: reducer.NO_HISTORY });
      },
    };
  });
}

/** A list: it never ends, and is fetched anew where an event does not tell all. */
class List<Item extends { id: string }> {
  items: readonly Item[] | null = null;
  #asked = 0;

  constructor(
    private readonly host: Host,
    private readonly frame: Frame,
    private readonly path: string,
    private readonly query: Record<string, unknown>,
    /** What is known of a fetched item: a later state of it, or null where it is gone. */
    private readonly known: (item: Item, before: Item | undefined) => Item | null,
  ) {}

  find(id: string): Item | undefined {
    return this.items?.find((item) => item.id === id);
  }

  /** How it behaves as a topic, but for what it makes of events. */
  kind(take: (event: Event) => void): Omit<Kind<unknown>, "render"> {
    const { follow, doubt, doubtful } = this.frame;
    return {
      over: () => false,
      incomplete: doubtful,
      pause: async (signal) => {
        await sleep(Math.max(0, this.#asked + PACE - Date.now()), signal);
        this.#asked = Date.now();
      },
      ask: async (signal) => {
        const fetched = await this.host.requests.json<{ items: Item[] }>(this.path, { query: this.query, signal });
        const items = fetched.items.flatMap((item) => this.known(item, this.find(item.id)) ?? []);
        const same = items.length === this.items?.length && items.every((item, n) => item === this.items?.[n]);
        if (!same) this.items = items;
      },
      events(events) {
        events.forEach(take);
        follow();
      },
      opened(unfinished) {
        if (unfinished) doubt();
        follow();
      },
    };
  }
}

export function jobsTopic(host: Host, query: Record<string, unknown>): Topic<JobsState> {
  return createTopic(host, NO_JOBS, (frame) => {
    const { doubt, doubtful } = frame;
    const list = new List<JobSummary>(host, frame, "/jobs", query, (job, before) =>
      before && before.seq >= job.seq ? before : job,
    );
    return {
      ...list.kind((event) => {
        const job = list.find(event.job_id);
        if (!job) {
          // It may belong into the list; or the list that is on its way has it as it was before.
          if (doubtful() || event.kind.startsWith("job.")) doubt();
        } else if (event.seq === job.seq + 1 && !reducer.FETCHED.has(event.kind)) {
          const next = reducer.apply(job, event);
          list.items = list.items?.map((one) => (one === job ? next : one)) ?? null;
          // It may not belong there any more.
          if (next.status !== job.status && query.status) doubt();
        } else if (event.seq > job.seq) {
          doubt();
        }
      }),
      render: () => ({ jobs: list.items }),
    };
  });
}

export function promptsTopic(host: Host): Topic<PromptsState> {
  return createTopic(host, NO_PROMPTS, (frame) => {
    const closed = new Set<string>();
    const list = new List<Prompt>(host, frame, "/prompts", { limit: INBOX }, (prompt, before) =>
      closed.has(prompt.id) ? null : (before ?? prompt),
    );
    function close(id: string): void {
      closed.add(id);
      if (list.find(id)) list.items = list.items?.filter((prompt) => prompt.id !== id) ?? null;
      frame.follow();
    }
    return {
      ...list.kind(({ kind, data }) => {
        if (kind === "prompt.opened") frame.doubt();
        if (reducer.CLOSING.has(kind)) close(data.prompt as string);
      }),
      close,
      render: () => ({ prompts: list.items }),
    };
  });
}
