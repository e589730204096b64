import * as nn from "../nn/index.ts";
import { arange } from "../tensor/create.ts";
import { ShapeError } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

export interface TextEncoderConfig {
  /** Longest text, in tokens. */
  maxPositionEmbeddings: number;
  hiddenSize: number;
  numHiddenLayers: number;
  numAttentionHeads: number;
  intermediateSize: number;
  dropout: number;
}

/** A Transformer encoder over whole texts: learned position embeddings, pre-norm layers. Padding has no influence. */
export abstract class TransformerTextModel extends nn.Module {
  readonly position_embeddings: nn.Embedding;
  readonly encoder: nn.TransformerEncoder;
  readonly dropout: nn.Dropout;
  readonly #positions: Tensor;

  /** Throws ShapeError unless the heads divide the width. */
  constructor(config: TextEncoderConfig) {
    super();
    const { hiddenSize: size, maxPositionEmbeddings, numAttentionHeads: heads, dropout } = config;
    this.position_embeddings = new nn.Embedding(maxPositionEmbeddings, size);
    nn.init.normal_(this.position_embeddings.weight, 0, 0.02);
    const options = {
      ...{ dimFeedforward: config.intermediateSize, dropout, batchFirst: true, normFirst: true },
      activation: "gelu" as const,
    };
    const layer = () => new nn.TransformerEncoderLayer(size, heads, options);
    this.encoder = new nn.TransformerEncoder(layer, config.numHiddenLayers, new nn.LayerNorm(size));
    this.dropout = new nn.Dropout(dropout);
    this.#positions = arange(maxPositionEmbeddings).keep();
  }

  /**
   * @param tokens [batch, T, hiddenSize]
   * @param lengths int32 [batch], 0 to T
   * @returns output [batch, T, hiddenSize]; shown [batch, T, 1]: 1 where there is a token, 0 where there is padding
   * @throws ShapeError for a text longer than `maxPositionEmbeddings`, or a length that is none
   */
  protected encode(tokens: Tensor, lengths: Tensor): { output: Tensor; shown: Tensor } {
    const [batch, steps] = tokens.shape;
    const most = this.position_embeddings.weight.shape[0];
    if (steps > most) {
      throw new ShapeError(`${this.constructor.name}: ${steps} tokens, but the model has ${most} positions`);
    }
    const wrong = Array.from(lengths.data()).findIndex((n) => !(n >= 0 && n <= steps));
    if (wrong >= 0) {
      throw new ShapeError(
        `${this.constructor.name}: length ${lengths.data()[wrong]} of text ${wrong} is outside 0 to ${steps}`,
      );
    }
    const at = this.#positions.slice(0, 0, steps);
    const positions = this.position_embeddings.forward(at);
    const keyPaddingMask = at.reshape([1, steps]).ge(lengths.reshape([batch, 1]));
    const output = this.encoder.forward(this.dropout.forward(tokens.add(positions)), { keyPaddingMask });
    return { output, shown: keyPaddingMask.to("float32").mul(-1).add(1).reshape([batch, steps, 1]) };
  }
}
