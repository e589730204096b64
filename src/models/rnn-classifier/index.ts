import * as nn from "../../nn/index.ts";
import { concat } from "../../ops/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkInputs } from "../pretrained/check-inputs.ts";
import type { RNN_CELLS } from "../rnn-lm/index.ts";
import { wordTable } from "../word-tables.ts";

/** Sequences side by side: ids int32 [T, batch] filled up with the padding id; lengths int32 [batch], from 0 on. */
export interface SequenceBatch {
  ids: Tensor;
  lengths: Tensor;
}

/** A batch is taken as it is, its labels with it: the loss is the caller's. */
export const SEQUENCE_INPUTS = { ids: true, lengths: true, labels: true } as const;

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

type Rnn = nn.RNN | nn.GRU | nn.LSTM;

/** Recurrent layers in both directions over vectors of `size`. */
export function bidirectional(size: number, config: RnnClassifierConfig): Rnn {
  const { modelType, hiddenSize, numHiddenLayers: numLayers, dropout } = config;
  const Cell = { rnn: nn.RNN, gru: nn.GRU, lstm: nn.LSTM }[modelType];
  return new Cell(size, hiddenSize, { numLayers, dropout, bidirectional: true });
}

/** x [T, batch, size] → output [T, batch, 2 · hidden], 0 past a text's end, and the last states [2 · layers, batch, hidden]. */
export function readBoth(rnn: Rnn, x: Tensor, lengths: Tensor): { output: Tensor; last: Tensor } {
  const all = rnn instanceof nn.LSTM ? rnn.forward(x, undefined, { lengths }) : rnn.forward(x, undefined, { lengths });
  return { output: all.output, last: Array.isArray(all.state) ? all.state[0] : all.state };
}

/**
 * Reads a text in both directions; the mean over its tokens and the last states of either direction are classified. Padding has
 * no influence. Dropout on embeddings, between layers and before the classifier.
 */
export class RnnForSequenceClassification extends nn.Module {
  readonly embeddings: nn.Embedding;
  readonly rnn: Rnn;
  readonly dropout: nn.Dropout;
  readonly classifier: nn.Linear;

  constructor(config: RnnClassifierConfig) {
    super();
    const { vocabSize, embeddingSize, hiddenSize, dropout, padTokenId } = config;
    // Smaller than PyTorch's standard normal: what was learned must show against what is random.
    this.embeddings = wordTable(vocabSize, embeddingSize, 0.1, padTokenId);
    this.rnn = bidirectional(embeddingSize, config);
    this.dropout = new nn.Dropout(dropout);
    this.classifier = new nn.Linear(4 * hiddenSize, config.numLabels);
  }

  /** → logits [batch, numLabels] */
  forward(batch: SequenceBatch): Tensor {
    checkInputs(this, batch, SEQUENCE_INPUTS, ["ids", "lengths"]);
    const { ids, lengths } = batch;
    const x = this.dropout.forward(this.embeddings.forward(ids));
    const { output, last } = readBoth(this.rnn, x, lengths);
    const [layers, rows] = last.shape;
    const mean = output.sum(0).div(lengths.to("float32").clamp(1).reshape([rows, 1]));
    const ends = [layers - 2, layers - 1].map((i) => last.select(0, i));
    return this.classifier.forward(this.dropout.forward(concat([mean, ...ends], 1)));
  }
}
