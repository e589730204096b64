import { expect, test } from "vitest";
import { manualSeed, memory, randn, scaledDotProductAttention, tidy } from "../../src/index.ts";

/** Peak bytes of a forward and backward pass above what was live before. */
function peakOf(length: number): number {
  const before = memory().liveBytes;
  tidy(() => {
    const [q, k, v] = [0, 1, 2].map(() => randn([1, 1, length, 16], { requiresGrad: true }));
    scaledDotProductAttention(q, k, v, { isCausal: true }).sum().backward();
    for (const t of [q, k, v]) expect(Number.isFinite(t.grad?.sum().item())).toBe(true);
  });
  return memory().peakBytes - before;
}

test("attention's memory grows with the length, not with its square, from 128 to 8,192", () => {
  manualSeed(0);
  // Peaks only ever rise, so the short ones come first.
  const peaks = [128, 512, 2048, 8192].map((length) => peakOf(length) / length);
  // q, k, v, their gradients, the output and its gradient: 8 · 16 floats a row, and the sums of exponentials.
  for (const perRow of peaks) expect(perRow).toBeLessThan(1.6 * 8 * 16 * 4);
  expect(peaks[3]).toBeGreaterThan(0.5 * 8 * 16 * 4);
});
