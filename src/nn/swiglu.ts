import { checkOptions } from "../backend/options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSize } from "./check.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/**
 * Gated feed-forward part (Shazeer, "GLU variants improve Transformer", 2020): $W_d(\mathrm{SiLU}(W_g x)\circ W_u x)$, with
 * Llama's names `gate_proj`, `up_proj`, `down_proj`.
 */
export class SwiGLU extends Module {
  gate_proj: Linear;
  up_proj: Linear;
  down_proj: Linear;
  constructor(size: number, hiddenSize: number, options: { bias?: boolean } = {}) {
    super();
    checkOptions("SwiGLU", options, { bias: true });
    checkSize("SwiGLU", "size", size);
    checkSize("SwiGLU", "hiddenSize", hiddenSize);
    const { bias = false } = options;
    this.gate_proj = new Linear(size, hiddenSize, { bias });
    this.up_proj = new Linear(size, hiddenSize, { bias });
    this.down_proj = new Linear(hiddenSize, size, { bias });
  }
  /** [..., size], unchanged in shape. */
  forward(x: Tensor): Tensor {
    return this.down_proj.forward(this.gate_proj.forward(x, "silu").mul(this.up_proj.forward(x)));
  }
}
