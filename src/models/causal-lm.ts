import type { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { GenerationConfig } from "./generation-config.ts";
import type { PretrainedConfig } from "./pretrained/config.ts";

/** What a language model remembers of the tokens before; owned by the caller. */
export type LmState = readonly Tensor[];

/** A language model as evaluation and generation see it. */
export interface CausalLm extends Module {
  readonly vocabSize: number;
  /** Of pretrained models; its end token ends texts where {@link generationConfig} does not say which one does. */
  readonly config?: PretrainedConfig;
  /** How the model writes unless something else is said. */
  generationConfig?: GenerationConfig;
  /** Longest text that it can look back on, in tokens; Infinity for recurrent nets. */
  readonly maxPositions: number;
  /** Which dimension of the state's tensors counts the texts. */
  readonly stateBatchDim: 0 | 1;
  /** Which dimension of them counts the tokens, for models that look back on each; left out where a state has one size. */
  readonly stateTimeDim?: number;
  /** `next` takes texts of different lengths; left out, they are continued one by one. */
  readonly takesPadding?: boolean;
  /**
   * Logits of the next token after each of `ids`.
   * @param ids int32 [batch, T], T ≥ 1
   * @param past what `next` returned for the tokens before; left out at the start of a text. It is used up: its memory may go
   *   over to the new state.
   * @param padding for texts of different lengths, aligned at their ends: how many of the first tokens of each, those of `past`
   *   counted, are no part of it. They have no influence and no position; logits there mean nothing.
   * @returns logits [batch, T, vocab] and the new state.
   */
  next(ids: Tensor, past?: LmState, padding?: readonly number[]): { logits: Tensor; past: LmState };
}
