import { tensor } from "../../tensor/create.ts";
import { ShapeError, showShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { LmState } from "../causal-lm.ts";
import { ConfigError, type PretrainedConfig } from "./config.ts";
import type { EncoderInputs, HeadOutput } from "./inputs.ts";

/** What a model reads that writes another text. */
export interface Seq2SeqInputs extends Omit<EncoderInputs, "tokenTypeIds" | "positionIds"> {
  /** int32 [batch, T]: the written text behind its start token; left out, it follows from `labels`. */
  decoderInputIds?: Tensor;
  /** int32 or uint8 [batch, T]: 0 hides a token. */
  decoderAttentionMask?: Tensor;
  /** int32 [batch, T]: the text to be written; −100 does not count. */
  labels?: Tensor;
}
export interface Seq2SeqOutput extends HeadOutput {
  /** [batch, S, width] */
  encoderLastHiddenState: Tensor;
}

/** The token that written texts begin with. Throws {@link ConfigError} if the configuration has none. */
export function decoderStart(config: PretrainedConfig): number {
  const id = config.decoderStartTokenId ?? config.bosTokenId;
  if (id == null) throw new ConfigError(`${config.modelType}: no decoder_start_token_id`, "Set decoderStartTokenId.");
  return id;
}

/** What the decoder reads: its inputs, or the labels moved right behind the start token, −100 as padding. */
export function decoderIds(
  { decoderInputIds, labels }: Seq2SeqInputs,
  config: PretrainedConfig & { padTokenId?: number | null },
): Tensor {
  if (decoderInputIds !== undefined) return decoderInputIds;
  if (labels === undefined) throw new ShapeError("neither decoderInputIds nor labels were given");
  if (labels.ndim !== 2) throw new ShapeError(`labels: expected [batch, T], found ${showShape(labels.shape)}`);
  const t = labels.shape[1];
  const [start, pad] = [decoderStart(config), config.padTokenId];
  if (pad == null) throw new ConfigError(`${config.modelType}: no pad_token_id`, "Set padTokenId.");
  const given = labels.data();
  const moved = Int32Array.from(given, (_, i) => (i % t === 0 ? start : given[i - 1] === -100 ? pad : given[i - 1]));
  return tensor(moved, labels.shape);
}

/** What every layer of a decoder needs to know. */
export interface DecoderContext {
  /** Of attention to what is written, besides what is causal. */
  selfMask?: Tensor;
  crossMask?: Tensor;
  cross: readonly Tensor[];
  past?: LmState;
  /** Gathers the keys and values to remember; undefined where nothing is. */
  kept?: Tensor[];
}
