// What can be watched: one job, a list of jobs, and the inbox.
import { sleep } from "./backoff.js";
import * as reducer from "./reducer.js";
import { jobPath } from "./request.js";
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
    const { requests } = host;
    const path = jobPath(id);
    let folded = reducer.NOTHING;
    /** How many of the reasons to fetch the questions came before their last fetch. */
    let prompted = 0;

    const over = () => reducer.finished(folded.job);
    const wantsJob = () => !over() && (doubtful() || reducer.behind(folded));
    const wantsPrompts = () => !over() && folded.asked > prompted;

    function take(next: reducer.Folded): void {
      if (next === folded) return;
      folded = next;
      follow();
    }

    async function ask(signal: AbortSignal): Promise<void> {
      const { asked, history } = folded;
      const query = { after: history?.seen, limit: HISTORY };
      await Promise.all([
        wantsJob() &&
          requests.json<Job>(path, { signal }).then((job) => {
            folded = reducer.seed(folded, job);
          }),
        wantsPrompts() &&
          requests.items<Prompt>(`${path}/prompts`, { signal }).then((prompts) => {
            prompted = asked;
            folded = reducer.ask(folded, prompts);
          }),
        reducer.historyBehind(folded) &&
          requests.items<Event>(`${path}/history`, { query, signal }).then((events) => {
            folded = reducer.fold(folded, ...events);
          }),
      ]);
    }

    return {
      over,
      incomplete: () => wantsJob() || wantsPrompts() || reducer.historyBehind(folded),
      ask,
      render() {
        const { job, prompts, history } = folded;
        const { output, events } = history ?? reducer.NO_HISTORY;
        // One step's text does not go on where the other's has ended: they are paragraphs.
        return { job, prompts, output: Object.values(output).filter(Boolean).join("\n\n"), events };
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
interface List<Item> {
  items: readonly Item[] | null;
}

/** How a list behaves as a topic, but for what it makes of an event. */
function listed<Item extends { id: string }>(
  { requests }: Host,
  { follow, doubt, doubtful }: Frame,
  list: List<Item>,
  path: string,
  query: Record<string, unknown>,
  take: (event: Event) => void,
  gone: ReadonlySet<string> = new Set(),
): Omit<Kind<unknown>, "render"> {
  let asked = 0;
  return {
    over: () => false,
    incomplete: doubtful,
    async pause(signal) {
      await sleep(Math.max(0, asked + PACE - Date.now()), signal);
      asked = Date.now();
    },
    async ask(signal) {
      const items = await requests.items<Item>(path, { query, signal });
      const there = items.filter((item) => !gone.has(item.id));
      list.items = reducer.kept(list.items ?? [], there);
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

export function jobsTopic(host: Host, query: Record<string, unknown>): Topic<JobsState> {
  return createTopic(host, NO_JOBS, (frame) => {
    const { doubt, doubtful } = frame;
    const list: List<JobSummary> = { items: null };
    function take(event: Event): void {
      const job = list.items?.find(({ id }) => id === event.job_id);
      if (!job) {
        // It may belong into the list; or the list that is on its way has it as it was before.
        if (doubtful() || event.kind.startsWith("job.")) doubt();
      } else if (event.seq === job.seq + 1 && !reducer.opaque(event.kind)) {
        const next = reducer.apply(job, event);
        list.items &&= list.items.map((one) => (one === job ? next : one));
        // It may not belong there any more.
        if (next.status !== job.status && query.status) doubt();
      } else if (event.seq > job.seq) {
        doubt();
      }
    }
    return { ...listed(host, frame, list, "/jobs", query, take), render: () => ({ jobs: list.items }) };
  });
}

export function promptsTopic(host: Host): Topic<PromptsState> {
  return createTopic(host, NO_PROMPTS, (frame) => {
    const list: List<Prompt> = { items: null };
    const closed = new Set<string>();
    function close(id: string): void {
      closed.add(id);
      list.items &&= reducer.kept(
        list.items,
        list.items.filter((item) => item.id !== id),
      );
      frame.follow();
    }
    function take({ kind, data }: Event): void {
      if (kind === "prompt.opened") frame.doubt();
      if (reducer.CLOSING.test(kind)) close(data.prompt as string);
    }
    return {
      ...listed(host, frame, list, "/prompts", { limit: INBOX }, take, closed),
      close,
      render: () => ({ prompts: list.items }),
    };
  });
}
