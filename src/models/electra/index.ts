import * as nn from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { BERT_KEYS, BERT_RULES, dropoutOf, KIN } from "../bert/config.ts";
import { BertEmbeddings, BertLayer } from "../bert/encoder.ts";
import { familyOf } from "../pretrained/auto.ts";
import { checkInputs, checkOutputs, ENCODER_INPUTS } from "../pretrained/check-inputs.ts";
import { type ConfigOf, defineConfig, kinds } from "../pretrained/config.ts";
import { FirstTokenClassifier, VocabularyHead } from "../pretrained/encoder-heads.ts";
import { EncoderLayers } from "../pretrained/encoder-layers.ts";
import { named } from "../pretrained/headed.ts";
import { encoderHeads } from "../pretrained/heads.ts";
import type { EncoderInputs, EncoderOutput } from "../pretrained/inputs.ts";
import { bertLinear } from "../pretrained/layers.ts";
import { PreTrainedModel } from "../pretrained/model.ts";

const KEYS = {
  ...BERT_KEYS,
  embeddingSize: kinds.width.default(128),
  hiddenSize: kinds.width.default(256),
  numAttentionHeads: kinds.heads.default(4),
  intermediateSize: kinds.width.default(1024),
};
export type ElectraConfig = ConfigOf<typeof KEYS>;
export const electraConfig = defineConfig("electra", KEYS, {
  ...BERT_RULES,
  // Of the model for multiple choice alone.
  harmless: [
    ...BERT_RULES.harmless,
    ...["summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels", "generator_size"],
  ],
});

const ELECTRA = {
  configKind: electraConfig,
  baseModelPrefix: "electra",
  ignored: [/embeddings\.(position|token_type)_ids$/],
} as const;

/** ELECTRA (Clark et al., 2020), bare: BERT whose table of words may be narrower than its layers. */
export class ElectraModel extends named(PreTrainedModel<ElectraConfig>, "ElectraModel", ELECTRA) {
  static readonly inputNames = ENCODER_INPUTS;
  readonly embeddings: BertEmbeddings;
  readonly embeddings_project: nn.Linear | undefined;
  readonly encoder: EncoderLayers;
  constructor(config: ElectraConfig) {
    super(config);
    const { embeddingSize, hiddenSize } = config;
    this.embeddings = new BertEmbeddings(config, embeddingSize);
    if (embeddingSize !== hiddenSize) this.embeddings_project = bertLinear(embeddingSize, hiddenSize, config);
    this.encoder = new EncoderLayers(config.numHiddenLayers, () => new BertLayer(config));
  }
  /** Throws ShapeError for more tokens than positions, or a mask of another shape. */
  forward(inputs: EncoderInputs, options: { outputHiddenStates?: boolean } = {}): EncoderOutput {
    checkInputs(this, inputs, ENCODER_INPUTS);
    checkOutputs(this, options);
    const embedded = this.embeddings.forward(inputs);
    return this.encoder.forward(this.embeddings_project?.forward(embedded) ?? embedded, inputs, options);
  }
}

const heads = encoderHeads("Electra", {
  ...ELECTRA,
  ...KIN,
  base: (config: ElectraConfig) => new ElectraModel(config),
});

export class ElectraForSequenceClassification extends heads.ForSequenceClassification {
  readonly classifier: FirstTokenClassifier;
  constructor(config: ElectraConfig) {
    super(config);
    this.classifier = new FirstTokenClassifier(config, dropoutOf(config), "gelu");
  }
  protected classify({ lastHiddenState }: EncoderOutput): Tensor {
    return this.classifier.forward(lastHiddenState);
  }
}

export class ElectraForTokenClassification extends heads.ForTokenClassification {}

export class ElectraForQuestionAnswering extends heads.ForQuestionAnswering {}

/** Always with `gelu`, whatever `hidden_act` says. */
class ElectraGeneratorPredictions extends nn.Module {
  readonly LayerNorm: nn.LayerNorm;
  readonly dense: nn.Linear;
  constructor(config: ElectraConfig) {
    super();
    this.LayerNorm = new nn.LayerNorm(config.embeddingSize, { eps: config.layerNormEps });
    this.dense = bertLinear(config.hiddenSize, config.embeddingSize, config);
  }
  forward(x: Tensor): Tensor {
    return this.LayerNorm.forward(this.dense.forward(x, "gelu"));
  }
}

/** ELECTRA's generator: fills in what a mask hides. */
export class ElectraForMaskedLM extends heads.ForMaskedLM {
  readonly generator_predictions: ElectraGeneratorPredictions;
  readonly generator_lm_head: VocabularyHead;
  constructor(config: ElectraConfig) {
    super(config);
    this.generator_predictions = new ElectraGeneratorPredictions(config);
    const words = this.electra.embeddings.word_embeddings.weight;
    this.generator_lm_head = new VocabularyHead(config, config.embeddingSize, words);
  }
  protected predict(x: Tensor): Tensor {
    return this.generator_lm_head.forward(this.generator_predictions.forward(x));
  }
}

export const electra = familyOf(
  electraConfig,
  ElectraModel,
  ElectraForSequenceClassification,
  ElectraForTokenClassification,
  ElectraForQuestionAnswering,
  ElectraForMaskedLM,
);
