import type { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What a language model remembers of the tokens before; owned by the caller. */
export type LmState = readonly Tensor[];

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
   * @returns logits [batch, T, vocab] and the new state.
   */
  next(ids: Tensor, past?: LmState): { logits: Tensor; past: LmState };
}
