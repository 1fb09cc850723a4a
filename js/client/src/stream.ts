// One connection to a stream of events, from its opening to its end.
import type { Requests } from "./request.js";
import { createParser, type Message, read } from "./sse.js";

/**
 * Hand over what arrives, with where to go on from. Resolves once the server has ended the stream; rejects where it is
 * refused, lost, aborted, or silent for too long: the server shows now and then that it lives.
 */
export async function follow(
  requests: Requests,
  path: string,
  stream: AbortController,
  silence: number,
  lastEventId: string | null,
  take: (messages: readonly Message[], lastEventId: string | null) => void,
): Promise<void> {
  const watchdog = () => setTimeout(() => stream.abort(), silence);
  let timer = watchdog();
  try {
    const headers = lastEventId === null ? {} : { "Last-Event-ID": lastEventId };
    const { body } = await requests.open(path, { headers, signal: stream.signal });
    const parser = createParser(lastEventId);
    await read(body as NonNullable<typeof body>, parser, (messages) => {
      clearTimeout(timer);
      timer = watchdog();
      take(messages, parser.lastEventId);
    });
  } finally {
    clearTimeout(timer);
    // Whatever it was that ended it: nobody reads on.
    stream.abort();
  }
}
