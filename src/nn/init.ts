import { checkOptions, type Known } from "../backend/options.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { normal, uniform } from "../tensor/random.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { checkNumber, checkWord } from "./check.ts";

/** Initialisers, with PyTorch's names, formulas and defaults. Each overwrites a tensor and returns it. */

const NONLINEARITIES = ["linear", "sigmoid", "tanh", "relu", "leakyRelu", "selu"] as const;
type Nonlinearity = (typeof NONLINEARITIES)[number];

/** Initialisers that wait: they run only for what a checkpoint turns out to lack. */
let deferred: Map<Tensor, () => void> | undefined;

/**
 * Runs `make`; the initialisers in it draw nothing but are returned with it, by tensor. Filling a model with random values
 * that a checkpoint then overwrites takes longer than reading the checkpoint.
 */
export function deferInit<T>(make: () => T): { value: T; pending: Map<Tensor, () => void> } {
  const outer = deferred;
  const pending = new Map<Tensor, () => void>();
  deferred = pending;
  try {
    return { value: make(), pending };
  } finally {
    deferred = outer;
  }
}

/** The tensor and the numbers that an initialiser was given. */
function check(where: string, t: Tensor, numbers: Readonly<Record<string, unknown>> = {}): void {
  if (!(t instanceof Tensor)) throw new ShapeError(`${where}: expected a tensor, found ${typeof t}`);
  for (const [name, value] of Object.entries(numbers)) checkNumber(where, name, value);
}

function set(t: Tensor, values: () => Float64Array): Tensor {
  const run = () => noGrad(() => t.copy_(t.dtype === "float64" ? values() : Float32Array.from(values())));
  if (deferred === undefined) return run();
  deferred.set(t, run);
  return t;
}

/** Inputs and outputs of one unit of a weight [out, in, ...]. */
export function fans(t: Tensor): { fanIn: number; fanOut: number } {
  if (t.ndim < 2) throw new ShapeError(`fan in and fan out need two dimensions, found ${showShape(t.shape)}`);
  const field = t.shape.slice(2).reduce((n, s) => n * s, 1);
  return { fanIn: t.shape[1] * field, fanOut: t.shape[0] * field };
}

/** Factor by which the standard deviation is raised for what follows the layer. */
export function calculateGain(nonlinearity: Nonlinearity, negativeSlope = 0.01): number {
  checkWord("calculateGain", "nonlinearity", nonlinearity, NONLINEARITIES);
  checkNumber("calculateGain", "negativeSlope", negativeSlope);
  switch (nonlinearity) {
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leakyRelu":
      return Math.sqrt(2 / (1 + negativeSlope ** 2));
    case "selu":
      return 3 / 4;
    default:
      return 1;
  }
}

export function uniform_(t: Tensor, low = 0, high = 1): Tensor {
  check("uniform_", t, { low, high });
  return set(t, () => uniform(t.numel, low, high));
}
export function normal_(t: Tensor, mean = 0, std = 1): Tensor {
  check("normal_", t, { mean, std });
  return set(t, () => normal(t.numel, mean, std));
}
/** Values that are computed when they are wanted: not for what a checkpoint has. */
export const filled_ = (t: Tensor, values: () => Float64Array): Tensor => set(t, values);
export function constant_(t: Tensor, value: number): Tensor {
  check("constant_", t, { value });
  deferred?.delete(t);
  return noGrad(() => t.fill_(value));
}
export const zeros_ = (t: Tensor): Tensor => constant_(t, 0);
export const ones_ = (t: Tensor): Tensor => constant_(t, 1);

