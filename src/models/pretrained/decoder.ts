import { concat, embedding } from "../../ops/index.ts";
import { full, tensor } from "../../tensor/create.ts";
import { ShapeError, showShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PretrainedConfig } from "./config.ts";
import { tokenLoss } from "./losses.ts";

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

/**
 * Cross-entropy of each next token.
 * @param logits [batch, T, vocab] @param labels int32 [batch, T]: the token at t is the answer at t − 1; −100 does not count.
 */
export function nextTokenLoss(logits: Tensor, labels: Tensor): Tensor {
  const [batch, t] = labels.shape;
  const next = concat([labels.slice(1, 1, t), full([batch, 1], -100, { dtype: "int32" })], 1);
  return tokenLoss(logits, next);
}

/**
 * Each text's hidden state at its last token that is no padding (by `padTokenId` as in Transformers, else by the mask).
 * @param x [batch, T, width] @returns [batch, width]
 * @throws ShapeError for several texts where neither says what is padding.
 */
export function lastTokens(x: Tensor, { inputIds, attentionMask }: DecoderInputs, config: PretrainedConfig): Tensor {
  const [batch, t] = inputIds.shape;
  const pad = config.padTokenId;
  if (pad == null && attentionMask === undefined && batch > 1) {
    throw new ShapeError(
      `${batch} texts, but nothing says what is padding`,
      "Set padTokenId in the configuration, or give attentionMask.",
    );
  }
  const counts = pad == null ? attentionMask?.data() : inputIds.data().map((id) => (id === pad ? 0 : 1));
  const rows = Int32Array.from({ length: batch }, (_, b) => {
    let last = counts === undefined ? t - 1 : 0;
    for (let i = 0; i < t && counts !== undefined; i++) if (counts[b * t + i] !== 0) last = i;
    return b * t + last;
  });
  return embedding(tensor(rows), x.flatten(0, 1));
}
