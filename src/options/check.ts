import { checkOptions, nearestName, OptionError } from "../backend/options.ts";
import type { AnyOption, Limits, Table } from "./option.ts";

function numberText(whole: boolean, { from, above, to, below }: Limits): string {
  const begin = above !== undefined ? ` above ${above}` : from !== undefined ? ` from ${from}` : "";
  const end =
    to !== undefined
      ? above === undefined
        ? ` to ${to}`
        : `, at most ${to}`
      : below !== undefined
        ? `, below ${below}`
        : "";
  return `a ${whole ? "whole " : ""}number${begin}${begin === "" ? end.replace(/^ to/, " up to").replace(/^,/, "") : end}`;
}

/** What an option wants, in words: `a whole number from 1`, `true or false`. */
export function expected({ kind }: AnyOption): string {
  switch (kind.type) {
    case "number":
      return numberText(kind.whole, kind);
    case "text":
      return "a text";
    case "boolean":
      return "true or false";
    case "choice":
      return kind.choices.join(" or ");
    case "object":
      return "an object of options";
    case "list":
      return `a list: ${expected(kind.of)}, each`;
    case "either":
      return kind.of.map(expected).join(", or ");
    case "null":
      return "null";
    case "handed":
      return "what a program hands over";
  }
}

function fitsNumber(value: unknown, whole: boolean, { from, above, to, below }: Limits): boolean {
  return (
    typeof value === "number" &&
    Number.isFinite(value) &&
    (from === undefined || value >= from) &&
    (above === undefined || value > above) &&
    (to === undefined || value <= to) &&
    (below === undefined || value < below) &&
    (!whole || Number.isSafeInteger(value))
  );
}

/** Whether a value is one that the option takes. Objects are looked into by {@link checkValue}. */
export function fits({ kind }: AnyOption, value: unknown): boolean {
  switch (kind.type) {
    case "number":
      return fitsNumber(value, kind.whole, kind);
    case "text":
      return typeof value === "string" && (kind.empty || value !== "");
    case "boolean":
      return typeof value === "boolean";
    case "choice":
      return typeof value === "string" && (kind.choices.includes(value) || Object.hasOwn(kind.also ?? {}, value));
    case "object":
      return value !== null && typeof value === "object" && !Array.isArray(value);
    case "list":
      return Array.isArray(value) && value.every((one) => fits(kind.of, one));
    case "either":
      return kind.of.some((one) => fits(one, value));
    case "null":
      return value === null;
    case "handed":
      return true;
  }
}

const shown = (value: unknown): string => {
  if (typeof value === "string") return value === "" ? '""' : value;
  if (value === null || typeof value !== "object") return String(value);
  return JSON.stringify(value) ?? String(value);
};

/**
 * Refuses a value that an option does not take.
 * @param name as the user wrote it: `learningRate`, `--learning-rate`
 * @throws OptionError that names it, what was given and what is expected
 */
export function checkValue(name: string, option: AnyOption, value: unknown): void {
  const { kind } = option;
  if (fits(option, value)) {
    if (kind.type !== "object") return;
    checkOptions(name, value, kind.table);
    for (const [key, inner] of Object.entries(value as object))
      if (inner !== undefined) checkValue(`${name}: ${key}`, kind.table[key], inner);
    return;
  }
  if (kind.type !== "choice") throw new OptionError(`${name} is ${shown(value)}; expected ${expected(option)}`);
  const near = nearestName(String(value), kind.choices);
  throw new OptionError(
    kind.called === undefined
      ? `${name} is ${shown(value)}; expected ${expected(option)}`
      : `unknown ${kind.called} ${shown(value)}`,
    `${near === undefined ? "" : `Did you mean ${near}? `}There are: ${kind.choices.join(", ")}.`,
  );
}

/**
 * Refuses names that a table has not and values that its rows do not take; `undefined` counts as not given.
 * @param where the door, as the user called it: `Trainer: args`
 * @param refused names that are not done here, with what to do instead
 * @throws OptionError that names the option and what is expected, or the nearest name
 */
export function checkTable(
  where: string,
  given: unknown,
  table: Table,
  refused: Readonly<Record<string, string>> = {},
): void {
  checkOptions(where, given, table, refused);
  for (const [name, value] of Object.entries(given ?? {}))
    if (value !== undefined) checkValue(name, table[name], value);
}
