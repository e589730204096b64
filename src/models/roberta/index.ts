import * as nn from "../../nn/index.ts";
import { tensor } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { BERT_KEYS, checkHeads } from "../bert/config.ts";
import { BertEmbeddings } from "../bert/encoder.ts";
import { BertModel } from "../bert/index.ts";
import type { Family } from "../pretrained/auto.ts";
import { type ConfigOf, defineConfig, kinds } from "../pretrained/config.ts";
import {
  bertLinear,
  EncoderForMaskedLM,
  EncoderForQuestionAnswering,
  EncoderForSequenceClassification,
  EncoderForTokenClassification,
  FirstTokenClassifier,
  VocabularyDecoder,
  zeroBias,
} from "../pretrained/encoder-heads.ts";
import type { EncoderInputs } from "../pretrained/inputs.ts";

const KEYS = {
  ...BERT_KEYS,
  vocabSize: kinds.rows.default(50265),
  padTokenId: kinds.tokenId.default(1),
  bosTokenId: kinds.tokenId.nullish().default(0),
  eosTokenId: kinds.tokenId.nullish().default(2),
};
export type RobertaConfig = ConfigOf<typeof KEYS>;
export const robertaConfig = defineConfig("roberta", KEYS, checkHeads);
const xlmRobertaConfig = defineConfig("xlm-roberta", { ...KEYS, vocabSize: kinds.rows.default(250002) }, checkHeads);

const IGNORED = [/embeddings\.position_ids$/, /^lm_head\.decoder\.bias$/, /^roberta\.pooler\./];

