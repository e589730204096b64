import { OptionError } from "../backend/options.ts";
import { DataError } from "../data/lines.ts";

/** A value as an error shows it: short, whatever it is. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return `an object (${value.constructor?.name ?? "no class"})`;
  return typeof value === "function" ? "a function" : String(value);
}

/** Throws {@link DataError} unless the value is a text. */
export function checkText(where: string, value: unknown): asserts value is string {
  if (typeof value !== "string") throw new DataError(`${where}: expected a text, found ${shown(value)}`);
}

/** Throws {@link DataError} unless the value is a list. */
export function checkList(where: string, value: unknown, what: string): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) throw new DataError(`${where}: expected a list of ${what}, found ${shown(value)}`);
}

/** Throws {@link DataError} unless the value can be gone through; a text is one value, not its characters. */
export function checkIterable(where: string, value: unknown, what: string): void {
  const given = value as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined;
  const fits = typeof value === "object" && (given?.[Symbol.iterator] ?? given?.[Symbol.asyncIterator]) !== undefined;
  if (!fits) throw new DataError(`${where}: expected ${what}, found ${shown(value)}`, "Give one as a list of one.");
}

/** Throws {@link OptionError} unless the option is left out or one of the values. */
export function checkOneOf(where: string, value: unknown, values: readonly unknown[]): void {
  if (value !== undefined && !values.includes(value))
    throw new OptionError(`${where} is ${shown(value)}; there are ${values.map((v) => JSON.stringify(v)).join(", ")}`);
}

/** Throws {@link OptionError} unless the option is a whole number in the range. */
export function checkWhole(where: string, value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): void {
  const fits = typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;
  const range = most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `from ${least} on`;
  if (!fits) throw new OptionError(`${where} is ${shown(value)}, expected a whole number ${range}`);
}
