import { toRegExp } from "oniguruma-to-es";
import { DataError } from "../../data/lines.ts";
import type { PatternJson } from "./schema.ts";

/** The text as an expression that matches it. */
export const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

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
    return toRegExp(source, { global: true, target: "ES2024" });
  } catch (error) {
    throw new DataError(
      `${where}.Regex: ${JSON.stringify(source.slice(0, 80))} cannot be read: ${(error as Error).message}`,
    );
  }
}
