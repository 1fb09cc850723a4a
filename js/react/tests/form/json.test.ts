import { describe, expect, test } from "vitest";
import { exact, type Json, JsonError, parse, same, stringify, tryParse } from "../../src/form/json.js";

describe("JSON", () => {
  test.each([
    '{"a":[1,2.5,-3e2,null,true,"x\\u00e9\\n"],"b":{}}',
    "[]",
    " [ 1 , 2 ] ",
    '"\\ud83c\\udf75"',
    "0",
    '{"__proto__":1}',
  ])("is read as JSON.parse does: %s", (text) => expect(parse(text)).toEqual(JSON.parse(text)));

  test("keeps every digit of long integers", () => {
    const text = '{"n":12345678901234567890,"m":[-9007199254740993],"small":7}';
    expect(parse(text)).toEqual({ n: 12345678901234567890n, m: [-9007199254740993n], small: 7 });
    expect(stringify(parse(text))).toBe(text);
  });

  test.each([
    ["", 1, 1],
    ["{", 1, 2],
    ['{"a":1,}', 1, 8],
    ['{\n  "a": nul\n}', 2, 8],
    ["[1 2]", 1, 4],
    ["01", 1, 2],
    ['"a\nb"', 1, 1],
    ["1 x", 1, 3],
  ])("says where it stops being JSON: %j", (text, line, column) => {
    const error = tryParse(text);
    expect(error).toBeInstanceOf(JsonError);
    expect(error).toMatchObject({ line, column });
  });

  test("is written in lines where asked", () => {
    const value: Json = { a: [1, { b: null }], c: {}, d: [] };
    expect(stringify(value, 2)).toBe(JSON.stringify(value, null, 2).replace('"c": {}', '"c": {}'));
  });

  test("objects are the same in any order, lists are not", () => {
    expect(same({ a: 1, b: [1, 2] }, { b: [1, 2], a: 1 })).toBe(true);
    expect(same([1, 2], [2, 1])).toBe(false);
  });

  test("is sent with every digit, and without what is undefined", () => {
    const sent = exact.stringify({ n: 12345678901234567890n, small: 7, gone: undefined, at: new Date(0) });
    expect(sent).toBe('{"n":12345678901234567890,"small":7,"at":"1970-01-01T00:00:00.000Z"}');
  });

  test("is read the same where a number is long, and where none is", () => {
    expect(exact.parse('{"n":-9007199254740993,"text":"1234567890123456","half":0.1234567890123456}')).toEqual({
      n: -9007199254740993n,
      text: "1234567890123456",
      half: 0.1234567890123456,
    });
    expect(exact.parse('{"n":7}')).toEqual({ n: 7 });
  });

  test("of many megabytes is read", () => {
    const text = `["${'é \\" '.repeat(1_000_000)}",12345678901234567890]`;
    expect((exact.parse(text) as Json[])[1]).toBe(12345678901234567890n);
  });
});
