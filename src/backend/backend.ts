import type { AttentionGradients, AttentionInputs, AttentionShape, Rows } from "./attention.ts";
import type { Activation, BinaryOp, ReduceOp, UnaryOp } from "./codes.ts";
import type {
  RecurrentGradients,
  RecurrentInputs,
  RecurrentResults,
  RecurrentSaved,
  RecurrentShape,
  RecurrentUpstream,
} from "./recurrent.ts";
import type { Storage } from "./storage.ts";

/**
 * Element types. `float64` exists on the reference backend only: it is the precision of gradient checks. `int64` is held in 32
 * bits (what does not fit is an error) and is 64 bits wide in files. `bool` is what comparisons give: 0 or 1, a byte each.
 */
export type DType = "float32" | "float64" | "int32" | "int64" | "uint8" | "bool";
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array;
/** What a backend's storages take. */
export interface MemoryReport {
  liveTensors: number;
  liveBytes: number;
  /** Freed, and kept for the next that ask; at most `peakBytes` (64 MiB where that is less). */
  pooledBytes: number;
  /** The most that was live at once. */
  peakBytes: number;
  /** Copies of weights as inference's multiplies read them; gone when the weight is written to or freed. */
  packedBytes: number;
}

export type Precision = "float32" | "bf16";
export type BackendName = "native" | "wasm" | "reference";

/** A dense run of elements: a storage from `offset` on. Every Tensor is one. */
export interface Operand {
  readonly storage: Storage;
  /** In elements. */
  readonly offset: number;
}

/** A nest of loops over at most 8 dimensions: sizes, and for every operand its strides in elements (0 = broadcast). */
export interface Loop {
  readonly sizes: number[];
  readonly strides: number[][];
}

/** `c[i] = act(op(a[i]) · op(b[i]) + bias) (+ c[i])`, row-major; see `GemmArgs` in native/kernels.h. */
export interface Gemm {
  batch: number;
  m: number;
  n: number;
  k: number;
  lda: number;
  strideA: number;
  ldb: number;
  strideB: number;
  ldc: number;
  strideC: number;
  transA: boolean;
  transB: boolean;
  accumulate: boolean;
  activation: Activation;
  precision: Precision;
  /** b will be multiplied again unchanged: a packed copy of it may be kept until it is written to. */
  keep?: boolean;
}

export interface AdamSettings {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  l1: number;
  /** 1 − β₁ᵗ and 1 − β₂ᵗ. */
  bias1: number;
  bias2: number;
  /** True for AdamW: the decay acts on the weights, not on the gradient. */
  decoupled: boolean;
}
export interface SgdSettings {
  lr: number;
  momentum: number;
  dampening: number;
  weightDecay: number;
  l1: number;
  nesterov: boolean;
  /** First step: the buffer becomes the gradient. */
  first: boolean;
}
export interface RmspropSettings {
  lr: number;
  alpha: number;
  eps: number;
  weightDecay: number;
  l1: number;
  momentum: number;
}
export interface AdagradSettings {
  lr: number;
  eps: number;
  weightDecay: number;
  l1: number;
}

/**
 * Storage and kernels on flat buffers; knows nothing of shapes beyond what a kernel needs, nor of gradients.
 * Output first, then inputs; every operand is dense unless a {@link Loop} says otherwise; counts are in elements.
 * The reference backend (`reference.ts`) is the meaning of each function, in loops; native/kernels.h says the same in C++.
 * Where a kernel takes int32 it takes int64, and where it takes uint8 it takes bool: they lie in memory alike.
 * Every function throws {@link UseAfterFreeError} for a freed storage, {@link BackendError} for a wrong dtype or a range outside it.
 */
export interface Backend {
  readonly name: BackendName;
  /** `avx512-bf16`, `avx512`, `avx2`, `neon`, `portable`, … or `javascript`. */
  readonly instructionSet: string;
  /** True when the garbage collector alone gives memory back. */
  readonly collected: boolean;
  /** Threads of the kernels; setting it never changes a result. */
  threads: number;

  /** Contents are undefined. Throws {@link OutOfMemoryError}. */
  alloc(dtype: DType, length: number): Storage;
  free(storage: Storage): void;
  /** Frees by handle what a collected storage left behind. */
  freeHandle(handle: number): void;
  /** A copy of n elements. */
  read(x: Operand, n: number): TypedArray;
  write(out: Operand, values: TypedArray): void;
  get(x: Operand): number;
  memory(): MemoryReport;
  /** Gives pooled memory back to the system. */
  trim(): void;

  fill(out: Operand, n: number, value: number): void;
  unary(op: UnaryOp, out: Operand, x: Operand, n: number, p0: number, p1: number): void;
  /** dx = dy · op′, where s is the output or the input as native/kernels.h lists. dx may be dy. */
  unaryBackward(op: UnaryOp, dx: Operand, dy: Operand, s: Operand, n: number, p0: number, p1: number): void;
  /** Both operands floats or both int32, which wraps around; comparisons give bool. */
  binary(op: BinaryOp, out: Operand, a: Operand, b: Operand, loop: Loop): void;
  where(out: Operand, cond: Operand, a: Operand, b: Operand, loop: Loop): void;
  /** Strided to strided (strides[0] is out's, strides[1] is x's); `add` adds instead (floats). */
  copy(out: Operand, x: Operand, loop: Loop, add: boolean): void;
  /** As PyTorch: fractions are cut towards 0, int32 and uint8 wrap, bool is whether it is not 0; int64 refuses what it cannot hold. */
  cast(out: Operand, x: Operand, n: number): void;
  /** [outer, mid, inner] → [outer, inner]. */
  reduce(op: ReduceOp, out: Operand, x: Operand, outer: number, mid: number, inner: number, accumulate: boolean): void;
  /** Index (int32) of the first maximum or minimum; a NaN wins, as in PyTorch. */
  argReduce(op: "max" | "min", out: Operand, x: Operand, outer: number, mid: number, inner: number): void;
  gemm(c: Operand, a: Operand, b: Operand, bias: Operand | undefined, preact: Operand | undefined, g: Gemm): void;

