import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Backend, DType, Operand, TypedArray } from "../../src/backend/backend.ts";
import { KernelBackend } from "../../src/backend/kernels.ts";
import { CELL_SIZES, CELLS, type RecurrentGradients, recurrentWork } from "../../src/backend/recurrent.ts";
import { ReferenceBackend } from "../../src/backend/reference.ts";
import { allDoors } from "./doors.ts";

/** The recurrent kernels on every instruction set of this machine against the reference backend, over random shapes. */
const reference = new ReferenceBackend();

let state = 1;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return (state / 2 ** 32) * 2 - 1;
};
const floats = (n: number) => Float32Array.from({ length: n }, random);

function put(backend: Backend, values: TypedArray, offset = 0): Operand {
  const dtype: DType = values instanceof Float32Array ? "float32" : "int32";
  const storage = backend.alloc(dtype, values.length + offset);
  backend.write({ storage, offset }, values);
  return { storage, offset };
}

const NAMES = ["x", "h0", "c0", "wih", "whh", "bih", "bhh"] as const;
type Values = Partial<Record<(typeof NAMES)[number] | "dout" | "dhn" | "dcn", Float32Array>>;
type Shape = Parameters<Backend["recurrent"]>[2];

/** Random operands for a shape; `leave` is the bits of the optional ones that are left out. */
function operands(s: Shape, leave: number): Values {
  const rows = CELL_SIZES[s.cell].gates * s.hidden;
  const size = s.batch * s.hidden;
  const lstm = s.cell === "lstm";
  // Small, so that long sums do not saturate.
  const small = (n: number, k: number) => floats(n).map((v) => v / Math.sqrt(k + 1));
  return {
    x: floats(s.steps * s.batch * s.input),
    h0: leave & 1 ? undefined : floats(size),
    c0: !lstm || leave & 2 ? undefined : floats(size),
    wih: small(rows * s.input, s.input),
    whh: small(rows * s.hidden, s.hidden),
    bih: leave & 4 ? undefined : floats(rows),
    bhh: leave & 8 ? undefined : floats(rows),
    dout: leave & 16 ? undefined : floats(s.steps * size),
    dhn: leave & 32 ? undefined : floats(size),
    dcn: !lstm || leave & 64 ? undefined : floats(size),
  };
}

/** Everything that both passes write. */
function both(b: Backend, s: Shape, v: Values, lengths: Int32Array | undefined, accumulate: boolean): TypedArray[] {
  const made: Operand[] = [];
  const keep = (x: Operand) => {
    made.push(x);
    return x;
  };
  const zero = (n: number) => keep(put(b, new Float32Array(n), 2));
  const size = s.batch * s.hidden;
  const lstm = s.cell === "lstm";
  const { saved } = CELL_SIZES[s.cell];
  const given = Object.fromEntries(
    Object.entries(v).map(([name, values], i) => [name, values && keep(put(b, values, i % 3))]),
  );
  const { dout: out, dhn: hn, dcn: cn, ...inputs } = given as Record<string, Operand>;
  const all = { ...inputs, lengths: lengths && keep(put(b, lengths, 1)) } as Parameters<Backend["recurrent"]>[1];
  const results = {
    out: lengths ? zero(s.steps * size) : undefined,
    hn: zero(size),
    cn: lstm ? zero(size) : undefined,
    states: zero((s.steps + 1) * size),
    cells: lstm ? zero((s.steps + 1) * size) : undefined,
    gates: saved > 0 ? zero(s.steps * size * saved) : undefined,
  };
  b.recurrent(results, all, s);
  const gradients: RecurrentGradients = {};
  const sizes: number[] = [];
  for (const name of NAMES) {
    const n = v[name]?.length;
    if (n === undefined) continue;
    gradients[name] = { to: keep(put(b, new Float32Array(n).fill(0.5), 1)), accumulate };
    sizes.push(n);
  }
  b.recurrentBackward(gradients, zero(recurrentWork(s, lengths !== undefined)), { out, hn, cn }, results, all, s);
  const list: [Operand | undefined, number][] = [
    [results.out ?? results.states, results.out ? s.steps * size : (s.steps + 1) * size],
    [results.hn, size],
    [results.cn, size],
    ...Object.values(gradients).map((g, i): [Operand, number] => [g.to, sizes[i]]),
  ];
  const read = list.flatMap(([x, n]) => (x ? [b.read(x, n)] : []));
  for (const x of made) b.free(x.storage);
  return read;
}

function compare(got: TypedArray[], want: TypedArray[], relative: number, absolute: number): void {
  expect(got.length).toBe(want.length);
  got.forEach((values, k) => {
    for (let i = 0; i < values.length; i++) {
      if (!(Math.abs(values[i] - want[k][i]) <= absolute + relative * Math.abs(want[k][i]))) {
        expect.fail(`result ${k}, element ${i}: ${values[i]}, reference ${want[k][i]}`);
      }
    }
  });
}

