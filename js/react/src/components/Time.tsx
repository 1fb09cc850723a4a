import { useTexts } from "../texts/context.js";
import { formatDate, formatRelative } from "../texts/format.js";
import { useNow } from "./useNow.js";

/** How long ago, or how long yet; the exact time on hover. */
export function RelativeTime({ at, children }: { at: string; children?: (relative: string) => string }) {
  const { locale } = useTexts();
  const now = useNow();
  const relative = now === null ? formatDate(locale, at) : formatRelative(locale, at, now);
  return (
    <time dateTime={at} title={formatDate(locale, at)} suppressHydrationWarning>
      {children ? children(relative) : relative}
    </time>
  );
}
