import { tensor } from "../../tensor/create.ts";
import { ShapeError, showShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** What a decoder reads. */
export interface DecoderInputs {
  /** int32 [batch, T] */
  inputIds: Tensor;
  /** int32 or uint8 [batch, T]: 0 hides a token (padding). Left out: all count. */
  attentionMask?: Tensor;
  /** int32 [batch, T] or [T]; 0 … T − 1 where left out, as in Transformers, even with padding on the left. */
  positionIds?: Tensor;
}
export type LabelledDecoderInputs = DecoderInputs & { labels?: Tensor };

/** Keys that may be looked at: uint8 [batch, 1, 1, S]. Throws ShapeError unless the mask is [batch, S]. */
export function keyMask(mask: Tensor | undefined, batch: number, keys: number): Tensor | undefined {
  if (mask === undefined) return undefined;
  if (mask.ndim !== 2 || mask.shape[0] !== batch || mask.shape[1] !== keys) {
    throw new ShapeError(`attentionMask: expected ${showShape([batch, keys])}, found ${showShape(mask.shape)}`);
  }
  return mask.to("uint8").reshape([batch, 1, 1, keys]);
}

/**
 * Positions of `t` tokens after `before` others, where the first `padding[b]` of both are no part of text b; those have 0.
 * @returns int32 [batch, t]
 */
export function paddedPositions(padding: readonly number[], before: number, t: number): Tensor {
  const positions = padding.flatMap((n) => Array.from({ length: t }, (_, i) => Math.max(0, before + i - n)));
  return tensor(Int32Array.from(positions), [padding.length, t]);
}

/** Throws ShapeError for no tokens, or more of them than a model has positions. */
export function checkPositions(name: string, tokens: number, positions: number): void {
  if (tokens < 1) throw new ShapeError(`${name}: there are no tokens`);
  if (tokens > positions) {
    throw new ShapeError(
      `${name}: ${tokens} tokens, but the model has ${positions} positions`,
      "Cut the text, or use a model with more positions.",
    );
  }
}
