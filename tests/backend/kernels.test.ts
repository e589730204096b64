import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Backend, DType, Operand, TypedArray } from "../../src/backend/backend.ts";
import { ACTIVATIONS, BINARY_OPS, REDUCE_OPS, UNARY_OPS } from "../../src/backend/codes.ts";
import { KernelBackend } from "../../src/backend/kernels.ts";
import { ReferenceBackend } from "../../src/backend/reference.ts";
import { allDoors } from "./doors.ts";

/** Every kernel on every instruction set of this machine against the reference backend, over random shapes. */
const reference = new ReferenceBackend();

let state = 1;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return (state / 2 ** 32) * 4 - 2;
};
const floats = (n: number) => Float32Array.from({ length: n }, random);
const positives = (n: number) => Float32Array.from({ length: n }, () => Math.abs(random()) + 0.1);

function put(backend: Backend, values: TypedArray, offset = 0): Operand {
  const dtype: DType = values instanceof Float32Array ? "float32" : values instanceof Int32Array ? "int32" : "uint8";
  const storage = backend.alloc(dtype, values.length + offset);
  backend.write({ storage, offset }, values);
  return { storage, offset };
}

/** Runs the same calls on both backends and compares what they leave in their outputs. */
function same(kernels: Backend, run: (b: Backend) => [Operand, number][], relative = 1e-5, absolute = 1e-6): void {
  const [got, want] = [kernels, reference].map((b) => run(b).map(([x, n]) => b.read(x, n)));
  got.forEach((values, k) => {
    for (let i = 0; i < values.length; i++) {
      const w = want[k][i];
      if (Object.is(values[i], w) || (Number.isNaN(values[i]) && Number.isNaN(w))) continue;
      if (!(Math.abs(values[i] - w) <= absolute + relative * Math.abs(w))) {
        expect.fail(`output ${k}, element ${i}: ${values[i]}, reference ${w}`);
      }
    }
  });
}

const size = fc.oneof(fc.constantFrom(0, 1, 2, 3, 15, 16, 17, 31, 33, 64, 100, 257), fc.integer({ min: 0, max: 70 }));
const few = { numRuns: 25 };

const doors = allDoors();
if (doors.every(([name]) => name.startsWith("wasm"))) it.skip("the addon: skipped, not built", () => {});

