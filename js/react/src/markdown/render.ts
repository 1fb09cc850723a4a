// Markdown as HTML that is safe whoever wrote it. micromark escapes raw HTML and drops dangerous addresses; here an
// image becomes a link (a model that was talked into it must not send what it knows to somebody's server), links leave
// the form open, and headings fit under the page's own.
import { micromark } from "micromark";

export function renderMarkdown(text: string, level: number): string {
  // Every `<` of the text is escaped, so what looks like a tag here is one that micromark wrote.
  const html = micromark(text).replace(IMAGE, (_, src: string, alt: string) => `<a href="${src}">${alt || src}</a>`);
  return nested(html, level).replaceAll("<a href=", '<a target="_blank" rel="noopener noreferrer" href=');
}

/** What is left of it where nothing but a text can be shown. */
export function plainText(text: string): string {
  const plain = micromark(text)
    .replace(IMAGE, "$2")
    .replace(/<[^>]*>/g, "");
  return plain.replace(/&(amp|lt|gt|quot);/g, (_, name: string) => ESCAPED[name] as string);
}

const IMAGE = /<img src="([^"]*)" alt="([^"]*)"(?: title="[^"]*")? \/>/g;

/** All that micromark escapes. */
const ESCAPED: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"' };

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
