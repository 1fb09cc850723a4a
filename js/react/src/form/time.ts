// Dates and times between JSON and the browser's own controls, which know neither zones nor microseconds.

export type TemporalFormat = "date" | "time" | "date-time" | "date-time-local";

const DATE = /^\d{4}-\d\d-\d\d$/;
const TIME = /^\d\d:\d\d(:\d\d(\.\d{1,3})?)?$/;
const LOCAL = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?$/;
const ZONED = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(?:Z|[+-]\d\d:\d\d)$/;

/** What the browser's control for this format can show without loss. */
export function isShown(format: TemporalFormat, text: string): boolean {
  const pattern = { date: DATE, time: TIME, "date-time": LOCAL, "date-time-local": LOCAL }[format];
  return text === "" || pattern.test(text);
}

/** A value as the control's text; one that it cannot show stays as it is. An instant is shown in the reader's zone. */
export function toControl(format: TemporalFormat, value: string): string {
  const text = format.startsWith("date-time") ? value.replace(" ", "T") : value;
  if (format !== "date-time" || !ZONED.test(text)) return text;
  const at = new Date(text);
  if (Number.isNaN(at.getTime()) || at.getFullYear() < 1000 || at.getFullYear() > 9999) return text;
  const local = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
  const rest = at.getMilliseconds() ? `.${String(at.getMilliseconds()).padStart(3, "0")}` : "";
  return at.getSeconds() || rest ? `${local}:${two(at.getSeconds())}${rest}` : local;
}

/** A control's text as a value. An instant gets the reader's offset from UTC, unless `naive`. */
export function fromControl(format: TemporalFormat, text: string, naive: boolean): string {
  if (format !== "date-time" || naive || !LOCAL.test(text)) return text;
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  const minutes = -at.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${withSeconds(text)}${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

export function isNaive(value: string): boolean {
  return LOCAL.test(value.replace(" ", "T").replace(/(\.\d{3})\d+$/, "$1"));
}

function withSeconds(text: string): string {
  return text.length === 16 ? `${text}:00` : text;
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

/** Days, hours, minutes and seconds, each as it was written; "" where nothing was. */
export type DurationParts = readonly [days: string, hours: string, minutes: string, seconds: string];

const DURATION = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** The parts of an ISO 8601 duration, or null where it has others: weeks, months, a sign. */
export function durationParts(value: string): DurationParts | null {
  const match = DURATION.exec(value);
  if (!match || value.length < 3) return null;
  const [days = "", hours = "", minutes = "", seconds = ""] = match.slice(1).map((part) => part ?? "");
  return [days, hours, minutes, seconds];
}

export function durationOf(parts: DurationParts): string {
  const [days, hours, minutes, seconds] = parts.map((part) => part.trim());
  const time = `${hours ? `${hours}H` : ""}${minutes ? `${minutes}M` : ""}${seconds ? `${seconds}S` : ""}`;
  return `P${days ? `${days}D` : ""}${time ? `T${time}` : ""}`;
}
