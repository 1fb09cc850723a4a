import { useCallback, useEffect, useState } from "react";

/** Milliseconds within which the second click of a hand belongs to the first: it was aimed at what was there then. */
export const DOUBLE = 500;

/** What was done less than that ago, and how to note that something was. */
export function useJustNow<Done>(): [Done | null, (done: Done) => void] {
  const [noted, setNoted] = useState<{ done: Done } | null>(null);
  useEffect(() => {
    if (noted === null) return;
    const timer = setTimeout(() => setNoted(null), DOUBLE);
    return () => clearTimeout(timer);
  }, [noted]);
  const note = useCallback((done: Done) => setNoted({ done }), []);
  return [noted?.done ?? null, note];
}
