import type { ParquetParsers, SchemaElement } from "hyparquet";
import { DEFAULT_PARSERS } from "hyparquet/src/convert.js";
import type { Refuse } from "../formats/bytes.ts";

/** Decimals of so many digits are numbers of their own: no two of them are the same float64. */
const EXACT = 10n ** 15n;

const unscaled = (value: unknown): bigint => {
  if (!(value instanceof Uint8Array)) return BigInt(value as number | bigint);
  let n = 0n;
  for (const byte of value) n = (n << 8n) | BigInt(byte);
  return BigInt.asIntN(8 * value.length, n);
};

/** A decimal as the number that is nearest to it, or, where that would lose digits, as its digits. */
function decimal(value: unknown, scale: number): number | string {
  const n = unscaled(value);
  const size = n < 0n ? -n : n;
  const digits = String(size).padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const text = `${n < 0n ? "-" : ""}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ""}`;
  return size <= EXACT ? Number(text) : text;
}

// A byte-order mark within a file is a character of its text.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * How the decoder shall read a column's values. Its own way multiplies decimals by 0.01 (0.57 becomes 0.5700000000000001), forgets
 * their digits beyond 2^53, and puts U+FFFD for bytes that are no text: those are refused where the column says that it is text, and
 * stay bytes where it says nothing.
 */
export function valueReader(
  element: SchemaElement,
  refuse: Refuse,
): { element: SchemaElement; parsers: ParquetParsers } {
  const { converted_type: kind, logical_type: logical } = element;
  if (kind === "DECIMAL" || logical?.type === "DECIMAL") {
    const scale = element.scale ?? (logical?.type === "DECIMAL" ? logical.scale : 0);
    if (!Number.isInteger(scale) || scale < 0 || scale > 1000) refuse(`decimals with ${scale} digits behind the point`);
    // Read as dates, which the decoder makes of what the column holds, as it is.
    return {
      element: { ...element, converted_type: "DATE", logical_type: undefined },
      parsers: { ...DEFAULT_PARSERS, dateFromDays: (value) => decimal(value, scale) as unknown as Date },
    };
  }
  const said = kind === "UTF8" || logical?.type === "STRING";
  const stringFromBytes = (bytes: Uint8Array) => {
    try {
      return bytes && utf8.decode(bytes);
    } catch {
      return said ? refuse("text that is not UTF-8") : (bytes.slice() as unknown as string);
    }
  };
  return { element, parsers: { ...DEFAULT_PARSERS, stringFromBytes } };
}
