// Numbers as people write them, kept as text: a double would lose digits of long integers and of decimals.

/** A number as JSON writes it, or null. `decimal` is the person's decimal separator. */
export function readNumber(typed: string, decimal: "." | ","): string | null {
  let text = typed.replace(/[\s\u00a0\u202f]/g, "").replace("\u2212", "-");
  const other = decimal === "," ? "." : ",";
  // `1.500` is fifteen hundred to one reader and one and a half to another: it is not guessed.
  if (new RegExp(`^[+-]?[1-9]\\d{0,2}(\\${other}\\d{3})+$`).test(text)) return null;
  text = text.replace(",", ".");
  const match = /^([+-]?)(?=\.?\d)0*(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!match) return null;
  const [, sign, whole, part, exponent] = match;
  return `${sign === "-" ? "-" : ""}${whole || "0"}${part ? `.${part}` : ""}${exponent ? `e${exponent}` : ""}`;
}

export function showNumber(text: string, decimal: "." | ","): string {
  return decimal === "," ? text.replace(".", ",") : text;
}

interface Exact {
  digits: bigint;
  scale: number;
}

function exact(text: string): Exact {
  const [mantissa = "0", exponent = "0"] = text.toLowerCase().split("e");
  const [whole = "0", part = ""] = mantissa.split(".");
  const scale = part.length - Number(exponent);
  const digits = BigInt(whole + part);
  return scale < 0 ? { digits: digits * 10n ** BigInt(-scale), scale: 0 } : { digits, scale };
}

function aligned(a: string, b: string): [bigint, bigint] {
  const [x, y] = [exact(a), exact(b)];
  const scale = Math.max(x.scale, y.scale);
  return [x.digits * 10n ** BigInt(scale - x.scale), y.digits * 10n ** BigInt(scale - y.scale)];
}

/** Below zero, zero or above, as `a` is to `b`. */
export function compare(a: string, b: string): number {
  const [x, y] = aligned(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

export function isMultiple(a: string, of: string): boolean {
  const [x, y] = aligned(a, of);
  return y === 0n || x % y === 0n;
}

/** Larger exponents than any double has would only fill the memory. */
export function tooLong(text: string): boolean {
  const exponent = text.split("e")[1];
  return text.length > 4_000 || Math.abs(Number(exponent ?? 0)) > 400;
}

export function isWhole(text: string): boolean {
  return isMultiple(text, "1");
}

/** The digits of a whole number, `1e3` and `5.0` too. */
export function wholeDigits(text: string): bigint {
  const { digits, scale } = exact(text);
  return digits / 10n ** BigInt(scale);
}
