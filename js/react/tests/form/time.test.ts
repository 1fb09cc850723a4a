import { afterEach, describe, expect, test } from "vitest";
import { durationOf, durationParts, fromControl, isNaive, isShown, toControl } from "../../src/form/time.js";

const zone = process.env.TZ;
afterEach(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

describe("dates and times in the browser's controls", () => {
  test.each([
    ["America/Sao_Paulo", "2026-03-01T09:30", "2026-03-01T09:30:00-03:00"],
    ["Asia/Kolkata", "2026-03-01T09:30", "2026-03-01T09:30:00+05:30"],
    ["Europe/Lisbon", "2026-01-01T09:30", "2026-01-01T09:30:00+00:00"],
    ["Europe/Lisbon", "2026-07-01T09:30", "2026-07-01T09:30:00+01:00"],
  ])("in %s %s is %s", (place, text, value) => {
    process.env.TZ = place;
    expect(fromControl("date-time", text, false)).toBe(value);
    expect(toControl("date-time", value)).toBe(text);
  });

  test.each(["2026-03-01T09:30:00Z", "2026-07-01T12:00:30+05:30", "1999-12-31T23:59:59.250-08:00"])(
    "%s is the same instant after it was shown",
    (value) => {
      const text = toControl("date-time", value);
      expect(isShown("date-time", text)).toBe(true);
      const back = fromControl("date-time", text, false);
      expect(back).toMatch(/[+-]\d\d:\d\d$/);
      expect(new Date(back).getTime()).toBe(new Date(value).getTime());
    },
  );

  test("a wall clock's time gets no zone", () => {
    expect(fromControl("date-time-local", "2026-03-01T09:30", false)).toBe("2026-03-01T09:30");
    expect(fromControl("date-time", "2026-03-01T09:30", true)).toBe("2026-03-01T09:30");
    expect(isNaive("2026-03-01 09:30:00.123456")).toBe(true);
    expect(isNaive("2026-03-01T09:30:00Z")).toBe(false);
  });

  test.each([
    ["date-time", "2026-03-01T09:30:00.123456Z"],
    ["time", "09:30:00+02:00"],
    ["date", "12026-01-01"],
  ] as const)("%s %s is more than a control shows, and stays a text", (format, value) => {
    expect(isShown(format, toControl(format, value))).toBe(false);
    expect(fromControl(format, toControl(format, value), false)).toBe(value);
  });
});

describe("durations", () => {
  test.each(["P1D", "PT45M", "P2DT3H4M5S", "PT0.5S"])("%s falls into parts and back", (value) => {
    expect(durationOf(durationParts(value) ?? ["", "", "", ""])).toBe(value);
  });

  test.each(["P1M", "-P1D", "P", "P1W", "1:00:00"])("%s has no parts for this", (value) => {
    expect(durationParts(value)).toBeNull();
  });
});
