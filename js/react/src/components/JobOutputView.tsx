import { type ReactNode, useDeferredValue, useEffect, useRef } from "react";
import { classes } from "../classes.js";
import { Markdown } from "../markdown/index.js";
import { useTexts } from "../texts/context.js";

export interface JobOutputViewProps {
  /** What has been written so far. */
  text: string;
  /** More is to come. */
  streaming?: boolean;
  format?: "text" | "markdown";
  /** Of a Markdown text's outermost headings. */
  level?: number;
  /** Instead of the text itself. */
  render?: ((text: string) => ReactNode) | undefined;
  className?: string | undefined;
}

/** How far from the end somebody may be and still be taken along as more is written, in pixels. */
const NEAR = 40;

export function JobOutputView({
  text,
  streaming = false,
  format = "markdown",
  level = 3,
  render,
  className,
}: JobOutputViewProps) {
  const texts = useTexts().output;
  // Words that arrive one by one must not keep the page from answering.
  const shown = useDeferredValue(text);
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);

  // biome-ignore lint/correctness/useExhaustiveDependencies: it runs because the text has grown.
  useEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [shown]);

  return (
    // Not a live region: read out word by word, a text that is being written is only noise.
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for the fields of a form.
    <div
      role="group"
      ref={box}
      className={classes("bide-output", className)}
      aria-label={texts.title}
      aria-busy={streaming}
      data-bide-streaming={streaming ? "" : undefined}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and so must be reachable by keyboard.
      tabIndex={0}
      onScroll={({ currentTarget: of }) => {
        atEnd.current = of.scrollHeight - of.scrollTop - of.clientHeight < NEAR;
      }}
    >
      {shown === "" && !streaming && <p className="bide-hint">{texts.empty}</p>}
      {shown !== "" &&
        (render ? render(shown) : format === "markdown" ? <Markdown text={shown} level={level} /> : <pre>{shown}</pre>)}
      {streaming && (
        <p className="bide-writing">
          <span className="bide-hidden">{texts.streaming}</span>
          <span className="bide-caret" aria-hidden="true" />
        </p>
      )}
    </div>
  );
}
