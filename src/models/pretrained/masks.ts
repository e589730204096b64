import { tensor } from "../../tensor/create.ts";
import { ShapeError, showShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** Keys that attention may look at, of Hugging Face's mask: uint8 [batch, 1, 1, S]. Throws ShapeError unless that is [batch, S]. */
export function keyMask(mask: Tensor | undefined, batch: number, keys: number): Tensor | undefined {
  if (mask === undefined) return undefined;
  if (mask.ndim !== 2 || mask.shape[0] !== batch || mask.shape[1] !== keys) {
    throw new ShapeError(`attentionMask: expected ${showShape([batch, keys])}, found ${showShape(mask.shape)}`);
  }
  return mask.to("bool").reshape([batch, 1, 1, keys]);
}

/** The mask of texts of which the first `padding[b]` of `width` tokens do not count: uint8 [batch, width]. */
export function paddingMask(padding: readonly number[], width: number): Tensor {
  const shown = new Uint8Array(padding.length * width).fill(1);
  padding.forEach((n, b) => {
    shown.fill(0, b * width, b * width + Math.min(n, width));
  });
  return tensor(shown, [padding.length, width]);
}

/**
 * Positions of `t` tokens after `before` others, where the first `padding[b]` of both are no part of text b; those have 0.
 * @returns int32 [batch, t]
 */
export function paddedPositions(padding: readonly number[], before: number, t: number): Tensor {
  const positions = padding.flatMap((n) => Array.from({ length: t }, (_, i) => Math.max(0, before + i - n)));
  return tensor(Int32Array.from(positions), [padding.length, t]);
}
