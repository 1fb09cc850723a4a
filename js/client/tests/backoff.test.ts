import { describe, expect, it } from "vitest";
import { backoff, sleep } from "../src/backoff.js";

describe("backoff", () => {
  it("doubles up to half a minute, and is jittered from nothing on", () => {
    for (const [attempt, most] of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000].entries()) {
      const waits = Array.from({ length: 2_000 }, () => backoff(attempt));
      expect(Math.max(...waits)).toBeLessThanOrEqual(most);
      expect(Math.max(...waits)).toBeGreaterThan(most * 0.95);
      expect(Math.min(...waits)).toBeLessThan(most * 0.05);
    }
    expect(backoff(100, 7)).toBeLessThanOrEqual(30_000);
  });
});

describe("sleep", () => {
  it("rejects with the reason of its signal", async () => {
    const reason = new Error("enough");
    const abort = new AbortController();
    const sleeping = sleep(60_000, abort.signal);
    abort.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
  });
});
