import { BideError } from "@bide/client";
import { useCallback, useEffect, useRef, useState } from "react";
import { stringify } from "../form/json.js";
import { DOUBLE } from "./useJustNow.js";

export interface Action<Args extends unknown[], Result> {
  /** Rejects as well, for who awaits it. */
  run(...args: Args): Promise<Result>;
  isPending: boolean;
  /** Of the last call. */
  error: BideError | null;
  /** What the call was about that has failed. */
  failed: Args | null;
  reset(): void;
}

/**
 * Something that a page asks for. The same thing asked for again while it is under way, or just after it was done, is one:
 * a server may have answered before the second click of a double click. After a failure it is asked for anew at once.
 */
export function useAction<Args extends unknown[], Result>(
  act: (...args: Args) => Promise<Result>,
): Action<Args, Result> {
  const [pending, setPending] = useState(0);
  const [failure, setFailure] = useState<{ error: BideError; args: Args } | null>(null);
  const latest = useRef(act);
  useEffect(() => {
    latest.current = act;
  });
  const [under] = useState(() => new Map<string, Promise<Result>>());
  const run = useCallback(
    (...args: Args) => {
      const key = stringify(args);
      const joined = under.get(key);
      if (joined) return joined;
      setPending((count) => count + 1);
      setFailure(null);
      const act = async () => {
        try {
          return await latest.current(...args);
        } catch (error) {
          setFailure({ error: told(error), args });
          throw error;
        } finally {
          setPending((count) => count - 1);
        }
      };
      const result = act();
      under.set(key, result);
      const forget = () => under.delete(key);
      // What has failed is shown; who only calls need not catch it.
      result.then(() => setTimeout(forget, DOUBLE), forget);
      return result;
    },
    [under],
  );
  const reset = useCallback(() => setFailure(null), []);
  return { run, isPending: pending > 0, error: failure?.error ?? null, failed: failure?.args ?? null, reset };
}

/** What has gone wrong in the page itself, its `headers` say, is shown as what the server refuses is. */
function told(error: unknown): BideError {
  if (error instanceof BideError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new BideError(0, { code: "page_error", message, retryable: false }, null, error);
}
