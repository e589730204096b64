import * as nn from "../../nn/index.ts";
import { arange, tensor } from "../../tensor/create.ts";
import { ShapeError } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { SequenceBatch } from "../rnn-classifier/index.ts";

export interface TransformerClassifierConfig {
  vocabSize: number;
  numLabels: number;
  /** Longest text, in tokens. */
  maxPositionEmbeddings: number;
  hiddenSize: number;
  numHiddenLayers: number;
  numAttentionHeads: number;
  intermediateSize: number;
  dropout: number;
  padTokenId: number;
}

/**
 * A Transformer encoder over the whole text: token and learned position embeddings, pre-norm layers; the mean over the text's
 * tokens is classified. Padding has no influence.
 */
export class TransformerForSequenceClassification extends nn.Module {
  readonly embeddings: nn.Embedding;
  readonly position_embeddings: nn.Embedding;
  readonly encoder: nn.TransformerEncoder;
  readonly dropout: nn.Dropout;
  readonly classifier: nn.Linear;
  readonly #positions: Tensor;

  /** Throws ShapeError unless the heads divide the width. */
  constructor(config: TransformerClassifierConfig) {
    super();
    const { vocabSize, hiddenSize: size, maxPositionEmbeddings, numAttentionHeads: heads, dropout } = config;
    this.embeddings = new nn.Embedding(vocabSize, size, { paddingIdx: config.padTokenId });
    this.position_embeddings = new nn.Embedding(maxPositionEmbeddings, size);
    for (const { weight } of [this.embeddings, this.position_embeddings]) nn.init.normal_(weight, 0, 0.02);
    this.embeddings.weight.detach().select(0, config.padTokenId).zero_();
    const options = {
      ...{ dimFeedforward: config.intermediateSize, dropout, batchFirst: true, normFirst: true },
      activation: "gelu" as const,
    };
    const layer = () => new nn.TransformerEncoderLayer(size, heads, options);
    this.encoder = new nn.TransformerEncoder(layer, config.numHiddenLayers, new nn.LayerNorm(size));
    this.dropout = new nn.Dropout(dropout);
    this.classifier = new nn.Linear(size, config.numLabels);
    this.#positions = arange(maxPositionEmbeddings).keep();
  }

  /** → logits [batch, numLabels]. Throws ShapeError for a text longer than `maxPositionEmbeddings`. */
  forward({ ids, lengths }: SequenceBatch): Tensor {
    const [steps, batch] = ids.shape;
    const most = this.position_embeddings.weight.shape[0];
    if (steps > most) {
      throw new ShapeError(
        `TransformerForSequenceClassification: ${steps} tokens, but the model has ${most} positions`,
      );
    }
    const tokens = this.embeddings.forward(ids.T);
    const positions = this.position_embeddings.forward(this.#positions.slice(0, 0, steps));
    const counts = lengths.data();
    const padding = Uint8Array.from({ length: batch * steps }, (_, i) =>
      i % steps < counts[Math.floor(i / steps)] ? 0 : 1,
    );
    const keyPaddingMask = tensor(padding, [batch, steps]);
    const x = this.encoder.forward(this.dropout.forward(tokens.add(positions)), { keyPaddingMask });
    const shown = keyPaddingMask.to("float32").mul(-1).add(1).reshape([batch, steps, 1]);
    const mean = x
      .mul(shown)
      .sum(1)
      .div(lengths.to("float32").reshape([batch, 1]));
    return this.classifier.forward(this.dropout.forward(mean));
  }
}
