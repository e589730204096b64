import type { Tensor } from "../tensor/tensor.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/**
 * Gated feed-forward part (Shazeer, "GLU variants improve Transformer", 2020): $W_d(\mathrm{SiLU}(W_g x)\circ W_u x)$, with
 * Llama's names `gate_proj`, `up_proj`, `down_proj`.
 */
export class SwiGLU extends Module {
  readonly gate_proj: Linear;
  readonly up_proj: Linear;
  readonly down_proj: Linear;
  constructor(size: number, hiddenSize: number, { bias = false } = {}) {
    super();
    this.gate_proj = new Linear(size, hiddenSize, { bias });
    this.up_proj = new Linear(size, hiddenSize, { bias });
    this.down_proj = new Linear(hiddenSize, size, { bias });
  }
  /** [..., size], unchanged in shape. */
  forward(x: Tensor): Tensor {
    return this.down_proj.forward(this.gate_proj.forward(x, "silu").mul(this.up_proj.forward(x)));
  }
}
