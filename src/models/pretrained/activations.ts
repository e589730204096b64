import type { Activation } from "../../backend/codes.ts";
import { clamp, hardswish, leakyRelu, mul, relu, sigmoid, softplus, square, tanh } from "../../ops/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** Hugging Face's names of activations (ACT2FN), as the kernels call them. */
export const ACTIVATIONS: Record<string, Activation> = {
  gelu: "gelu",
  gelu_python: "gelu",
  gelu_new: "geluTanh",
  gelu_pytorch_tanh: "geluTanh",
  gelu_python_tanh: "geluTanh",
  gelu_accurate: "geluTanh",
  gelu_fast: "geluTanh",
  relu: "relu",
  silu: "silu",
  swish: "silu",
  tanh: "tanh",
  sigmoid: "sigmoid",
  linear: "none",
};

/** Those that no kernel applies on the way. */
const APART: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  quick_gelu: (x) => mul(x, sigmoid(x.mul(1.702))),
  relu2: (x) => square(relu(x)),
  relu6: (x) => clamp(x, 0, 6),
  leaky_relu: (x) => leakyRelu(x),
  hardswish: (x) => hardswish(x),
  mish: (x) => mul(x, tanh(softplus(x))),
};

/** Names that {@link activated} knows. */
export const ACTIVATION_NAMES = [...Object.keys(ACTIVATIONS), ...Object.keys(APART)] as [string, ...string[]];

/** A layer's output behind an activation of Hugging Face's name. */
export function activated(
  layer: { forward(x: Tensor, activation?: Activation): Tensor },
  x: Tensor,
  name: string,
): Tensor {
  const own = APART[name];
  return own === undefined ? layer.forward(x, ACTIVATIONS[name]) : own(layer.forward(x));
}
