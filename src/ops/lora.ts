import { checkOptions } from "../backend/options.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { dense, empty, type Tensor } from "../tensor/tensor.ts";
import { problem } from "./linear.ts";

/** t · factor, in place. */
const scaled = (t: Tensor, factor: number): Tensor => {
  t.backend.unary("mulScalar", t, t, t.numel, factor, 0);
  return t;
};

const loraOp = defineOp("lora", {
  forward(
    ctx,
    input: Tensor,
    weight: Tensor,
    lower: Tensor,
    upper: Tensor,
    bias: Tensor | undefined,
    scale: number,
    inFirst: boolean,
  ) {
    const [x, w, a, b] = [dense(input), dense(weight), dense(lower), dense(upper)];
    const [n, r] = b.shape;
    const k = a.shape[1];
    const m = x.numel / k;
    const y = empty([...x.shape.slice(0, -1), n], x.dtype, x.backend);
    const h = empty([m, r], x.dtype, x.backend);
    x.backend.gemm(y, x, w, bias, undefined, problem(m, n, k, k, false, inFirst ? n : k, !inFirst, false));
    x.backend.gemm(h, x, a, undefined, undefined, problem(m, r, k, k, false, k, true, false));
    scaled(h, scale);
    x.backend.gemm(y, h, b, undefined, undefined, problem(m, n, r, r, false, r, true, true));
    for (const t of [x, w, a, b, h]) ctx.save(t);
    ctx.memo = [scale, inFirst];
    return y;
  },
  backward(ctx, dy) {
    const [x, w, a, b, h] = ctx.saved;
    const [scale, inFirst] = ctx.memo as [number, boolean];
    const [n, r] = b.shape;
    const k = a.shape[1];
    const g = dense(dy as Tensor);
    const m = g.numel / n;
    const dh = empty([m, r], g.dtype, g.backend);
    g.backend.gemm(dh, g, b, undefined, undefined, problem(m, r, n, n, false, r, false, false));
    scaled(dh, scale);
    const dx = ctx.into(0, (out, add) => {
      out.backend.gemm(out, g, w, undefined, undefined, problem(m, k, n, n, false, inFirst ? n : k, inFirst, add));
      out.backend.gemm(out, dh, a, undefined, undefined, problem(m, k, r, r, false, k, false, true));
    });
    const dw = ctx.into(1, (out, add) => {
      if (inFirst) out.backend.gemm(out, x, g, undefined, undefined, problem(k, n, m, k, true, n, false, add));
      else out.backend.gemm(out, g, x, undefined, undefined, problem(n, k, m, n, true, k, false, add));
    });
    const da = ctx.into(2, (out, add) => {
      out.backend.gemm(out, dh, x, undefined, undefined, problem(r, k, m, r, true, k, false, add));
    });
    const db = ctx.into(3, (out, add) => {
      out.backend.gemm(out, g, h, undefined, undefined, problem(n, r, m, n, true, r, false, add));
    });
    if (ctx.inputs.length < 5) return [dx, dw, da, db];
    const dBias = ctx.into(4, (out, add) => {
      out.backend.reduce("sum", out, g, 1, m, n, add);
    });
    return [dx, dw, da, db, dBias];
  },
});

const LORA = { scale: true, inFirst: true } as const;

/**
 * A linear layer with a low-rank change of its weight (Hu et al. 2021, "LoRA"): $y = x(W + sBA)^\top + b$, without ever making
 * $BA$. With $h = s\,xA^\top$ and $\partial h = s\,\partial y\,B$: $\partial x = \partial y\,W + \partial h\,A$,
 * $\partial A = \partial h^\top x$, $\partial B = \partial y^\top h$; $W$ and $b$ as in {@link linear}, if they learn at all.
 * @param x [..., in]
 * @param weight $W$, [out, in]; [in, out] with `inFirst`
 * @param lower $A$, [r, in]
 * @param upper $B$, [out, r]
 * @param bias $b$, [out]
 * @param options.scale $s$; 1
 * @returns [..., out]
 * @throws ShapeError unless the sizes agree.
 */
export function lora(
  x: Tensor,
  weight: Tensor,
  lower: Tensor,
  upper: Tensor,
  bias?: Tensor,
  options: { scale?: number; inFirst?: boolean } = {},
): Tensor {
  checkOptions("lora", options, LORA, { alpha: "scale: alpha / r." });
  const { scale = 1, inFirst = false } = options;
  for (const t of [x, weight, lower, upper]) checkTensor("lora", t);
  if (bias !== undefined) checkTensor("lora", bias, "a bias");
  const shapes = [weight, lower, upper].map((t) => t.shape);
  const [[first, second], [r, k], [n, q]] = shapes;
  const fits = shapes.every((s) => s.length === 2) && r === q && r > 0 && k > 0;
  const [rows, columns] = inFirst ? [k, n] : [n, k];
  if (!fits || first !== rows || second !== columns || x.shape.at(-1) !== k || (bias && bias.numel !== n)) {
    const given = [x, weight, lower, upper].map((t) => showShape(t.shape)).join(", ");
    throw new ShapeError(
      `lora: expected [..., in], ${inFirst ? "[in, out]" : "[out, in]"}, [r, in], [out, r], found ${given}`,
    );
  }
  return loraOp(x, weight, lower, upper, bias, scale, inFirst);
}
