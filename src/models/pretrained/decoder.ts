import type { Module } from "../../nn/index.ts";
import { zeros } from "../../tensor/create.ts";
import { ShapeError } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { LmState } from "../causal-lm.ts";
import type { EncoderOutput } from "./inputs.ts";

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

type Norm = Module & { forward(x: Tensor): Tensor };
type KeysAndValues = [Tensor, Tensor];

/** Layers one after another and the norm behind them; of the last layer the hidden states are the normalised ones. */
export function readLayers<L>(
  layers: readonly L[],
  norm: Norm,
  x: Tensor,
  run: (layer: L, x: Tensor) => Tensor,
  outputHiddenStates: boolean,
): EncoderOutput {
  const hiddenStates = outputHiddenStates ? [x] : undefined;
  for (const layer of layers) {
    x = run(layer, x);
    hiddenStates?.push(x);
  }
  const lastHiddenState = norm.forward(x);
  if (hiddenStates !== undefined && layers.length > 0) hiddenStates[layers.length] = lastHiddenState;
  return { lastHiddenState, hiddenStates };
}

/** Tokens that `past` holds. */
export const pastTokens = (past: LmState | undefined): number => past?.[0].shape[2] ?? 0;

/**
 * The same on tokens after those whose keys and values `past` holds, of every layer in turn. Without layers the state counts the
 * tokens alone.
 */
export function nextLayers<L>(
  layers: readonly L[],
  norm: Norm,
  x: Tensor,
  past: LmState | undefined,
  run: (layer: L, x: Tensor, past: KeysAndValues | undefined) => { x: Tensor; past: KeysAndValues },
): { x: Tensor; past: Tensor[] } {
  const kept: Tensor[] = [];
  layers.forEach((layer, i) => {
    const out = run(layer, x, past && [past[2 * i], past[2 * i + 1]]);
    x = out.x;
    kept.push(...out.past);
  });
  const [batch, t] = x.shape;
  if (layers.length === 0) kept.push(zeros([batch, 1, pastTokens(past) + t, 0]));
  return { x: norm.forward(x), past: kept };
}