/** Normal, drawn again until within [low, high] (absolute bounds, as in PyTorch). */
export function truncNormal_(t: Tensor, mean = 0, std = 1, low = -2, high = 2): Tensor {
  check("truncNormal_", t, { mean, std, low, high });
  if (low >= high) throw new ShapeError(`truncNormal_: low ${low} is not below high ${high}`);
  return set(t, () => drawTruncated(t.numel, mean, std, low, high));
}
function drawTruncated(length: number, mean: number, std: number, low: number, high: number): Float64Array {
  const values = normal(length, mean, std);
  for (let rest = [...values.keys()].filter((i) => values[i] < low || values[i] > high); rest.length > 0; ) {
    const again = normal(rest.length, mean, std);
    rest = rest.filter((at, j) => {
      values[at] = again[j];
      return again[j] < low || again[j] > high;
    });
  }
  return values;
}

/** Glorot & Bengio 2010: uniform within $\pm g\sqrt{6/(f_{in}+f_{out})}$. */
export function xavierUniform_(t: Tensor, gain = 1): Tensor {
  check("xavierUniform_", t, { gain });
  const { fanIn, fanOut } = fans(t);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform_(t, -bound, bound);
}
/** Glorot & Bengio 2010: normal of deviation $g\sqrt{2/(f_{in}+f_{out})}$. */
export function xavierNormal_(t: Tensor, gain = 1): Tensor {
  check("xavierNormal_", t, { gain });
  const { fanIn, fanOut } = fans(t);
  return normal_(t, 0, gain * Math.sqrt(2 / (fanIn + fanOut)));
}

interface KaimingOptions {
  /** Negative slope of the leaky ReLU that follows. */
  a?: number;
  mode?: "fanIn" | "fanOut";
  nonlinearity?: Nonlinearity;
}
const KAIMING: Known<KaimingOptions> = { a: true, mode: true, nonlinearity: true };
function kaimingStd(where: string, t: Tensor, options: KaimingOptions): number {
  checkOptions(where, options, KAIMING, { generator: "manualSeed() chooses the random numbers." });
  const { a = 0, mode = "fanIn", nonlinearity = "leakyRelu" } = options;
  check(where, t, { a });
  checkWord(where, "mode", mode, ["fanIn", "fanOut"]);
  checkWord(where, "nonlinearity", nonlinearity, NONLINEARITIES);
  return calculateGain(nonlinearity, a) / Math.sqrt(Math.max(1, fans(t)[mode]));
}
/** He et al. 2015: uniform within $\pm\sqrt3\,g/\sqrt{f}$. */
export function kaimingUniform_(t: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd("kaimingUniform_", t, options);
  return uniform_(t, -bound, bound);
}
/** He et al. 2015: normal of deviation $g/\sqrt{f}$. */
export const kaimingNormal_ = (t: Tensor, options: KaimingOptions = {}): Tensor =>
  normal_(t, 0, kaimingStd("kaimingNormal_", t, options));

/** Saxe et al. 2013: a random (semi-)orthogonal matrix [out, rest], by Gram and Schmidt on normal rows. */
export function orthogonal_(t: Tensor, gain = 1): Tensor {
  check("orthogonal_", t, { gain });
  if (t.ndim < 2) throw new ShapeError(`orthogonal_ needs two dimensions, found ${showShape(t.shape)}`);
  return set(t, () => orthogonalRows(t, gain));
}
function orthogonalRows(t: Tensor, gain: number): Float64Array {
  const rows = t.shape[0];
  const cols = t.numel / Math.max(1, rows);
  const [count, length] = rows <= cols ? [rows, cols] : [cols, rows];
  const q = normal(count * length).slice();
  for (let i = 0; i < count; i++) {
    const a = q.subarray(i * length, (i + 1) * length);
    // Twice, because one pass loses orthogonality to rounding.
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        const b = q.subarray(j * length, (j + 1) * length);
        let dot = 0;
        for (let p = 0; p < length; p++) dot += a[p] * b[p];
        for (let p = 0; p < length; p++) a[p] -= dot * b[p];
      }
    }
    const norm = Math.sqrt(a.reduce((sum, v) => sum + v * v, 0));
    for (let p = 0; p < length; p++) a[p] /= norm;
  }
  const out = new Float64Array(t.numel);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) out[r * cols + c] = gain * (rows <= cols ? q[r * length + c] : q[c * length + r]);
  }
  return out;
}
