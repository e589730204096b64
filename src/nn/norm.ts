import { layerNorm, rmsNorm } from "../ops/index.ts";
import { ones, zeros } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module, Parameter } from "./module.ts";

const list = (shape: number | readonly number[]) => (typeof shape === "number" ? [shape] : [...shape]);

/** Layer normalisation over the last dimensions: `weight` 1 and `bias` 0 of that shape at first. */
export class LayerNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  readonly weight: Parameter | undefined;
  readonly bias: Parameter | undefined;

  constructor(
    normalizedShape: number | readonly number[],
    {
      eps = 1e-5,
      elementwiseAffine = true,
      bias = true,
    }: { eps?: number; elementwiseAffine?: boolean; bias?: boolean } = {},
  ) {
    super();
    this.normalizedShape = list(normalizedShape);
    this.eps = eps;
    if (elementwiseAffine) this.weight = new Parameter(ones(this.normalizedShape));
    if (elementwiseAffine && bias) this.bias = new Parameter(zeros(this.normalizedShape));
  }
  /** [..., *normalizedShape], unchanged in shape. */
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, this.weight, this.bias, this.eps);
  }
  override extraRepr(): string {
    return `${this.normalizedShape}`;
  }
}

/** Root-mean-square normalisation over the last dimensions: `weight` 1 at first. */
export class RMSNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  readonly weight: Parameter | undefined;

  /** eps: PyTorch's default, the machine epsilon of float32. */
  constructor(
    normalizedShape: number | readonly number[],
    { eps = 2 ** -23, elementwiseAffine = true }: { eps?: number; elementwiseAffine?: boolean } = {},
  ) {
    super();
    this.normalizedShape = list(normalizedShape);
    this.eps = eps;
    if (elementwiseAffine) this.weight = new Parameter(ones(this.normalizedShape));
  }
  /** [..., *normalizedShape], unchanged in shape. */
  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, this.weight, this.eps);
  }
  override extraRepr(): string {
    return `${this.normalizedShape}`;
  }
}
