import { describe, expect, it } from "vitest";
import { backoff, sleep } from "../src/backoff.js";

describe("backoff", () => {
  it("doubles up to its cap", () => {
    const highest = [0, 1, 2, 3, 4, 5, 6, 100].map((attempt) => backoff(attempt, 1_000, 30_000, () => 1));
    expect(highest).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  it("is jittered from nothing on", () => {
    expect(backoff(3, 1_000, 30_000, () => 0)).toBe(0);
    const waits = Array.from({ length: 1_000 }, () => backoff(2));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...waits)).toBeLessThanOrEqual(4_000);
    expect(new Set(waits).size).toBeGreaterThan(900);
  });
});

describe("sleep", () => {
  it("rejects with the reason of its signal, before and while it waits", async () => {
    const reason = new Error("enough");
    await expect(sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const abort = new AbortController();
    const sleeping = sleep(60_000, abort.signal);
    abort.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
  });
});
