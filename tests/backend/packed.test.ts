import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Gemm, Operand } from "../../src/backend/backend.ts";
import { KernelBackend } from "../../src/backend/kernels.ts";
import { allDoors } from "./doors.ts";

/** Multiplies that keep a packed copy of their right side. */
let state = 7;
const floats = (n: number) =>
  Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 4 - 2;
  });

const doors = allDoors();
if (doors.every(([name]) => name.startsWith("wasm"))) it.skip("the addon: skipped, not built", () => {});

describe.each(doors)("%s", (_name, native, isa) => {
  const kernels = new KernelBackend(native);
  const put = (values: Float32Array, offset = 0): Operand => {
    const storage = kernels.alloc("float32", values.length + offset);
    kernels.write({ storage, offset }, values);
    return { storage, offset };
  };
  const multiply = (a: Operand, b: Operand, g: Gemm) => {
    const c = put(new Float32Array(g.m * g.n));
    kernels.gemm(c, a, b, undefined, undefined, g);
    return kernels.read(c, g.m * g.n);
  };
  const same = (a: Operand, b: Operand, g: Gemm) => {
    const [got, want] = [multiply(a, b, { ...g, keep: true }), multiply(a, b, g)];
    const at = got.findIndex((v, i) => !Object.is(v, want[i]));
    if (at >= 0) expect.fail(`element ${at}: ${got[at]}, without a copy ${want[at]}`);
  };
  const problem = (m: number, n: number, k: number, transB: boolean, precision: "float32" | "bf16"): Gemm => ({
    ...{ batch: 1, m, n, k, lda: Math.max(1, k), strideA: 0, ldb: Math.max(1, transB ? k : n), strideB: 0 },
    ...{ ldc: Math.max(1, n), strideC: 0, transA: false, transB, accumulate: false, activation: "none", precision },
  });
  const size = fc.oneof(fc.constantFrom(0, 1, 31, 33, 64, 100), fc.integer({ min: 0, max: 300 }));

  it("give the same bits for every number of rows, and follow what is written to the right side", () => {
    kernels.chooseInstructionSet(isa);
    fc.assert(
      fc.property(size, size, size, fc.boolean(), fc.constantFrom("float32", "bf16"), (m, n, k, transB, precision) => {
        const [a, b] = [put(floats(m * k)), put(floats(n * k), 3)];
        const g = problem(m, n, k, transB, precision as "float32");
        for (let use = 0; use < 4; use++) same(a, b, g);
        const other = problem(Math.floor(m / 3), n, k, transB, precision as "float32");
        same(a, b, other);
        kernels.write(b, floats(n * k));
        same(a, b, g);
        same(a, b, g);
        if (n * k > 0) kernels.fill(b, n * k, 0.5);
        same(a, b, g);
      }),
      { numRuns: 30 },
    );
  });

  it("in blocks of k, and on every number of threads", () => {
    kernels.chooseInstructionSet(isa);
    const before = kernels.memory().packedBytes;
    for (const [m, n, k] of [
      [20, 200, 2500],
      [300, 40, 1101],
      [120, 3200, 64],
    ]) {
      for (const precision of ["float32", "bf16"] as const) {
        const [a, b] = [put(floats(m * k)), put(floats(n * k))];
        const g = problem(m, n, k, true, precision);
        for (const threads of [1, 2, 3]) {
          kernels.threads = threads;
          same(a, b, g);
        }
        kernels.threads = 2;
        expect(kernels.memory().packedBytes).toBeGreaterThanOrEqual(n * k * (precision === "bf16" ? 2 : 4));
        for (const { storage } of [a, b]) kernels.free(storage);
        expect(kernels.memory().packedBytes).toBe(before);
      }
    }
  });
});
