import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lockedDropout, manualSeed, ones, setBackend, tensor } from "../../src/index.ts";
import { BACKENDS, itOn } from "../backends.ts";

describe.each(BACKENDS)("lockedDropout on %s", (name) => {
  const it = itOn(name);
  it("has one mask along its dimension, on every backend the same, and keeps the mean", () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 6 })),
        fc.integer({ min: -3, max: 2 }),
        fc.integer({ min: 0, max: 2 ** 40 }),
        (shape, dim, seed) => {
          manualSeed(seed);
          const y = lockedDropout(ones(shape), 0.3, true, dim);
          manualSeed(seed);
          setBackend("reference");
          const want = lockedDropout(ones(shape), 0.3, true, dim);
          setBackend(name);
          expect([...y.data()]).toEqual([...want.data()]);
          const n = shape.at(dim) as number;
          const first = y.slice(dim, 0, 1);
          for (let i = 1; i < n; i++) expect(y.slice(dim, i, i + 1).toArray()).toEqual(first.toArray());
          for (const v of y.data()) expect([0, Math.fround(1 / Math.fround(0.7))].map(Math.fround)).toContain(v);
        },
      ),
      { numRuns: 40 },
    );
    manualSeed(1);
    expect(
      lockedDropout(ones([2, 100, 100]), 0.3)
        .mean()
        .item(),
    ).toBeCloseTo(1, 1);
  });
  it("draws anew each time, and does nothing outside training or at p = 0", () => {
    manualSeed(1);
    const x = ones([2, 40]);
    expect(lockedDropout(x, 0.5).toArray()).not.toEqual(lockedDropout(x, 0.5).toArray());
    expect(lockedDropout(x, 0.5, false)).toBe(x);
    expect(lockedDropout(x, 0)).toBe(x);
    expect([...lockedDropout(x, 1).data()].every((v) => v === 0)).toBe(true);
  });
});

it("lockedDropout refuses what cannot be, by name", () => {
  const x = tensor([[1, 2]]);
  expect(() => lockedDropout(x, 1.5)).toThrow(/lockedDropout: probability 1.5/);
  expect(() => lockedDropout(x, 0.5, true, 2)).toThrow(/dimension 2 of a tensor that has 2/);
});
