// Markdown as HTML that is safe whoever wrote it. micromark escapes raw HTML and drops dangerous addresses; here an
// image becomes a link (a model that was talked into it must not send what it knows to somebody's server), links leave
// the form open, and headings fit under the page's own.
import { micromark } from "micromark";

export function renderMarkdown(text: string, level: number): string {
  const html = micromark(text, { extensions: [{ disable: { null: ["labelStartImage"] } }] });
  // Every `<` of the text is escaped, so what looks like a tag here is one that micromark wrote.
  return nested(html, level).replaceAll("<a href=", '<a target="_blank" rel="noopener noreferrer" href=');
}

/** Headings below `level`, none left out between one and the next. */
function nested(html: string, level: number): string {
  const open: number[] = [];
  return html.replace(/<(\/?)h([1-6])>/g, (_, end: string, of: string) => {
    if (!end) {
      while (open.length && (open.at(-1) as number) >= Number(of)) open.pop();
      open.push(Number(of));
    }
    return `<${end}h${Math.min(6, level + open.length - 1)}>`;
  });
}
