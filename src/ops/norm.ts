import { checkTensor } from "../tensor/dtype.ts";
import { describe, ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { dense, empty, type Tensor } from "../tensor/tensor.ts";

function normalisation(name: string, centred: boolean) {
  return defineOp(name, {
    forward(ctx, input: Tensor, weight: Tensor | undefined, bias: Tensor | undefined, cols: number, eps: number) {
      const x = dense(input);
      const rows = cols === 0 ? 0 : x.numel / cols;
      const y = empty(x.shape, x.dtype, x.backend);
      const rstd = empty([rows], x.dtype, x.backend);
      const mean = centred ? empty([rows], x.dtype, x.backend) : undefined;
      const w = weight && dense(weight);
      x.backend.norm(y, mean, rstd, x, w, bias && dense(bias), rows, cols, eps);
      ctx.save(x);
      ctx.save(rstd);
      ctx.memo = { rows, cols, mean: ctx.save(mean), weight: ctx.save(w), bias: bias !== undefined };
      return y;
    },
    backward(ctx, dy) {
      const [x, rstd] = ctx.saved;
      const memo = ctx.memo as { rows: number; cols: number; mean?: Tensor; weight?: Tensor; bias: boolean };
      const { rows, cols, mean, weight } = memo;
      const g = dense(dy as Tensor);
      const dx = ctx.needs(0) ? empty(x.shape, x.dtype, x.backend) : undefined;
      const run = (a?: Tensor, dw?: Tensor, db?: Tensor, add = false) =>
        x.backend.normBackward(a, dw, db, g, x, mean, rstd, weight, rows, cols, add);
      const wantsW = weight !== undefined && ctx.needs(1);
      const biasAt = weight === undefined ? 1 : 2;
      const wantsB = memo.bias && ctx.needs(biasAt);
      if (!wantsW && !wantsB) {
        run(dx);
        return [dx, undefined, undefined];
      }
      const gradients: (Tensor | undefined)[] = [dx, undefined, undefined];
      let pending = dx;
      if (wantsW) {
        gradients[1] = ctx.into(1, (dw, addW) => {
          let together = false;
          if (wantsB) {
            // One pass for both where both are to be written alike.
            gradients[biasAt] = ctx.into(biasAt, (db, addB) => {
              together = addB === addW;
              if (together) run(pending, dw, db, addW);
              else run(undefined, undefined, db, addB);
            });
          }
          if (!together) run(pending, dw, undefined, addW);
        });
        pending = undefined;
      } else {
        gradients[biasAt] = ctx.into(biasAt, (db, addB) => run(pending, undefined, db, addB));
      }
      return gradients;
    },
  });
}

const layerNormOp = normalisation("layerNorm", true);
const rmsNormOp = normalisation("rmsNorm", false);

function check(name: string, x: Tensor, shape: readonly number[], weight?: Tensor, bias?: Tensor): number {
  checkTensor(name, x);
  for (const p of [weight, bias]) if (p !== undefined) checkTensor(name, p, "a weight or bias");
  if (!Array.isArray(shape))
    throw new ShapeError(`${name}: expected the shape that is normalised, found ${describe(shape)}`);
  const lead = x.ndim - shape.length;
  if (lead < 0 || shape.length === 0 || shape.some((s, d) => s !== x.shape[lead + d])) {
    throw new ShapeError(`${name}: expected input [..., ${shape.join(", ")}], found ${showShape(x.shape)}`);
  }
  const cols = shape.reduce((n, s) => n * s, 1);
  for (const p of [weight, bias]) {
    if (p !== undefined && p.numel !== cols) {
      throw new ShapeError(`${name}: expected parameters ${showShape(shape)}, found ${showShape(p.shape)}`);
    }
  }
  return cols;
}

/**
 * Layer normalisation (Ba et al. 2016) over the last dimensions: $y = \frac{x-\mu}{\sqrt{\sigma^2+\varepsilon}}\,\gamma + \beta$.
 * With $\hat x$ the normalised input and $g = \partial y\,\gamma$:
 * $\partial x = (g - \overline g - \hat x\,\overline{g\hat x})/\sqrt{\sigma^2+\varepsilon}$,
 * $\partial\gamma = \sum\partial y\,\hat x$, $\partial\beta = \sum\partial y$.
 * @param x [..., *normalizedShape]
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: readonly number[],
  weight?: Tensor,
  bias?: Tensor,
  eps = 1e-5,
): Tensor {
  return layerNormOp(x, weight, bias, check("layerNorm", x, normalizedShape, weight, bias), eps);
}

/** Root-mean-square normalisation (Zhang & Sennrich 2019): $y = x\,\gamma/\sqrt{\overline{x^2}+\varepsilon}$ over the last dimensions. */
export function rmsNorm(x: Tensor, normalizedShape: readonly number[], weight?: Tensor, eps = 1e-6): Tensor {
  return rmsNormOp(x, weight, undefined, check("rmsNorm", x, normalizedShape, weight), eps);
}
