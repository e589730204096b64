import type { AttentionGradients, AttentionInputs, AttentionShape, Rows } from "./attention.ts";
import type {
  AdagradSettings,
  AdamSettings,
  Backend,
  DType,
  Gemm,
  Loop,
  Operand,
  RmspropSettings,
  SgdSettings,
  TypedArray,
} from "./backend.ts";
import type { BinaryOp, ReduceOp, UnaryOp } from "./codes.ts";
import { ARRAYS, converted, HELD } from "./dtypes.ts";
import { BackendError, OutOfMemoryError } from "./errors.ts";
import { philox } from "./philox.ts";
import { outOfMemoryHint, Pressure } from "./pressure.ts";
import type {
  RecurrentGradients,
  RecurrentInputs,
  RecurrentResults,
  RecurrentSaved,
  RecurrentShape,
  RecurrentUpstream,
} from "./recurrent.ts";
import * as attention from "./reference-attention.ts";
import { ACTIVATION, BINARY, roundToBf16, UNARY } from "./reference-math.ts";
import * as optim from "./reference-optim.ts";
import * as recurrent from "./reference-recurrent.ts";
import * as rows from "./reference-rows.ts";
import { float, ints, maybe, view } from "./reference-view.ts";
import { Storage } from "./storage.ts";

/** Elements that a strided operand spans. */
function span(loop: Loop, operand: number): number {
  let last = 0;
  for (let d = 0; d < loop.sizes.length; d++) {
    if (loop.sizes[d] === 0) return 0;
    last += (loop.sizes[d] - 1) * loop.strides[operand][d];
  }
  return last + 1;
}

/** Calls body with the position of every operand, last dimension fastest, and the running index. */
function walk(loop: Loop, body: (i: number, a: number, b: number, c: number) => void): void {
  const { sizes, strides } = loop;
  const total = sizes.reduce((n, s) => n * s, 1);
  const at = [0, 0, 0];
  const index = new Array<number>(sizes.length).fill(0);
  for (let i = 0; i < total; i++) {
    body(i, at[0], at[1], at[2]);
    for (let d = sizes.length - 1; d >= 0; d--) {
      index[d]++;
      for (let o = 0; o < strides.length; o++) at[o] += strides[o][d];
      if (index[d] < sizes[d]) break;
      for (let o = 0; o < strides.length; o++) at[o] -= strides[o][d] * sizes[d];
      index[d] = 0;
    }
  }
}

function checkIndices(what: string, index: Int32Array, rowCount: number, also = -1): void {
  for (let i = 0; i < index.length; i++) {
    if ((index[i] < 0 || index[i] >= rowCount) && !(index[i] === also && also !== -1)) {
      throw new BackendError(`${what}: index ${index[i]} at position ${i} is outside the table of ${rowCount} rows`);
    }
  }
}

/**
 * The oracle and the teaching text: every kernel as plain loops, in float64 arithmetic. Serves wherever no compiled
 * kernels are to be had, slowly; takes float64 tensors, which the compiled ones do not.
 */
export class ReferenceBackend implements Backend {
  readonly name = "reference";
  readonly instructionSet = "javascript";
  readonly collected = true;
  readonly #pressure = new Pressure();
  /** Bytes of what is live, by handle. */
  readonly #live = new Map<number, number>();
  #last = 0;
  #peak = 0;

  get threads(): number {
    return 1;
  }
  set threads(_n: number) {
    // One thread, always; the setting is accepted so that code need not know which backend it runs on.
  }

