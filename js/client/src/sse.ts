// Server-sent events from a byte stream: https://html.spec.whatwg.org/multipage/server-sent-events.html

export interface Message {
  event: string;
  data: string;
}

export class SseParser {
  #rest = "";
  #afterCr = false;
  #event = "";
  #data: string[] = [];

  /** `lastEventId`: behind which event to go on, as `Last-Event-ID` is to say. */
  constructor(public lastEventId: string | null = null) {}

  /** The messages that are complete with this piece of the text, wherever it was cut. */
  push(text: string): Message[] {
    if (text === "") return [];
    // A line feed that begins this piece belongs to the carriage return that ended the last one.
    const fresh = this.#afterCr && text.startsWith("\n") ? text.slice(1) : text;
    this.#afterCr = text.endsWith("\r");
    const lines = (this.#rest + fresh).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() as string;
    return lines.flatMap((line) => this.#take(line) ?? []);
  }

  #take(line: string): Message | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id" && !value.includes("\0")) this.lastEventId = value;
    return undefined;
  }

  #dispatch(): Message | undefined {
    const message = { event: this.#event || "message", data: this.#data.join("\n") };
    const complete = this.#data.length > 0;
    this.#event = "";
    this.#data = [];
    return complete ? message : undefined;
  }
}

/** The messages of a body as its pieces arrive; for a piece that completes none, a comment say, an empty list. */
export async function* messages(body: ReadableStream<Uint8Array>, parser: SseParser): AsyncGenerator<Message[]> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
