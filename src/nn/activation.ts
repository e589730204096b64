import { checkOptions } from "../backend/options.ts";
import { elu, gelu, leakyRelu, logSoftmax, relu, sigmoid, silu, softmax, softplus, tanh } from "../ops/index.ts";
import { ShapeError } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkNumber, checkWord } from "./check.ts";
import { Module } from "./module.ts";

const INPLACE = { inplace: "The results are the same without it." };
function checkDim(where: string, name: string, value: unknown): void {
  if (!Number.isInteger(value))
    throw new ShapeError(`${where}: ${name} must be a whole number, found ${String(value)}`);
}
type None = Record<string, never>;

/** Activations without settings: they take no options, and say so. */
abstract class Plain extends Module {
  constructor(options: None = {}) {
    super();
    checkOptions(new.target.name, options, {}, INPLACE);
  }
}

/** Activations as modules, any shape in, the same shape out; formulas in `src/ops`. */
export class Sigmoid extends Plain {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}
export class Tanh extends Plain {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}
export class ReLU extends Plain {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}
export class SiLU extends Plain {
  forward(x: Tensor): Tensor {
    return silu(x);
  }
}
export class LeakyReLU extends Module {
  readonly negativeSlope: number;
  constructor(negativeSlope = 0.01, options: None = {}) {
    super();
    checkNumber("LeakyReLU", "negativeSlope", negativeSlope);
    checkOptions("LeakyReLU", options, {}, INPLACE);
    this.negativeSlope = negativeSlope;
  }
  forward(x: Tensor): Tensor {
    return leakyRelu(x, this.negativeSlope);
  }
  override printRepr(): string {
    return `negativeSlope=${this.negativeSlope}`;
  }
}
export class GELU extends Module {
  readonly approximate: "none" | "tanh";
  constructor(options: { approximate?: "none" | "tanh" } = {}) {
    super();
    checkOptions("GELU", options, { approximate: true });
    const { approximate = "none" } = options;
    checkWord("GELU", "approximate", approximate, ["none", "tanh"]);
    this.approximate = approximate;
  }
  forward(x: Tensor): Tensor {
    return gelu(x, this.approximate);
  }
  override printRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;
  constructor(options: { beta?: number; threshold?: number } = {}) {
    super();
    checkOptions("Softplus", options, { beta: true, threshold: true });
    const { beta = 1, threshold = 20 } = options;
    checkNumber("Softplus", "beta", beta);
    checkNumber("Softplus", "threshold", threshold);
    this.beta = beta;
    this.threshold = threshold;
  }
  forward(x: Tensor): Tensor {
    return softplus(x, this.beta, this.threshold);
  }
  override printRepr(): string {
    return `beta=${this.beta}, threshold=${this.threshold}`;
  }
}
export class ELU extends Module {
  readonly alpha: number;
  constructor(alpha = 1, options: None = {}) {
    super();
    checkNumber("ELU", "alpha", alpha);
    checkOptions("ELU", options, {}, INPLACE);
    this.alpha = alpha;
  }
  forward(x: Tensor): Tensor {
    return elu(x, this.alpha);
  }
  override printRepr(): string {
    return `alpha=${this.alpha}`;
  }
}
export class Softmax extends Module {
  readonly dim: number;
  constructor(dim = -1) {
    super();
    checkDim(new.target.name, "dim", dim);
    this.dim = dim;
  }
  forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }
  override printRepr(): string {
    return `dim=${this.dim}`;
  }
}
export class LogSoftmax extends Softmax {
  override forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }
}
/** Makes one dimension of those from `startDim` to `endDim`, as PyTorch's. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;
  constructor(startDim = 1, endDim = -1) {
    super();
    checkDim("Flatten", "startDim", startDim);
    checkDim("Flatten", "endDim", endDim);
    this.startDim = startDim;
    this.endDim = endDim;
  }
  forward(x: Tensor): Tensor {
    return x.flatten(this.startDim, this.endDim);
  }
  override printRepr(): string {
    return `startDim=${this.startDim}, endDim=${this.endDim}`;
  }
}
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}
