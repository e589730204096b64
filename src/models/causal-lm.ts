import type { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What a language model remembers of the tokens before; owned by the caller. */
export type LmState = readonly Tensor[];

export interface NextOptions {
  /**
   * int32 or uint8 [batch, S + T], S tokens being held already: 0 hides a token. A token's position is then the number of
   * tokens before it that count, so that texts of several lengths, padded on the left, go through together.
   */
  attentionMask?: Tensor;
}

/** A language model as evaluation and generation see it. */
export interface CausalLm extends Module {
  readonly vocabSize: number;
  /** Longest text that it can look back on, in tokens; Infinity for recurrent nets. */
  readonly maxPositions: number;
  /** Which dimension of the state's tensors counts the texts. */
  readonly stateBatchDim: 0 | 1;
  /**
   * Logits of the next token after each of `ids`.
   * @param ids int32 [batch, T], T ≥ 1
   * @param past what `next` returned for the tokens before; left out at the start of a text. It is used up: its memory may go
   *   over to the new state.
   * @param options recurrent nets know no mask and leave it aside.
   * @returns logits [batch, T, vocab] and the new state.
   */
  next(ids: Tensor, past?: LmState, options?: NextOptions): { logits: Tensor; past: LmState };
}
