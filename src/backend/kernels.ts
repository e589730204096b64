import type { AttentionGradients, AttentionInputs, AttentionShape, Rows } from "./attention.ts";
import type {
  AdagradSettings,
  AdamSettings,
  Backend,
  BackendName,
  DType,
  Gemm,
  Loop,
  Operand,
  Precision,
  RmspropSettings,
  SgdSettings,
  TypedArray,
} from "./backend.ts";
import { Ballast } from "./ballast.ts";
import { ACTIVATIONS, BINARY_OPS, type BinaryOp, REDUCE_OPS, type ReduceOp, UNARY_OPS, type UnaryOp } from "./codes.ts";
import { ARRAYS, converted, HELD, isFloat } from "./dtypes.ts";
import { BackendError, FREED, OutOfMemoryError, UseAfterFreeError } from "./errors.ts";
import type { NativeExports } from "./exports.ts";
import { callAttention, callAttentionBackward } from "./kernels-attention.ts";
import { callRecurrent, callRecurrentBackward } from "./kernels-recurrent.ts";
import { outOfMemoryHint, Pressure } from "./pressure.ts";
import type {
  RecurrentGradients,
  RecurrentInputs,
  RecurrentResults,
  RecurrentSaved,
  RecurrentShape,
  RecurrentUpstream,
} from "./recurrent.ts";
import { Storage } from "./storage.ts";
import { canSweep } from "./watch.ts";

const code = (names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((name, i) => [name, i]));
const UNARY = code(UNARY_OPS);
const BINARY = code(BINARY_OPS);
const REDUCE = code(REDUCE_OPS);
const ACTIVATION = code(ACTIVATIONS);
const DTYPE: Record<DType, number> = { float32: 0, int32: 1, int64: 1, uint8: 2, bool: 2, float64: -1 };
const BYTES = [4, 4, 1];

/** Handle of an operand that may be left out: 0 stands for none. */
const handle = (x: Operand | undefined): number => (x === undefined ? 0 : x.storage.handle);
const offset = (x: Operand | undefined): number => (x === undefined ? 0 : x.offset);
const of = (s: Storage | undefined): number => (s === undefined ? 0 : s.handle);

/** The compiled kernels, through whichever door their exports came. */
export class KernelBackend implements Backend {
  readonly name: BackendName;
  readonly collected = false;
  readonly #native: NativeExports;
  readonly #pressure: Pressure;
  readonly #ballast: Ballast | undefined;

  constructor(native: NativeExports, name: BackendName = "native") {
    this.#native = native;
    this.name = name;
    this.#pressure = new Pressure(name === "wasm" ? 2 ** 32 : undefined);
    this.#ballast = name === "wasm" && !canSweep() ? new Ballast() : undefined;
  }

  get instructionSet(): string {
    return this.#native.isa().replaceAll("_", "-");
  }
  /** Instruction sets that this machine can run, best first. */
  get instructionSets(): string[] {
    return this.#native.isas().map((name) => name.replaceAll("_", "-"));
  }
  /** Runs on another instruction set from now on. Throws {@link BackendError} if the machine lacks it. */
  chooseInstructionSet(name: string): void {
    if (!this.#native.choose(name)) {
      throw new BackendError(`no instruction set ${name} here`, `There are: ${this.instructionSets.join(", ")}.`);
    }
  }
  get threads(): number {
    return this.#native.threads(0);
  }
  set threads(n: number) {
    if (!Number.isInteger(n) || n < 1) throw new BackendError(`${n} threads`, "Whole numbers from 1 on.");
    this.#native.threads(n);
  }
  /** GFLOP/s of multiply-adds in registers, measured. */
  peakGflops(precision: Precision, threads = this.threads, seconds = 0.2): number {
    return this.#native.peak_flops(precision === "bf16" ? 1 : 0, threads, seconds);
  }
  /** GB/s of a[i] = b[i] + s·c[i] over three arrays of `length` floats, measured. */
  memoryBandwidth(threads = this.threads, length = 1 << 24): number {
    return this.#native.triad(length, threads);
  }

