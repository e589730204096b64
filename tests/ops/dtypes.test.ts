import { describe, expect } from "vitest";
import type { BackendName, DType, Tensor } from "../../src/index.ts";
import * as S from "../../src/index.ts";
import { BACKENDS, itOn } from "../backends.ts";
import recorded from "./recorded/dtypes.json" with { type: "json" };

/** What PyTorch gave for every pair of dtypes (scripts/record/dtypes.py), on every backend. */
type Operand = string | number | boolean | null;
type Row = [
  op: string,
  left: Operand,
  right: Operand,
  dtype: DType | null,
  result: (number | boolean | string)[] | string,
];
const ROWS = recorded as Row[];

const { NaN: NAN, POSITIVE_INFINITY: INF } = Number;
const VALUES: Record<string, (number | boolean)[]> = {
  bool: [true, false, true, false],
  uint8: [0, 1, 7, 200],
  int32: [-3, 0, 7, 16777217],
  int64: [-3, 0, 7, 16777217],
  float32: [-2.5, -0, 3, NAN],
  float64: [-2.5, 0.1, 3, INF],
};
const OTHERS: Record<string, (number | boolean)[]> = {
  bool: [true, true, false, false],
  uint8: [2, 1, 7, 100],
  int32: [2, -1, 7, 16777216],
  int64: [3, -1, 7, 16777216],
  float32: [0.5, 0, 3, 2],
  float64: [0.1, 0.1, 3, -2],
};
const mask = () => S.tensor([true, false, true, false]);

type Any = Tensor & number;
const BINARY: Record<string, (a: Any, b: Any) => Tensor> = {
  ...{ add: S.add, sub: S.sub, mul: S.mul, div: S.div, pow: S.pow, maximum: S.maximum, minimum: S.minimum },
  ...{ eq: S.eq, ne: S.ne, lt: S.lt, le: S.le, gt: S.gt, ge: S.ge },
  ...{ floorDivide: S.floorDivide, remainder: S.remainder },
  ...{ logicalAnd: S.logicalAnd, logicalOr: S.logicalOr, logicalXor: S.logicalXor },
  where: (a, b) => S.where(mask(), a, b),
  concat: (a, b) => S.concat([a, b]),
  add_: (a, b) => a.add_(b),
  sub_: (a, b) => a.sub_(b),
  mul_: (a, b) => a.mul_(b),
  div_: (a, b) => a.div_(b),
  copy_: (a, b) => a.copy_(b),
  fill_: (a, b) => a.fill_(b),
  maskedFill_: (a, b) => a.maskedFill_(mask(), b),
};
const UNARY: Record<string, (x: Tensor) => Tensor> = {
  ...{ neg: S.neg, abs: S.abs, sign: S.sign, square: S.square, sqrt: S.sqrt, rsqrt: S.rsqrt, exp: S.exp, log: S.log },
  ...{ reciprocal: S.reciprocal, log1p: S.log1p, expm1: S.expm1, sin: S.sin, cos: S.cos, sigmoid: S.sigmoid },
  ...{ tanh: S.tanh, relu: S.relu, sum: S.sum, mean: S.mean, prod: S.prod, amax: S.amax, amin: S.amin },
  ...{ argmax: S.argmax, argmin: S.argmin, any: S.any, all: S.all, gelu: S.gelu, silu: S.silu, elu: S.elu },
  ...{ softplus: S.softplus, leakyRelu: S.leakyRelu, logicalNot: S.logicalNot, variance: S.variance },
  ...{ softmax: S.softmax, logSoftmax: S.logSoftmax },
  sum0: (x) => x.reshape([2, 2]).sum(0),
  prod1: (x) => x.reshape([2, 2]).prod(1),
  amax0: (x) => x.reshape([2, 2]).amax(0),
  argmin1: (x) => x.reshape([2, 2]).argmin(1),
  any1: (x) => x.reshape([2, 2]).any(1),
  all0: (x) => x.reshape([2, 2]).all(0),
  clamp: (x) => x.clamp(1, 5),
  clampHalf: (x) => x.clamp(0.5, 5.5),
  clampMin: (x) => x.clamp(2),
  tril: (x) => x.reshape([2, 2]).tril(),
  matmul: (x) => x.reshape([2, 2]).matmul(x.reshape([2, 2])),
  maskedFill: (x) => x.maskedFill(mask(), 2),
  maskedFillHalf: (x) => x.maskedFill(mask(), 2.5),
  ...Object.fromEntries(Object.keys(VALUES).map((dtype) => [dtype, (x: Tensor) => x.to(dtype as DType)])),
};

