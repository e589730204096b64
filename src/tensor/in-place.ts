import type { TypedArray } from "../backend/backend.ts";
import { HELD } from "../backend/dtypes.ts";
import { castTo, scalarFor } from "./dtype.ts";
import { dispose, edited, state } from "./memory.ts";
import { broadcastShapes, broadcastStrides, describe, makeLoop, ShapeError, sameShape, showShape } from "./shape.ts";
import { AutogradError } from "./tape.ts";
import { contiguousCopy, empty, isLive, Tensor } from "./tensor.ts";

/**
 * Edits of a tensor's own elements. They are not recorded: inside a graph they are refused by name. Where a view has several
 * elements in one place (`expand`) they are refused as in PyTorch; `copy_` from a view of the same memory is right.
 */
declare module "./tensor.ts" {
  interface Tensor {
    /**
     * Overwrites the elements with those of a tensor that broadcasts to this shape, or of a typed array of `numel` values, as
     * this dtype.
     */
    copy_(values: Tensor | TypedArray): this;
    fill_(value: number | boolean): this;
    zero_(): this;
  }
}

/** Steps over all its elements without gaps, in some order of the dimensions. */
function isPacked(x: Tensor): boolean {
  if (x.isContiguous) return true;
  const dims = x.shape.map((size, d) => ({ size, stride: x.strides[d] })).filter(({ size }) => size !== 1);
  let step = 1;
  for (const { size, stride } of dims.sort((a, b) => a.stride - b.stride)) {
    if (stride !== step) return false;
    step *= size;
  }
  return true;
}

const reach = (x: Tensor): number => x.shape.reduce((n, size, d) => n + (size - 1) * x.strides[d], 1);

/** How the memory of two tensors meets; "unclear" where views with gaps interleave. */
export function overlap(a: Tensor, b: Tensor): "none" | "full" | "partial" | "unclear" {
  if (a.storage !== b.storage || a.numel === 0 || b.numel === 0) return "none";
  const [endA, endB] = [a.offset + reach(a), b.offset + reach(b)];
  if (a.offset >= endB || b.offset >= endA) return "none";
  if (a.offset === b.offset && sameShape(a.shape, b.shape) && sameShape(a.strides, b.strides)) return "full";
  return isPacked(a) && isPacked(b) ? "partial" : "unclear";
}

/** Refuses an edit that would be lost to the gradient, and one of a tensor of which several elements lie in one place. */
export function checkEdit(x: Tensor, name: string, from?: unknown): void {
  if (!isLive(x)) x.storage.check();
  if (state.gradEnabled && state.depth === 0) {
    if (x.requiresGrad) {
      throw new AutogradError(
        `${name}: an edit in place of a tensor that requires a gradient is not recorded`,
        "Wrap it in noGrad(() => …), or edit t.detach().",
      );
    }
    if (from instanceof Tensor && from.requiresGrad) {
      throw new AutogradError(
        `${name}: the gradient of the tensor that is written would be lost: edits in place are not recorded`,
        "Wrap it in noGrad(() => …), give from.detach(), or use the operation that makes a new tensor.",
      );
    }
  }
  if (x.isContiguous || x.numel === 0) return;
  if (x.strides.some((stride, d) => stride === 0 && x.shape[d] > 1)) {
    throw new ShapeError(
      `${name}: unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation.`,
      "A tensor from expand() repeats its elements: t.contiguous() gives each its own place.",
    );
  }
}

/** Its elements are about to change: what saved them for a gradient must learn of it. */
export function touch(x: Tensor): void {
  x.storage.version++;
  if (state.depth > 0) edited.push(x.storage);
}

/** Writes the elements of a tensor of the same kind that broadcasts, adding them if `add`; marks the edit. */
export function assign(x: Tensor, from: Tensor, name: string, add: boolean): void {
  if (!isLive(from)) from.storage.check();
  if (!sameShape(broadcastShapes(x.shape, from.shape, name), x.shape)) {
    throw new ShapeError(`${name}: shape ${showShape(from.shape)} does not fit into ${showShape(x.shape)}`);
  }
  touch(x);
  const meets = overlap(x, from);
  if (meets === "full" && !add) return;
  const made: Tensor[] = [];
  const own = (t: Tensor) => {
    made.push(t);
    return t;
  };
  let source = from;
  if (from.dtype !== x.dtype && (HELD[from.dtype] !== HELD[x.dtype] || x.dtype === "bool"))
    source = own(castTo(from.isContiguous ? from : own(contiguousCopy(from)), x.dtype));
  if (source === from && (meets === "partial" || meets === "unclear")) source = own(contiguousCopy(from));
  const strides = broadcastStrides(source.shape, source.strides, x.shape);
  x.backend.copy(x, source, makeLoop(x.shape, [x.strides, strides]), add);
  // Inside an operation they go when it ends.
  if (state.depth === 0) for (const t of made) dispose(t.storage);
}

Tensor.prototype.copy_ = function (values) {
  checkEdit(this, "copy_", values);
  if (values instanceof Tensor) {
    assign(this, values, "copy_", false);
    return this;
  }
  if (!ArrayBuffer.isView(values)) {
    throw new ShapeError(
      `copy_: expected a tensor or a typed array, found ${describe(values)}`,
      "Make it a tensor first: t.copy_(tensor(data)).",
    );
  }
  if (values.length !== this.numel)
    throw new ShapeError(`copy_: ${values.length} values for shape ${showShape(this.shape)}`);
  if (this.isContiguous) {
    touch(this);
    this.backend.write(this, values);
    return this;
  }
  const whole = empty(this.shape, this.dtype, this.backend);
  this.backend.write(whole, values);
  assign(this, whole, "copy_", false);
  dispose(whole.storage);
  return this;
};
Tensor.prototype.fill_ = function (value) {
  checkEdit(this, "fill_");
  const x = scalarFor("fill_", value, this.dtype);
  touch(this);
  if (this.isContiguous) {
    this.backend.fill(this, this.numel, x);
    return this;
  }
  const one = empty([], this.dtype, this.backend);
  this.backend.fill(one, 1, x);
  const strides = [this.strides, this.shape.map(() => 0)];
  this.backend.copy(this, one, makeLoop(this.shape, strides), false);
  dispose(one.storage);
  return this;
};
Tensor.prototype.zero_ = function () {
  return this.fill_(0);
};
