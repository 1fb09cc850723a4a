export interface Message {
  event: string;
  data: string;
}
export declare class SseParser {
  #private;
  /** Behind which event to go on: what `Last-Event-ID` is to say. */
  lastEventId: string | null;
  /** Milliseconds after which the server wants to be asked anew. */
  retry: number | null;
  /** The messages that are complete with this piece of the text, wherever it was cut. */
  push(text: string): Message[];
}
/** The messages of a body as its pieces arrive; for a piece that completes none, a comment say, an empty list. */
export declare function messages(body: ReadableStream<Uint8Array>, parser: SseParser): AsyncGenerator<Message[]>;
