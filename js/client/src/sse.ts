// Server-sent events from a byte stream: https://html.spec.whatwg.org/multipage/server-sent-events.html

export interface Message {
  /** Empty where none is named. */
  event: string;
  data: string;
}

export class SseParser {
  #rest = "";
  #afterCr = false;
  #event = "";
  #data: string[] = [];
  #id: string | null;
  /** Behind which event to go on, as `Last-Event-ID` is to say. */
  lastEventId: string | null;

  constructor(lastEventId: string | null = null) {
    this.lastEventId = this.#id = lastEventId;
  }

  /** The messages that are complete with this piece of the text, wherever it was cut. */
  push(text: string): Message[] {
    // A line feed that begins this piece belongs to the carriage return that ended the last one.
    const fresh = this.#afterCr ? text.replace(/^\n/, "") : text;
    if (text) this.#afterCr = text.endsWith("\r");
    const lines = (this.#rest + fresh).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() as string;
    return lines.flatMap((line) => this.#take(line));
  }

  #take(line: string): Message[] {
    const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) as RegExpExecArray;
    if (name === "event") this.#event = value;
    if (name === "data") this.#data.push(value);
    if (name === "id" && !value.includes("\0")) this.#id = value;
    if (line) return [];
    this.lastEventId = this.#id;
    const messages = this.#data.length ? [{ event: this.#event, data: this.#data.join("\n") }] : [];
    this.#event = "";
    this.#data = [];
    return messages;
  }
}

/** Hand over the messages of a body as its pieces arrive; for a piece that completes none, a comment say, an empty list. */
export async function read(
  body: ReadableStream<Uint8Array>,
  parser: SseParser,
  take: (messages: readonly Message[]) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    take(parser.push(decoder.decode(value, { stream: true })));
  }
}
