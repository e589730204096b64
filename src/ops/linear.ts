import type { Gemm } from "../backend/backend.ts";
import type { Activation, UnaryOp } from "../backend/codes.ts";
import { getPrecision } from "../backend/index.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { state } from "../tensor/memory.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { dense, empty, type Tensor } from "../tensor/tensor.ts";

/** Activations whose derivative follows from their output; the others keep the value before them. */
const FROM_OUTPUT: readonly Activation[] = ["relu", "tanh", "sigmoid"];

const linearOp = defineOp("linear", {
  forward(ctx, input: Tensor, weight: Tensor, bias: Tensor | undefined, activation: Activation, inFirst: boolean) {
    const x = dense(input);
    const w = dense(weight);
    const [n, k] = inFirst ? [weight.shape[1], weight.shape[0]] : weight.shape;
    const m = k === 0 ? x.shape.slice(0, -1).reduce((p, s) => p * s, 1) : x.numel / k;
    const y = empty([...x.shape.slice(0, -1), n], x.dtype, x.backend);
    const keepsInput = activation !== "none" && !FROM_OUTPUT.includes(activation);
    const before = keepsInput && ctx.inputs.length > 0 ? empty(y.shape, y.dtype, y.backend) : undefined;
    const multiply = problem(m, n, k, k, false, inFirst ? n : k, !inFirst, false, activation);
    multiply.keep = !state.gradEnabled;
    x.backend.gemm(y, x, w, bias, before, multiply);
    // Where the weight does not learn, what came in is not needed; nor is the weight where that does not.
    const kept = [ctx.needs(1) ? x : undefined, ctx.needs(0) ? w : undefined, before ?? y];
    if (activation === "none") kept.pop();
    for (const t of kept) ctx.save(t);
    ctx.memo = [activation, inFirst, kept.map((t) => t !== undefined)];
    return y;
  },
  backward(ctx, dy) {
    const [activation, inFirst, kept] = ctx.memo as [Activation, boolean, boolean[]];
    const saved = [...ctx.saved];
    const [x, w, s] = kept.map((is) => (is ? saved.shift() : undefined));
    const [input, weight] = ctx.inputs;
    const [n, k] = inFirst ? [weight.shape[1], weight.shape[0]] : weight.shape;
    let g = dense(dy as Tensor);
    const m = n === 0 ? input.shape.slice(0, -1).reduce((p, size) => p * size, 1) : g.numel / n;
    if (s !== undefined) {
      const dz = empty(g.shape, g.dtype, g.backend);
      g.backend.unaryBackward(activation as UnaryOp, dz, g, s, g.numel, 0, 0);
      g = dz;
    }
    const dx =
      w &&
      ctx.into(0, (out, add) => {
        out.backend.gemm(out, g, w, undefined, undefined, problem(m, k, n, n, false, inFirst ? n : k, inFirst, add));
      });
    const dw =
      x &&
      ctx.into(1, (out, add) => {
        if (inFirst) out.backend.gemm(out, x, g, undefined, undefined, problem(k, n, m, k, true, n, false, add));
        else out.backend.gemm(out, g, x, undefined, undefined, problem(n, k, m, n, true, k, false, add));
      });
    if (ctx.inputs.length < 3) return [dx, dw];
    const db = ctx.into(2, (out, add) => {
      out.backend.reduce("sum", out, g, 1, m, n, add);
    });
    return [dx, dw, db];
  },
});

/** One dense multiply; row lengths of 0 stand for 1. */
export function problem(
  m: number,
  n: number,
  k: number,
  lda: number,
  transA: boolean,
  ldb: number,
  transB: boolean,
  accumulate: boolean,
  activation: Activation = "none",
): Gemm {
  return {
    batch: 1,
    m,
    n,
    k,
    lda: Math.max(1, lda),
    strideA: 0,
    ldb: Math.max(1, ldb),
    strideB: 0,
    ldc: Math.max(1, n),
    strideC: 0,
    transA,
    transB,
    accumulate,
    activation,
    precision: getPrecision(),
  };
}

/**
 * $y = f(x W^\top + b)$ in one pass.
 * @param x [..., in]
 * @param weight $W$, [out, in]
 * @param bias $b$, [out]
 * @param activation $f$; `"none"` leaves it out.
 * @returns [..., out]. With $\partial z = \partial y\,f'$: $\partial x = \partial z\,W$, $\partial W = \partial z^\top x$,
 *   $\partial b = \sum_{rows}\partial z$.
 * @throws ShapeError unless the sizes agree.
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor, activation: Activation = "none"): Tensor {
  return checked("linear", x, weight, bias, activation, false);
}

/**
 * {@link linear} with the weight the other way round, as GPT-2 and Keras keep it: $y = f(x W + b)$.
 * @param weight $W$, [in, out]
 */
export function affine(x: Tensor, weight: Tensor, bias?: Tensor, activation: Activation = "none"): Tensor {
  return checked("affine", x, weight, bias, activation, true);
}

function checked(
  name: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  activation: Activation,
  inFirst: boolean,
): Tensor {
  checkTensor(name, x);
  checkTensor(name, weight, "a weight");
  if (bias !== undefined) checkTensor(name, bias, "a bias");
  if (weight.ndim !== 2) {
    const order = inFirst ? "[in, out]" : "[out, in]";
    throw new ShapeError(`${name}: expected a weight ${order}, found ${showShape(weight.shape)}`);
  }
  const [out, inner] = inFirst ? [weight.shape[1], weight.shape[0]] : weight.shape;
  if (x.ndim === 0 || x.shape[x.ndim - 1] !== inner) {
    const flat = x.shape.slice(1).reduce((p, s) => p * s, 1);
    throw new ShapeError(
      `${name}: expected input [..., ${inner}], found ${showShape(x.shape)}`,
      x.ndim > 2 && flat === inner ? "Flatten it first: x.flatten(1)." : undefined,
    );
  }
  if (bias !== undefined && (bias.ndim !== 1 || bias.shape[0] !== out)) {
    throw new ShapeError(`${name}: expected a bias [${out}], found ${showShape(bias.shape)}`);
  }
  return linearOp(x, weight, bias, activation, inFirst);
}
