import { useEffect, useState } from "react";

/** The time, told anew every so often; null while the server renders, whose time is not the reader's. */
export function useNow(every = 30_000): number | null {
  const [now, setNow] = useState<number | null>(null);
  useEffect(() => {
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
