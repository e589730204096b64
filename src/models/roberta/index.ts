import { checkOptions } from "../../backend/options.ts";
import * as nn from "../../nn/index.ts";
import { tensor } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { BERT_KEYS, BERT_RULES, checkBert, dropoutOf, KIN } from "../bert/config.ts";
import { BertEmbeddings } from "../bert/encoder.ts";
import { BertModel } from "../bert/index.ts";
import { familyOf, type ModelClass } from "../pretrained/auto.ts";
import { type ConfigOf, checkPadding, defineConfig, kinds } from "../pretrained/config.ts";
import { FirstTokenClassifier, VocabularyDecoder } from "../pretrained/encoder-heads.ts";
import { named } from "../pretrained/headed.ts";
import { encoderHeads } from "../pretrained/heads.ts";
import type { EncoderInputs, EncoderOutput } from "../pretrained/inputs.ts";
import { bertLinear, zeroBias } from "../pretrained/layers.ts";

const KEYS = {
  ...BERT_KEYS,
  vocabSize: kinds.rows.default(50265),
  padTokenId: kinds.tokenId.default(1),
  bosTokenId: kinds.tokenId.nullish().default(0),
  eosTokenId: kinds.tokenId.nullish().default(2),
};
export type RobertaConfig = ConfigOf<typeof KEYS>;
const RULES = {
  ...BERT_RULES,
  check: (c: RobertaConfig) =>
    checkBert(c) ?? checkPadding(c.padTokenId, c.maxPositionEmbeddings, "max_position_embeddings"),
};
export const robertaConfig = defineConfig("roberta", KEYS, RULES);
const xlmRobertaConfig = defineConfig("xlm-roberta", { ...KEYS, vocabSize: kinds.rows.default(250002) }, RULES);

const ROBERTA = {
  configKind: robertaConfig,
  baseModelPrefix: "roberta",
  ignored: [/embeddings\.(position|token_type)_ids$/],
  optional: [/(^|\.)pooler\./],
} as const;

/** Positions count from `padTokenId` + 1 on; padding has the position `padTokenId`, whose row does not learn. */
class RobertaEmbeddings extends BertEmbeddings {
  readonly #padding: number;
  constructor(config: RobertaConfig) {
    super(config, config.hiddenSize, config.padTokenId);
    this.#padding = config.padTokenId;
  }
  override forward(inputs: EncoderInputs): Tensor {
    if (inputs.positionIds !== undefined) return super.forward(inputs);
    const [batch, t] = inputs.inputIds.shape;
    const ids = inputs.inputIds.data();
    const positions = new Int32Array(batch * t);
    let most = 0;
    for (let b = 0; b < batch; b++) {
      let at = this.#padding;
      for (let i = b * t; i < (b + 1) * t; i++) positions[i] = ids[i] === this.#padding ? this.#padding : ++at;
      most = Math.max(most, at);
    }
    this.checkLength(most + 1);
    return super.forward({ ...inputs, positionIds: tensor(positions, [batch, t]) });
  }
}

/** RoBERTa (Liu et al., 2019), bare. */
export class RobertaModel extends named(BertModel, "RobertaModel", ROBERTA) {
  constructor(config: RobertaConfig, options: { addPoolingLayer?: boolean } = {}) {
    checkOptions("RobertaModel", options, { addPoolingLayer: true });
    super(config, { ...options, embeddings: new RobertaEmbeddings(config) });
  }
}

const heads = encoderHeads("Roberta", {
  ...ROBERTA,
  // Version 4 of Transformers has one bias where the weights are not tied.
  fallbacks: { "lm_head.decoder.bias": "lm_head.bias" },
  ...KIN,
  base: (config: RobertaConfig) => new RobertaModel(config, { addPoolingLayer: false }),
});

export class RobertaForSequenceClassification extends heads.ForSequenceClassification {
  readonly classifier: FirstTokenClassifier;
  constructor(config: RobertaConfig) {
    super(config);
    this.classifier = new FirstTokenClassifier(config, dropoutOf(config), "tanh");
  }
  protected classify({ lastHiddenState }: EncoderOutput): Tensor {
    return this.classifier.forward(lastHiddenState);
  }
}

export class RobertaForTokenClassification extends heads.ForTokenClassification {}

export class RobertaForQuestionAnswering extends heads.ForQuestionAnswering {}

class RobertaLMHead extends nn.Module {
  readonly dense: nn.Linear;
  readonly layer_norm: nn.LayerNorm;
  readonly bias: nn.Parameter;
  readonly decoder: VocabularyDecoder;
  constructor(config: RobertaConfig, words: nn.Parameter) {
    super();
    this.dense = bertLinear(config.hiddenSize, config.hiddenSize, config);
    this.layer_norm = new nn.LayerNorm(config.hiddenSize, { eps: config.layerNormEps });
    this.bias = zeroBias(config.vocabSize);
    this.decoder = new VocabularyDecoder(config, config.hiddenSize, words, this.bias);
  }
  forward(x: Tensor): Tensor {
    return this.decoder.forward(this.layer_norm.forward(this.dense.forward(x, "gelu")));
  }
}

export class RobertaForMaskedLM extends heads.ForMaskedLM {
  readonly lm_head: RobertaLMHead;
  constructor(config: RobertaConfig) {
    super(config);
    this.lm_head = new RobertaLMHead(config, this.roberta.embeddings.word_embeddings.weight);
  }
  protected predict(x: Tensor): Tensor {
    return this.lm_head.forward(x);
  }
}

const CLASSES = [
  RobertaModel,
  RobertaForSequenceClassification,
  RobertaForTokenClassification,
  RobertaForQuestionAnswering,
  RobertaForMaskedLM,
];
export const roberta = familyOf(robertaConfig, ...CLASSES);

/** XLM-R (Conneau et al., 2020) is RoBERTa under another name. */
export const xlmRoberta = familyOf(
  xlmRobertaConfig,
  ...CLASSES.map((Model: ModelClass) => named(Model, `XLM${Model.architecture}`, { configKind: xlmRobertaConfig })),
);
