import * as nn from "../../nn/index.ts";
import { zeros } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { familyOf } from "../pretrained/auto.ts";
import type { EncoderInputs } from "../pretrained/inputs.ts";
import { LmHead, plainTable, plainWeight } from "../pretrained/layers.ts";
import { tokenLoss } from "../pretrained/losses.ts";
import { keyMask } from "../pretrained/masks.ts";
import { PreTrainedModel } from "../pretrained/model.ts";
import { decoderIds, type Seq2SeqInputs, type Seq2SeqOutput } from "../pretrained/seq2seq.ts";
import type { Seq2SeqLm, Seq2SeqState } from "../seq2seq-lm.ts";
import { type MarianConfig, marianConfig } from "./config.ts";
import { MarianStack } from "./stack.ts";

export { type MarianConfig, marianConfig } from "./config.ts";

class MarianModel extends nn.Module {
  readonly shared: nn.Embedding | undefined;
  readonly encoder: MarianStack;
  readonly decoder: MarianStack;
  constructor(config: MarianConfig) {
    super();
    const table = (rows: number) => plainTable(rows, config.dModel, config.initStd, config.padTokenId);
    const words = table(config.vocabSize);
    const shares = config.shareEncoderDecoderEmbeddings;
    if (shares) this.shared = words;
    this.encoder = new MarianStack(config, words, false);
    this.decoder = new MarianStack(config, shares ? words : table(config.decoderVocabSize ?? config.vocabSize), true);
  }
  forward(ids: Tensor, mask: Tensor | undefined): Tensor {
    return this.encoder.forward(ids, mask);
  }
}

/** Marian's translation models (Junczys-Dowmunt et al., 2018), as OPUS-MT publishes them. */
export class MarianMTModel extends PreTrainedModel<MarianConfig> implements Seq2SeqLm {
  static override readonly architecture: string = "MarianMTModel";
  static override readonly configKind = marianConfig;
  static override readonly baseModelPrefix: string = "model";
  static override readonly ignored = [/embed_positions\.weight$/];
  readonly model: MarianModel;
  readonly lm_head: LmHead;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly #bias: Tensor;

  constructor(config: MarianConfig) {
    super(config);
    const { vocabSize, decoderVocabSize, dModel, initStd } = config;
    this.vocabSize = config.shareEncoderDecoderEmbeddings ? vocabSize : (decoderVocabSize ?? vocabSize);
    this.maxPositions = config.maxPositionEmbeddings;
    this.model = new MarianModel(config);
    const words = this.model.decoder.embed_tokens.weight;
    this.lm_head = new LmHead(config.tieWordEmbeddings ? words : plainWeight(this.vocabSize, dModel, initStd));
    this.#bias = this.registerBuffer("final_logits_bias", zeros([1, this.vocabSize]));
  }
  #logits(x: Tensor): Tensor {
    return this.lm_head.forward(x).add(this.#bias);
  }
  #state(memory: Tensor, mask: Tensor | undefined): Seq2SeqState {
    const crossMask = keyMask(mask, memory.shape[0], memory.shape[1]);
    return { cross: this.model.decoder.crossKeysAndValues(memory), crossMask };
  }
  /**
   * labels, decoderInputIds int32 [batch, T]; logits [batch, T, vocab]. Throws ShapeError for masks of another shape, or more
   * tokens than `maxPositionEmbeddings`.
   */
  forward(inputs: Seq2SeqInputs): Seq2SeqOutput {
    const ids = decoderIds(inputs, this.config);
    const memory = this.model.forward(inputs.inputIds, inputs.attentionMask);
    const context = this.#state(memory, inputs.attentionMask);
    const logits = this.#logits(this.model.decoder.decode(ids, context, inputs.decoderAttentionMask));
    const loss = inputs.labels && tokenLoss(logits, inputs.labels);
    return { logits, loss, encoderLastHiddenState: memory };
  }
  encode({ inputIds, attentionMask }: EncoderInputs): Seq2SeqState {
    return this.#state(this.model.forward(inputIds, attentionMask), attentionMask);
  }
  next(ids: Tensor, state: Seq2SeqState): { logits: Tensor; state: Seq2SeqState } {
    const kept: Tensor[] = [];
    const x = this.model.decoder.decode(ids, { ...state, kept });
    return { logits: this.#logits(x), state: { ...state, past: kept } };
  }
}

export const marian = familyOf(marianConfig, MarianMTModel);
