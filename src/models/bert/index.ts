import { checkOptions } from "../../backend/options.ts";
import * as nn from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { activated } from "../pretrained/activations.ts";
import { familyOf } from "../pretrained/auto.ts";
import { checkInputs, checkOutputs, ENCODER_INPUTS } from "../pretrained/check-inputs.ts";
import { labelsOf } from "../pretrained/config.ts";
import { VocabularyDecoder } from "../pretrained/encoder-heads.ts";
import { EncoderLayers } from "../pretrained/encoder-layers.ts";
import { named } from "../pretrained/headed.ts";
import { encoderHeads } from "../pretrained/heads.ts";
import type { EncoderInputs, EncoderOutput } from "../pretrained/inputs.ts";
import { bertLinear, zeroBias } from "../pretrained/layers.ts";
import { PreTrainedModel } from "../pretrained/model.ts";
import { type BertConfig, bertConfig, dropoutOf, KIN } from "./config.ts";
import { BertEmbeddings, BertLayer, BertPooler } from "./encoder.ts";

const BERT = {
  configKind: bertConfig,
  baseModelPrefix: "bert",
  ignored: [/embeddings\.(position|token_type)_ids$/],
  optional: [/(^|\.)pooler\./],
} as const;

/** BERT (Devlin et al., 2019), bare: hidden states, and the pooler's view of the first token. */
export class BertModel extends named(PreTrainedModel<BertConfig>, "BertModel", BERT) {
  static readonly inputNames = ENCODER_INPUTS;
  readonly embeddings: BertEmbeddings;
  readonly encoder: EncoderLayers;
  readonly pooler: BertPooler | undefined;
  constructor(config: BertConfig, options: { addPoolingLayer?: boolean; embeddings?: BertEmbeddings } = {}) {
    checkOptions(new.target.architecture, options, { addPoolingLayer: true, embeddings: true });
    super(config);
    const { addPoolingLayer = true, embeddings = new BertEmbeddings(config, config.hiddenSize) } = options;
    this.embeddings = embeddings;
    this.encoder = new EncoderLayers(config.numHiddenLayers, () => new BertLayer(config));
    if (addPoolingLayer) this.pooler = new BertPooler(config);
  }
  /** Throws ShapeError for more tokens than positions, or a mask of another shape. */
  forward(inputs: EncoderInputs, options: { outputHiddenStates?: boolean } = {}): EncoderOutput {
    checkInputs(this, inputs, ENCODER_INPUTS);
    checkOutputs(this, options);
    const output = this.encoder.forward(this.embeddings.forward(inputs), inputs, options);
    return { ...output, poolerOutput: this.pooler?.forward(output.lastHiddenState) };
  }
}

const heads = encoderHeads("Bert", {
  ...BERT,
  // Version 4 of Transformers has one bias where the weights are not tied.
  fallbacks: { "cls.predictions.decoder.bias": "cls.predictions.bias" },
  ...KIN,
  base: (config: BertConfig) => new BertModel(config, { addPoolingLayer: false }),
});

export class BertForSequenceClassification extends heads.ForSequenceClassification {
  readonly dropout: nn.Dropout;
  readonly classifier: nn.Linear;
  constructor(config: BertConfig) {
    super(config, new BertModel(config));
    this.dropout = new nn.Dropout(dropoutOf(config));
    this.classifier = bertLinear(config.hiddenSize, labelsOf(config).length, config);
  }
  protected classify({ poolerOutput }: EncoderOutput): Tensor {
    return this.classifier.forward(this.dropout.forward(poolerOutput as Tensor));
  }
}

export class BertForTokenClassification extends heads.ForTokenClassification {}

export class BertForQuestionAnswering extends heads.ForQuestionAnswering {}

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
    return this.LayerNorm.forward(activated(this.dense, x, this.#activation));
  }
}

class BertLMPredictionHead extends nn.Module {
  readonly transform: BertPredictionHeadTransform;
  readonly bias: nn.Parameter;
  readonly decoder: VocabularyDecoder;
  constructor(config: BertConfig, words: nn.Parameter) {
    super();
    this.transform = new BertPredictionHeadTransform(config);
    this.bias = zeroBias(config.vocabSize);
    this.decoder = new VocabularyDecoder(config, config.hiddenSize, words, this.bias);
  }
  forward(x: Tensor): Tensor {
    return this.decoder.forward(this.transform.forward(x));
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

export class BertForMaskedLM extends heads.ForMaskedLM {
  readonly cls: BertOnlyMLMHead;
  constructor(config: BertConfig) {
    super(config);
    this.cls = new BertOnlyMLMHead(config, this.bert.embeddings.word_embeddings.weight);
  }
  protected predict(x: Tensor): Tensor {
    return this.cls.forward(x);
  }
}

export const bert = familyOf(
  bertConfig,
  BertModel,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertForQuestionAnswering,
  BertForMaskedLM,
);
