import * as nn from "../../nn/index.ts";
import { zeros } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { familyOf } from "../pretrained/auto.ts";
import { named } from "../pretrained/headed.ts";
import { LmHead, plainTable, plainWeight } from "../pretrained/layers.ts";
import { Seq2SeqModel } from "../pretrained/seq2seq.ts";
import { type MarianConfig, marianConfig } from "./config.ts";
import { MarianStack } from "./stack.ts";

export { type MarianConfig, marianConfig } from "./config.ts";

/**
 * Encoder and decoder on one table of words, on two, or where nothing is tied on two beside a third that nobody looks into
 * (Transformers 5 has it so).
 */
class MarianModel extends nn.Module {
  readonly shared: nn.Embedding | undefined;
  readonly encoder: MarianStack;
  readonly decoder: MarianStack;
  constructor(config: MarianConfig) {
    super();
    const { vocabSize, decoderVocabSize, shareEncoderDecoderEmbeddings: shares, tieWordEmbeddings: ties } = config;
    const table = (rows: number) => plainTable(rows, config.dModel, config.initStd, config.padTokenId);
    if (shares) this.shared = table(vocabSize);
    const one = ties ? this.shared : undefined;
    this.encoder = new MarianStack(config, one ?? table(vocabSize), false);
    this.decoder = new MarianStack(config, one ?? table(decoderVocabSize ?? vocabSize), true);
  }
  forward(ids: Tensor, mask: Tensor | undefined): Tensor {
    return this.encoder.forward(ids, mask);
  }
}

const SHARED = "model.shared.weight";
const MARIAN = {
  configKind: marianConfig,
  baseModelPrefix: "model",
  ignored: [/embed_positions\.weight$/],
  zeros: [/^final_logits_bias$/],
  // Version 4 of Transformers shares tables wherever the configuration says so.
  fallbacks: {
    "model.encoder.embed_tokens.weight": SHARED,
    "model.decoder.embed_tokens.weight": SHARED,
    [SHARED]: "model.encoder.embed_tokens.weight",
  },
} as const;

/** Marian's translation models (Junczys-Dowmunt et al., 2018), as OPUS-MT publishes them. */
export class MarianMTModel extends named(Seq2SeqModel<MarianConfig>, "MarianMTModel", MARIAN) {
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
  protected get stacks(): MarianModel {
    return this.model;
  }
  protected logits(x: Tensor): Tensor {
    return this.lm_head.forward(x).add(this.#bias);
  }
}

export const marian = familyOf(marianConfig, MarianMTModel);
