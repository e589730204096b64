import type { UnaryOp } from "../backend/codes.ts";
import { defineOp } from "../tensor/tape.ts";
import { dense, empty, type Tensor } from "../tensor/tensor.ts";

const NONE = [0, 0] as const;

/**
 * An operation of one tensor, element by element, from a kernel that knows the function and its derivative.
 * `keeps`: which of input and output the derivative is computed from (see `unary_backward` in native/kernels.h).
 */
export function unaryOp(op: UnaryOp, keeps: "input" | "output"): (x: Tensor, p0?: number, p1?: number) => Tensor {
  return defineOp(op, {
    forward(ctx, input: Tensor, p0 = 0, p1 = 0) {
      const x = dense(input);
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

/** An operation of one tensor whose derivative is zero everywhere. Never recorded. */
export function unaryStep(op: UnaryOp): (x: Tensor) => Tensor {
  const run = defineOp(op, {
    forward(_ctx, input: Tensor) {
      const x = dense(input);
      const y = empty(x.shape, x.dtype, x.backend);
      x.backend.unary(op, y, x, x.numel, 0, 0);
      return y;
    },
  });
  return run;
}
