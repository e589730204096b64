import type { Activation } from "../backend/codes.ts";
import { checkOptions } from "../backend/options.ts";
import { linear } from "../ops/index.ts";
import { empty } from "../tensor/create.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSize, ELSEWHERE } from "./check.ts";
import { kaimingUniform_, uniform_ } from "./init.ts";
import { Module, Parameter } from "./module.ts";

/**
 * $y = xW^\top + b$, as PyTorch's: `weight` [out, in], `bias` [out], both uniform within $\pm1/\sqrt{in}$ at first.
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | undefined;

  /** Throws ShapeError for sizes that are none, OptionError for unknown options. */
  constructor(inFeatures: number, outFeatures: number, options: { bias?: boolean } = {}) {
    super();
    checkOptions("Linear", options, { bias: true }, ELSEWHERE);
    checkSize("Linear", "inFeatures", inFeatures);
    checkSize("Linear", "outFeatures", outFeatures);
    const { bias = true } = options;
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(empty([outFeatures, inFeatures]));
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (bias) {
      this.bias = new Parameter(empty([outFeatures]));
      const bound = inFeatures > 0 ? 1 / Math.sqrt(inFeatures) : 0;
      uniform_(this.bias, -bound, bound);
    }
  }

  /**
   * @param x [..., in]
   * @param activation applied in the same pass; `Sequential` uses it.
   * @returns [..., out]
   * @throws ShapeError unless the last size is `inFeatures`.
   */
  forward(x: Tensor, activation: Activation = "none"): Tensor {
    if (x.shape[x.ndim - 1] !== this.inFeatures) {
      const flat = x.shape.slice(1).reduce((n, s) => n * s, 1);
      throw new ShapeError(
        `Linear: expected input [..., ${this.inFeatures}], found ${showShape(x.shape)}`,
        x.ndim > 2 && flat === this.inFeatures ? "Flatten it first: x.flatten(1)." : undefined,
      );
    }
    return linear(x, this.weight, this.bias, activation);
  }
  override printRepr(): string {
    return `inFeatures=${this.inFeatures}, outFeatures=${this.outFeatures}, bias=${this.bias !== undefined}`;
  }
  override extraRepr(): string {
    return `${this.inFeatures} → ${this.outFeatures}${this.bias ? "" : ", no bias"}`;
  }
}
