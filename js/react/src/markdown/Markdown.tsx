import { useMemo } from "react";
import { classes } from "../classes.js";
import { renderMarkdown } from "./render.js";

export interface MarkdownProps {
  text: string;
  /** Of the text's outermost headings. */
  level?: number;
  className?: string | undefined;
}

export function Markdown({ text, level = 4, className }: MarkdownProps) {
  const html = useMemo(() => renderMarkdown(text, level), [text, level]);
  // biome-ignore lint/security/noDangerouslySetInnerHtml: renderMarkdown escapes whatever is not Markdown.
  return <div className={classes("bide-markdown", className)} dangerouslySetInnerHTML={{ __html: html }} />;
}
