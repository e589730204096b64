import * as nn from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { BERT_KEYS, checkHeads } from "../bert/config.ts";
import { BertEmbeddings, BertEncoder } from "../bert/encoder.ts";
import type { Family } from "../pretrained/auto.ts";
import { type ConfigOf, defineConfig, kinds } from "../pretrained/config.ts";
import {
  bertLinear,
  EncoderForMaskedLM,
  EncoderForQuestionAnswering,
  EncoderForSequenceClassification,
  EncoderForTokenClassification,
  FirstTokenClassifier,
  VocabularyHead,
} from "../pretrained/encoder-heads.ts";
import { ACTIVATIONS, type EncoderInputs, type EncoderOutput, paddingMask } from "../pretrained/inputs.ts";
import { PreTrainedModel } from "../pretrained/model.ts";

const KEYS = {
  ...BERT_KEYS,
  embeddingSize: kinds.width.default(128),
  hiddenSize: kinds.width.default(256),
  numAttentionHeads: kinds.heads.default(4),
  intermediateSize: kinds.width.default(1024),
};
export type ElectraConfig = ConfigOf<typeof KEYS>;
export const electraConfig = defineConfig("electra", KEYS, checkHeads);

const IGNORED = [/embeddings\.position_ids$/, /^discriminator_predictions\./, /^generator_/];
const dropoutOf = (config: ElectraConfig) => config.classifierDropout ?? config.hiddenDropoutProb;

/** ELECTRA (Clark et al., 2020), bare: BERT whose table of words may be narrower than its layers. */
export class ElectraModel extends PreTrainedModel<ElectraConfig> {
  static override readonly architecture: string = "ElectraModel";
  static override readonly configKind = electraConfig;
  static override readonly baseModelPrefix: string = "electra";
  static override readonly ignored = IGNORED;
  readonly embeddings: BertEmbeddings;
  readonly embeddings_project: nn.Linear | undefined;
  readonly encoder: BertEncoder;
  constructor(config: ElectraConfig) {
    super(config);
    const { embeddingSize, hiddenSize } = config;
    this.embeddings = new BertEmbeddings(config, embeddingSize);
    if (embeddingSize !== hiddenSize) this.embeddings_project = bertLinear(embeddingSize, hiddenSize, config);
    this.encoder = new BertEncoder(config);
  }
  /** Throws ShapeError for more tokens than positions, or a mask of another shape. */
  forward(inputs: EncoderInputs, { outputHiddenStates = false } = {}): EncoderOutput {
    const mask = paddingMask(inputs.inputIds, inputs.attentionMask);
    const narrow = this.embeddings.forward(inputs);
    const embedded = this.embeddings_project?.forward(narrow) ?? narrow;
    const hiddenStates = outputHiddenStates ? [embedded] : undefined;
    const lastHiddenState = this.encoder.forward(embedded, mask, (x) => void hiddenStates?.push(x));
    return { lastHiddenState, hiddenStates };
  }
}

export class ElectraForSequenceClassification extends EncoderForSequenceClassification<ElectraConfig> {
  static override readonly architecture: string = "ElectraForSequenceClassification";
  static override readonly configKind = electraConfig;
  static override readonly baseModelPrefix: string = "electra";
  static override readonly ignored = IGNORED;
  readonly electra: ElectraModel;
  readonly classifier: FirstTokenClassifier;
  constructor(config: ElectraConfig) {
    super(config);
    this.electra = new ElectraModel(config);
    this.classifier = new FirstTokenClassifier(config, dropoutOf(config), "gelu");
  }
  protected classify(inputs: EncoderInputs): Tensor {
    return this.classifier.forward(this.electra.forward(inputs).lastHiddenState);
  }
}

export class ElectraForTokenClassification extends EncoderForTokenClassification<ElectraConfig> {
  static override readonly architecture: string = "ElectraForTokenClassification";
  static override readonly configKind = electraConfig;
  static override readonly baseModelPrefix: string = "electra";
  static override readonly ignored = IGNORED;
  readonly electra: ElectraModel;
  constructor(config: ElectraConfig) {
    super(config, config.hiddenSize, dropoutOf(config));
    this.electra = new ElectraModel(config);
  }
  protected encode(inputs: EncoderInputs): Tensor {
    return this.electra.forward(inputs).lastHiddenState;
  }
}

export class ElectraForQuestionAnswering extends EncoderForQuestionAnswering<ElectraConfig> {
  static override readonly architecture: string = "ElectraForQuestionAnswering";
  static override readonly configKind = electraConfig;
  static override readonly baseModelPrefix: string = "electra";
  static override readonly ignored = IGNORED;
  readonly electra: ElectraModel;
  constructor(config: ElectraConfig) {
    super(config, config.hiddenSize);
    this.electra = new ElectraModel(config);
  }
  protected encode(inputs: EncoderInputs): Tensor {
    return this.electra.forward(inputs).lastHiddenState;
  }
}

class ElectraGeneratorPredictions extends nn.Module {
  readonly LayerNorm: nn.LayerNorm;
  readonly dense: nn.Linear;
  readonly #activation: string;
  constructor(config: ElectraConfig) {
    super();
    this.LayerNorm = new nn.LayerNorm(config.embeddingSize, { eps: config.layerNormEps });
    this.dense = bertLinear(config.hiddenSize, config.embeddingSize, config);
    this.#activation = config.hiddenAct;
  }
  forward(x: Tensor): Tensor {
    return this.LayerNorm.forward(this.dense.forward(x, ACTIVATIONS[this.#activation]));
  }
}

/** ELECTRA's generator: fills in what a mask hides. */
export class ElectraForMaskedLM extends EncoderForMaskedLM<ElectraConfig> {
  static override readonly architecture: string = "ElectraForMaskedLM";
  static override readonly configKind = electraConfig;
  static override readonly baseModelPrefix: string = "electra";
  static override readonly ignored = IGNORED;
  readonly electra: ElectraModel;
  readonly generator_predictions: ElectraGeneratorPredictions;
  readonly generator_lm_head: VocabularyHead;
  constructor(config: ElectraConfig) {
    super(config);
    this.electra = new ElectraModel(config);
    this.generator_predictions = new ElectraGeneratorPredictions(config);
    this.generator_lm_head = new VocabularyHead(
      config,
      config.embeddingSize,
      this.electra.embeddings.word_embeddings.weight,
    );
  }
  protected predict(inputs: EncoderInputs): Tensor {
    const x = this.generator_predictions.forward(this.electra.forward(inputs).lastHiddenState);
    return this.generator_lm_head.forward(x);
  }
}

export const electra: Family = {
  config: electraConfig,
  heads: {
    base: ElectraModel,
    sequenceClassification: ElectraForSequenceClassification,
    tokenClassification: ElectraForTokenClassification,
    questionAnswering: ElectraForQuestionAnswering,
    maskedLm: ElectraForMaskedLM,
  },
};
