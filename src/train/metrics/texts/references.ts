import { ShoshinError } from "../../../backend/errors.ts";

/** References of each hypothesis: one, or several, whose number may differ from one hypothesis to the next. */
export type References = readonly (string | readonly string[])[];

/** Checked hypotheses, each with its references. @throws ShoshinError unless each hypothesis has one, and there are any. */
export function translationPairs(
  metric: string,
  hypotheses: readonly string[],
  references: References,
): [hypothesis: string, references: readonly string[]][] {
  if (hypotheses.length === 0) throw new ShoshinError(`${metric}: no hypotheses`, "give at least one");
  if (hypotheses.length !== references.length) {
    throw new ShoshinError(
      `${metric}: ${hypotheses.length} hypotheses, but references for ${references.length}`,
      "references[i] holds the reference or the references of hypothesis i",
    );
  }
  return hypotheses.map((hypothesis, i) => {
    const own = references[i];
    const list = typeof own === "string" ? [own] : own;
    if (list.length === 0) {
      throw new ShoshinError(`${metric}: hypothesis ${i} has no reference`, "leave it out, or give it one");
    }
    return [hypothesis, list];
  });
}
