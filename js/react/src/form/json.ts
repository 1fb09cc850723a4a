// JSON without loss: whole numbers that a double cannot hold are BigInts, read and written digit by digit.

export type Json = null | boolean | number | bigint | string | Json[] | JsonObject;
export type JsonObject = { [name: string]: Json };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function same(a: Json | undefined, b: Json | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && stringify(sorted(a)) === stringify(sorted(b)));
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, sorted(value[name] as Json)]),
  );
}

/** Marks, on their way through `JSON`, digits that stand between quotes: nobody else's text begins with it. */
const MARK = `${Math.random()}:`;
const MARKED = RegExp(`"${MARK}(-?\\d+)"`, "g");

/** As `JSON.stringify` does, with the digits of BigInts. */
export function stringify(value: unknown, indent = 0): string {
  const marked = JSON.stringify(value, (_, part) => (typeof part === "bigint" ? MARK + part : part), indent);
  return marked.replace(MARKED, "$1");
}

export class JsonError extends Error {
  constructor(
    readonly line: number,
    readonly column: number,
  ) {
    super(`Not JSON at line ${line}, column ${column}`);
  }
}

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /"(?:[^"\\]|\\.)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/sy;

/** Raises JsonError, with the place. */
export function parse(text: string): Json {
  let at = 0;

  function fail(): never {
    const before = text.slice(0, at).split("\n");
    throw new JsonError(before.length, (before.at(-1) as string).length + 1);
  }
  function match(pattern: RegExp): string | null {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found ? found[0] : null;
  }
  function take(char: string): boolean {
    match(SPACE);
    if (text[at] !== char) return false;
    at += 1;
    return true;
  }
  function list<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    if (take(close)) return items;
    do items.push(item());
    while (take(","));
    if (!take(close)) fail();
    return items;
  }
  function member(): [string, Json] {
    match(SPACE);
    if (text[at] !== '"') fail();
    const name = scalar() as string;
    if (!take(":")) fail();
    return [name, value()];
  }
  function scalar(): Json {
    const start = at;
    const token = match(SCALAR);
    if (token === null) fail();
    let read: Json;
    try {
      read = JSON.parse(token) as Json;
    } catch {
      at = start; // a text with what JSON does not take in one, a line break say
      fail();
    }
    return /^-?\d+$/.test(token) && !Number.isSafeInteger(read) ? BigInt(token) : read;
  }
  function value(): Json {
    if (take("[")) return list("]", value);
    if (take("{")) return Object.fromEntries(list("}", member));
    return scalar();
  }

  const read = value();
  match(SPACE);
  if (at < text.length) fail();
  return read;
}

/** `parse`, with the error as a value. */
export function tryParse(text: string): { value: Json } | JsonError {
  try {
    return { value: parse(text) };
  } catch (error) {
    if (error instanceof JsonError) return error;
    throw error;
  }
}

/** What the client reads questions with, and writes answers. */
export const exact = {
  // Where no number is long, `JSON.parse` does it faster.
  parse: (text: string): unknown => (/\d{16}/.test(text) ? parse(text) : JSON.parse(text)),
  stringify: (value: unknown): string => stringify(value),
};