describe.each(doors)("%s", (_name, native, isa) => {
  const kernels = new KernelBackend(native);
  kernels.chooseInstructionSet(isa);
  const use = () => kernels.chooseInstructionSet(isa);

  it.each(UNARY_OPS)("unary %s and its slope", (op) => {
    use();
    const needsPositive = ["sqrt", "rsqrt", "log", "powScalar", "reciprocal"].includes(op);
    const [p0, p1] = op === "clamp" ? [-0.5, 0.7] : op === "softplus" ? [1.5, 20] : [0.3, 0];
    fc.assert(
      fc.property(size, (n) => {
        const x = needsPositive ? positives(n) : op === "log1p" ? positives(n) : floats(n);
        const dy = floats(n);
        same(kernels, (b) => {
          const [a, g] = [put(b, x, 3), put(b, dy, 1)];
          const [y, dx] = [put(b, new Float32Array(n)), put(b, new Float32Array(n))];
          b.unary(op, y, a, n, p0, p1);
          b.unaryBackward(op, dx, g, a, n, p0, p1);
          return [
            [y, n],
            [dx, n],
          ];
        });
      }),
      few,
    );
  });

  it.each(UNARY_OPS)("unary %s at the edges of float32", (op) => {
    use();
    const x = Float32Array.from([
      0,
      -0,
      1,
      -1,
      1e-30,
      -1e-30,
      1e-4,
      87,
      -87,
      100,
      -100,
      1e30,
      3,
      -20,
      Infinity,
      -Infinity,
      NaN,
    ]);
    const [p0, p1] = op === "clamp" ? [-0.5, 0.7] : op === "softplus" ? [1.5, 20] : [2, 0];
    const skip = ["sin", "cos"].includes(op) ? x.slice(0, 11) : x;
    same(
      kernels,
      (b) => {
        const y = put(b, new Float32Array(skip.length));
        b.unary(op, y, put(b, skip), skip.length, p0, p1);
        return [[y, skip.length]];
      },
      2e-5,
      2e-6,
    );
  });

  it.each(BINARY_OPS)("binary %s with broadcasting", (op) => {
    use();
    fc.assert(
      fc.property(
        size,
        fc.integer({ min: 0, max: 9 }),
        fc.constantFrom("same", "scalar", "row", "column", "left"),
        (n, m, how) => {
          const strides = {
            same: [
              [n, 1],
              [n, 1],
            ],
            scalar: [
              [n, 1],
              [0, 0],
            ],
            row: [
              [n, 1],
              [0, 1],
            ],
            column: [
              [n, 1],
              [1, 0],
            ],
            left: [
              [0, 1],
              [n, 1],
            ],
          }[how];
          const make = op === "pow" ? positives : floats;
          const [x, y] = [make(Math.max(1, m * n)), make(Math.max(1, m * n, n, m))];
          y.set(x.subarray(0, Math.min(3, x.length)));
          const compare = BINARY_OPS.indexOf(op) >= 7;
          same(kernels, (b) => {
            const out = put(b, compare ? new Uint8Array(m * n) : new Float32Array(m * n));
            b.binary(op, out, put(b, x), put(b, y), { sizes: [m, n], strides });
            return [[out, m * n]];
          });
          const [i, j] = [
            Int32Array.from(x, (v) => Math.round(v * 3)),
            Int32Array.from(y, (v) => Math.round(v * 3) || 1),
          ];
          if (op !== "pow") {
            same(kernels, (b) => {
              const out = put(b, compare ? new Uint8Array(m * n) : new Int32Array(m * n));
              b.binary(op, out, put(b, i), put(b, j), { sizes: [m, n], strides });
              return [[out, m * n]];
            });
          }
        },
      ),
      few,
    );
  });

  it("copies between layouts, adds, chooses and casts", () => {
    use();
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 3 }),
        (m, n, k) => {
          const x = floats(m * n * k);
          same(kernels, (b) => {
            const out = put(b, floats(0));
            const turned = put(b, new Float32Array(m * n * k));
            const loop = {
              sizes: [k, n, m],
              strides: [
                [m * n, m, 1],
                [m * n, 1, n],
              ],
            };
            b.copy(turned, put(b, x), loop, false);
            const added = put(b, x);
            b.copy(added, put(b, x), loop, true);
            const bytes = put(b, new Uint8Array(m * n * k));
            b.cast(bytes, put(b, Int32Array.from(x)), m * n * k);
            const whole = put(b, new Int32Array(m * n * k));
            b.cast(whole, put(b, x), m * n * k);
            const chosen = put(b, new Float32Array(m * n * k));
            b.where(chosen, bytes, turned, added, { sizes: [m * n * k], strides: [[1], [1], [0]] });
            return [
              [out, 0],
              [turned, m * n * k],
              [added, m * n * k],
              [bytes, m * n * k],
              [whole, m * n * k],
              [chosen, m * n * k],
            ];
          });
        },
      ),
      few,
    );
  });

  it.each(REDUCE_OPS)("reduce %s", (op) => {
    use();
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5 }),
        size,
        fc.constantFrom(0, 1, 2, 16, 33, 65, 130),
        (outer, mid, inner) => {
          if (mid === 0 && (op === "max" || op === "min")) return;
          const x = op === "prod" ? floats(outer * mid * inner).map((v) => 1 + v / 20) : floats(outer * mid * inner);
          same(
            kernels,
            (b) => {
              const out = put(b, new Float32Array(outer * inner));
              b.reduce(op, out, put(b, x), outer, mid, inner, false);
              if (op === "sum" || op === "sumSquares") b.reduce(op, out, put(b, x), outer, mid, inner, true);
              const at = put(b, new Int32Array(outer * inner));
              if (mid > 0) b.argReduce("max", at, put(b, x), outer, mid, inner);
              return [
                [out, outer * inner],
                [at, outer * inner],
              ];
            },
            1e-5,
            // Rounding follows the size of the terms, not of a sum in which they cancel.
            1e-5 + mid * 3e-7,
          );
        },
      ),
      few,
    );
  });

  it("sums long arrays accurately", () => {
    use();
    const n = 3_000_001;
    const x = new Float32Array(n).fill(0.1);
    same(
      kernels,
      (b) => {
        const out = put(b, new Float32Array(2));
        const v = put(b, x);
        b.reduce("sum", out, v, 1, n, 1, false);
        b.reduce("mean", { ...out, offset: 1 }, v, 1, n, 1, false);
        return [[out, 2]];
      },
      1e-6,
    );
  });

  it("multiplies matrices", () => {
    use();
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: 1, max: 4 }), size),
        size,
        size,
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom(...ACTIVATIONS),
        fc.boolean(),
        fc.constantFrom("float32", "bf16"),
        (m, n, k, transA, transB, act, accumulate, precision) => {
          const activation = accumulate ? "none" : act;
          const batch = m * n * k < 20_000 ? 3 : 1;
          const [a, b, bias] = [floats(batch * m * k), floats(batch * n * k), floats(n)];
          const c0 = floats(batch * m * n);
          same(
            kernels,
            (be) => {
              const [c, pre] = [put(be, c0), put(be, c0)];
              be.gemm(c, put(be, a, 1), put(be, b, 2), put(be, bias), accumulate ? undefined : pre, {
                batch,
                m,
                n,
                k,
                lda: Math.max(1, transA ? m : k),
                strideA: m * k,
                ldb: Math.max(1, transB ? k : n),
                strideB: n * k,
                ldc: Math.max(1, n),
                strideC: m * n,
                transA,
                transB,
                accumulate,
                activation,
                precision: precision as "float32",
              });
              return [
                [c, batch * m * n],
                [pre, batch * m * n],
              ];
            },
            2e-5,
            2e-5 * Math.sqrt(k + 1),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it("softmax, cross-entropy and norms, forward and backward", () => {
    use();
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 70 }),
        fc.boolean(),
        fc.constantFrom(0, 0.1),
        (rows, cols, flag, smoothing) => {
          const n = rows * cols;
          const [x, dy] = [floats(n).map((v) => v * 3), floats(n)];
          const target = Int32Array.from({ length: rows }, (_, r) => (r === 1 ? -100 : (r * 7) % cols));
          const [weight, bias] = [positives(cols), floats(cols)];
          same(
            kernels,
            (b) => {
              const zero = (k: number) => put(b, new Float32Array(k));
              const [v, g, w, bi] = [put(b, x), put(b, dy), put(b, weight), put(b, bias)];
              const [y, dx] = [zero(n), zero(n)];
              b.softmax(y, v, rows, cols, flag);
              b.softmaxBackward(dx, g, y, rows, cols, flag);
              const [loss, counted, lse, dl] = [zero(rows), zero(rows), zero(2 * rows), zero(n)];
              const t = put(b, target);
              const cw = flag ? w : undefined;
              b.crossEntropy(loss, counted, lse, v, t, cw, rows, cols, smoothing, -100);
              b.crossEntropyBackward(
                dl,
                put(b, dy.slice(0, rows)),
                1,
                counted.storage.length > 0 ? put(b, Float32Array.of(2.5)) : undefined,
                v,
                t,
                cw,
                lse,
                rows,
                cols,
                smoothing,
                -100,
              );
              const [out, mean, rstd, dn, dw, db] = [
                zero(n),
                zero(rows),
                zero(rows),
                zero(n),
                put(b, bias),
                put(b, weight),
              ];
              const mu = flag ? mean : undefined;
              b.norm(out, mu, rstd, v, w, flag ? bi : undefined, rows, cols, 1e-3);
              b.normBackward(dn, dw, db, g, v, mu, rstd, w, rows, cols, true);
              return [
                [y, n],
                [dx, n],
                [loss, rows],
                [counted, rows],
                [lse, 2 * rows],
                [dl, n],
                [out, n],
                [rstd, rows],
                [dn, n],
                [dw, cols],
                [db, cols],
              ];
            },
            3e-5,
            3e-5,
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it("embeddings and bags", () => {
    use();
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 1, max: 6 }),
        fc.boolean(),
        (dim, n, bags, mean) => {
          const vocabulary = 11;
          const index = Int32Array.from({ length: n }, (_, i) => (i * 5 + 3) % vocabulary);
          const offsets = Int32Array.from({ length: bags }, (_, b) => Math.min(n, Math.floor((b * n) / bags)));
          const [table, dy, dbag, per] = [floats(vocabulary * dim), floats(n * dim), floats(bags * dim), floats(n)];
          same(
            kernels,
            (b) => {
              const [ix, off, t] = [put(b, index), put(b, offsets), put(b, table)];
              const out = put(b, new Float32Array(n * dim));
              b.gather(out, t, ix, n, dim, vocabulary);
              const grad = put(b, table);
              b.scatterAdd(grad, put(b, dy), ix, n, dim, vocabulary, 3);
              const bag = put(b, new Float32Array(bags * dim));
              const w = mean ? undefined : put(b, per);
              b.embeddingBag(bag, t, ix, off, w, bags, n, dim, vocabulary, mean, 2);
              const dbags = put(b, table);
              b.embeddingBagBackward(dbags, put(b, dbag), ix, off, w, bags, n, dim, vocabulary, mean, 2);
              return [
                [out, n * dim],
                [grad, vocabulary * dim],
                [bag, bags * dim],
                [dbags, vocabulary * dim],
              ];
            },
            1e-5,
            1e-5,
          );
        },
      ),
      few,
    );
  });

  it("drops the same elements", () => {
    use();
    for (const n of [0, 1, 5, 63, 64, 65, 1000, 70_001]) {
      const x = positives(n);
      same(kernels, (b) => {
        const out = put(b, new Float32Array(n));
        b.dropout(out, put(b, x), n, 0.3, 123456789, 4294967295, 7);
        return [[out, n]];
      });
    }
  });

  it("optimizer steps", () => {
    use();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.boolean(), fc.constantFrom(0, 0.01), (n, flag, l1) => {
        const [p, g, s1, s2, s3] = [floats(n), floats(n), floats(n), positives(n), positives(n)];
        same(
          kernels,
          (b) => {
            const st = (v: Float32Array) => put(b, v).storage;
            const scale = flag ? st(Float32Array.of(0.5)) : undefined;
            const common = { lr: 0.01, weightDecay: 0.1, l1, eps: 1e-6 };
            const all = [
              st(p),
              st(s1),
              st(s2),
              st(s3),
              st(p),
              st(s1),
              st(p),
              st(s2),
              st(s1),
              st(s3.map((v) => v / 100)),
              st(p),
              st(s2),
            ];
            const grad = st(g);
            b.adam(all[0], grad, all[1], all[2], flag ? all[3] : undefined, 0, n, scale, {
              ...common,
              beta1: 0.9,
              beta2: 0.99,
              bias1: 0.19,
              bias2: 0.02,
              decoupled: flag,
            });
            b.sgd(all[4], grad, all[5], 0, n, scale, {
              ...common,
              momentum: 0.9,
              dampening: flag ? 0 : 0.1,
              nesterov: flag,
              first: !flag,
            });
            b.rmsprop(all[6], grad, all[7], flag ? all[8] : undefined, flag ? all[9] : undefined, 0, n, scale, {
              ...common,
              alpha: 0.9,
              momentum: 0.5,
            });
            b.adagrad(all[10], grad, all[11], 0, n, scale, common);
            return all.map((storage) => [{ storage, offset: 0 }, n] as [Operand, number]);
          },
          2e-5,
          2e-6,
        );
      }),
      few,
    );
  });

  it("few rows by large matrices: cut into pieces, with the same bits on every number of threads", () => {
    use();
    for (const [m, n, k, transB] of [
      [1, 2300, 300, false],
      [2, 70, 1501, false],
      [3, 900, 301, true],
      [4, 333, 700, false],
      [4, 40, 4000, true],
    ] as const) {
      const [a, b, bias] = [floats(m * k), floats(n * k), floats(n)];
      const run = (be: Backend) => {
        const c = put(be, new Float32Array(m * n));
        be.gemm(c, put(be, a), put(be, b), put(be, bias), undefined, {
          ...{ batch: 1, m, n, k, lda: k, strideA: 0, ldb: transB ? k : n, strideB: 0, ldc: n, strideC: 0 },
          ...{ transA: false, transB, accumulate: false, activation: "relu", precision: "float32" },
        });
        return c;
      };
      same(kernels, (be) => [[run(be), m * n]], 2e-5, 2e-5 * Math.sqrt(k));
      const results = [1, 2, 3].map((threads) => {
        kernels.threads = threads;
        return kernels.read(run(kernels), m * n);
      });
      kernels.threads = 2;
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
    }
  });

  it("gives the same bits on every number of threads", () => {
    use();
    const [m, n, k] = [301, 333, 700];
    const [a, b] = [floats(m * k), floats(k * n)];
    const results = [1, 2, 3].map((threads) => {
      kernels.threads = threads;
      const c = put(kernels, new Float32Array(m * n));
      const g = {
        batch: 1,
        m,
        n,
        k,
        lda: k,
        strideA: 0,
        ldb: n,
        strideB: 0,
        ldc: n,
        strideC: 0,
        transA: false,
        transB: false,
        accumulate: false,
      };
      kernels.gemm(c, put(kernels, a), put(kernels, b), undefined, undefined, {
        ...g,
        activation: "gelu",
        precision: "float32",
      });
      const sum = put(kernels, new Float32Array(1 + n));
      kernels.reduce("sum", sum, c, 1, m * n, 1, false);
      kernels.reduce("sum", { ...sum, offset: 1 }, c, 1, m, n, false);
      const [dx, dw, db, mean, rstd] = [
        put(kernels, a),
        put(kernels, floats(k)),
        put(kernels, floats(k)),
        put(kernels, floats(m)),
        put(kernels, floats(m)),
      ];
      const x = put(kernels, a);
      kernels.norm(dx, mean, rstd, x, undefined, undefined, m, k, 1e-5);
      kernels.normBackward(dx, dw, db, x, x, mean, rstd, undefined, m, k, false);
      return [kernels.read(c, m * n), kernels.read(sum, 1 + n), kernels.read(dw, k), kernels.read(db, k)];
    });
    kernels.threads = 2;
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});
