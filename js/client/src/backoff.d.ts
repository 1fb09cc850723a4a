/**
 * Milliseconds until try number `attempt` (0 is the first repetition): exponential with full jitter, so that the pages
 * of a server that was away do not come back all at once.
 */
export declare function backoff(attempt: number, base?: number, cap?: number, random?: () => number): number;
/** Wait; rejects with the signal's reason once it is aborted. */
export declare function sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
