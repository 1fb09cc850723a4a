import { describe, expect, it } from "vitest";
import { createParser, type Message, read } from "../src/sse.js";
import { cuts, random } from "./random.js";

const STREAM = [
  "retry: 2000\n\n",
  'event: snapshot\ndata: {"jobs":[]}\nid: 7\n\n',
  ": keep-alive\n\n",
  'event: progress\r\ndata: {"message":"Übung · 日本 · 🙂"}\r\nid: 8\r\n\r\n',
  "data:first\rdata: second\rid: 9\r\r",
  "data\n\n",
  "event: lost\nid: 10\n\n",
  "data: unfinished",
].join("");

const EXPECTED: Message[] = [
  { event: "snapshot", data: '{"jobs":[]}' },
  { event: "progress", data: '{"message":"Übung · 日本 · 🙂"}' },
  { event: "", data: "first\nsecond" },
  { event: "", data: "" },
];

async function parse(pieces: Uint8Array[]): Promise<[Message[], string | null]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const parser = createParser();
  const found: Message[] = [];
  await read(body, parser, (batch) => found.push(...batch));
  return [found, parser.lastEventId];
}

describe("the parser of server-sent events", () => {
  const bytes = new TextEncoder().encode(STREAM);

  it("reads a stream that comes as a whole, and one that comes byte by byte", async () => {
    expect(await parse([bytes])).toEqual([EXPECTED, "10"]);
    expect(await parse([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual([EXPECTED, "10"]);
  });

  it("reads the same wherever the stream is cut", async () => {
    const next = random(1);
    for (let run = 0; run < 500; run++) expect(await parse(cuts(bytes, next))).toEqual([EXPECTED, "10"]);
  });

  it("takes a line feed for part of a line end once only", () => {
    const parser = createParser();
    expect(parser.push("data: a\r")).toEqual([]);
    expect(parser.push("\n")).toEqual([]);
    expect(parser.push("\n")).toEqual([{ event: "", data: "a" }]);
  });

  it("says with an empty batch that something has arrived", async () => {
    const batches: Message[][] = [];
    const body = new Blob([": keep-alive\n\n"]).stream() as ReadableStream<Uint8Array>;
    await read(body, createParser(), (batch) => batches.push([...batch]));
    expect(batches).toEqual([[]]);
  });

  it("has come to an event once it is complete, not when its id is read", () => {
    const parser = createParser("6");
    expect(parser.push("id: 7\ndata: a")).toEqual([]);
    expect(parser.lastEventId).toBe("6");
    expect(parser.push("\n\n")).toEqual([{ event: "", data: "a" }]);
    expect(parser.lastEventId).toBe("7");
    parser.push("data: b\n\n");
    expect(parser.lastEventId).toBe("7");
  });

  it("ignores an id that cannot be a header", () => {
    const parser = createParser("5");
    parser.push("id: 6\0\ndata: x\n\n");
    expect(parser.lastEventId).toBe("5");
  });
});
