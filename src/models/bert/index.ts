import * as nn from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Family } from "../pretrained/auto.ts";
import { labelsOf } from "../pretrained/config.ts";
import {
  bertLinear,
  EncoderForMaskedLM,
  EncoderForQuestionAnswering,
  EncoderForSequenceClassification,
  EncoderForTokenClassification,
  VocabularyDecoder,
  zeroBias,
} from "../pretrained/encoder-heads.ts";
import { ACTIVATIONS, type EncoderInputs, type EncoderOutput, paddingMask } from "../pretrained/inputs.ts";
import { PreTrainedModel } from "../pretrained/model.ts";
import { type BertConfig, bertConfig } from "./config.ts";
import { BertEmbeddings, BertEncoder, BertPooler } from "./encoder.ts";

const IGNORED = [/embeddings\.position_ids$/, /^cls\.seq_relationship\./, /^cls\.predictions\.decoder\.bias$/];

/** BERT (Devlin et al., 2019), bare: hidden states, and the pooler's view of the first token. */
export class BertModel extends PreTrainedModel<BertConfig> {
  static override readonly architecture: string = "BertModel";
  // biome-ignore lint/suspicious/noExplicitAny: kin have keys of their own
  static override readonly configKind: any = bertConfig;
  static override readonly baseModelPrefix: string = "bert";
  static override readonly ignored = IGNORED;
  readonly embeddings: BertEmbeddings;
  readonly encoder: BertEncoder;
  readonly pooler: BertPooler | undefined;
  constructor(config: BertConfig, { addPoolingLayer = true, embeddings = new BertEmbeddings(config) } = {}) {
    super(config);
    this.embeddings = embeddings;
    this.encoder = new BertEncoder(config);
    if (addPoolingLayer) this.pooler = new BertPooler(config);
  }
  /** Throws ShapeError for more tokens than positions, or a mask of another shape. */
  forward(inputs: EncoderInputs, { outputHiddenStates = false } = {}): EncoderOutput {
    const mask = paddingMask(inputs.inputIds, inputs.attentionMask);
    const embedded = this.embeddings.forward(inputs);
    const hiddenStates = outputHiddenStates ? [embedded] : undefined;
    const lastHiddenState = this.encoder.forward(embedded, mask, (x) => void hiddenStates?.push(x));
    return { lastHiddenState, poolerOutput: this.pooler?.forward(lastHiddenState), hiddenStates };
  }
}

const bare = (config: BertConfig) => new BertModel(config, { addPoolingLayer: false });
const dropoutOf = (config: BertConfig) => config.classifierDropout ?? config.hiddenDropoutProb;

export class BertForSequenceClassification extends EncoderForSequenceClassification<BertConfig> {
  static override readonly architecture: string = "BertForSequenceClassification";
  static override readonly configKind = bertConfig;
  static override readonly baseModelPrefix: string = "bert";
  static override readonly ignored = IGNORED;
  readonly bert: BertModel;
  readonly dropout: nn.Dropout;
  readonly classifier: nn.Linear;
  constructor(config: BertConfig) {
    super(config);
    this.bert = new BertModel(config);
    this.dropout = new nn.Dropout(dropoutOf(config));
    this.classifier = bertLinear(config.hiddenSize, labelsOf(config).length, config);
  }
  protected classify(inputs: EncoderInputs): Tensor {
    return this.classifier.forward(this.dropout.forward(this.bert.forward(inputs).poolerOutput as Tensor));
  }
}

export class BertForTokenClassification extends EncoderForTokenClassification<BertConfig> {
  static override readonly architecture: string = "BertForTokenClassification";
  static override readonly configKind = bertConfig;
  static override readonly baseModelPrefix: string = "bert";
  static override readonly ignored = IGNORED;
  readonly bert: BertModel;
  constructor(config: BertConfig) {
    super(config, config.hiddenSize, dropoutOf(config));
    this.bert = bare(config);
  }
  protected encode(inputs: EncoderInputs): Tensor {
    return this.bert.forward(inputs).lastHiddenState;
  }
}

export class BertForQuestionAnswering extends EncoderForQuestionAnswering<BertConfig> {
  static override readonly architecture: string = "BertForQuestionAnswering";
  static override readonly configKind = bertConfig;
  static override readonly baseModelPrefix: string = "bert";
  static override readonly ignored = IGNORED;
  readonly bert: BertModel;
  constructor(config: BertConfig) {
    super(config, config.hiddenSize);
    this.bert = bare(config);
  }
  protected encode(inputs: EncoderInputs): Tensor {
    return this.bert.forward(inputs).lastHiddenState;
  }
}

class BertPredictionHeadTransform extends nn.Module {
  readonly dense: nn.Linear;
  readonly LayerNorm: nn.LayerNorm;
  readonly #activation: string;
  constructor(config: BertConfig) {
    super();
    this.dense = bertLinear(config.hiddenSize, config.hiddenSize, config);
    this.LayerNorm = new nn.LayerNorm(config.hiddenSize, { eps: config.layerNormEps });
    this.#activation = config.hiddenAct;
  }
  forward(x: Tensor): Tensor {
    return this.LayerNorm.forward(this.dense.forward(x, ACTIVATIONS[this.#activation]));
  }
}

class BertLMPredictionHead extends nn.Module {
  readonly transform: BertPredictionHeadTransform;
  readonly decoder: VocabularyDecoder;
  readonly bias: nn.Parameter;
  constructor(config: BertConfig, words: nn.Parameter) {
    super();
    this.transform = new BertPredictionHeadTransform(config);
    this.decoder = new VocabularyDecoder(config, config.hiddenSize, words);
    this.bias = zeroBias(config.vocabSize);
  }
  forward(x: Tensor): Tensor {
    return this.decoder.forward(this.transform.forward(x), this.bias);
  }
}

class BertOnlyMLMHead extends nn.Module {
  readonly predictions: BertLMPredictionHead;
  constructor(config: BertConfig, words: nn.Parameter) {
    super();
    this.predictions = new BertLMPredictionHead(config, words);
  }
  forward(x: Tensor): Tensor {
    return this.predictions.forward(x);
  }
}

export class BertForMaskedLM extends EncoderForMaskedLM<BertConfig> {
  static override readonly architecture: string = "BertForMaskedLM";
  static override readonly configKind = bertConfig;
  static override readonly baseModelPrefix: string = "bert";
  static override readonly ignored = IGNORED;
  readonly bert: BertModel;
  readonly cls: BertOnlyMLMHead;
  constructor(config: BertConfig) {
    super(config);
    this.bert = bare(config);
    this.cls = new BertOnlyMLMHead(config, this.bert.embeddings.word_embeddings.weight);
  }
  protected predict(inputs: EncoderInputs): Tensor {
    return this.cls.forward(this.bert.forward(inputs).lastHiddenState);
  }
}

export const bert: Family = {
  config: bertConfig,
  heads: {
    base: BertModel,
    sequenceClassification: BertForSequenceClassification,
    tokenClassification: BertForTokenClassification,
    questionAnswering: BertForQuestionAnswering,
    maskedLm: BertForMaskedLM,
  },
};
