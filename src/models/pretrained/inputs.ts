import type { Tensor } from "../../tensor/tensor.ts";

/** What an encoder reads; made by a tokenizer. */
export interface EncoderInputs {
  /** int32 [batch, T] */
  inputIds: Tensor;
  /** int32 or uint8 [batch, T]: 0 hides a token (padding). Left out: all count. */
  attentionMask?: Tensor;
  /** int32 [batch, T]: which of two texts a token belongs to. */
  tokenTypeIds?: Tensor;
  /** int32 [batch, T] or [T] */
  positionIds?: Tensor;
}

export interface EncoderOutput {
  /** [batch, T, width] */
  lastHiddenState: Tensor;
  /** [batch, width], where the model has a pooler. */
  poolerOutput?: Tensor;
  /** Embeddings and every layer's output, with `outputHiddenStates`. */
  hiddenStates?: Tensor[];
}

/** Answer of a model with a head; `loss` where labels were given. */
export interface HeadOutput {
  loss?: Tensor;
  logits: Tensor;
}

export interface MaskedLmInputs extends EncoderInputs {
  /** int32 [n]: places among all batch · T tokens; only their logits are computed, [n, vocab]. */
  maskedPositions?: Tensor;
  /** int32 [batch, T], or [n] with `maskedPositions`; −100 where none counts. */
  labels?: Tensor;
}

export interface QuestionAnsweringInputs extends EncoderInputs {
  /** int32 [batch]: the answer's first token. */
  startPositions?: Tensor;
  /** int32 [batch]: the answer's last token. */
  endPositions?: Tensor;
}

export interface QuestionAnsweringOutput {
  loss?: Tensor;
  /** [batch, T] */
  startLogits: Tensor;
  /** [batch, T] */
  endLogits: Tensor;
}