  #done(status: number): void {
    if (status >= 0) return;
    if (status === -2) throw new OutOfMemoryError(this.#native.error(), outOfMemoryHint());
    if (status === -3) throw new UseAfterFreeError(this.#native.error(), FREED);
    throw new BackendError(this.#native.error());
  }
  #loop(loop: Loop): number {
    const { sizes, strides } = loop;
    const n = sizes.length;
    const block = this.#native.params();
    for (let d = 0; d < n; d++) block[d] = sizes[d];
    for (let o = 0; o < strides.length; o++) for (let d = 0; d < n; d++) block[(o + 1) * n + d] = strides[o][d];
    return n;
  }

  alloc(dtype: DType, length: number): Storage {
    if (dtype === "float64") {
      throw new BackendError(
        "float64 tensors exist on the reference backend only",
        'Use float32, or setBackend("reference") for gradient checks.',
      );
    }
    const type = DTYPE[dtype];
    const pressure = this.#pressure;
    if (pressure.bytes > pressure.mostBytes || pressure.tensors > pressure.mostTensors) pressure.relieve();
    let h = this.#native.alloc(length, type);
    if (h === -2 && pressure.relieveAll()) h = this.#native.alloc(length, type);
    this.#done(h);
    const bytes = length * BYTES[type];
    pressure.made(bytes);
    const storage = new Storage(this, dtype, length, h, undefined);
    storage.bytes = bytes;
    this.#ballast?.tie(storage, bytes);
    return storage;
  }
  free(storage: Storage): void {
    if (!storage.alive) return;
    storage.alive = false;
    this.#native.free(storage.handle);
    this.#pressure.freed(storage.bytes);
    this.#ballast?.untie(storage);
  }
  freeHandle(h: number): void {
    const bytes = this.#native.size(h);
    if (this.#native.free(h) === 0) this.#pressure.freed(bytes);
  }
  read(x: Operand, n: number): TypedArray {
    x.storage.check();
    const values = new ARRAYS[x.storage.dtype](n);
    if (!this.#native.read(x.storage.handle, x.offset * values.BYTES_PER_ELEMENT, values)) this.#done(-1);
    return values;
  }
  write(out: Operand, values: TypedArray): void {
    out.storage.check();
    const { dtype } = out.storage;
    const fit = values instanceof ARRAYS[dtype] && dtype !== "bool" ? values : converted(values, dtype);
    if (!this.#native.write(out.storage.handle, out.offset * fit.BYTES_PER_ELEMENT, fit)) this.#done(-1);
  }
  get(x: Operand): number {
    x.storage.check();
    const value = this.#native.get(x.storage.handle, x.offset);
    if (Number.isNaN(value) && this.#native.status() < 0) this.#done(-1);
    return value;
  }
  memory() {
    const stat = this.#native.stat;
    return { liveTensors: stat(0), liveBytes: stat(1), pooledBytes: stat(2), peakBytes: stat(3), packedBytes: stat(4) };
  }
  trim(): void {
    this.#native.trim();
  }

  fill(out: Operand, n: number, value: number): void {
    this.#done(this.#native.fill(out.storage.handle, out.offset, n, value));
  }
  unary(op: UnaryOp, out: Operand, x: Operand, n: number, p0: number, p1: number): void {
    this.#done(this.#native.unary(UNARY[op], out.storage.handle, out.offset, x.storage.handle, x.offset, n, p0, p1));
  }
  unaryBackward(op: UnaryOp, dx: Operand, dy: Operand, s: Operand, n: number, p0: number, p1: number): void {
    const [d, g] = [dx.storage.handle, dy.storage.handle];
    this.#done(
      this.#native.unary_backward(UNARY[op], d, dx.offset, g, dy.offset, s.storage.handle, s.offset, n, p0, p1),
    );
  }
  binary(op: BinaryOp, out: Operand, a: Operand, b: Operand, loop: Loop): void {
    const n = this.#loop(loop);
    const [o, x, y] = [out.storage.handle, a.storage.handle, b.storage.handle];
    this.#done(this.#native.binary(BINARY[op], o, out.offset, x, a.offset, y, b.offset, n));
  }
  where(out: Operand, cond: Operand, a: Operand, b: Operand, loop: Loop): void {
    const n = this.#loop(loop);
    const [o, c] = [out.storage.handle, cond.storage.handle];
    const [x, y] = [a.storage.handle, b.storage.handle];
    this.#done(this.#native.where(o, out.offset, c, cond.offset, x, a.offset, y, b.offset, n));
  }
  copy(out: Operand, x: Operand, loop: Loop, add: boolean): void {
    if (HELD[out.storage.dtype] !== HELD[x.storage.dtype]) {
      throw new BackendError(`copy from ${x.storage.dtype} to ${out.storage.dtype}`, "Cast first: x.to(dtype).");
    }
    const n = this.#loop(loop);
    this.#done(this.#native.copy(out.storage.handle, out.offset, x.storage.handle, x.offset, n, add ? 1 : 0));
  }
  cast(out: Operand, x: Operand, n: number): void {
    const [to, from] = [out.storage.dtype, x.storage.dtype];
    // The kernel's bytes are truth values, and its whole numbers wrap.
    if ((to === "uint8" && HELD[from] !== "uint8") || (to === "int64" && isFloat(from))) {
      this.write(out, converted(this.read(x, n), to));
      return;
    }
    this.#done(this.#native.cast(out.storage.handle, out.offset, x.storage.handle, x.offset, n));
  }
  reduce(op: ReduceOp, out: Operand, x: Operand, outer: number, mid: number, inner: number, accumulate: boolean): void {
    const [o, v] = [out.storage.handle, x.storage.handle];
    this.#done(this.#native.reduce(REDUCE[op], o, out.offset, v, x.offset, outer, mid, inner, accumulate ? 1 : 0));
  }
  argReduce(op: "max" | "min", out: Operand, x: Operand, outer: number, mid: number, inner: number): void {
    const [o, v] = [out.storage.handle, x.storage.handle];
    this.#done(this.#native.arg_reduce(REDUCE[op], o, out.offset, v, x.offset, outer, mid, inner));
  }
  gemm(c: Operand, a: Operand, b: Operand, bias: Operand | undefined, preact: Operand | undefined, g: Gemm): void {
    const p = this.#native.params();
    p[0] = g.batch;
    p[1] = g.m;
    p[2] = g.n;
    p[3] = g.k;
    p[4] = g.lda;
    p[5] = g.strideA;
    p[6] = g.ldb;
    p[7] = g.strideB;
    p[8] = g.ldc;
    p[9] = g.strideC;
    p[10] = a.offset;
    p[11] = b.offset;
    p[12] = c.offset;
    p[13] = offset(bias);
    p[14] = offset(preact);
    p[15] = g.transA ? 1 : 0;
    p[16] = g.transB ? 1 : 0;
    p[17] = g.accumulate ? 1 : 0;
    p[18] = ACTIVATION[g.activation];
    p[19] = g.precision === "bf16" ? 1 : 0;
    p[20] = g.keep ? 1 : 0;
    this.#done(this.#native.gemm(c.storage.handle, a.storage.handle, b.storage.handle, handle(bias), handle(preact)));
  }
  softmax(out: Operand, x: Operand, rows: number, cols: number, log: boolean): void {
    const [o, v] = [out.storage.handle, x.storage.handle];
    this.#done(this.#native.softmax(o, out.offset, v, x.offset, rows, cols, log ? 1 : 0));
  }
  softmaxBackward(dx: Operand, dy: Operand, y: Operand, rows: number, cols: number, log: boolean): void {
    const [d, g, v] = [dx.storage.handle, dy.storage.handle, y.storage.handle];
    this.#done(this.#native.softmax_backward(d, dx.offset, g, dy.offset, v, y.offset, rows, cols, log ? 1 : 0));
  }
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
  ): void {
    this.#done(
      this.#native.cross_entropy(
        loss.storage.handle,
        weightOut.storage.handle,
        lse.storage.handle,
        x.storage.handle,
        x.offset,
        target.storage.handle,
        target.offset,
        handle(weight),
        offset(weight),
        rows,
        cols,
        smoothing,
        ignoreIndex,
      ),
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
    rows: number,
    cols: number,
    smoothing: number,
    ignoreIndex: number,
  ): void {
    this.#done(
      this.#native.cross_entropy_backward(
        dx.storage.handle,
        dx.offset,
        dy.storage.handle,
        dy.offset,
        dyStride,
        handle(denominator),
        x.storage.handle,
        x.offset,
        target.storage.handle,
        target.offset,
        handle(weight),
        offset(weight),
        lse.storage.handle,
        rows,
        cols,
        smoothing,
        ignoreIndex,
      ),
    );
  }
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
  ): void {
    const [o, v, r] = [out.storage.handle, x.storage.handle, rstd.storage.handle];
    const [w, b] = [handle(weight), handle(bias)];
    this.#done(
      this.#native.norm(
        o,
        out.offset,
        handle(mean),
        r,
        v,
        x.offset,
        w,
        offset(weight),
        b,
        offset(bias),
        rows,
        cols,
        eps,
      ),
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
    rows: number,
    cols: number,
    accumulate: boolean,
  ): void {
    this.#done(
      this.#native.norm_backward(
        handle(dx),
        offset(dx),
        handle(dweight),
        offset(dweight),
        handle(dbias),
        offset(dbias),
        dy.storage.handle,
        dy.offset,
        x.storage.handle,
        x.offset,
        handle(mean),
        rstd.storage.handle,
        handle(weight),
        offset(weight),
        rows,
        cols,
        accumulate ? 1 : 0,
      ),
    );
  }
  gather(out: Operand, table: Operand, index: Operand, n: number, dim: number, vocabulary: number): void {
    const [o, t, i] = [out.storage.handle, table.storage.handle, index.storage.handle];
    this.#done(this.#native.gather(o, out.offset, t, table.offset, i, index.offset, n, dim, vocabulary));
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
    const [t, g, i] = [table.storage.handle, dy.storage.handle, index.storage.handle];
    this.#done(this.#native.scatter_add(t, table.offset, g, dy.offset, i, index.offset, n, dim, vocabulary, skip));
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
    this.#done(
      this.#native.embedding_bag(
        out.storage.handle,
        out.offset,
        table.storage.handle,
        table.offset,
        index.storage.handle,
        index.offset,
        offsets.storage.handle,
        offsets.offset,
        handle(perSample),
        offset(perSample),
        bags,
        n,
        dim,
        vocabulary,
        mean ? 1 : 0,
        skip,
      ),
    );
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
    this.#done(
      this.#native.embedding_bag_backward(
        dtable.storage.handle,
        dtable.offset,
        dy.storage.handle,
        dy.offset,
        index.storage.handle,
        index.offset,
        offsets.storage.handle,
        offsets.offset,
        handle(perSample),
        offset(perSample),
        bags,
        n,
        dim,
        vocabulary,
        mean ? 1 : 0,
        skip,
      ),
    );
  }
  recurrent(results: RecurrentResults, inputs: RecurrentInputs, shape: RecurrentShape): void {
    this.#done(callRecurrent(this.#native, this.#native.params(), results, inputs, shape));
  }
  recurrentBackward(
    gradients: RecurrentGradients,
    work: Operand,
    upstream: RecurrentUpstream,
    saved: RecurrentSaved,
    inputs: RecurrentInputs,
    shape: RecurrentShape,
  ): void {
    this.#done(
      callRecurrentBackward(
        this.#native,
        this.#native.params(),
        gradients,
        { work, ...upstream },
        saved,
        inputs,
        shape,
      ),
    );
  }
  attention(out: Rows, lse: Operand | undefined, inputs: AttentionInputs, shape: AttentionShape): void {
    this.#done(callAttention(this.#native, this.#native.params(), out, lse, inputs, shape));
  }
  attentionBackward(
    gradients: AttentionGradients,
    dout: Rows,
    out: Rows,
    lse: Operand,
    inputs: AttentionInputs,
    shape: AttentionShape,
  ): void {
    const block = this.#native.params();
    this.#done(callAttentionBackward(this.#native, block, gradients, dout, out, lse, inputs, shape));
  }
  dropout(out: Operand, x: Operand, n: number, p: number, key0: number, key1: number, site: number): void {
    const [o, v] = [out.storage.handle, x.storage.handle];
    this.#done(this.#native.dropout(o, out.offset, v, x.offset, n, p, key0, key1, site));
  }

  #settings(...values: (number | boolean)[]): void {
    const block = this.#native.params();
    for (let i = 0; i < values.length; i++) block[i] = Number(values[i]);
  }
  adam(
    p: Storage,
    g: Storage,
    m: Storage,
    v: Storage,
    vmax: Storage | undefined,
    at: number,
    n: number,
    gradScale: Storage | undefined,
    s: AdamSettings,
  ): void {
    this.#settings(s.lr, s.beta1, s.beta2, s.eps, s.weightDecay, s.l1, s.bias1, s.bias2, s.decoupled);
    this.#done(this.#native.adam(p.handle, g.handle, m.handle, v.handle, of(vmax), at, n, of(gradScale)));
  }
  sgd(
    p: Storage,
    g: Storage,
    buf: Storage | undefined,
    at: number,
    n: number,
    gradScale: Storage | undefined,
    s: SgdSettings,
  ): void {
    this.#settings(s.lr, s.momentum, s.dampening, s.weightDecay, s.l1, s.nesterov, s.first);
    this.#done(this.#native.sgd(p.handle, g.handle, of(buf), at, n, of(gradScale)));
  }
  rmsprop(
    p: Storage,
    g: Storage,
    square: Storage,
    buf: Storage | undefined,
    gradAvg: Storage | undefined,
    at: number,
    n: number,
    gradScale: Storage | undefined,
    s: RmspropSettings,
  ): void {
    this.#settings(s.lr, s.alpha, s.eps, s.weightDecay, s.l1, s.momentum);
    this.#done(this.#native.rmsprop(p.handle, g.handle, square.handle, of(buf), of(gradAvg), at, n, of(gradScale)));
  }
  adagrad(
    p: Storage,
    g: Storage,
    sum: Storage,
    at: number,
    n: number,
    gradScale: Storage | undefined,
    s: AdagradSettings,
  ): void {
    this.#settings(s.lr, s.eps, s.weightDecay, s.l1);
    this.#done(this.#native.adagrad(p.handle, g.handle, sum.handle, at, n, of(gradScale)));
  }
}
