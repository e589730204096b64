import { EmulatedRegExp, toRegExpDetails } from "oniguruma-to-es";
import { DataError } from "../../data/lines.ts";
import { refuseExponential } from "../exponential.ts";
import type { PatternJson } from "./schema.ts";
import { withTables } from "./unicode.ts";

/** The text as an expression that matches it, also inside brackets; a hyphen outside them takes no backslash under `u`. */
export const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replaceAll("-", "\\u{2d}");

/** Longest expression that is taken; the longest in use have a few thousand characters. */
const LONGEST = 20_000;

/**
 * The expression of a `pattern`, with the flags `g` and `u` or `v`. Files write them for Oniguruma, whose dialect differs.
 * Throws {@link DataError} for an expression that cannot be translated; `where` names the field.
 */
export function compilePattern(pattern: PatternJson, where: string): RegExp {
  if ("String" in pattern) return new RegExp(escaped(pattern.String), "gu");
  const source = pattern.Regex;
  if (source.length > LONGEST)
    throw new DataError(`${where}.Regex: an expression of ${source.length} characters; at most ${LONGEST} are taken`);
  try {
    // `(?i:…)` alone would make the whole expression blind to case, and U+0345 a letter: what never matches keeps that away.
    const apart = /\(\?[a-z]*i/.test(source) ? `${source}|(?!)a` : source;
    const { pattern, flags, options } = toRegExpDetails(apart, { global: true, target: "ES2024" });
    const made = withTables(pattern);
    const expression = options === undefined ? new RegExp(made, flags) : new EmulatedRegExp(made, flags, options);
    refuseExponential(expression, source);
    return expression;
  } catch (error) {
    throw new DataError(
      `${where}.Regex: ${JSON.stringify(source.slice(0, 80))} cannot be read: ${(error as Error).message.slice(-120)}`,
    );
  }
}
