import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadNative, type NativeExports } from "../../src/backend/native.ts";

/** Random arguments at every door of the kernel library: always an answer, never a crash. */
const { exports: native } = loadNative();

const ARITY: Partial<Record<keyof NativeExports, number>> = {
  fill: 4,
  unary: 8,
  unary_backward: 10,
  binary: 8,
  where: 9,
  copy: 6,
  cast: 5,
  reduce: 9,
  arg_reduce: 8,
  gemm: 5,
  softmax: 7,
  softmax_backward: 9,
  cross_entropy: 13,
  cross_entropy_backward: 17,
  norm: 13,
  norm_backward: 17,
  gather: 9,
  scatter_add: 10,
  embedding_bag: 16,
  embedding_bag_backward: 16,
  recurrent: 15,
  recurrent_backward: 19,
  dropout: 9,
  adam: 8,
  sgd: 6,
  rmsprop: 8,
  adagrad: 6,
};

describe.skipIf(native === undefined)("the gate", () => {
  const n = native as NativeExports;
  it.each(Object.entries(ARITY))("%s refuses or computes whatever it is given", (name, arity) => {
    const handles = [n.alloc(64, 0), n.alloc(64, 0), n.alloc(16, 1), n.alloc(16, 2), n.alloc(0, 0)];
    const ids = Int32Array.from({ length: 16 }, (_, i) => i % 4);
    n.write(handles[2], 0, ids);
    const stale = n.alloc(8, 0);
    n.free(stale);
    const argument = fc.oneof(
      fc.constantFrom(
        ...handles,
        ...handles,
        stale,
        0,
        0,
        1,
        1,
        2,
        3,
        4,
        8,
        -1,
        1e300,
        -1e300,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        2 ** 53,
        0.5,
      ),
      fc.integer({ min: -3, max: 70 }),
      fc.double(),
    );
    const params = n.params();
    const call = n[name as "fill"] as (...args: number[]) => number;
    fc.assert(
      fc.property(
        fc.array(argument, { minLength: arity, maxLength: arity }),
        fc.array(argument, { minLength: 64, maxLength: 64 }),
        (args, block) => {
          // Small sizes, so that whatever is accepted ends soon.
          params.set(block.map((v) => (Math.abs(v) > 1000 && Math.abs(v) < 2 ** 52 ? v % 50 : v)));
          const status = call(...args);
          expect(status).toBeLessThanOrEqual(0);
          if (status < 0) expect(n.error().length).toBeGreaterThan(5);
        },
      ),
      { numRuns: 400 },
    );
    for (const h of handles) expect(n.free(h)).toBe(0);
    for (const h of [...handles, stale]) expect(n.free(h)).toBeLessThan(0);
  });

  it("refuses arguments that are no numbers, and absurd sizes", () => {
    expect(() => (n.fill as (...a: unknown[]) => number)("x", {}, 1, 2)).toThrow(TypeError);
    expect(n.alloc(2 ** 50, 0)).toBeLessThan(0);
    expect(n.alloc(-1, 0)).toBeLessThan(0);
    expect(n.alloc(1, 9)).toBeLessThan(0);
    expect(n.read(123, 0, new Float32Array(4))).toBe(false);
    const h = n.alloc(4, 0);
    expect(n.read(h, 8, new Float32Array(4))).toBe(false);
    expect(Number.isNaN(n.get(h, 4))).toBe(true);
    n.free(h);
  });
});
