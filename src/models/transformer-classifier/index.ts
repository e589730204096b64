import * as nn from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkInputs } from "../pretrained/check-inputs.ts";
import { SEQUENCE_INPUTS, type SequenceBatch } from "../rnn-classifier/index.ts";
import { type TextEncoderConfig, TransformerTextModel } from "../transformer-encoder.ts";
import { wordTable } from "../word-tables.ts";

export interface TransformerClassifierConfig extends TextEncoderConfig {
  vocabSize: number;
  numLabels: number;
  padTokenId: number;
}

/** Token embeddings through a Transformer encoder; the mean over the text's tokens (0 of a text without any) is classified. */
export class TransformerForSequenceClassification extends TransformerTextModel {
  readonly embeddings: nn.Embedding;
  readonly classifier: nn.Linear;

  /** Throws ShapeError unless the heads divide the width. */
  constructor(config: TransformerClassifierConfig) {
    super(config);
    this.embeddings = wordTable(config.vocabSize, config.hiddenSize, 0.02, config.padTokenId);
    this.classifier = new nn.Linear(config.hiddenSize, config.numLabels);
  }

  /** → logits [batch, numLabels]. Throws ShapeError for a text longer than `maxPositionEmbeddings`. */
  forward(batch: SequenceBatch): Tensor {
    checkInputs(this, batch, SEQUENCE_INPUTS, ["ids", "lengths"]);
    const { ids, lengths } = batch;
    const { output, shown } = this.encode(this.embeddings.forward(ids.T), lengths);
    const mean = output
      .mul(shown)
      .sum(1)
      .div(lengths.to("float32").clamp(1).reshape([-1, 1]));
    return this.classifier.forward(this.dropout.forward(mean));
  }
}
