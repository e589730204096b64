import type { UnaryOp } from "../backend/codes.ts";
import { castTo, checkTensor } from "../tensor/dtype.ts";
import { defineOp } from "../tensor/tape.ts";
import { dense, empty, type Tensor } from "../tensor/tensor.ts";
import { isFloatTensor, refuse } from "./promote.ts";

const NONE = [0, 0] as const;

/**
 * An operation of one tensor, element by element, from a kernel that knows the function and its derivative.
 * `keeps`: which of input and output the derivative is computed from (see `unary_backward` in native/kernels.h).
 * `others`: what becomes of whole numbers and truth values: `"float"` they are converted, `"refused"`, or a function of its own.
 */
export function unaryOp(
  op: UnaryOp,
  keeps: "input" | "output",
  others: Others = "refused",
): (x: Tensor, p0?: number, p1?: number) => Tensor {
  return defineOp(op, {
    forward(ctx, input: Tensor, p0 = 0, p1 = 0) {
      let x = input;
      if (isFloatTensor(input)) x = dense(input);
      else {
        checkTensor(op, input);
        if (typeof others === "function") return others(input, p0, p1);
        x = others === "float" ? castTo(input, "float32") : refuse(op, x.dtype);
      }
      const y = empty(x.shape, x.dtype, x.backend);
      x.backend.unary(op, y, x, x.numel, p0, p1);
      ctx.save(keeps === "input" ? x : y);
      if (p0 !== 0 || p1 !== 0) ctx.memo = [p0, p1];
      return y;
    },
    backward(ctx, dy) {
      const [s] = ctx.saved;
      const [p0, p1] = (ctx.memo as [number, number] | undefined) ?? NONE;
      const g = dense(dy as Tensor);
      const dx = empty(s.shape, s.dtype, s.backend);
      s.backend.unaryBackward(op, dx, g, s, s.numel, p0, p1);
      return [dx];
    },
  });
}

type Others = "float" | "refused" | ((x: Tensor, p0: number, p1: number) => Tensor);

/** An operation of one tensor whose derivative is zero everywhere. Never recorded. */
export function unaryStep(op: UnaryOp, others: (x: Tensor) => Tensor): (x: Tensor) => Tensor {
  const run = defineOp(op, {
    forward(_ctx, input: Tensor) {
      if (!isFloatTensor(input)) {
        checkTensor(op, input);
        return others(input);
      }
      const x = dense(input);
      const y = empty(x.shape, x.dtype, x.backend);
      x.backend.unary(op, y, x, x.numel, 0, 0);
      return y;
    },
  });
  return run;
}
