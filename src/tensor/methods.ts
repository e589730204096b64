import { backward } from "./backward.ts";
import { Tensor } from "./tensor.ts";

declare module "./tensor.ts" {
  interface Tensor {
    /** See {@link backward}: gradients of this tensor with respect to every leaf that requires one. */
    backward(options?: { gradient?: Tensor; retainGraph?: boolean }): void;
  }
}

Tensor.prototype.backward = function (options) {
  backward(this, options);
};