function operand(x: Operand, table: typeof VALUES): Tensor | number | boolean {
  if (typeof x !== "string") return x as number;
  const dtype = x.replace("()", "") as DType;
  const values = table[dtype];
  return x.endsWith("()") ? S.tensor(values[0], { dtype }) : S.tensor(values, { dtype });
}

const wanted = (v: number | boolean | string): number =>
  v === "nan" ? NAN : v === "inf" ? INF : v === "-inf" ? -INF : Number(v);

/** Fits what int64 is held in. */
const held = (v: number) => Math.abs(v) <= 2 ** 31 - 1;

/** Beyond 64 bits PyTorch's powers wrap around; ours are refused. */
function tooLarge(run: () => Tensor): boolean {
  try {
    run();
    return false;
  } catch (error) {
    return (error as Error).message.includes("does not fit int64");
  }
}
/**
 * PyTorch compares bytes with the byte that is left of a number or of a tensor without dimensions (255 for −1), so that
 * 1 < −1 holds; here numbers are compared as they are.
 */
const COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge"];
const wraps = ([op, left, right]: Row): boolean =>
  COMPARISONS.includes(op) &&
  ((left === "uint8" && (right === -1 || right === 300)) ||
    (left === "int32()" && right === "uint8") ||
    (left === "int64()" && right === "uint8"));

function check([op, left, right, dtype, result]: Row, backend: BackendName): void {
  const unary = right === null;
  const isCast = unary && op in VALUES;
  const halves = { float32: [-2.5, 0, 3.9, 255.5], float64: [-2.5, 0, 3.9, 255.5] };
  const run = () =>
    unary
      ? UNARY[op](operand(left, isCast ? { ...VALUES, ...halves } : VALUES) as Tensor)
      : BINARY[op](operand(left, VALUES) as Any, operand(right, typeof left === "string" ? OTHERS : OTHERS) as Any);
  if (dtype === null) {
    expect(run, `PyTorch: ${result}`).toThrow(S.ShoshinError);
    return;
  }
  const want = (result as (number | boolean | string)[]).map(wanted);
  if (dtype === "int64" && !want.every(held)) {
    expect(run).toThrow(/does not fit int64/);
    return;
  }
  if (op === "pow" && dtype === "int64" && tooLarge(run)) return;
  const y = run();
  expect(y.dtype).toBe(dtype);
  const tolerance = dtype === "float64" && backend === "reference" ? 1e-12 : 2e-6;
  const got = [...y.data()];
  expect(got.length).toBe(want.length);
  got.forEach((v, i) => {
    if (!dtype.startsWith("float") || !Number.isFinite(want[i])) expect(v, `element ${i} of ${got}`).toBe(want[i]);
    else
      expect(Math.abs(v - want[i]), `element ${i}: ${v}, not ${want[i]}`).toBeLessThanOrEqual(
        tolerance * Math.max(1, Math.abs(want[i])),
      );
  });
}

describe.each(BACKENDS)("dtypes on %s", (backend) => {
  const it = itOn(backend);
  const names = [...new Set(ROWS.map(([op]) => op))];
  it.each(names)("%s", (name) => {
    const wide = (x: Operand) => typeof x === "string" && x.startsWith("float64");
    for (const row of ROWS.filter((r) => r[0] === name && !wraps(r))) {
      const [, left, right, dtype] = row;
      if (backend !== "reference" && (wide(left) || wide(right) || name === "float64" || dtype === "float64")) continue;
      try {
        check(row, backend);
      } catch (error) {
        throw new Error(`${JSON.stringify(row)}: ${(error as Error).message}`, { cause: error });
      }
    }
  });
});
