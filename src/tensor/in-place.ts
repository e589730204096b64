import type { TypedArray } from "../backend/backend.ts";
import { edited, state } from "./memory.ts";
import { broadcastShapes, broadcastStrides, makeLoop, ShapeError, sameShape, showShape } from "./shape.ts";
import { AutogradError } from "./tape.ts";
import { isLive, Tensor } from "./tensor.ts";

/** Edits of a tensor's own elements. They are not recorded: inside a graph they are refused by name. */
declare module "./tensor.ts" {
  interface Tensor {
    /** Overwrites the elements with those of a tensor that broadcasts to this shape, or of a typed array of `numel` values. */
    copy_(values: Tensor | TypedArray): this;
    fill_(value: number): this;
    zero_(): this;
    /** Adds a tensor that broadcasts to this shape. */
    add_(other: Tensor): this;
  }
}

function begin(x: Tensor, name: string): void {
  if (x.requiresGrad && state.gradEnabled && state.depth === 0) {
    throw new AutogradError(
      `${name}: an edit in place of a tensor that requires a gradient is not recorded`,
      "Wrap it in noGrad(() => …), or edit t.detach().",
    );
  }
  if (!isLive(x)) x.storage.check();
  x.storage.version++;
  if (state.depth > 0) edited.push(x.storage);
}

function assign(x: Tensor, from: Tensor, name: string, add: boolean): void {
  if (!isLive(from)) from.storage.check();
  if (!sameShape(broadcastShapes(x.shape, from.shape, name), x.shape)) {
    throw new ShapeError(`${name}: shape ${showShape(from.shape)} does not fit into ${showShape(x.shape)}`);
  }
  const strides = broadcastStrides(from.shape, from.strides, x.shape);
  x.backend.copy(x, from, makeLoop(x.shape, [x.strides, strides]), add);
}

Tensor.prototype.copy_ = function (values) {
  begin(this, "copy_");
  if (values instanceof Tensor) {
    assign(this, values, "copy_", false);
    return this;
  }
  if (values.length !== this.numel)
    throw new ShapeError(`copy_: ${values.length} values for shape ${showShape(this.shape)}`);
  if (!this.isContiguous) throw new ShapeError("copy_: raw values need a contiguous tensor");
  this.backend.write(this, values);
  return this;
};
Tensor.prototype.fill_ = function (value) {
  begin(this, "fill_");
  if (!this.isContiguous) throw new ShapeError("fill_: a view with gaps", "Fill the whole tensor, or use copy_.");
  this.backend.fill(this, this.numel, value);
  return this;
};
Tensor.prototype.zero_ = function () {
  return this.fill_(0);
};
Tensor.prototype.add_ = function (other) {
  begin(this, "add_");
  assign(this, other, "add_", true);
  return this;
};
