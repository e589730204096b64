import * as nn from "../../nn/index.ts";
import { zeros } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkInputs } from "../pretrained/check-inputs.ts";

/** A batch of sparse vectors: ids int32 [n], offsets int32 [batch], weights [n]. */
export interface SparseBatch {
  ids: Tensor;
  offsets: Tensor;
  weights: Tensor;
}

const SPARSE_INPUTS = { ids: true, offsets: true, weights: true, labels: true } as const;

export interface BagOfWordsConfig {
  vocabSize: number;
  numLabels: number;
}

/** Logistic regression on weighted words: logits are the weighted sum of one row per word, plus a bias. */
export class BagOfWordsForSequenceClassification extends nn.Module {
  readonly embeddings: nn.EmbeddingBag;
  readonly bias: nn.Parameter;

  constructor({ vocabSize, numLabels }: BagOfWordsConfig) {
    super();
    this.embeddings = new nn.EmbeddingBag(vocabSize, numLabels, { mode: "sum" });
    nn.init.zeros_(this.embeddings.weight);
    this.bias = new nn.Parameter(zeros([numLabels]));
  }
  /** → logits [batch, numLabels] */
  forward(batch: SparseBatch): Tensor {
    checkInputs(this, batch, SPARSE_INPUTS, ["ids", "offsets", "weights"]);
    const { ids, offsets, weights } = batch;
    return this.embeddings.forward(ids, offsets, weights).add(this.bias);
  }
}

export interface MlpTextConfig extends BagOfWordsConfig {
  embeddingSize: number;
  hiddenSize: number;
  numHiddenLayers: number;
  dropout: number;
}

/** Weighted words through rectified layers: embedding sum, then `numHiddenLayers` linear layers, dropout after each. */
export class MlpForSequenceClassification extends nn.Module {
  readonly embeddings: nn.EmbeddingBag;
  readonly bias: nn.Parameter;
  readonly dropout: nn.Dropout;
  readonly layers: nn.Linear[];
  readonly classifier: nn.Linear;

  constructor({ vocabSize, numLabels, embeddingSize, hiddenSize, numHiddenLayers, dropout }: MlpTextConfig) {
    super();
    this.embeddings = new nn.EmbeddingBag(vocabSize, embeddingSize, { mode: "sum" });
    // The vectors have length 1, so the sums have about this deviation.
    nn.init.normal_(this.embeddings.weight, 0, 0.1);
    this.bias = new nn.Parameter(zeros([embeddingSize]));
    this.dropout = new nn.Dropout(dropout);
    this.layers = Array.from(
      { length: numHiddenLayers },
      (_, i) => new nn.Linear(i === 0 ? embeddingSize : hiddenSize, hiddenSize),
    );
    this.classifier = new nn.Linear(numHiddenLayers === 0 ? embeddingSize : hiddenSize, numLabels);
  }
  /** → logits [batch, numLabels] */
  forward(batch: SparseBatch): Tensor {
    checkInputs(this, batch, SPARSE_INPUTS, ["ids", "offsets", "weights"]);
    const { ids, offsets, weights } = batch;
    let h = this.dropout.forward(this.embeddings.forward(ids, offsets, weights).add(this.bias).relu());
    for (const layer of this.layers) h = this.dropout.forward(layer.forward(h, "relu"));
    return this.classifier.forward(h);
  }
}
