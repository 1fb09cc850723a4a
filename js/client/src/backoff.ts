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
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  return unless(over, signal).finally(() => clearTimeout(timer));
}

/** What comes; rejects with the signal's reason where it is aborted before, though it may never come. */
export function unless<T>(coming: T | Promise<T>, signal?: AbortSignal): Promise<T> {
  const heard = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const abort = () => reject(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, heard);
  });
  return Promise.race([coming, aborted]).finally(() => heard.abort());
}
