import { EmulatedRegExp, toRegExpDetails } from "oniguruma-to-es";
import { DataError } from "../../data/lines.ts";
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

const NESTED = /[*+}|]/;
/** Milliseconds that an attempt on a few characters may take; without trouble it takes a thousandth. */
const TOO_LONG = 100;

/**
 * Throws an Error for an expression such as `(a+)+$`, which tries every way to cut a text before it gives up: the time doubles
 * with each character. It is tried on short texts of characters that it may match, a few more in each round.
 */
export function refuseExponential(expression: RegExp, source: string): void {
  // Only what repeats a group can do so.
  if (!/\)[*+{]/.test(source) || !NESTED.test(source)) return;
  const own = [...new Set(source.replace(/\\[a-zA-Z]/g, "").match(/[\p{L}\p{N}\p{S} _-]/gu) ?? [])].slice(0, 24);
  const units = [...new Set([...own, ..."aA0 .\n_中é"])];
  const pairs = own.slice(0, 6).flatMap((a) => own.slice(0, 6).map((b) => a + b));
  const attempt = (text: string): number => {
    const begin = performance.now();
    expression.lastIndex = 0;
    expression.test(text);
    return performance.now() - begin;
  };
  for (let length = 8; length <= 30; length += 2) {
    for (const unit of [...units, ...pairs]) {
      for (const end of ["\u0000", "!", "\u{10ffff}"]) {
        const text = unit.repeat(length) + end;
        // Twice, since the machine may have been busy with something else.
        if (attempt(text) > TOO_LONG && attempt(text) > TOO_LONG) {
          throw new Error("it takes exponential time on texts of a few characters: a repetition inside a repetition");
        }
      }
    }
  }
  expression.lastIndex = 0;
}
