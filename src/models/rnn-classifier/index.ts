import * as nn from "../../nn/index.ts";
import { concat } from "../../ops/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { RNN_CELLS } from "../rnn-lm/index.ts";

/** Sequences side by side: ids int32 [T, batch] filled up with the padding id; lengths int32 [batch], from 0 on. */
export interface SequenceBatch {
  ids: Tensor;
  lengths: Tensor;
}

export interface RnnClassifierConfig {
  modelType: (typeof RNN_CELLS)[number];
  vocabSize: number;
  numLabels: number;
  embeddingSize: number;
  hiddenSize: number;
  numHiddenLayers: number;
  dropout: number;
  padTokenId: number;
}

/**
 * Reads a text in both directions; the mean over its tokens and the last states of either direction are classified. Padding has
 * no influence. Dropout on embeddings, between layers and before the classifier.
 */
export class RnnForSequenceClassification extends nn.Module {
  readonly embeddings: nn.Embedding;
  readonly rnn: nn.RNN | nn.GRU | nn.LSTM;
  readonly dropout: nn.Dropout;
  readonly classifier: nn.Linear;

  constructor(config: RnnClassifierConfig) {
    super();
    const { modelType, vocabSize, embeddingSize, hiddenSize, numHiddenLayers: numLayers, dropout, padTokenId } = config;
    this.embeddings = new nn.Embedding(vocabSize, embeddingSize, { paddingIdx: padTokenId });
    // Smaller than PyTorch's standard normal: what was learned must show against what is random.
    nn.init.normal_(this.embeddings.weight, 0, 0.1);
    this.embeddings.weight.detach().select(0, padTokenId).zero_();
    const Cell = { rnn: nn.RNN, gru: nn.GRU, lstm: nn.LSTM }[modelType];
    this.rnn = new Cell(embeddingSize, hiddenSize, { numLayers, dropout, bidirectional: true });
    this.dropout = new nn.Dropout(dropout);
    this.classifier = new nn.Linear(4 * hiddenSize, config.numLabels);
  }

  /** → logits [batch, numLabels] */
  forward({ ids, lengths }: SequenceBatch): Tensor {
    const x = this.dropout.forward(this.embeddings.forward(ids));
    const { output, state } =
      this.rnn instanceof nn.LSTM
        ? this.rnn.forward(x, undefined, { lengths })
        : this.rnn.forward(x, undefined, { lengths });
    const last = Array.isArray(state) ? state[0] : state;
    const [layers, batch] = last.shape;
    // Outputs past a text's end are 0.
    const mean = output.sum(0).div(lengths.to("float32").clamp(1).reshape([batch, 1]));
    const ends = [layers - 2, layers - 1].map((i) => last.select(0, i));
    return this.classifier.forward(this.dropout.forward(concat([mean, ...ends], 1)));
  }
}
