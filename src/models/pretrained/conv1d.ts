import type { Activation } from "../../backend/codes.ts";
import * as nn from "../../nn/index.ts";
import { affine } from "../../ops/index.ts";
import { zeros } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { plainWeight } from "./layers.ts";

/** GPT-2's linear layer: `weight` [in, out], `bias` [out]. */
export class Conv1D extends nn.Module {
  readonly weight: nn.Parameter;
  readonly bias: nn.Parameter;
  constructor(input: number, output: number, std: number) {
    super();
    this.weight = plainWeight(input, output, std);
    this.bias = new nn.Parameter(zeros([output]));
  }
  /** x [..., in] → [..., out] */
  forward(x: Tensor, activation: Activation = "none"): Tensor {
    return affine(x, this.weight, this.bias, activation);
  }
}
