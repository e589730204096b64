import type { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { LmState } from "./causal-lm.ts";
import type { PretrainedConfig } from "./pretrained/config.ts";
import type { EncoderInputs } from "./pretrained/inputs.ts";

/** What a decoder looks at: the read text, and what it has written. */
export interface Seq2SeqState {
  /** Keys and values of the read text, of every layer in turn, computed once: [batch, heads, S, d]. */
  readonly cross: readonly Tensor[];
  /** uint8 [batch, 1, 1, S]: 0 hides a token of the read text. */
  readonly crossMask?: Tensor;
  /** Keys and values of what is written: [batch, heads, T, d]. */
  readonly past?: LmState;
}

/** A model that reads one text and writes another, as generation sees it. */
export interface Seq2SeqLm extends Module {
  readonly config: PretrainedConfig;
  readonly vocabSize: number;
  /** Longest text that it can write, in tokens, the start token counted; Infinity where nothing limits it. */
  readonly maxPositions: number;
  /** Reads the texts. Throws ShapeError for a mask of another shape. */
  encode(inputs: EncoderInputs): Seq2SeqState;
  /**
   * Logits of the next token after each of `ids`.
   * @param ids int32 [batch, T], T ≥ 1
   * @param state of `encode`, or of `next` for the tokens before; its `past` is used up: its memory may go over to the new state.
   * @returns logits [batch, T, vocab] and the new state.
   */
  next(ids: Tensor, state: Seq2SeqState): { logits: Tensor; state: Seq2SeqState };
}
