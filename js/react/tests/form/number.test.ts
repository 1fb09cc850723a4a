import { describe, expect, test } from "vitest";
import { compare, isMultiple, isWhole, readNumber, wholeDigits } from "../../src/form/number.js";

describe("a number as people write it", () => {
  test.each([
    ["12", "12"],
    [" +5 ", "5"],
    ["-0.50", "-0.50"],
    [".5", "0.5"],
    ["5.", "5"],
    ["1e-7", "1e-7"],
    ["\u22123", "-3"],
    ["1 234", "1234"],
    ["007", "7"],
    ["1,5", "1.5"],
    ["12345678901234567890.123456789", "12345678901234567890.123456789"],
  ])("with a point: %j is %s", (typed, read) => expect(readNumber(typed, ".")).toBe(read));

  test.each(["", "abc", "1.2.3", "--1", ".", "1e", "1,500", "1,500,000"])(
    "with a point: %j is none, or not clear",
    (typed) => expect(readNumber(typed, ".")).toBeNull(),
  );

  test.each([
    ["1,5", "1.5"],
    ["0,125", "0.125"],
    ["1.5", "1.5"],
  ])("with a comma: %j is %s", (typed, read) => expect(readNumber(typed, ",")).toBe(read));

  test.each(["1.500", "1.500,00"])("with a comma: %j is not guessed", (typed) =>
    expect(readNumber(typed, ",")).toBeNull(),
  );
});

test("numbers are compared digit by digit", () => {
  expect(compare("9007199254740993", "9007199254740992")).toBe(1);
  expect(compare("0.1", "1e-1")).toBe(0);
  expect(compare("-2", "-1.999")).toBe(-1);
  expect(isMultiple("0.3", "0.1")).toBe(true);
  expect(isMultiple("1.1", "0.25")).toBe(false);
  expect(isWhole("5.0")).toBe(true);
  expect(isWhole("5.5")).toBe(false);
  expect(wholeDigits("1.2e3")).toBe(1200n);
});
