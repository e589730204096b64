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
    try {
      expression.test(text);
    } catch {
      // Firefox gives up by itself.
      return Number.POSITIVE_INFINITY;
    }
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
