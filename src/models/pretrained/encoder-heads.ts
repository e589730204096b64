import * as nn from "../../nn/index.ts";
import { linear } from "../../ops/index.ts";
import { empty } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { labelsOf, type PretrainedConfig } from "./config.ts";
import type { EncoderInputs, HeadOutput, QuestionAnsweringInputs, QuestionAnsweringOutput } from "./inputs.ts";
import { classificationLoss, spanLoss, tokenLoss } from "./losses.ts";
import { PreTrainedModel } from "./model.ts";

/** Configurations that say how weights begin. */
type Initialised = PretrainedConfig & { initializerRange: number };

/** A linear layer as BERT's begin: normal weights, bias 0. */
export function bertLinear(
  input: number,
  output: number,
  { initializerRange }: { initializerRange: number },
): nn.Linear {
  const layer = new nn.Linear(input, output);
  nn.init.normal_(layer.weight, 0, initializerRange);
  if (layer.bias) nn.init.zeros_(layer.bias);
  return layer;
}

export abstract class EncoderForSequenceClassification<C extends Initialised> extends PreTrainedModel<C> {
  /** → logits [batch, labels] */
  protected abstract classify(inputs: EncoderInputs): Tensor;
  /** labels: see {@link classificationLoss}; logits [batch, labels]. */
  forward({ labels, ...inputs }: EncoderInputs & { labels?: Tensor }): HeadOutput {
    const logits = this.classify(inputs);
    return { logits, loss: labels && classificationLoss(this.config, logits, labels) };
  }
}

export abstract class EncoderForTokenClassification<C extends Initialised> extends PreTrainedModel<C> {
  readonly dropout: nn.Dropout;
  readonly classifier: nn.Linear;
  constructor(config: C, size: number, dropout: number) {
    super(config);
    this.dropout = new nn.Dropout(dropout);
    this.classifier = bertLinear(size, labelsOf(config).length, config);
  }
  /** → [batch, T, size] */
  protected abstract encode(inputs: EncoderInputs): Tensor;
  /** labels int32 [batch, T], −100 where none counts; logits [batch, T, labels]. */
  forward({ labels, ...inputs }: EncoderInputs & { labels?: Tensor }): HeadOutput {
    const logits = this.classifier.forward(this.dropout.forward(this.encode(inputs)));
    return { logits, loss: labels && tokenLoss(logits, labels) };
  }
}

export abstract class EncoderForQuestionAnswering<C extends Initialised> extends PreTrainedModel<C> {
  readonly qa_outputs: nn.Linear;
  constructor(config: C, size: number) {
    super(config);
    this.qa_outputs = bertLinear(size, 2, config);
  }
  /** → [batch, T, size] */
  protected abstract encode(inputs: EncoderInputs): Tensor;
  /** startPositions, endPositions int32 [batch]; logits [batch, T]. */
  forward({ startPositions, endPositions, ...inputs }: QuestionAnsweringInputs): QuestionAnsweringOutput {
    const both = this.qa_outputs.forward(this.encode(inputs));
    const [startLogits, endLogits] = [both.select(2, 0), both.select(2, 1)];
    if (startPositions === undefined || endPositions === undefined) return { startLogits, endLogits };
    return { startLogits, endLogits, loss: spanLoss(startLogits, endLogits, startPositions, endPositions) };
  }
}

export abstract class EncoderForMaskedLM<C extends Initialised> extends PreTrainedModel<C> {
  /** → logits [batch, T, vocab] */
  protected abstract predict(inputs: EncoderInputs): Tensor;
  /** labels int32 [batch, T], −100 where none counts; logits [batch, T, vocab]. */
  forward({ labels, ...inputs }: EncoderInputs & { labels?: Tensor }): HeadOutput {
    const logits = this.predict(inputs);
    return { logits, loss: labels && tokenLoss(logits, labels) };
  }
}

/** Dense, dropout, tanh or another activation, dropout, out_proj, on the first token: RoBERTa's and ELECTRA's classifier. */
export class FirstTokenClassifier extends nn.Module {
  readonly dense: nn.Linear;
  readonly dropout: nn.Dropout;
  readonly out_proj: nn.Linear;
  readonly #activation: "tanh" | "gelu";
  constructor(config: Initialised & { hiddenSize: number }, dropout: number, activation: "tanh" | "gelu") {
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

/** An output layer over the vocabulary whose weight is the table of words, unless the configuration unties it. */
export class VocabularyDecoder extends nn.Module {
  readonly weight: nn.Parameter;
  constructor(config: Initialised & { vocabSize: number }, size: number, words: nn.Parameter) {
    super();
    this.weight = config.tieWordEmbeddings ? words : bertLinear(size, config.vocabSize, config).weight;
  }
  /** x [..., size] → [..., vocab] */
  forward(x: Tensor, bias?: Tensor): Tensor {
    return linear(x, this.weight, bias);
  }
}

/** A bias that begins at 0. */
export const zeroBias = (size: number): nn.Parameter => new nn.Parameter(nn.init.zeros_(empty([size])));

/** The same with a bias of its own. */
export class VocabularyHead extends VocabularyDecoder {
  readonly bias: nn.Parameter;
  constructor(config: Initialised & { vocabSize: number }, size: number, words: nn.Parameter) {
    super(config, size, words);
    this.bias = zeroBias(config.vocabSize);
  }
  override forward(x: Tensor): Tensor {
    return super.forward(x, this.bias);
  }
}
