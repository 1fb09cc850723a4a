/** Milliseconds: the longest wait. */
const LONGEST = 30_000;

/**
 * Milliseconds until try number `attempt` (0 is the first repetition): exponential with full jitter, so that the pages
 * of a server that was away do not come back all at once.
 */
export function backoff(attempt: number, base = 1_000): number {
  return Math.random() * Math.min(LONGEST, base * 2 ** attempt);
}

/** Wait; rejects with the signal's reason once it is aborted. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