/** Positions count from `padTokenId` + 1 on; padding has the position `padTokenId`. */
class RobertaEmbeddings extends BertEmbeddings {
  readonly #padding: number;
  constructor(config: RobertaConfig) {
    super(config);
    this.#padding = config.padTokenId;
  }
  override forward(inputs: EncoderInputs): Tensor {
    if (inputs.positionIds !== undefined) return super.forward(inputs);
    const [batch, t] = inputs.inputIds.shape;
    this.checkLength(t + this.#padding + 1);
    const ids = inputs.inputIds.data();
    const positions = new Int32Array(batch * t);
    for (let b = 0; b < batch; b++) {
      let at = this.#padding;
      for (let i = b * t; i < (b + 1) * t; i++) positions[i] = ids[i] === this.#padding ? this.#padding : ++at;
    }
    return super.forward({ ...inputs, positionIds: tensor(positions, [batch, t]) });
  }
}

/** RoBERTa (Liu et al., 2019), bare. */
export class RobertaModel extends BertModel {
  static override readonly architecture: string = "RobertaModel";
  static override readonly configKind = robertaConfig;
  static override readonly baseModelPrefix: string = "roberta";
  static override readonly ignored = IGNORED;
  constructor(config: RobertaConfig, { addPoolingLayer = true } = {}) {
    super(config, { addPoolingLayer, embeddings: new RobertaEmbeddings(config) });
  }
}

const bare = (config: RobertaConfig) => new RobertaModel(config, { addPoolingLayer: false });
const dropoutOf = (config: RobertaConfig) => config.classifierDropout ?? config.hiddenDropoutProb;

export class RobertaForSequenceClassification extends EncoderForSequenceClassification<RobertaConfig> {
  static override readonly architecture: string = "RobertaForSequenceClassification";
  static override readonly configKind = robertaConfig;
  static override readonly baseModelPrefix: string = "roberta";
  static override readonly ignored = IGNORED;
  readonly roberta: RobertaModel;
  readonly classifier: FirstTokenClassifier;
  constructor(config: RobertaConfig) {
    super(config);
    this.roberta = bare(config);
    this.classifier = new FirstTokenClassifier(config, dropoutOf(config), "tanh");
  }
  protected classify(inputs: EncoderInputs): Tensor {
    return this.classifier.forward(this.roberta.forward(inputs).lastHiddenState);
  }
}

export class RobertaForTokenClassification extends EncoderForTokenClassification<RobertaConfig> {
  static override readonly architecture: string = "RobertaForTokenClassification";
  static override readonly configKind = robertaConfig;
  static override readonly baseModelPrefix: string = "roberta";
  static override readonly ignored = IGNORED;
  readonly roberta: RobertaModel;
  constructor(config: RobertaConfig) {
    super(config, config.hiddenSize, dropoutOf(config));
    this.roberta = bare(config);
  }
  protected encode(inputs: EncoderInputs): Tensor {
    return this.roberta.forward(inputs).lastHiddenState;
  }
}

export class RobertaForQuestionAnswering extends EncoderForQuestionAnswering<RobertaConfig> {
  static override readonly architecture: string = "RobertaForQuestionAnswering";
  static override readonly configKind = robertaConfig;
  static override readonly baseModelPrefix: string = "roberta";
  static override readonly ignored = IGNORED;
  readonly roberta: RobertaModel;
  constructor(config: RobertaConfig) {
    super(config, config.hiddenSize);
    this.roberta = bare(config);
  }
  protected encode(inputs: EncoderInputs): Tensor {
    return this.roberta.forward(inputs).lastHiddenState;
  }
}

class RobertaLMHead extends nn.Module {
  readonly dense: nn.Linear;
  readonly layer_norm: nn.LayerNorm;
  readonly decoder: VocabularyDecoder;
  readonly bias: nn.Parameter;
  constructor(config: RobertaConfig, words: nn.Parameter) {
    super();
    this.dense = bertLinear(config.hiddenSize, config.hiddenSize, config);
    this.layer_norm = new nn.LayerNorm(config.hiddenSize, { eps: config.layerNormEps });
    this.decoder = new VocabularyDecoder(config, config.hiddenSize, words);
    this.bias = zeroBias(config.vocabSize);
  }
  forward(x: Tensor): Tensor {
    return this.decoder.forward(this.layer_norm.forward(this.dense.forward(x, "gelu")), this.bias);
  }
}

export class RobertaForMaskedLM extends EncoderForMaskedLM<RobertaConfig> {
  static override readonly architecture: string = "RobertaForMaskedLM";
  static override readonly configKind = robertaConfig;
  static override readonly baseModelPrefix: string = "roberta";
  static override readonly ignored = IGNORED;
  readonly roberta: RobertaModel;
  readonly lm_head: RobertaLMHead;
  constructor(config: RobertaConfig) {
    super(config);
    this.roberta = bare(config);
    this.lm_head = new RobertaLMHead(config, this.roberta.embeddings.word_embeddings.weight);
  }
  protected predict(inputs: EncoderInputs): Tensor {
    return this.lm_head.forward(this.roberta.forward(inputs).lastHiddenState);
  }
}

export const roberta: Family = {
  config: robertaConfig,
  heads: {
    base: RobertaModel,
    sequenceClassification: RobertaForSequenceClassification,
    tokenClassification: RobertaForTokenClassification,
    questionAnswering: RobertaForQuestionAnswering,
    maskedLm: RobertaForMaskedLM,
  },
};

/** XLM-R (Conneau et al., 2020) is RoBERTa under another name. */
export const xlmRoberta: Family = {
  config: xlmRobertaConfig,
  heads: {
    base: class extends RobertaModel {
      static override readonly architecture = "XLMRobertaModel";
      static override readonly configKind = xlmRobertaConfig;
    },
    sequenceClassification: class extends RobertaForSequenceClassification {
      static override readonly architecture = "XLMRobertaForSequenceClassification";
      static override readonly configKind = xlmRobertaConfig;
    },
    tokenClassification: class extends RobertaForTokenClassification {
      static override readonly architecture = "XLMRobertaForTokenClassification";
      static override readonly configKind = xlmRobertaConfig;
    },
    questionAnswering: class extends RobertaForQuestionAnswering {
      static override readonly architecture = "XLMRobertaForQuestionAnswering";
      static override readonly configKind = xlmRobertaConfig;
    },
    maskedLm: class extends RobertaForMaskedLM {
      static override readonly architecture = "XLMRobertaForMaskedLM";
      static override readonly configKind = xlmRobertaConfig;
    },
  },
};
