import type { Module } from "../../nn/index.ts";
import { tensor } from "../../tensor/create.ts";
import { ShapeError, showShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { LmState } from "../causal-lm.ts";
import type { GenerationConfig } from "../generation-config.ts";
import { checkInputs, SEQ2SEQ_INPUTS, TEXT_INPUTS } from "./check-inputs.ts";
import { ConfigError, type PretrainedConfig } from "./config.ts";
import type { EncoderInputs, HeadOutput } from "./inputs.ts";
import { tokenLoss } from "./losses.ts";
import { keyMask } from "./masks.ts";
import { type LayerStack, PreTrainedModel, runLayer } from "./model.ts";

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
  /** How the model writes unless something else is said. */
  generationConfig?: GenerationConfig;
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

/** The token that written texts begin with. Throws {@link ConfigError} if the configuration has none. */
export function decoderStart(config: PretrainedConfig): number {
  const id = config.decoderStartTokenId ?? config.bosTokenId;
  if (id == null) throw new ConfigError(`${config.modelType}: no decoder_start_token_id`, "Set decoderStartTokenId.");
  return id;
}

/**
 * What the decoder reads to write `labels`: these moved right behind the start token, −100 as padding. int32 [batch, T].
 * @throws ShapeError for labels of another rank, ConfigError without a start or padding token.
 */
export function shiftTokensRight(labels: Tensor, config: PretrainedConfig & { padTokenId?: number | null }): Tensor {
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

/**
 * Runs a decoder's layers, in checkpoints in training.
 * @param run a layer on hidden states [batch, T, width]; the context's `selfMask` and `cross` are for it alone.
 */
export function decodeLayers<L>(
  stack: LayerStack,
  layers: readonly L[],
  x: Tensor,
  context: DecoderContext,
  run: (layer: L, x: Tensor, context: DecoderContext, index: number) => Tensor,
): Tensor {
  // Remembering is for writing, not for training.
  const own = context.kept === undefined ? stack : { checkpoints: false };
  layers.forEach((layer, i) => {
    const decode = (h: Tensor, key: Tensor, value: Tensor, selfMask?: Tensor) => {
      const cross = [...context.cross];
      cross.splice(2 * i, 2, key, value);
      return run(layer, h, { ...context, cross, selfMask }, i);
    };
    const { selfMask } = context;
    const masks = selfMask === undefined ? [] : [selfMask];
    x = runLayer(own, decode as (...inputs: Tensor[]) => Tensor, x, ...context.cross.slice(2 * i, 2 * i + 2), ...masks);
  });
  return x;
}

/** An encoder or a decoder. */
interface Stack extends Module {
  /** ids [batch, S] → [batch, S, width] */
  forward(ids: Tensor, mask: Tensor | undefined): Tensor;
  /** Keys and values of the read text, of every layer in turn. */
  crossKeysAndValues(memory: Tensor): Tensor[];
  /** ids [batch, T] after those of `past` → [batch, T, width]; mask [batch, T], only without a past. */
  decode(ids: Tensor, context: DecoderContext, mask?: Tensor): Tensor;
}

/** A model that reads one text and writes another. */
export abstract class Seq2SeqModel<C extends PretrainedConfig> extends PreTrainedModel<C> implements Seq2SeqLm {
  static readonly inputNames = SEQ2SEQ_INPUTS;
  abstract readonly vocabSize: number;
  abstract readonly maxPositions: number;
  protected abstract readonly stacks: { readonly encoder: Stack; readonly decoder: Stack };
  /** x [batch, T, width] → [batch, T, vocab] */
  protected abstract logits(x: Tensor): Tensor;

  /**
   * labels, decoderInputIds int32 [batch, T]; logits [batch, T, vocab]. Throws ShapeError for masks of another shape, or more
   * tokens than the model has positions.
   */
  forward(inputs: Seq2SeqInputs): Seq2SeqOutput {
    checkInputs(this, inputs, SEQ2SEQ_INPUTS);
    const { inputIds, attentionMask, decoderAttentionMask, labels } = inputs;
    const ids = inputs.decoderInputIds ?? (labels && shiftTokensRight(labels, this.config));
    if (ids === undefined) throw new ShapeError("neither decoderInputIds nor labels were given");
    const memory = this.stacks.encoder.forward(inputIds, attentionMask);
    const context = this.#state(memory, attentionMask);
    const logits = this.logits(this.stacks.decoder.decode(ids, context, decoderAttentionMask));
    return { logits, loss: labels && tokenLoss(logits, labels), encoderLastHiddenState: memory };
  }
  encode(inputs: EncoderInputs): Seq2SeqState {
    checkInputs(this, inputs, TEXT_INPUTS, ["inputIds"], "encode");
    const { inputIds, attentionMask } = inputs;
    return this.#state(this.stacks.encoder.forward(inputIds, attentionMask), attentionMask);
  }
  next(ids: Tensor, state: Seq2SeqState): { logits: Tensor; state: Seq2SeqState } {
    const kept: Tensor[] = [];
    const x = this.stacks.decoder.decode(ids, { ...state, kept });
    return { logits: this.logits(x), state: { ...state, past: kept } };
  }
  #state(memory: Tensor, mask: Tensor | undefined): Seq2SeqState {
    const crossMask = keyMask(mask, memory.shape[0], memory.shape[1]);
    return { cross: this.stacks.decoder.crossKeysAndValues(memory), crossMask };
  }
}
