import type * as nn from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { familyOf } from "../pretrained/auto.ts";
import { named } from "../pretrained/headed.ts";
import type { EncoderInputs, EncoderOutput } from "../pretrained/inputs.ts";
import { LmHead, plainTable, plainWeight } from "../pretrained/layers.ts";
import { tokenLoss } from "../pretrained/losses.ts";
import { keyMask } from "../pretrained/masks.ts";
import { PreTrainedModel } from "../pretrained/model.ts";
import { decoderIds, type Seq2SeqInputs, type Seq2SeqOutput } from "../pretrained/seq2seq.ts";
import type { Seq2SeqLm, Seq2SeqState } from "../seq2seq-lm.ts";
import { mt5Config, type T5Config, t5Config } from "./config.ts";
import { T5Stack } from "./stack.ts";

export { mt5Config, type T5Config, t5Config } from "./config.ts";

abstract class T5PreTrainedModel extends PreTrainedModel<T5Config> {
  static override readonly configKind = t5Config;
  static override readonly ignored = [
    /^decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight$/,
  ];
}

const wordTable = ({ vocabSize, dModel, initializerFactor }: T5Config): nn.Embedding =>
  plainTable(vocabSize, dModel, initializerFactor);

/** The encoder of T5 alone. */
export class T5EncoderModel extends T5PreTrainedModel {
  static override readonly architecture: string = "T5EncoderModel";
  static override readonly ignored = [/^decoder\./, /^lm_head\./];
  readonly shared: nn.Embedding;
  readonly encoder: T5Stack;
  constructor(config: T5Config) {
    super(config);
    this.shared = wordTable(config);
    this.encoder = new T5Stack(config, this.shared, false);
  }
  /** Throws ShapeError for a mask of another shape. */
  forward({ inputIds, attentionMask }: EncoderInputs, { outputHiddenStates = false } = {}): EncoderOutput {
    const hiddenStates: Tensor[] = [];
    const lastHiddenState = this.encoder.forward(inputIds, attentionMask, (x) => void hiddenStates.push(x));
    return { lastHiddenState, hiddenStates: outputHiddenStates ? hiddenStates : undefined };
  }
}

/**
 * T5 (Raffel et al., 2020) with its output layer: the table of words, scaled by $1/\sqrt{d}$ before it, or one of its own
 * (T5 1.1, mT5).
 */
export class T5ForConditionalGeneration extends T5PreTrainedModel implements Seq2SeqLm {
  static override readonly architecture: string = "T5ForConditionalGeneration";
  readonly shared: nn.Embedding;
  readonly encoder: T5Stack;
  readonly decoder: T5Stack;
  readonly lm_head: LmHead;
  readonly vocabSize: number;
  readonly maxPositions = Number.POSITIVE_INFINITY;

  constructor(config: T5Config) {
    super(config);
    const { vocabSize, dModel, initializerFactor, tieWordEmbeddings } = config;
    this.vocabSize = vocabSize;
    this.shared = wordTable(config);
    this.encoder = new T5Stack(config, this.shared, false);
    this.decoder = new T5Stack(config, this.shared, true);
    this.lm_head = new LmHead(
      tieWordEmbeddings ? this.shared.weight : plainWeight(vocabSize, dModel, initializerFactor),
    );
  }
  #logits(x: Tensor): Tensor {
    return this.lm_head.forward(this.config.tieWordEmbeddings ? x.mul(this.config.dModel ** -0.5) : x);
  }
  #state(memory: Tensor, mask: Tensor | undefined): Seq2SeqState {
    const crossMask = keyMask(mask, memory.shape[0], memory.shape[1]);
    return { cross: this.decoder.crossKeysAndValues(memory), crossMask };
  }
  /** labels, decoderInputIds int32 [batch, T]; logits [batch, T, vocab]. Throws ShapeError for masks of another shape. */
  forward(inputs: Seq2SeqInputs): Seq2SeqOutput {
    const ids = decoderIds(inputs, this.config);
    const memory = this.encoder.forward(inputs.inputIds, inputs.attentionMask);
    const context = this.#state(memory, inputs.attentionMask);
    const logits = this.#logits(this.decoder.decode(ids, context, inputs.decoderAttentionMask));
    const loss = inputs.labels && tokenLoss(logits, inputs.labels);
    return { logits, loss, encoderLastHiddenState: memory };
  }
  encode({ inputIds, attentionMask }: EncoderInputs): Seq2SeqState {
    return this.#state(this.encoder.forward(inputIds, attentionMask), attentionMask);
  }
  next(ids: Tensor, state: Seq2SeqState): { logits: Tensor; state: Seq2SeqState } {
    const kept: Tensor[] = [];
    const x = this.decoder.decode(ids, { ...state, kept });
    return { logits: this.#logits(x), state: { ...state, past: kept } };
  }
}

export const t5 = familyOf(t5Config, T5EncoderModel, T5ForConditionalGeneration);

const MT5 = { configKind: mt5Config };
/** mT5 (Xue et al., 2021): T5 1.1 of many languages. */
export class MT5EncoderModel extends named(T5EncoderModel, "MT5EncoderModel", MT5) {}
export class MT5ForConditionalGeneration extends named(
  T5ForConditionalGeneration,
  "MT5ForConditionalGeneration",
  MT5,
) {}

export const mt5 = familyOf(mt5Config, MT5EncoderModel, MT5ForConditionalGeneration);
