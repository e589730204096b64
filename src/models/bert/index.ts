import * as nn from "../../nn/index.ts";
import { linear } from "../../ops/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Family } from "../pretrained/auto.ts";
import { labelsOf } from "../pretrained/config.ts";
import {
  ACTIVATIONS,
  type EncoderInputs,
  type EncoderOutput,
  type HeadOutput,
  paddingMask,
  type QuestionAnsweringInputs,
  type QuestionAnsweringOutput,
} from "../pretrained/inputs.ts";
import { classificationLoss, spanLoss, tokenLoss } from "../pretrained/losses.ts";
import { PreTrainedModel } from "../pretrained/model.ts";
import { type BertConfig, bertConfig } from "./config.ts";
import { BertEmbeddings, BertEncoder, BertPooler, bertLinear, zeroBias } from "./encoder.ts";

export { type BertConfig, bertConfig } from "./config.ts";

abstract class BertPreTrainedModel extends PreTrainedModel<BertConfig> {
  static override readonly configKind = bertConfig;
  static override readonly baseModelPrefix: string = "bert";
  static override readonly ignored = [
    /embeddings\.position_ids$/,
    /^cls\.seq_relationship\./,
    /^cls\.predictions\.decoder\.bias$/,
  ];
}

/** BERT (Devlin et al., 2019), bare: hidden states, and the pooler's view of the first token. */
export class BertModel extends BertPreTrainedModel {
  static override readonly architecture: string = "BertModel";
  readonly embeddings: BertEmbeddings;
  readonly encoder: BertEncoder;
  readonly pooler: BertPooler | undefined;
  constructor(config: BertConfig, { addPoolingLayer = true } = {}) {
    super(config);
    this.embeddings = new BertEmbeddings(config);
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

export class BertForSequenceClassification extends BertPreTrainedModel {
  static override readonly architecture: string = "BertForSequenceClassification";
  readonly bert: BertModel;
  readonly dropout: nn.Dropout;
  readonly classifier: nn.Linear;
  constructor(config: BertConfig) {
    super(config);
    this.bert = new BertModel(config);
    this.dropout = new nn.Dropout(config.classifierDropout ?? config.hiddenDropoutProb);
    this.classifier = bertLinear(config.hiddenSize, labelsOf(config).length, config);
  }
  /** labels: see {@link classificationLoss}; logits [batch, labels]. */
  forward({ labels, ...inputs }: EncoderInputs & { labels?: Tensor }): HeadOutput {
    const { poolerOutput } = this.bert.forward(inputs);
    const logits = this.classifier.forward(this.dropout.forward(poolerOutput as Tensor));
    return { logits, loss: labels && classificationLoss(this.config, logits, labels) };
  }
}

export class BertForTokenClassification extends BertPreTrainedModel {
  static override readonly architecture: string = "BertForTokenClassification";
  readonly bert: BertModel;
  readonly dropout: nn.Dropout;
  readonly classifier: nn.Linear;
  constructor(config: BertConfig) {
    super(config);
    this.bert = new BertModel(config, { addPoolingLayer: false });
    this.dropout = new nn.Dropout(config.classifierDropout ?? config.hiddenDropoutProb);
    this.classifier = bertLinear(config.hiddenSize, labelsOf(config).length, config);
  }
  /** labels int32 [batch, T], −100 where none counts; logits [batch, T, labels]. */
  forward({ labels, ...inputs }: EncoderInputs & { labels?: Tensor }): HeadOutput {
    const x = this.bert.forward(inputs).lastHiddenState;
    const logits = this.classifier.forward(this.dropout.forward(x));
    return { logits, loss: labels && tokenLoss(logits, labels) };
  }
}

export class BertForQuestionAnswering extends BertPreTrainedModel {
  static override readonly architecture: string = "BertForQuestionAnswering";
  readonly bert: BertModel;
  readonly qa_outputs: nn.Linear;
  constructor(config: BertConfig) {
    super(config);
    this.bert = new BertModel(config, { addPoolingLayer: false });
    this.qa_outputs = bertLinear(config.hiddenSize, 2, config);
  }
  /** startPositions, endPositions int32 [batch]; logits [batch, T]. */
  forward({ startPositions, endPositions, ...inputs }: QuestionAnsweringInputs): QuestionAnsweringOutput {
    const both = this.qa_outputs.forward(this.bert.forward(inputs).lastHiddenState);
    const [startLogits, endLogits] = [both.select(2, 0), both.select(2, 1)];
    if (startPositions === undefined || endPositions === undefined) return { startLogits, endLogits };
    return { startLogits, endLogits, loss: spanLoss(startLogits, endLogits, startPositions, endPositions) };
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

/** A layer whose weight may be the table of words. */
class TiedDecoder extends nn.Module {
  readonly weight: nn.Parameter;
  constructor(weight: nn.Parameter) {
    super();
    this.weight = weight;
  }
  forward(x: Tensor, bias: Tensor): Tensor {
    return linear(x, this.weight, bias);
  }
}

class BertLMPredictionHead extends nn.Module {
  readonly transform: BertPredictionHeadTransform;
  readonly decoder: TiedDecoder;
  readonly bias: nn.Parameter;
  constructor(config: BertConfig, words: nn.Parameter) {
    super();
    this.transform = new BertPredictionHeadTransform(config);
    const { vocabSize, hiddenSize } = config;
    this.decoder = new TiedDecoder(config.tieWordEmbeddings ? words : bertLinear(hiddenSize, vocabSize, config).weight);
    this.bias = zeroBias(vocabSize);
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

export class BertForMaskedLM extends BertPreTrainedModel {
  static override readonly architecture: string = "BertForMaskedLM";
  readonly bert: BertModel;
  readonly cls: BertOnlyMLMHead;
  constructor(config: BertConfig) {
    super(config);
    this.bert = new BertModel(config, { addPoolingLayer: false });
    this.cls = new BertOnlyMLMHead(config, this.bert.embeddings.word_embeddings.weight);
  }
  /** labels int32 [batch, T], −100 where none counts; logits [batch, T, vocab]. */
  forward({ labels, ...inputs }: EncoderInputs & { labels?: Tensor }): HeadOutput {
    const logits = this.cls.forward(this.bert.forward(inputs).lastHiddenState);
    return { logits, loss: labels && tokenLoss(logits, labels) };
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
