// Server-sent events from a byte stream: https://html.spec.whatwg.org/multipage/server-sent-events.html

export interface Message {
  /** Empty where none is named. */
  event: string;
  data: string;
}

export interface SseParser {
  /** The messages that are complete with this piece of the text, wherever it was cut. */
  push(text: string): Message[];
  /** Behind which event to go on, as `Last-Event-ID` is to say. */
  lastEventId: string | null;
}

export function createParser(lastEventId: string | null = null): SseParser {
  let rest = "";
  let event = "";
  let data: string[] = [];
  let id = lastEventId;

  function take(line: string): Message[] {
    const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) as RegExpExecArray;
    if (name === "event") event = value;
    if (name === "data") data.push(value);
    if (name === "id" && !value.includes("\0")) id = value;
    if (line) return [];
    parser.lastEventId = id;
    const messages = data.length ? [{ event, data: data.join("\n") }] : [];
    event = "";
    data = [];
    return messages;
  }

  const parser: SseParser = {
    lastEventId,
    push(text) {
      // What follows a carriage return tells whether a line feed belongs to it: at the end of a piece it is waited for.
      const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() as string;
      return lines.flatMap(take);
    },
  };
  return parser;
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
