import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextProbabilities } from "../../src/models/index.ts";

/** The definitions, sorted out in full. */
function plain(logits: number[], topK: number, topP: number, minP: number): { p: number[]; margin: number } {
  const best = Math.max(...logits);
  let p = logits.map((x) => Math.exp(x - best));
  const order = [...p.keys()].sort((a, b) => p[b] - p[a]);
  const scaled = () => {
    const total = p.reduce((a, b) => a + b);
    p = p.map((x) => x / total);
  };
  const limit = p[order[Math.min(topK, p.length) - 1]];
  if (topK > 0 && topK < p.length) p = p.map((x) => (x < limit ? 0 : x));
  scaled();
  let sum = 0;
  let margin = 1;
  // Values that differed may be equal once they are scaled.
  for (const id of [...p.keys()].sort((a, b) => p[b] - p[a])) {
    margin = Math.min(margin, Math.abs(sum - topP));
    if (topP < 1 && sum >= topP) p[id] = 0;
    sum += p[id];
  }
  scaled();
  p = p.map((x) => (x < minP * Math.max(...p) ? 0 : x));
  scaled();
  return { p, margin };
}

describe("nextProbabilities", () => {
  it("is what the definitions say, over random logits", () => {
    const logits = fc.oneof(
      fc.array(fc.integer({ min: -8, max: 8 }), { minLength: 1, maxLength: 40 }),
      fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 300, maxLength: 700 }),
    );
    const settings = fc.record({
      topK: fc.constantFrom(0, 1, 2, 5, 100, 300),
      topP: fc.constantFrom(1, 0.99, 0.9, 0.5, 0.013),
      minP: fc.constantFrom(0, 0.05, 0.6),
    });
    fc.assert(
      fc.property(logits, settings, (x, { topK, topP, minP }) => {
        const got = nextProbabilities(Float64Array.from(x), [], { topK, topP, minP });
        const { p: want, margin } = plain(x, topK, topP, minP);
        // On the edge of topP, rounding in the order of the sum decides.
        fc.pre(topP === 1 || margin > 1e-9);
        for (const [i, p] of got.entries()) expect(p).toBeCloseTo(want[i], 12);
      }),
    );
  });
});
