import type { Activation } from "../backend/codes.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { GELU, ReLU, Sigmoid, SiLU, Tanh } from "./activation.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/** The fused form of an activation module that directly follows a linear layer. */
function fused(module: Module | undefined): Activation | undefined {
  if (module instanceof ReLU) return "relu";
  if (module instanceof GELU) return module.approximate === "tanh" ? "geluTanh" : "gelu";
  if (module instanceof SiLU) return "silu";
  if (module instanceof Tanh) return "tanh";
  if (module instanceof Sigmoid) return "sigmoid";
  return undefined;
}

/**
 * Modules one after the other; their names are 0, 1, 2, … as in PyTorch. A linear layer and the activation behind it are
 * computed in one pass.
 */
export class Sequential extends Module {
  readonly #layers: Module[];

  constructor(...layers: Module[]) {
    super();
    this.#layers = layers;
  }

  get length(): number {
    return this.#layers.length;
  }
  at(index: number): Module | undefined {
    return this.#layers.at(index);
  }
  [Symbol.iterator](): Iterator<Module> {
    return this.#layers[Symbol.iterator]();
  }
  override *namedChildren(): Generator<[string, Module]> {
    for (let i = 0; i < this.#layers.length; i++) yield [String(i), this.#layers[i]];
  }

  forward(x: Tensor): Tensor {
    let y = x;
    for (let i = 0; i < this.#layers.length; i++) {
      const layer = this.#layers[i];
      const activation = layer.constructor === Linear ? fused(this.#layers[i + 1]) : undefined;
      if (activation !== undefined) {
        y = (layer as Linear).forward(y, activation);
        i++;
      } else {
        y = layer.forward(y);
      }
    }
    return y;
  }
}