  softmax(out: Operand, x: Operand, rows: number, cols: number, log: boolean): void;
  softmaxBackward(dx: Operand, dy: Operand, y: Operand, rows: number, cols: number, log: boolean): void;
  /** `lse` [rows, 2]: each row's greatest logit, and what is added to it for log Σ exp. */
  crossEntropy(
    loss: Operand,
    weightOut: Operand,
    lse: Operand,
    x: Operand,
    target: Operand,
    weight: Operand | undefined,
    rows: number,
    cols: number,
    smoothing: number,
    ignoreIndex: number,
  ): void;
  crossEntropyBackward(
    dx: Operand,
    dy: Operand,
    dyStride: 0 | 1,
    denominator: Operand | undefined,
    x: Operand,
    target: Operand,
    weight: Operand | undefined,
    lse: Operand,
    rows: number,
    cols: number,
    smoothing: number,
    ignoreIndex: number,
  ): void;
  /** Layer norm; RMS norm when `mean` is undefined. */
  norm(
    out: Operand,
    mean: Operand | undefined,
    rstd: Operand,
    x: Operand,
    weight: Operand | undefined,
    bias: Operand | undefined,
    rows: number,
    cols: number,
    eps: number,
  ): void;
  normBackward(
    dx: Operand | undefined,
    dweight: Operand | undefined,
    dbias: Operand | undefined,
    dy: Operand,
    x: Operand,
    mean: Operand | undefined,
    rstd: Operand,
    weight: Operand | undefined,
    rows: number,
    cols: number,
    accumulate: boolean,
  ): void;
  gather(out: Operand, table: Operand, index: Operand, n: number, dim: number, vocabulary: number): void;
  /** table[index[i]] += dy[i]; rows whose index is `skip` are left out (−1: none). */
  scatterAdd(
    table: Operand,
    dy: Operand,
    index: Operand,
    n: number,
    dim: number,
    vocabulary: number,
    skip: number,
  ): void;
  embeddingBag(
    out: Operand,
    table: Operand,
    index: Operand,
    offsets: Operand,
    perSample: Operand | undefined,
    bags: number,
    n: number,
    dim: number,
    vocabulary: number,
    mean: boolean,
    skip: number,
  ): void;
  embeddingBagBackward(
    dtable: Operand,
    dy: Operand,
    index: Operand,
    offsets: Operand,
    perSample: Operand | undefined,
    bags: number,
    n: number,
    dim: number,
    vocabulary: number,
    mean: boolean,
    skip: number,
  ): void;
  /** A recurrent layer in one direction over a whole sequence; `reference-recurrent.ts` has the equations. */
  recurrent(results: RecurrentResults, inputs: RecurrentInputs, shape: RecurrentShape): void;
  /** `work`: scratch memory of `recurrentWork` elements. */
  recurrentBackward(
    gradients: RecurrentGradients,
    work: Operand,
    upstream: RecurrentUpstream,
    saved: RecurrentSaved,
    inputs: RecurrentInputs,
    shape: RecurrentShape,
  ): void;
  /**
   * Scaled dot-product attention; `reference-attention.ts` has the equations. `lse` [batch, heads, queries] is kept for the
   * backward pass; left out when there will be none.
   */
  attention(out: Rows, lse: Operand | undefined, inputs: AttentionInputs, shape: AttentionShape): void;
  attentionBackward(
    gradients: AttentionGradients,
    dout: Rows,
    out: Rows,
    lse: Operand,
    inputs: AttentionInputs,
    shape: AttentionShape,
  ): void;
  /** Keeps element i where its Philox word ≥ p·2³², scaled by 1/(1−p); key and site as in `philox.ts`. */
  dropout(out: Operand, x: Operand, n: number, p: number, key0: number, key1: number, site: number): void;

  /** One segment [offset, offset + n) of the arenas p, g and the state; gradScale is one factor on g. */
  adam(
    p: Storage,
    g: Storage,
    m: Storage,
    v: Storage,
    vmax: Storage | undefined,
    offset: number,
    n: number,
    gradScale: Storage | undefined,
    s: AdamSettings,
  ): void;
  sgd(
    p: Storage,
    g: Storage,
    buf: Storage | undefined,
    offset: number,
    n: number,
    gradScale: Storage | undefined,
    s: SgdSettings,
  ): void;
  rmsprop(
    p: Storage,
    g: Storage,
    square: Storage,
    buf: Storage | undefined,
    gradAvg: Storage | undefined,
    offset: number,
    n: number,
    gradScale: Storage | undefined,
    s: RmspropSettings,
  ): void;
  adagrad(
    p: Storage,
    g: Storage,
    sum: Storage,
    offset: number,
    n: number,
    gradScale: Storage | undefined,
    s: AdagradSettings,
  ): void;
}
