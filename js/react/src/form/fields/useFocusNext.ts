import { type RefObject, useEffect, useRef } from "react";

/** Focuses what a selector finds once the change that it belongs to is on the page. */
export function useFocusNext(box: RefObject<HTMLElement | null>): (selector: string) => void {
  const next = useRef<string | null>(null);
  useEffect(() => {
    if (next.current === null) return;
    box.current?.querySelector<HTMLElement>(next.current)?.focus();
    next.current = null;
  });
  return (selector) => {
    next.current = selector;
  };
}