  alloc(dtype: DType, length: number): Storage {
    if (!Number.isSafeInteger(length) || length < 0) throw new BackendError(`a storage of ${length} elements`);
    const pressure = this.#pressure;
    if (pressure.bytes > pressure.mostBytes || pressure.tensors > pressure.mostTensors) pressure.relieve();
    let data: TypedArray;
    try {
      data = new ARRAYS[dtype](length);
    } catch {
      throw new OutOfMemoryError(`no memory for ${length} elements of ${dtype}`, outOfMemoryHint());
    }
    pressure.made(data.byteLength);
    this.#peak = Math.max(this.#peak, pressure.bytes);
    this.#live.set(++this.#last, data.byteLength);
    return new Storage(this, dtype, length, this.#last, data);
  }
  free(storage: Storage): void {
    if (!storage.alive) return;
    storage.alive = false;
    this.freeHandle(storage.handle);
  }
  /** The engine gives the memory itself back; here it is counted. */
  freeHandle(handle: number): void {
    const bytes = this.#live.get(handle);
    if (bytes === undefined) return;
    this.#live.delete(handle);
    this.#pressure.freed(bytes);
  }
  read(x: Operand, n: number): TypedArray {
    return view(x, n).slice();
  }
  write(out: Operand, values: TypedArray): void {
    const { dtype } = out.storage;
    view(out, values.length).set(
      values instanceof ARRAYS[dtype] && dtype !== "bool" ? values : converted(values, dtype),
    );
  }
  get(x: Operand): number {
    return view(x, 1)[0];
  }
  memory() {
    const { tensors, bytes } = this.#pressure;
    return { liveTensors: tensors, liveBytes: bytes, pooledBytes: 0, peakBytes: this.#peak, packedBytes: 0 };
  }
  trim(): void {}

  fill(out: Operand, n: number, value: number): void {
    view(out, n).fill(value);
  }
  unary(op: UnaryOp, out: Operand, x: Operand, n: number, p0: number, p1: number): void {
    const [o, a, f] = [float(out, n), float(x, n), UNARY[op].f];
    for (let i = 0; i < n; i++) o[i] = f(a[i], p0, p1);
  }
  unaryBackward(op: UnaryOp, dx: Operand, dy: Operand, s: Operand, n: number, p0: number, p1: number): void {
    const [o, g, a, d] = [float(dx, n), float(dy, n), float(s, n), UNARY[op].d];
    for (let i = 0; i < n; i++) o[i] = g[i] * d(a[i], p0, p1);
  }
  binary(op: BinaryOp, out: Operand, a: Operand, b: Operand, loop: Loop): void {
    const total = loop.sizes.reduce((n, s) => n * s, 1);
    const integers = HELD[a.storage.dtype] === "int32";
    // A product of two whole numbers may need more bits than a float64 has.
    const f = integers && op === "mul" ? Math.imul : BINARY[op];
    const kinds: DType[] = integers ? ["int32"] : ["float32", "float64"];
    const [x, y, o] = [view(a, span(loop, 0), ...kinds), view(b, span(loop, 1), ...kinds), view(out, total)];
    walk(loop, (i, p, q) => {
      o[i] = f(x[p], y[q]);
    });
  }
  where(out: Operand, cond: Operand, a: Operand, b: Operand, loop: Loop): void {
    const c = view(cond, span(loop, 0), "uint8");
    const total = loop.sizes.reduce((n, s) => n * s, 1);
    const kinds: DType[] = HELD[a.storage.dtype] === "int32" ? ["int32"] : ["float32", "float64"];
    const [x, y, o] = [view(a, span(loop, 1), ...kinds), view(b, span(loop, 2), ...kinds), view(out, total, ...kinds)];
    walk(loop, (i, p, q, r) => {
      o[i] = c[p] ? x[q] : y[r];
    });
  }
  copy(out: Operand, x: Operand, loop: Loop, add: boolean): void {
    const [o, a] = [view(out, span(loop, 0)), view(x, span(loop, 1))];
    if (HELD[out.storage.dtype] !== HELD[x.storage.dtype]) {
      throw new BackendError(`copy from ${x.storage.dtype} to ${out.storage.dtype}`, "Cast first: x.to(dtype).");
    }
    walk(loop, (_, p, q) => {
      o[p] = add ? o[p] + a[q] : a[q];
    });
  }
  cast(out: Operand, x: Operand, n: number): void {
    view(out, n).set(converted(view(x, n), out.storage.dtype));
  }
  reduce(op: ReduceOp, out: Operand, x: Operand, outer: number, mid: number, inner: number, accumulate: boolean): void {
    rows.reduce(op, float(out, outer * inner), float(x, outer * mid * inner), outer, mid, inner, accumulate);
  }
  argReduce(op: "max" | "min", out: Operand, x: Operand, outer: number, mid: number, inner: number): void {
    rows.argReduce(op, ints(out, outer * inner), float(x, outer * mid * inner), outer, mid, inner);
  }
  gemm(c: Operand, a: Operand, b: Operand, bias: Operand | undefined, preact: Operand | undefined, g: Gemm): void {
    const { batch, m, n, k, transA, transB } = g;
    const reach = (rowCount: number, width: number, ld: number, stride: number) =>
      batch === 0 || rowCount === 0 || width === 0 ? 0 : (batch - 1) * stride + (rowCount - 1) * ld + width;
    const av = float(a, transA ? reach(k, m, g.lda, g.strideA) : reach(m, k, g.lda, g.strideA));
    const bv = float(b, transB ? reach(n, k, g.ldb, g.strideB) : reach(k, n, g.ldb, g.strideB));
    const cv = float(c, reach(m, n, g.ldc, g.strideC));
    const biasv = maybe(bias, n);
    const pre = maybe(preact, reach(m, n, g.ldc, g.strideC));
    const round = g.precision === "bf16" ? roundToBf16 : (x: number) => x;
    const act = ACTIVATION[g.activation];
    for (let i = 0; i < batch; i++) {
      for (let row = 0; row < m; row++) {
        for (let col = 0; col < n; col++) {
          let sum = 0;
          for (let p = 0; p < k; p++) {
            const left = av[i * g.strideA + (transA ? p * g.lda + row : row * g.lda + p)];
            const right = bv[i * g.strideB + (transB ? col * g.ldb + p : p * g.ldb + col)];
            sum += round(left) * round(right);
          }
          if (biasv) sum += biasv[col];
          const at = i * g.strideC + row * g.ldc + col;
          if (pre) pre[at] = sum;
          cv[at] = g.accumulate ? cv[at] + sum : act(sum);
        }
      }
    }
  }

  softmax(out: Operand, x: Operand, r: number, cols: number, log: boolean): void {
    rows.softmax(float(out, r * cols), float(x, r * cols), r, cols, log);
  }
  softmaxBackward(dx: Operand, dy: Operand, y: Operand, r: number, cols: number, log: boolean): void {
    const n = r * cols;
    rows.softmaxBackward(float(dx, n), float(dy, n), float(y, n), r, cols, log);
  }
  crossEntropy(
    loss: Operand,
    weightOut: Operand,
    lse: Operand,
    x: Operand,
    target: Operand,
    weight: Operand | undefined,
    r: number,
    cols: number,
    smoothing: number,
    ignoreIndex: number,
  ): void {
    const t = ints(target, r);
    checkTargets(t, cols, ignoreIndex);
    rows.crossEntropy(
      { loss: float(loss, r), weightOut: float(weightOut, r), lse: float(lse, 2 * r) },
      float(x, r * cols),
      t,
      maybe(weight, cols),
      { rows: r, cols, smoothing, ignoreIndex },
    );
  }
  crossEntropyBackward(
    dx: Operand,
    dy: Operand,
    dyStride: 0 | 1,
    denominator: Operand | undefined,
    x: Operand,
    target: Operand,
    weight: Operand | undefined,
    lse: Operand,
    r: number,
    cols: number,
    smoothing: number,
    ignoreIndex: number,
  ): void {
    const t = ints(target, r);
    checkTargets(t, cols, ignoreIndex);
    const dyv = float(dy, dyStride === 0 ? 1 : r);
    const scale = denominator === undefined ? 1 : 1 / float(denominator, 1)[0];
    rows.crossEntropyBackward(
      float(dx, r * cols),
      (row) => dyv[row * dyStride] * scale,
      float(x, r * cols),
      t,
      maybe(weight, cols),
      float(lse, 2 * r),
      { rows: r, cols, smoothing, ignoreIndex },
    );
  }
  norm(
    out: Operand,
    mean: Operand | undefined,
    rstd: Operand,
    x: Operand,
    weight: Operand | undefined,
    bias: Operand | undefined,
    r: number,
    cols: number,
    eps: number,
  ): void {
    rows.norm(
      float(out, r * cols),
      maybe(mean, r),
      float(rstd, r),
      float(x, r * cols),
      maybe(weight, cols),
      maybe(bias, cols),
      r,
      cols,
      eps,
    );
  }
  normBackward(
    dx: Operand | undefined,
    dweight: Operand | undefined,
    dbias: Operand | undefined,
    dy: Operand,
    x: Operand,
    mean: Operand | undefined,
    rstd: Operand,
    weight: Operand | undefined,
    r: number,
    cols: number,
    accumulate: boolean,
  ): void {
    rows.normBackward(
      { dx: maybe(dx, r * cols), dweight: maybe(dweight, cols), dbias: maybe(dbias, cols), accumulate },
      float(dy, r * cols),
      float(x, r * cols),
      maybe(mean, r),
      float(rstd, r),
      maybe(weight, cols),
      r,
      cols,
    );
  }
  gather(out: Operand, table: Operand, index: Operand, n: number, dim: number, vocabulary: number): void {
    const [o, t, ix] = [float(out, n * dim), float(table, vocabulary * dim), ints(index, n)];
    checkIndices("gather", ix, vocabulary);
    for (let i = 0; i < n; i++) for (let d = 0; d < dim; d++) o[i * dim + d] = t[ix[i] * dim + d];
  }
  scatterAdd(
    table: Operand,
    dy: Operand,
    index: Operand,
    n: number,
    dim: number,
    vocabulary: number,
    skip: number,
  ): void {
    const [t, g, ix] = [float(table, vocabulary * dim), float(dy, n * dim), ints(index, n)];
    checkIndices("scatter", ix, vocabulary, skip);
    for (let i = 0; i < n; i++) {
      if (ix[i] === skip) continue;
      for (let d = 0; d < dim; d++) t[ix[i] * dim + d] += g[i * dim + d];
    }
  }
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
  ): void {
    const ix = ints(index, n);
    checkIndices("embedding bag", ix, vocabulary, skip);
    const shape = { bags, n, dim, mean, skip };
    const args = [float(table, vocabulary * dim), ix, bagOffsets(offsets, bags, n), maybe(perSample, n)] as const;
    rows.embeddingBag(float(out, bags * dim), ...args, shape);
  }
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
  ): void {
    const ix = ints(index, n);
    checkIndices("embedding bag", ix, vocabulary, skip);
    const shape = { bags, n, dim, mean, skip };
    const args = [float(dy, bags * dim), ix, bagOffsets(offsets, bags, n), maybe(perSample, n)] as const;
    rows.embeddingBagBackward(float(dtable, vocabulary * dim), ...args, shape);
  }
  recurrent(results: RecurrentResults, inputs: RecurrentInputs, shape: RecurrentShape): void {
    recurrent.forward(results, inputs, shape);
  }
  recurrentBackward(
    gradients: RecurrentGradients,
    _work: Operand,
    upstream: RecurrentUpstream,
    saved: RecurrentSaved,
    inputs: RecurrentInputs,
    shape: RecurrentShape,
  ): void {
    recurrent.backward(gradients, upstream, saved, inputs, shape);
  }
  attention(out: Rows, lse: Operand | undefined, inputs: AttentionInputs, shape: AttentionShape): void {
    attention.forward(out, lse, inputs, shape);
  }
  attentionBackward(
    gradients: AttentionGradients,
    dout: Rows,
    out: Rows,
    lse: Operand,
    inputs: AttentionInputs,
    shape: AttentionShape,
  ): void {
    attention.backward(gradients, dout, out, lse, inputs, shape);
  }
  dropout(out: Operand, x: Operand, n: number, p: number, key0: number, key1: number, site: number): void {
    const [o, a] = [float(out, n), float(x, n)];
    const words = new Uint32Array(4);
    const threshold = p * 2 ** 32;
    const scale = p >= 1 ? 0 : 1 / (1 - p);
    for (let i = 0; i < n; i++) {
      if (i % 4 === 0) philox(i / 4, site, key0, key1, words, 0);
      o[i] = words[i % 4] >= threshold ? a[i] * scale : 0;
    }
  }

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
  ): void {
    const at = (storage: Storage) => float({ storage, offset }, n);
    optim.adam(at(p), at(g), at(m), at(v), vmax && at(vmax), factor(gradScale), s);
  }
  sgd(
    p: Storage,
    g: Storage,
    buf: Storage | undefined,
    offset: number,
    n: number,
    gradScale: Storage | undefined,
    s: SgdSettings,
  ): void {
    const at = (storage: Storage) => float({ storage, offset }, n);
    optim.sgd(at(p), at(g), buf && at(buf), factor(gradScale), s);
  }
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
  ): void {
    const at = (storage: Storage) => float({ storage, offset }, n);
    optim.rmsprop(at(p), at(g), at(square), buf && at(buf), gradAvg && at(gradAvg), factor(gradScale), s);
  }
  adagrad(
    p: Storage,
    g: Storage,
    sum: Storage,
    offset: number,
    n: number,
    gradScale: Storage | undefined,
    s: AdagradSettings,
  ): void {
    const at = (storage: Storage) => float({ storage, offset }, n);
    optim.adagrad(at(p), at(g), at(sum), factor(gradScale), s);
  }
}

const factor = (gradScale: Storage | undefined) =>
  gradScale === undefined ? 1 : float({ storage: gradScale, offset: 0 }, 1)[0];

function checkTargets(target: Int32Array, cols: number, ignoreIndex: number): void {
  for (let i = 0; i < target.length; i++) {
    if ((target[i] < 0 || target[i] >= cols) && target[i] !== ignoreIndex) {
      throw new BackendError(`cross entropy: target ${target[i]} at row ${i} is outside 0 to ${cols - 1}`);
    }
  }
}

function bagOffsets(offsets: Operand, bags: number, n: number): Int32Array {
  const o = ints(offsets, bags);
  for (let b = 0; b < bags; b++) {
    if (o[b] < (b === 0 ? 0 : o[b - 1]) || o[b] > n || (b === 0 && o[b] !== 0)) {
      throw new BackendError(
        `embedding bag: offset ${o[b]} of bag ${b}: offsets begin at 0, never fall and end at ${n} at most`,
      );
    }
  }
  return o;
}
