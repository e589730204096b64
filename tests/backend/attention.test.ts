import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AttentionShape, Rows } from "../../src/backend/attention.ts";
import type { Backend, Operand, TypedArray } from "../../src/backend/backend.ts";
import { KernelBackend } from "../../src/backend/kernels.ts";
import { ReferenceBackend } from "../../src/backend/reference.ts";
import { allDoors } from "./doors.ts";

/** The attention kernels on every instruction set of this machine against the reference backend, over random shapes. */
const reference = new ReferenceBackend();

let state = 1;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return (state / 2 ** 32) * 2 - 1;
};
const floats = (n: number, scale = 1) => Float32Array.from({ length: n }, () => random() * scale);
const base = { causal: false, scale: 0.3, dropout: 0, key0: 7, key1: 9, site: 3 };

interface Case {
  shape: AttentionShape;
  /** Heads next to each other in a row, or rows next to each other in a head. */
  interleaved: boolean;
  mask: "none" | "keys" | "all";
  bias: "none" | "heads" | "keys" | "all";
  slopes: boolean;
}
interface Values {
  q: Float32Array;
  k: Float32Array;
  v: Float32Array;
  dout: Float32Array;
  mask?: Uint8Array;
  bias?: Float32Array;
  slopes?: Float32Array;
}

function values({ shape: s, mask, bias, slopes }: Case): Values {
  const grid = { none: 0, keys: s.batch * s.keys, heads: s.heads * s.queries * s.keys, all: 0 };
  grid.all = s.batch * s.heads * s.queries * s.keys;
  return {
    q: floats(s.batch * s.heads * s.queries * s.size, 2),
    k: floats(s.batch * s.groups * s.keys * s.size, 2),
    v: floats(s.batch * s.groups * s.keys * s.valueSize),
    dout: floats(s.batch * s.heads * s.queries * s.valueSize),
    mask: mask === "none" ? undefined : Uint8Array.from({ length: grid[mask] }, () => (random() > -0.2 ? 1 : 0)),
    bias: bias === "none" ? undefined : floats(grid[bias]).map((x) => (x < -0.9 ? -Infinity : x)),
    slopes: slopes ? floats(s.heads).map(Math.abs) : undefined,
  };
}

/** Output, logarithm of the sums and the gradients. */
function both(b: Backend, { shape: s, interleaved, mask, bias }: Case, v: Values): TypedArray[] {
  const made: Operand[] = [];
  const put = (x: TypedArray, offset: number): Operand => {
    const storage = b.alloc(x instanceof Uint8Array ? "uint8" : "float32", x.length + offset);
    b.write({ storage, offset }, x);
    made.push({ storage, offset });
    return { storage, offset };
  };
  const rows = (x: TypedArray, offset: number, heads: number, n: number, size: number): Rows => ({
    ...put(x, offset),
    strides: interleaved ? [n * heads * size, size, heads * size, 1] : [heads * n * size, n * size, size, 1],
  });
  const { queries: t, keys: n } = s;
  const biasStrides = {
    ...{ none: [], heads: [0, t * n, n, 1], keys: [n, 0, 0, 1], all: [s.heads * t * n, t * n, n, 1] },
  };
  const inputs = {
    q: rows(v.q, 1, s.heads, t, s.size),
    k: rows(v.k, 0, s.groups, n, s.size),
    v: rows(v.v, 2, s.groups, n, s.valueSize),
    mask: v.mask && { ...put(v.mask, 3), strides: mask === "keys" ? [n, 0, 0, 1] : [s.heads * t * n, t * n, n, 1] },
    bias: v.bias && { ...put(v.bias, 1), strides: biasStrides[bias] },
    slopes: v.slopes && put(v.slopes, 1),
  };
  const out = rows(new Float32Array(v.dout.length), 1, s.heads, t, s.valueSize);
  const lse = put(new Float32Array(s.batch * s.heads * t), 0);
  b.attention(out, lse, inputs, s);
  const gradients = {
    q: rows(new Float32Array(v.q.length).fill(5), 0, s.heads, t, s.size),
    k: rows(new Float32Array(v.k.length).fill(5), 1, s.groups, n, s.size),
    v: rows(new Float32Array(v.v.length).fill(5), 0, s.groups, n, s.valueSize),
    bias: v.bias && { ...put(new Float32Array(v.bias.length).fill(2), 3), strides: biasStrides[bias] },
  };
  b.attentionBackward(gradients, rows(v.dout, 1, s.heads, t, s.valueSize), out, lse, inputs, s);
  const read = [
    b.read(out, v.dout.length),
    b.read(lse, s.batch * s.heads * t),
    b.read(gradients.q, v.q.length),
    b.read(gradients.k, v.k.length),
    b.read(gradients.v, v.v.length),
    ...(v.bias && gradients.bias ? [b.read(gradients.bias, v.bias.length)] : []),
  ];
  for (const x of made) b.free(x.storage);
  return read;
}

/** Relative to the largest value of each result, or 0.5: sums of terms of both signs cancel. */
function compare(got: TypedArray[], want: TypedArray[], tolerance: number): void {
  got.forEach((list, r) => {
    const size = Array.from(want[r]).reduce((m, x) => (Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m), 0.5);
    for (let i = 0; i < list.length; i++) {
      if (list[i] !== want[r][i] && !(Math.abs(list[i] - want[r][i]) <= tolerance * size)) {
        expect.fail(`result ${r}, element ${i}: ${list[i]}, reference ${want[r][i]}`);
      }
    }
  });
}

