import * as nn from "../../nn/index.ts";
import { concat } from "../../ops/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkInputs } from "../pretrained/check-inputs.ts";
import {
  bidirectional,
  type RnnClassifierConfig,
  readBoth,
  SEQUENCE_INPUTS,
  type SequenceBatch,
} from "../rnn-classifier/index.ts";
import { featureTable, wordTable } from "../word-tables.ts";

/**
 * Sentences side by side, word by word: ids int32 [T, batch] filled up with the padding id, lengths int32 [batch]; of each word
 * (in the order of ids) a bag of features: features int32 [n], offsets int32 [T · batch]. Padding has empty bags.
 */
export interface TaggerBatch extends SequenceBatch {
  features: Tensor;
  offsets: Tensor;
}

export const TAGGER_INPUTS = { ...SEQUENCE_INPUTS, features: true, offsets: true } as const;

export interface RnnTaggerConfig extends RnnClassifierConfig {
  /** Rows of the table of features, and their width; see `wordFeatures`. */
  featureBuckets: number;
  featureSize: number;
}

/**
 * Reads a sentence in both directions and classifies every word (Huang, Xu and Yu 2015, without the conditional random field).
 * A word is its own vector beside the mean of its features' vectors, so that unknown words are known by their letters. Padding
 * has no influence. Dropout on words, between layers and before the classifier.
 */
export class RnnForTokenClassification extends nn.Module {
  readonly embeddings: nn.Embedding;
  readonly features: nn.EmbeddingBag;
  readonly rnn: nn.RNN | nn.GRU | nn.LSTM;
  readonly dropout: nn.Dropout;
  readonly classifier: nn.Linear;

  constructor(config: RnnTaggerConfig) {
    super();
    const { vocabSize, embeddingSize, featureSize, hiddenSize, dropout, padTokenId } = config;
    // Smaller than PyTorch's standard normal: what was learned must show against what is random.
    this.embeddings = wordTable(vocabSize, embeddingSize, 0.1, padTokenId);
    this.features = featureTable(config);
    this.rnn = bidirectional(embeddingSize + featureSize, config);
    this.dropout = new nn.Dropout(dropout);
    this.classifier = new nn.Linear(2 * hiddenSize, config.numLabels);
  }

  /** → logits [T, batch, numLabels]; those of padding mean nothing. */
  forward(batch: TaggerBatch): Tensor {
    checkInputs(this, batch, TAGGER_INPUTS, ["ids", "lengths", "features", "offsets"]);
    const { ids, lengths, features, offsets } = batch;
    const words = this.embeddings.forward(ids);
    const looks = this.features.forward(features, offsets).reshape([...ids.shape, -1]);
    const x = this.dropout.forward(concat([words, looks], 2));
    const { output } = readBoth(this.rnn, x, lengths);
    return this.classifier.forward(this.dropout.forward(output));
  }
}
