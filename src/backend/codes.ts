/** The numbers by which native code knows each function: positions in the enums of native/kernels.h (a test compares them). */
export const UNARY_OPS = [
  "neg",
  "abs",
  "sign",
  "square",
  "sqrt",
  "rsqrt",
  "reciprocal",
  "exp",
  "log",
  "sin",
  "cos",
  "sigmoid",
  "tanh",
  "relu",
  "leakyRelu",
  "gelu",
  "geluTanh",
  "silu",
  "softplus",
  "elu",
  "addScalar",
  "mulScalar",
  "powScalar",
  "clamp",
  "step",
  "log1p",
  "expm1",
] as const;
export type UnaryOp = (typeof UNARY_OPS)[number];

export const BINARY_OPS = [
  "add",
  "sub",
  "mul",
  "div",
  "pow",
  "maximum",
  "minimum",
  "eq",
  "ne",
  "lt",
  "le",
  "gt",
  "ge",
] as const;
export type BinaryOp = (typeof BINARY_OPS)[number];

export const REDUCE_OPS = ["sum", "mean", "max", "min", "sumSquares", "prod"] as const;
export type ReduceOp = (typeof REDUCE_OPS)[number];

export const ACTIVATIONS = ["none", "relu", "gelu", "geluTanh", "silu", "tanh", "sigmoid"] as const;
export type Activation = (typeof ACTIVATIONS)[number];
