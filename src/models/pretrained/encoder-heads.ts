import * as nn from "../../nn/index.ts";
import { embedding } from "../../ops/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkInputs, LABELLED_INPUTS, MASKED_LM_INPUTS, QUESTION_INPUTS } from "./check-inputs.ts";
import { type InitialisedConfig, labelsOf, withLabels } from "./config.ts";
import { HeadedModel, type HeadTraits } from "./headed.ts";
import type {
  EncoderInputs,
  EncoderOutput,
  HeadOutput,
  MaskedLmInputs,
  QuestionAnsweringInputs,
  QuestionAnsweringOutput,
} from "./inputs.ts";
import { bertLinear, LmHead, plainWeight, zeroBias } from "./layers.ts";
import { classificationLoss, spanLoss, tokenLoss } from "./losses.ts";

export type Encoder = nn.Module & { forward(inputs: EncoderInputs): EncoderOutput };
type Labelled = EncoderInputs & { labels?: Tensor };

/** What the heads of a family of encoders stand on. */
export interface EncoderTraits<C, P extends string, E> extends HeadTraits<C, P, E> {
  /** What is dropped before the classifier of tokens. */
  readonly dropout: (config: C) => number;
}

export abstract class EncoderForSequenceClassification<C extends InitialisedConfig> extends HeadedModel<C, Encoder> {
  static readonly inputNames = LABELLED_INPUTS;
  constructor(config: C, base: Encoder = new.target.traits.base(config)) {
    super(config, base);
  }
  /** → logits [batch, labels] */
  protected abstract classify(output: EncoderOutput): Tensor;
  /** labels: see {@link classificationLoss}; logits [batch, labels]. */
  forward(given: Labelled): HeadOutput {
    checkInputs(this, given, LABELLED_INPUTS);
    const { labels, ...inputs } = given;
    const logits = this.classify(this.base.forward(inputs));
    return { logits, loss: labels && classificationLoss(this.config, logits, labels) };
  }
}

export class EncoderForTokenClassification<C extends InitialisedConfig> extends HeadedModel<C, Encoder> {
  // biome-ignore lint/suspicious/noExplicitAny: every family has its own
  static override readonly traits: EncoderTraits<any, string, any>;
  static readonly inputNames = LABELLED_INPUTS;
  readonly dropout: nn.Dropout;
  readonly classifier: nn.Linear;
  constructor(config: C) {
    super(config);
    const { base, width, dropout } = new.target.traits;
    this.dropout = new nn.Dropout(dropout(config));
    this.classifier = bertLinear(width(config), labelsOf(config).length, config);
    this.attach(base(config));
  }
  /** labels int32 [batch, T], −100 where none counts; logits [batch, T, labels]. */
  forward(given: Labelled): HeadOutput {
    checkInputs(this, given, LABELLED_INPUTS);
    const { labels, ...inputs } = given;
    const logits = this.classifier.forward(this.dropout.forward(this.base.forward(inputs).lastHiddenState));
    return { logits, loss: labels && tokenLoss(logits, labels) };
  }
}

export class EncoderForQuestionAnswering<C extends InitialisedConfig> extends HeadedModel<C, Encoder> {
  static readonly inputNames = QUESTION_INPUTS;
  readonly qa_outputs: nn.Linear;
  constructor(config: C) {
    // Where an answer begins and ends, whatever the labels of another head were.
    super(labelsOf(config).length === 2 ? config : withLabels(config, 2));
    const { base, width } = new.target.traits;
    this.qa_outputs = bertLinear(width(config), 2, config);
    this.attach(base(config));
  }
  /** → [batch, T, width] */
  protected encode(inputs: EncoderInputs): Tensor {
    return this.base.forward(inputs).lastHiddenState;
  }
  /** startPositions, endPositions int32 [batch]; logits [batch, T]. */
  forward(given: QuestionAnsweringInputs): QuestionAnsweringOutput {
    checkInputs(this, given, QUESTION_INPUTS);
    const { startPositions, endPositions, ...inputs } = given;
    const both = this.qa_outputs.forward(this.encode(inputs));
    const [startLogits, endLogits] = [both.select(2, 0), both.select(2, 1)];
    if (startPositions === undefined || endPositions === undefined) return { startLogits, endLogits };
    return { startLogits, endLogits, loss: spanLoss(startLogits, endLogits, startPositions, endPositions) };
  }
}

export abstract class EncoderForMaskedLM<C extends InitialisedConfig> extends HeadedModel<C, Encoder> {
  static readonly inputNames = MASKED_LM_INPUTS;
  constructor(config: C) {
    super(config, new.target.traits.base(config));
  }
  /** x [..., width] → logits [..., vocab] */
  protected abstract predict(x: Tensor): Tensor;
  /** logits [batch, T, vocab], or [n, vocab] of `maskedPositions`. */
  forward(given: MaskedLmInputs): HeadOutput {
    checkInputs(this, given, MASKED_LM_INPUTS);
    const { labels, maskedPositions, ...inputs } = given;
    const x = this.base.forward(inputs).lastHiddenState.flatten(0, 1);
    const logits = this.predict(maskedPositions === undefined ? x : embedding(maskedPositions, x));
    const loss = labels && nn.crossEntropy(logits, labels.flatten());
    return { logits: maskedPositions === undefined ? logits.reshape([...inputs.inputIds.shape, -1]) : logits, loss };
  }
}

/** Dense, dropout, tanh or another activation, dropout, out_proj, on the first token: RoBERTa's and ELECTRA's classifier. */
export class FirstTokenClassifier extends nn.Module {
  readonly dense: nn.Linear;
  readonly dropout: nn.Dropout;
  readonly out_proj: nn.Linear;
  readonly #activation: "tanh" | "gelu";
  constructor(config: InitialisedConfig & { hiddenSize: number }, dropout: number, activation: "tanh" | "gelu") {
    super();
    this.dense = bertLinear(config.hiddenSize, config.hiddenSize, config);
    this.dropout = new nn.Dropout(dropout);
    this.out_proj = bertLinear(config.hiddenSize, labelsOf(config).length, config);
    this.#activation = activation;
  }
  /** x [batch, T, size] → [batch, labels] */
  forward(x: Tensor): Tensor {
    const y = this.dense.forward(this.dropout.forward(x.select(1, 0)), this.#activation);
    return this.out_proj.forward(this.dropout.forward(y));
  }
}

/**
 * An output layer over the vocabulary. Its weight is the table of words and its bias the one beside it, unless the configuration
 * unties both.
 */
export class VocabularyDecoder extends LmHead {
  readonly bias: nn.Parameter;
  constructor(
    config: InitialisedConfig & { vocabSize: number },
    size: number,
    words: nn.Parameter,
    bias: nn.Parameter,
  ) {
    const tied = config.tieWordEmbeddings;
    super(tied ? words : plainWeight(config.vocabSize, size, config.initializerRange));
    this.bias = tied ? bias : zeroBias(config.vocabSize);
  }
  override forward(x: Tensor): Tensor {
    return super.forward(x, this.bias);
  }
}

/** The same with a bias of its own. */
export class VocabularyHead extends VocabularyDecoder {
  constructor(config: InitialisedConfig & { vocabSize: number }, size: number, words: nn.Parameter) {
    super(config, size, words, zeroBias(config.vocabSize));
  }
}
