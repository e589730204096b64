import type { Activation } from "../backend/codes.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { GELU, ReLU, Sigmoid, SiLU, Tanh } from "./activation.ts";
import { IndexedModules } from "./containers.ts";
import { Linear } from "./linear.ts";
import type { Module } from "./module.ts";

/** The fused form of an activation module that directly follows a linear layer. */
function fused(module: Module | undefined): Activation | undefined {
  if (module instanceof ReLU) return "relu";
  if (module instanceof GELU) return module.approximate === "tanh" ? "geluTanh" : "gelu";
  if (module instanceof SiLU) return "silu";
  if (module instanceof Tanh) return "tanh";
  if (module instanceof Sigmoid) return "sigmoid";
  return undefined;
}

type Named = Readonly<Record<string, Module>> | ReadonlyMap<string, Module>;

/**
 * Modules one after the other; their names are 0, 1, 2, … as in PyTorch, and `net[0]` reads or replaces one. One object or
 * Map gives them names (PyTorch's OrderedDict). A linear layer and the activation behind it are computed in one pass.
 */
export class Sequential extends IndexedModules {
  /** Throws ShoshinError for what is no module. */
  constructor(...layers: Module[] | [Named]) {
    super();
    const [only] = layers;
    if (layers.length === 1 && typeof only === "object" && only !== null && !Array.isArray(only)) {
      for (const [name, layer] of only instanceof Map ? only : Object.entries(only)) this.add(name, layer);
    } else for (const layer of layers as Module[]) this.append(layer);
  }
  slice(start?: number, end?: number): Sequential {
    return new Sequential(...this.entries().slice(start, end));
  }

  forward(x: Tensor): Tensor {
    const layers = this.entries();
    let y = x;
    for (let i = 0; i < layers.length; i++) {
      const layer = layers[i];
      const activation = layer.constructor === Linear ? fused(layers[i + 1]) : undefined;
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
