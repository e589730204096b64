import type { Activation, BinaryOp, UnaryOp } from "./codes.ts";

/** What each elementwise function is, and its derivative from what the backward pass keeps (`s`: input or output). */
interface UnaryRule {
  /** Value at x, with up to two parameters. */
  f(x: number, p0: number, p1: number): number;
  /** Derivative; s is the output for those marked so, else the input. */
  d(s: number, p0: number, p1: number): number;
}

const sigmoid = (x: number) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

/**
 * Error function by its Maclaurin series for |x| < 3 and the continued fraction of erfc beyond; about 1e-15 absolute
 * (Abramowitz & Stegun 7.1.6 and 7.1.14).
 */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (a > 6) return Math.sign(x);
  if (a < 3) {
    let term = a;
    let sum = a;
    for (let n = 1; Math.abs(term) > 1e-17 * sum; n++) {
      term *= (2 * a * a) / (2 * n + 1);
      sum += term;
      if (n > 200) break;
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * sum;
  }
  let fraction = a;
  for (let k = 60; k >= 1; k--) fraction = a + k / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * fraction));
}

const gelu = (x: number) => (x === -Infinity ? 0 : 0.5 * x * (1 + erf(x / Math.SQRT2)));
const geluTanh = (x: number) =>
  x === -Infinity ? 0 : 0.5 * x * (1 + Math.tanh(SQRT_2_OVER_PI * (x + CUBIC * x * x * x)));
const silu = (x: number) => (x === -Infinity ? 0 : x * sigmoid(x));

function geluTanhDerivative(x: number): number {
  const t = Math.tanh(SQRT_2_OVER_PI * (x + CUBIC * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * SQRT_2_OVER_PI * (1 + 3 * CUBIC * x * x);
}

function siluDerivative(x: number): number {
  const s = sigmoid(x);
  return s * (1 + x * (1 - s));
}

export const UNARY: Record<UnaryOp, UnaryRule> = {
  neg: { f: (x) => -x, d: () => -1 },
  abs: { f: Math.abs, d: (x) => Math.sign(x) },
  sign: { f: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0), d: () => 0 },
  square: { f: (x) => x * x, d: (x) => 2 * x },
  sqrt: { f: Math.sqrt, d: (y) => 0.5 / y },
  rsqrt: { f: (x) => 1 / Math.sqrt(x), d: (y) => -0.5 * y * y * y },
  reciprocal: { f: (x) => 1 / x, d: (y) => -y * y },
  exp: { f: Math.exp, d: (y) => y },
  log: { f: Math.log, d: (x) => 1 / x },
  sin: { f: Math.sin, d: Math.cos },
  cos: { f: Math.cos, d: (x) => -Math.sin(x) },
  sigmoid: { f: sigmoid, d: (y) => y * (1 - y) },
  tanh: { f: Math.tanh, d: (y) => 1 - y * y },
  relu: { f: (x) => (x > 0 || Number.isNaN(x) ? x : 0), d: (y) => (y > 0 ? 1 : 0) },
  leakyRelu: { f: (x, slope) => (x > 0 ? x : slope * x), d: (x, slope) => (x > 0 ? 1 : slope) },
  gelu: {
    f: gelu,
    d: (x) => 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI),
  },
  geluTanh: { f: geluTanh, d: geluTanhDerivative },
  silu: { f: silu, d: siluDerivative },
  softplus: {
    f: (x, beta, threshold) => (x * beta > threshold ? x : Math.log1p(Math.exp(beta * x)) / beta),
    d: (x, beta, threshold) => (x * beta > threshold ? 1 : sigmoid(beta * x)),
  },
  elu: { f: (x, alpha) => (x > 0 ? x : alpha * Math.expm1(x)), d: (y, alpha) => (y > 0 ? 1 : y + alpha) },
  addScalar: { f: (x, c) => x + c, d: () => 1 },
  mulScalar: { f: (x, c) => x * c, d: (_, c) => c },
  powScalar: { f: (x, p) => x ** p, d: (x, p) => (p === 0 ? 0 : p * x ** (p - 1)) },
  clamp: {
    f: (x, lo, hi) => (Number.isNaN(x) ? x : Math.min(Math.max(x, lo), hi)),
    d: (x, lo, hi) => (x >= lo && x <= hi ? 1 : 0),
  },
  step: { f: (x) => (x >= 0 ? 1 : 0), d: () => 0 },
  log1p: { f: Math.log1p, d: (x) => 1 / (1 + x) },
  expm1: { f: Math.expm1, d: (y) => y + 1 },
};

export const BINARY: Record<BinaryOp, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: (a, b) => a ** b,
  maximum: (a, b) => Math.max(a, b),
  minimum: (a, b) => Math.min(a, b),
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  lt: (a, b) => Number(a < b),
  le: (a, b) => Number(a <= b),
  gt: (a, b) => Number(a > b),
  ge: (a, b) => Number(a >= b),
};

export const ACTIVATION: Record<Activation, (x: number) => number> = {
  none: (x) => x,
  relu: (x) => UNARY.relu.f(x, 0, 0),
  gelu,
  geluTanh,
  silu,
  tanh: Math.tanh,
  sigmoid,
};

const word = new Float32Array(1);
const bits = new Uint32Array(word.buffer);

/** Rounds to the nearest bf16 value, ties to even: float32 with its lower 16 bits cut. */
export function roundToBf16(x: number): number {
  word[0] = x;
  if (Number.isNaN(x)) return x;
  bits[0] = bits[0] + 0x7fff + ((bits[0] >>> 16) & 1);
  bits[0] &= 0xffff0000;
  return word[0];
}
