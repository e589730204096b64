import * as nn from "../../nn/index.ts";
import { checkpoint } from "../../tensor/checkpoint.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** A layer that can compute its inside again in the backward pass instead of keeping it. */
export abstract class GradientCheckpointingLayer extends nn.Module {
  gradientCheckpointing = false;
  /**
   * What `run` makes of the inputs, kept or not.
   * @param run uses this layer, its inputs and constants alone
   * @param inputs every tensor that it uses and that needs a gradient
   */
  checkpointed(run: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]): Tensor {
    if (!(this.gradientCheckpointing && this.training)) return run(...inputs);
    return checkpoint(run, inputs, this.parameters());
  }
}

export const checkpointingLayers = (model: nn.Module): GradientCheckpointingLayer[] =>
  [...model.modules()].filter((m) => m instanceof GradientCheckpointingLayer);
