import { checkOptions } from "../backend/options.ts";
import { layerNorm, rmsNorm } from "../ops/index.ts";
import { ones, zeros } from "../tensor/create.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkNumber, checkSize, ELSEWHERE } from "./check.ts";
import { Module, Parameter } from "./module.ts";

function list(where: string, shape: number | readonly number[]): number[] {
  const sizes = Array.isArray(shape) ? [...shape] : [shape as number];
  if (sizes.length === 0) throw new ShapeError(`${where}: normalizedShape is empty`);
  for (const size of sizes) checkSize(where, "normalizedShape", size);
  return sizes;
}

const small = (n: number) => (n !== 0 && Math.abs(n) < 1e-3 ? n.toExponential() : String(n));

/** Layer normalisation over the last dimensions: `weight` 1 and `bias` 0 of that shape at first. */
export class LayerNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  weight: Parameter | undefined;
  bias: Parameter | undefined;

  constructor(
    normalizedShape: number | readonly number[],
    options: { eps?: number; elementwiseAffine?: boolean; bias?: boolean } = {},
  ) {
    super();
    checkOptions("LayerNorm", options, { eps: true, elementwiseAffine: true, bias: true }, ELSEWHERE);
    const { eps = 1e-5, elementwiseAffine = true, bias = true } = options;
    checkNumber("LayerNorm", "eps", eps);
    this.normalizedShape = list("LayerNorm", normalizedShape);
    this.eps = eps;
    if (elementwiseAffine) this.weight = new Parameter(ones(this.normalizedShape));
    if (elementwiseAffine && bias) this.bias = new Parameter(zeros(this.normalizedShape));
  }
  /** [..., *normalizedShape], unchanged in shape. */
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, this.weight, this.bias, this.eps);
  }
  override printRepr(): string {
    const affine = this.weight !== undefined;
    return `${showShape(this.normalizedShape)}, eps=${small(this.eps)}, elementwiseAffine=${affine}, bias=${this.bias !== undefined}`;
  }
  override extraRepr(): string {
    return `${this.normalizedShape}`;
  }
}

/** Root-mean-square normalisation over the last dimensions: `weight` 1 at first. */
export class RMSNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  weight: Parameter | undefined;

  /** eps: PyTorch's default, the machine epsilon of float32. */
  constructor(
    normalizedShape: number | readonly number[],
    options: { eps?: number; elementwiseAffine?: boolean } = {},
  ) {
    super();
    checkOptions("RMSNorm", options, { eps: true, elementwiseAffine: true }, ELSEWHERE);
    const { eps = 2 ** -23, elementwiseAffine = true } = options;
    checkNumber("RMSNorm", "eps", eps);
    this.normalizedShape = list("RMSNorm", normalizedShape);
    this.eps = eps;
    if (elementwiseAffine) this.weight = new Parameter(ones(this.normalizedShape));
  }
  /** [..., *normalizedShape], unchanged in shape. */
  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, this.weight, this.eps);
  }
  override printRepr(): string {
    return `${showShape(this.normalizedShape)}, eps=${small(this.eps)}, elementwiseAffine=${this.weight !== undefined}`;
  }
  override extraRepr(): string {
    return `${this.normalizedShape}`;
  }
}
