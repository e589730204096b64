import { checkOptions } from "../backend/options.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { broadcastShapes, denseStrides, makeLoop, ShapeError, sameShape, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { dense, type Tensor } from "../tensor/tensor.ts";
import { binary, unary, view } from "./raw.ts";

/** Turns pairs by an angle of this cosine and sine. */
function turned(input: Tensor, cos: Tensor, sin: Tensor, interleaved: boolean): Tensor {
  const x = dense(input);
  const lead = x.shape.slice(0, -1);
  const half = x.shape[x.ndim - 1] / 2;
  // The axis of a pair's two elements.
  const axis = interleaved ? x.ndim : x.ndim - 1;
  const pairs = interleaved ? [...lead, half, 2] : [...lead, 2, half];
  const strides = denseStrides(pairs);
  const shape = [...lead, half];
  const rest = strides.filter((_, d) => d !== axis);
  const part = (t: Tensor, i: number) => view(t, shape, t.offset + i * strides[axis], rest);
  const grown = dense(cos);
  const at = grown.ndim - (interleaved ? 0 : 1);
  const wide = view(grown, [...grown.shape.slice(0, at), 1, ...grown.shape.slice(at)], grown.offset);
  const y = view(binary("mul", view(x, pairs, x.offset), wide), x.shape, 0);
  const add = (to: Tensor, from: Tensor) =>
    y.backend.copy(to, from, makeLoop(to.shape, [to.strides, from.strides]), true);
  add(part(y, 0), binary("mul", part(x, 1), unary("neg", sin)));
  add(part(y, 1), binary("mul", part(x, 0), sin));
  return y;
}

const rotaryOp = defineOp("rotary", {
  forward(ctx, x: Tensor, cos: Tensor, sin: Tensor, interleaved: boolean) {
    ctx.save(cos);
    ctx.save(sin);
    ctx.memo = interleaved;
    return turned(x, cos, sin, interleaved);
  },
  backward(ctx, dy) {
    const [cos, sin] = ctx.saved;
    return [turned(dy as Tensor, cos, unary("neg", sin), ctx.memo as boolean), undefined, undefined];
  },
});

const ROTARY = { interleaved: true } as const;

/**
 * Rotary positions (Su et al., "RoFormer", 2021): every pair $(a, b)$ of a row becomes
 * $(a\cos\varphi - b\sin\varphi,\ b\cos\varphi + a\sin\varphi)$; the gradient is turned back by the same angle. The angles get
 * none.
 * @param x [..., d], d even
 * @param cos $\cos\varphi$, broadcasting to [..., d/2] @param sin $\sin\varphi$, alike
 * @param options.interleaved pairs are neighbours (the paper); else element i goes with i + d/2 (Hugging Face's Llama).
 * @throws ShapeError unless the sizes agree.
 */
export function rotary(x: Tensor, cos: Tensor, sin: Tensor, options?: { interleaved?: boolean }): Tensor {
  checkOptions("rotary", options, ROTARY);
  const interleaved = options?.interleaved ?? false;
  for (const t of [x, cos, sin]) checkTensor("rotary", t);
  const half = x.shape[x.ndim - 1] / 2;
  const rows = [...x.shape.slice(0, -1), half];
  const fits =
    x.ndim > 0 &&
    Number.isInteger(half) &&
    sameShape(cos.shape, sin.shape) &&
    cos.shape[cos.ndim - 1] === half &&
    sameShape(broadcastShapes(cos.shape, rows, "rotary"), rows);
  if (!fits) {
    throw new ShapeError(
      `rotary: expected angles that broadcast to ${showShape(rows)}, found ${showShape(cos.shape)} and ${showShape(sin.shape)}`,
    );
  }
  return rotaryOp(x, cos, sin, interleaved);
}