describe.each(allDoors())("%s", (_name, native, isa) => {
  const kernels = new KernelBackend(native);

  it.each(CELLS)("%s, forward and backward", (cell) => {
    kernels.chooseInstructionSet(isa);
    const property = fc.property(
      fc.constantFrom(0, 1, 2, 3, 7),
      fc.constantFrom(1, 1, 2, 3, 13, 17, 30),
      fc.constantFrom(0, 1, 5, 16, 33),
      fc.oneof(fc.constantFrom(1, 2, 15, 16, 17, 31, 32, 33, 65), fc.integer({ min: 1, max: 70 })),
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 0, max: 127 }),
      fc.constantFrom("float32", "float32", "bf16"),
      (steps, batch, input, hidden, reverse, varying, accumulate, leave, precision) => {
        const s = { cell, steps, batch, input, hidden, reverse, precision: precision as "float32" };
        const v = operands(s, leave);
        const lengths = varying
          ? Int32Array.from({ length: batch }, (_, i) => (i * 5 + leave) % (steps + 1))
          : undefined;
        const [got, want] = [kernels, reference].map((b) => both(b, s, v, lengths, accumulate));
        // bf16: a state that differs in its last bit may round to a neighbour, 2^-8 away.
        if (precision === "bf16") compare(got, want, 3e-2, 6e-2);
        else compare(got, want, 1e-4, 5e-5);
      },
    );
    // One seed: a ReLU may turn at a value that rounds differently.
    state = 1;
    fc.assert(property, { numRuns: 40, seed: 11 });
  });

  it("long sums take several blocks", () => {
    kernels.chooseInstructionSet(isa);
    for (const precision of ["float32", "bf16"] as const) {
      const s = { cell: "lstm", steps: 2, batch: 3, input: 5, hidden: 530, reverse: false, precision } as const;
      const v = operands(s, 0);
      const [got, want] = [kernels, reference].map((b) => both(b, s, v, undefined, false));
      if (precision === "bf16") compare(got, want, 3e-2, 6e-2);
      else compare(got, want, 1e-4, 1e-4);
    }
  });

  it.each(CELLS)("%s: the same bits on every number of threads", (cell) => {
    kernels.chooseInstructionSet(isa);
    for (const precision of ["float32", "bf16"] as const) {
      const s = { cell, steps: 5, batch: 37, input: 40, hidden: 75, reverse: true, precision };
      const v = operands(s, 0);
      const lengths = Int32Array.from({ length: s.batch }, (_, i) => i % 6);
      const results = [1, 2, 3, 8].map((threads) => {
        kernels.threads = threads;
        return both(kernels, s, v, lengths, true);
      });
      kernels.threads = 2;
      for (const other of results.slice(1)) expect(other).toEqual(results[0]);
    }
  });

  it.each([
    ["lstm", 4, 200],
    ["lstm", 5, 201],
    ["gru", 5, 230],
    ["rnnTanh", 7, 290],
  ] as const)("%s of a small batch and many units, divided by units", (cell, batch, hidden) => {
    kernels.chooseInstructionSet(isa);
    for (const precision of ["float32", "bf16"] as const) {
      const s = { cell, steps: 3, batch, input: 9, hidden, reverse: batch === 5, precision };
      const v = operands(s, 0);
      const lengths = cell === "lstm" ? undefined : Int32Array.from({ length: batch }, (_, i) => i % 4);
      const results = [1, 2, 3, 16].map((threads) => {
        kernels.threads = threads;
        return both(kernels, s, v, lengths, true);
      });
      kernels.threads = 2;
      const want = both(reference, s, v, lengths, true);
      if (precision === "bf16") compare(results[1], want, 3e-2, 6e-2);
      else compare(results[1], want, 1e-4, 1e-4);
      for (const other of results.slice(1)) expect(other).toEqual(results[0]);
    }
  });

  it("padding has no influence, not even NaN", () => {
    kernels.chooseInstructionSet(isa);
    const s = { cell: "gru", steps: 3, batch: 2, input: 2, hidden: 4, reverse: true, precision: "float32" } as const;
    const v = operands(s, 0);
    const lengths = Int32Array.of(3, 1);
    const want = both(kernels, s, v, lengths, false);
    for (let t = 1; t < 3; t++) v.x?.fill(Number.NaN, (t * 2 + 1) * 2, (t * 2 + 2) * 2);
    for (let t = 1; t < 3; t++) v.dout?.fill(Number.NaN, (t * 2 + 1) * 4, (t * 2 + 2) * 4);
    expect(both(kernels, s, v, lengths, false)).toEqual(want);
  });
});
