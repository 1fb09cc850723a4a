// A hand that clicks twice.
import { vi } from "vitest";

/** Milliseconds between the two clicks: a usual double click. */
export const between = () => new Promise((resolve) => setTimeout(resolve, 150));

/** Holds timers of so many milliseconds: on a slow machine, too, the second click comes in time. Returns how to let them go. */
export function hold(milliseconds: number): () => void {
  const held: (() => void)[] = [];
  const original = globalThis.setTimeout;
  const spy = vi.spyOn(globalThis, "setTimeout").mockImplementation(((then: () => void, wait?: number) => {
    if (wait !== milliseconds) return original(then, wait);
    held.push(then);
    return original(() => {}, 0);
  }) as typeof setTimeout);
  return () => {
    spy.mockRestore();
    for (const then of held) then();
  };
}
