import { ShapeError } from "../../tensor/shape.ts";
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
