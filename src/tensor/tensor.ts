/// <reference lib="esnext.disposable" preserve="true" />
import "../backend/dispose.ts";
import type { Backend, DType, TypedArray } from "../backend/backend.ts";
import { isFloat } from "../backend/dtypes.ts";
import { ShoshinError } from "../backend/errors.ts";
import type { Storage } from "../backend/storage.ts";
import { allocate, dispose, own, release } from "./memory.ts";
import { show } from "./print.ts";
import { denseStrides, isDense, makeLoop, numel, type Shape, ShapeError, showShape } from "./shape.ts";
import type { Node } from "./tape.ts";

/** Numbers, or truth values, nested to the depth of the shape. */
export type Nested = number | boolean | Nested[];

/**
 * An array of numbers with a shape, of one dtype, on one backend; what operations take and give.
 *
 * A tensor is a view (shape, strides, offset) of a storage; slices and transposes share it. Operations are attached as
 * methods by the files of `src/ops`. With `requiresGrad` the operations on it are recorded, and `backward()` fills `grad`.
 */
export class Tensor {
  /** Elements; shared with views. */
  storage: Storage;
  /** Position of the first element, in elements. */
  offset: number;
  readonly shape: Shape;
  /** Number of elements. */
  readonly numel: number;
  /** Record operations on this tensor, and keep a gradient for it if it is a leaf. */
  requiresGrad = false;
  /** The operation that made it; undefined for a leaf. */
  node: Node | undefined = undefined;
  /** Which of that operation's results it is. */
  slot = 0;
  /** Where a leaf's gradient is kept from step to step; holds one only while `gradSet`. */
  gradBuffer: Tensor | undefined = undefined;
  gradSet = false;
  /** In elements; undefined when row-major without gaps. */
  #strides: readonly number[] | undefined;

  constructor(storage: Storage, shape: Shape, offset = 0, strides?: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.numel = numel(shape);
    this.#strides = strides === undefined || isDense(shape, strides) ? undefined : strides;
  }

  get dtype(): DType {
    return this.storage.dtype;
  }
  get backend(): Backend {
    return this.storage.backend;
  }
  get ndim(): number {
    return this.shape.length;
  }
  /** In elements, per dimension. */
  get strides(): readonly number[] {
    return this.#strides ?? denseStrides(this.shape);
  }
  /** Row-major without gaps. */
  get isContiguous(): boolean {
    return this.#strides === undefined;
  }
  /** Not made by a recorded operation. */
  get isLeaf(): boolean {
    return this.node === undefined;
  }

  /** The gradient that `backward()` has accumulated, of this tensor's shape; undefined before the first and after `zeroGrad()`. */
  get grad(): Tensor | undefined {
    return this.gradSet ? this.gradBuffer : undefined;
  }
  set grad(value: Tensor | undefined) {
    if (value !== undefined && value.numel !== this.numel) {
      throw new ShapeError(`grad: expected shape ${showShape(this.shape)}, found ${showShape(value.shape)}`);
    }
    if (value !== undefined) this.gradBuffer = value;
    this.gradSet = value !== undefined;
  }
  /** Forgets the gradient; its memory is kept for the next one. */
  zeroGrad(): void {
    this.gradSet = false;
  }

  /** Sets `requiresGrad` of a leaf of floating point; returns the tensor. */
  requiresGrad_(flag = true): this {
    if (this.node !== undefined)
      throw new ShoshinError("requiresGrad_ is for leaves", "Use t.detach().requiresGrad_().");
    if (flag && !isFloat(this.dtype)) {
      throw new ShapeError(
        `a tensor of ${this.dtype} has no gradient: only floating-point ones do`,
        "Convert it first: t.float().",
      );
    }
    this.requiresGrad = flag;
    return this;
  }
  /** Keeps the gradient of a tensor that is not a leaf, in `grad`; returns the tensor. */
  retainGrad(): this {
    const { node } = this;
    if (node !== undefined && !node.graph.root().retired && !node.outputs.includes(this)) node.outputs.push(this);
    return this;
  }

  /** The only element as a number; of bool 0 or 1. Throws {@link ShapeError} if there is not exactly one. */
  item(): number {
    if (this.numel !== 1) {
      throw new ShapeError(
        `item: expected one element, found shape ${showShape(this.shape)}`,
        "Use toArray() or data().",
      );
    }
    return this.storage.left ?? this.backend.get(this);
  }

  /** A copy of the elements in row-major order. */
  data(): TypedArray {
    if (!isLive(this)) this.storage.check();
    if (this.#strides === undefined) return this.backend.read(this, this.numel);
    const whole = contiguousCopy(this);
    const values = this.backend.read(whole, this.numel);
    dispose(whole.storage);
    return values;
  }
  /** As `data()`, for code that also runs where reading must wait for a device. */
  async read(): Promise<TypedArray> {
    return this.data();
  }
  /** The elements as nested arrays; of bool true and false. */
  toArray(): Nested {
    const data = this.data();
    const isBool = this.dtype === "bool";
    const build = (dim: number, at: number, size: number): Nested => {
      if (dim === this.shape.length) return isBool ? data[at] !== 0 : data[at];
      const step = this.shape[dim] === 0 ? 0 : size / this.shape[dim];
      return Array.from({ length: this.shape[dim] }, (_, i) => build(dim + 1, at + i * step, step));
    };
    return build(0, 0, this.numel);
  }

  /**
   * The same elements without history: not recorded, no gradient. The user owns the memory from then on, so it stays valid
   * after `backward()`.
   */
  detach(): Tensor {
    isLive(this);
    release(this.storage);
    return new Tensor(this.storage, this.shape, this.offset, this.#strides);
  }
  /** Takes the memory from the graph or scope that would free it; returns the tensor. `dispose()` it, or leave it to the garbage collector. */
  keep(): this {
    isLive(this);
    release(this.storage);
    return this;
  }
  /** Gives the memory back at once, of every tensor that shares it. */
  dispose(): void {
    dispose(this.storage);
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** As PyTorch prints a tensor; see {@link setPrintOptions}. A freed one says so. */
  toString(): string {
    isLive(this);
    return show(this);
  }
  /** For `JSON.stringify`: the elements as nested arrays; JSON turns NaN and infinities into null. Of a freed one, a text that says so. */
  toJSON(): unknown {
    return isLive(this) ? this.toArray() : show(this);
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** A new row-major tensor without contents. */
export function empty(shape: Shape, dtype: DType = "float32", backend?: Backend): Tensor {
  return new Tensor(allocate(dtype, numel(shape), backend), shape);
}

/** Whether its memory is there; a loss whose graph has gone, but whose value was left, gets memory of its own again. */
export function isLive(t: Tensor): boolean {
  if (t.storage.alive) return true;
  const { left, backend, dtype } = t.storage;
  if (left === undefined) return false;
  const storage = backend.alloc(dtype, 1);
  own(storage, undefined);
  backend.fill({ storage, offset: 0 }, 1, left);
  t.storage = storage;
  return true;
}

/** A row-major copy, not recorded. */
export function contiguousCopy(x: Tensor): Tensor {
  const out = empty(x.shape, x.dtype, x.backend);
  x.backend.copy(out, x, makeLoop(x.shape, [denseStrides(x.shape), x.strides]), false);
  return out;
}

/** The tensor itself when row-major, else a copy that the operation in progress frees at its end. Not recorded. */
export function dense(x: Tensor): Tensor {
  if (x.isContiguous) return x;
  return contiguousCopy(x);
}
