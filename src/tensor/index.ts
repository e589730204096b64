import "./in-place.ts";
import "./methods.ts";

export { checkpoint } from "./checkpoint.ts";
export * from "./create.ts";
export { type GradcheckMismatch, type GradcheckOptions, gradcheck } from "./gradcheck.ts";
export { memory, reclaim, Scope, scope } from "./memory.ts";
export { enableGrad, noGrad, tidy } from "./no-grad.ts";
export { type PrintOptions, setPrintOptions } from "./print.ts";
export { getRngState, manualSeed, permutation, type RngState, setRngState } from "./random.ts";
export { type Shape, ShapeError } from "./shape.ts";
export { AutogradError, type Context, defineOp, type Gradients } from "./tape.ts";
export { type Nested, Tensor } from "./tensor.ts";
