import * as nn from "../../nn/index.ts";
import { concat } from "../../ops/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkInputs } from "../pretrained/check-inputs.ts";
import { TAGGER_INPUTS, type TaggerBatch } from "../rnn-tagger/index.ts";
import { type TextEncoderConfig, TransformerTextModel } from "../transformer-encoder.ts";
import { featureTable, wordTable } from "../word-tables.ts";

export interface TransformerTaggerConfig extends TextEncoderConfig {
  vocabSize: number;
  numLabels: number;
  embeddingSize: number;
  /** Rows of the table of features, and their width; see `wordFeatures`. */
  featureBuckets: number;
  featureSize: number;
  padTokenId: number;
}

/**
 * Words, each its own vector beside the mean of its features' vectors, through a Transformer encoder that classifies every
 * one of them. Padding has no influence.
 */
export class TransformerForTokenClassification extends TransformerTextModel {
  readonly embeddings: nn.Embedding;
  readonly features: nn.EmbeddingBag;
  readonly projection: nn.Linear;
  readonly classifier: nn.Linear;

  /** Throws ShapeError unless the heads divide the width. */
  constructor(config: TransformerTaggerConfig) {
    super(config);
    const { vocabSize, embeddingSize, featureSize, hiddenSize, padTokenId } = config;
    this.embeddings = wordTable(vocabSize, embeddingSize, 0.1, padTokenId);
    this.features = featureTable(config);
    this.projection = new nn.Linear(embeddingSize + featureSize, hiddenSize);
    this.classifier = new nn.Linear(hiddenSize, config.numLabels);
  }

  /**
   * → logits [T, batch, numLabels]; those of padding mean nothing. Throws ShapeError for a sentence longer than
   * `maxPositionEmbeddings`.
   */
  forward(batch: TaggerBatch): Tensor {
    checkInputs(this, batch, TAGGER_INPUTS, ["ids", "lengths", "features", "offsets"]);
    const { ids, lengths, features, offsets } = batch;
    const looks = this.features.forward(features, offsets).reshape([...ids.shape, -1]);
    const words = this.dropout.forward(concat([this.embeddings.forward(ids), looks], 2));
    const { output } = this.encode(this.projection.forward(words).transpose(0, 1), lengths);
    return this.classifier.forward(this.dropout.forward(output)).transpose(0, 1);
  }
}