const cases = fc
  .record({
    batch: fc.constantFrom(0, 1, 2, 3),
    groups: fc.constantFrom(1, 1, 2, 3),
    shared: fc.constantFrom(1, 1, 2),
    queries: fc.oneof(fc.constantFrom(0, 1, 2, 16, 17, 32, 33, 128, 129), fc.integer({ min: 1, max: 150 })),
    keys: fc.oneof(fc.constantFrom(0, 1, 2, 14, 15, 140, 141, 200), fc.integer({ min: 1, max: 160 })),
    size: fc.constantFrom(1, 3, 8, 16, 17, 32, 33, 64),
    valueSize: fc.constantFrom(1, 4, 8, 15, 32, 40),
    square: fc.boolean(),
    causal: fc.boolean(),
    dropout: fc.constantFrom(0, 0, 0.3),
    interleaved: fc.boolean(),
    mask: fc.constantFrom("none", "none", "keys", "all"),
    bias: fc.constantFrom("none", "none", "heads", "keys", "all"),
    slopes: fc.constantFrom(false, false, true),
  })
  .map(({ shared, square, causal, dropout, interleaved, mask, bias, slopes, ...s }): Case => {
    const keys = square ? s.queries : s.keys;
    const shape = { ...base, ...s, keys, heads: s.groups * shared, causal, dropout };
    return { shape, interleaved, mask, bias, slopes } as Case;
  });

describe.each(allDoors())("%s", (_name, native, isa) => {
  const kernels = new KernelBackend(native);

  it("attention, forward and backward", { timeout: 60_000 }, () => {
    kernels.chooseInstructionSet(isa);
    const property = fc.property(cases, (c) => {
      const v = values(c);
      compare(both(kernels, c, v), both(reference, c, v), 2e-5);
    });
    fc.assert(property, { numRuns: 120 });
  });

  it("the same bits for every number of threads", () => {
    kernels.chooseInstructionSet(isa);
    const threads = kernels.threads;
    for (const [batch, groups, shared, queries, keys, bias] of [
      [1, 1, 1, 300, 300, "none"],
      [1, 3, 2, 129, 417, "none"],
      [2, 4, 1, 64, 64, "none"],
      [1, 2, 3, 2, 1300, "none"],
      [2, 5, 1, 1, 300, "none"],
      [3, 6, 1, 130, 131, "heads"],
      [3, 1, 2, 150, 70, "heads"],
      [2, 3, 1, 150, 70, "keys"],
      [2, 3, 1, 90, 110, "all"],
    ] as const) {
      const shape = { ...base, batch, groups, heads: groups * shared, queries, keys, size: 24, valueSize: 24 };
      const c: Case = {
        shape: { ...shape, causal: true },
        interleaved: true,
        mask: "none",
        bias,
        slopes: false,
      };
      const v = values(c);
      const results = [1, 2, 3].map((n) => {
        kernels.threads = n;
        return both(kernels, c, v).map((x) => new Int32Array(x.buffer, x.byteOffset, x.length));
      });
      kernels.threads = threads;
      for (const other of results.slice(1)) {
        // One by one: a comparison of whole arrays by the test's library takes long.
        const same = other.map((x, i) => x.every((bits, j) => bits === results[0][i][j]));
        expect(same).toEqual(other.map(() => true));
      }
    }
  });

  it("many keys at once and large scores", () => {
    kernels.chooseInstructionSet(isa);
    const shape = {
      ...base,
      batch: 1,
      groups: 1,
      heads: 1,
      queries: 40,
      keys: 1500,
      size: 16,
      valueSize: 16,
      scale: 20,
    };
    const c: Case = { shape, interleaved: false, mask: "none", bias: "none", slopes: false };
    const v = values(c);
    // Scores of some hundreds: their own rounding is 1e-5 of a weight.
    compare(both(kernels, c, v), both(reference, c, v), 3e-4);
  });

  it("few queries, many keys: in chunks where heads are few", { timeout: 60_000 }, () => {
    kernels.chooseInstructionSet(isa);
    const few = fc.record({
      c: cases,
      queries: fc.integer({ min: 1, max: 4 }),
      keys: fc.constantFrom(127, 512, 513, 700, 1100),
      batch: fc.constantFrom(1, 1, 3),
    });
    const property = fc.property(few, ({ c, ...sizes }) => {
      const one = { ...c, shape: { ...c.shape, ...sizes, dropout: 0 } };
      const v = values(one);
      compare(both(kernels, one, v), both(reference, one, v), 3e-5);
    });
    fc.assert(property, { numRuns: 30 });
  });

  it("NaN stays NaN; refuses what lies outside", () => {
    kernels.chooseInstructionSet(isa);
    const shape = { ...base, batch: 1, groups: 1, heads: 1, queries: 3, keys: 3, size: 4, valueSize: 4 };
    const c: Case = { shape, interleaved: false, mask: "none", bias: "none", slopes: false };
    const v = values(c);
    v.q[5] = Number.NaN;
    const [out] = both(kernels, c, v);
    expect([...out].map(Number.isNaN)).toEqual([...Array(12).keys()].map((i) => i >= 4 && i < 8));
    v.k = v.k.subarray(1);
    expect(() => both(kernels, c, v)).toThrow(/k: elements 0 to 12 lie outside/);
    const odd = { ...c, shape: { ...shape, heads: 3, groups: 2 } };
    expect(() => both(kernels, odd, values(odd))).toThrow(/2 heads of keys for 3/);
  });
});
