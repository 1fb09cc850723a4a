import type { BideClient, BideError } from "@bide/client";
import { useEffect, useRef, useState } from "react";
import type { Json } from "../../form/json.js";
import { type Closed, closedBy } from "./answer.js";

/** Finds out how a question was closed that is not among the open ones any more. */
export type Ask = (prompt: string, signal: AbortSignal) => Promise<Closed>;

/** Milliseconds: the first pause before it is asked again, and the longest. */
const PAUSE = 500;
const LONGEST = 30_000;

/** Ask the server, for as long as it is away, or holds the question to be open: after a reconnection it may only seem gone. */
export async function askServer(client: BideClient, prompt: string, signal: AbortSignal): Promise<Closed> {
  for (let attempt = 0; ; attempt++) {
    let pause = Math.min(LONGEST, PAUSE * 2 ** attempt);
    try {
      const { status, answer, response } = await client.prompt(prompt, { signal });
      if (status !== "open") return { reason: status, by: answer?.by ?? null, response: response as Json | undefined };
    } catch (error) {
      signal.throwIfAborted();
      const { code, retryAfter } = error as BideError;
      // Bide says so. What else is refused may be a proxy's word, or a token that has expired.
      if (code === "not_found" || code === "forbidden") return { reason: "withdrawn", by: null, response: undefined };
      pause = retryAfter ?? pause;
    }
    await sleep(pause, signal);
  }
}

/** Wait; rejects with the signal's reason once it is aborted. */
function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

export interface Closing {
  /** How this question was closed, by others than this page; null while that is not known. */
  closed: Closed | null;
  /** It was answered here. */
  answered: boolean;
  /** Hands an answer to it on, and notes what becomes of it. */
  sending: <Result>(sent: Promise<Result>) => Promise<Result>;
}

/** What has become of the question that is shown. `gone`: it is not among the open ones any more. */
export function useClosing(prompt: string | null, gone: boolean, ask: Ask): Closing {
  const [known, setKnown] = useState<{ prompt: string; closed: Closed; refused: boolean } | null>(null);
  const [ours, setOurs] = useState<{ prompt: string | null; answered: boolean } | null>(null);
  const latest = useRef(ask);
  useEffect(() => {
    latest.current = ask;
  });

  useEffect(() => {
    if (prompt === null || !gone) return;
    const asked = new AbortController();
    latest.current(prompt, asked.signal).then(
      (closed) => asked.signal.aborted || setKnown({ prompt, closed, refused: false }),
      () => {}, // nobody wants to know any more
    );
    return () => asked.abort();
  }, [prompt, gone]);

  async function sending<Result>(sent: Promise<Result>): Promise<Result> {
    setOurs({ prompt, answered: false });
    try {
      const receipt = await sent;
      setOurs((now) => (now?.prompt === prompt ? { prompt, answered: true } : now));
      return receipt;
    } catch (error) {
      setOurs((now) => (now?.prompt === prompt ? null : now));
      const closed = closedBy(error);
      if (closed && prompt !== null) setKnown({ prompt, closed, refused: true });
      throw error;
    }
  }

  const mine = ours !== null && ours.prompt === prompt ? ours : null;
  const told = known !== null && known.prompt === prompt && (gone || known.refused);
  return {
    // That a question is closed is heard before the receipt of the answer that closed it, at times.
    closed: told && !mine ? known.closed : null,
    answered: mine?.answered ?? false,
    sending,
  };
}
