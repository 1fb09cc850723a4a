import type { Prompt } from "@bide/client";
import { useEffect, useRef, useState } from "react";
import type { Json } from "../../form/json.js";
import type { ServerError } from "../../form/place.js";
import { DOUBLE } from "../../hooks/useJustNow.js";

/** Sends an answer; rejects with the server's problem, as the client's `BideError` is one. */
export type Respond = (value: Json) => Promise<unknown>;

export interface Closed {
  reason: "answered" | "expired" | "withdrawn" | string;
  by: string | null;
  response: Json | undefined;
}

export interface Answering {
  phase: "open" | "sending" | "sent" | "closed";
  /** What the server did not take, by field. The same array until another answer was refused. */
  errors: readonly ServerError[];
  /** What else went wrong, in the server's words; "" where it has none. */
  problem: string | null;
  /** Somebody or something else was faster. */
  closed: Closed | null;
  respond: (value: Json) => Promise<void>;
}

const NONE: readonly ServerError[] = [];

interface State extends Omit<Answering, "respond"> {
  prompt: string;
}

const OPEN = { phase: "open", errors: NONE, problem: null, closed: null } as const;

/** One answer to one question: it is sent once, and what comes back is told apart. */
export function useAnswer(prompt: Prompt, send: Respond): Answering {
  const [state, setState] = useState<State>({ ...OPEN, prompt: prompt.id });
  const busy = useRef(false);
  const sent = useRef(Number.NEGATIVE_INFINITY);
  const shown = useRef(prompt.id);
  useEffect(() => {
    shown.current = prompt.id;
  }, [prompt.id]);
  if (state.prompt !== prompt.id) setState({ ...OPEN, prompt: prompt.id });

  async function respond(value: Json) {
    // What may be another question by now is not answered by the second click on the one before.
    if (busy.current || performance.now() - sent.current < DOUBLE) return;
    busy.current = true;
    setState((before) => ({ ...before, phase: "sending", problem: null }));
    let next: Partial<State>;
    try {
      await send(value);
      sent.current = performance.now();
      next = { phase: "sent", errors: NONE };
    } catch (error) {
      next = failed(error);
    } finally {
      busy.current = false;
    }
    // What came back for a question that is gone is not about the one that is shown now.
    if (shown.current === prompt.id) setState((before) => ({ ...before, ...next }));
  }
  return { ...state, respond };
}

interface ProblemLike {
  code?: unknown;
  message?: unknown;
  errors?: unknown;
  reason?: unknown;
  by?: unknown;
  response?: unknown;
}

/** How the question was closed, where that is why an answer was refused. */
export function closedBy(error: unknown): Closed | null {
  const { code, by, reason, response } = problemOf(error);
  if (code !== "prompt_closed") return null;
  return {
    reason: typeof reason === "string" ? reason : "answered",
    by: typeof by === "string" ? by : null,
    response: response as Json | undefined,
  };
}

function failed(error: unknown): Partial<State> {
  const closed = closedBy(error);
  if (closed) return { phase: "closed", closed };
  const { message, errors } = problemOf(error);
  const flaws = Array.isArray(errors) ? (errors as (ServerError & { where?: string })[]) : [];
  const own = flaws.filter(({ where, path }) => typeof path === "string" && (where === undefined || where === "body"));
  if (own.length) return { phase: "open", errors: own };
  return { phase: "open", errors: NONE, problem: typeof message === "string" ? message : "" };
}

function problemOf(error: unknown): ProblemLike {
  return typeof error === "object" && error !== null ? error : {};
}
