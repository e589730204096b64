import * as nn from "../../nn/index.ts";
import { arange, zeros } from "../../tensor/create.ts";
import { ShapeError } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { activated } from "../pretrained/activations.ts";
import type { EncoderInputs } from "../pretrained/inputs.ts";
import { bertLinear, plainTable } from "../pretrained/layers.ts";
import { multiHead } from "../pretrained/multi-head.ts";
import type { BertConfig } from "./config.ts";

/** Sizes of {@link BertEmbeddings}; without `typeVocabSize` there is no table of token types. */
export interface EmbeddingsConfig {
  vocabSize: number;
  maxPositionEmbeddings: number;
  typeVocabSize?: number;
  initializerRange: number;
  layerNormEps: number;
  hiddenDropoutProb: number;
  padTokenId?: number | null;
}

export class BertEmbeddings extends nn.Module {
  readonly word_embeddings: nn.Embedding;
  readonly position_embeddings: nn.Embedding;
  readonly token_type_embeddings: nn.Embedding | undefined;
  readonly LayerNorm: nn.LayerNorm;
  readonly dropout: nn.Dropout;
  readonly #positions: Tensor;

  /** @param padding the position whose row does not learn */
  constructor(config: EmbeddingsConfig, size: number, padding?: number) {
    super();
    const std = config.initializerRange;
    this.word_embeddings = plainTable(config.vocabSize, size, std, config.padTokenId);
    this.position_embeddings = plainTable(config.maxPositionEmbeddings, size, std, padding);
    if (config.typeVocabSize !== undefined) this.token_type_embeddings = plainTable(config.typeVocabSize, size, std);
    this.LayerNorm = new nn.LayerNorm(size, { eps: config.layerNormEps });
    this.dropout = new nn.Dropout(config.hiddenDropoutProb);
    this.#positions = arange(config.maxPositionEmbeddings).keep();
  }
  /** Throws ShapeError for more tokens than positions. */
  protected checkLength(t: number): void {
    const most = this.position_embeddings.weight.shape[0];
    if (t > most) {
      throw new ShapeError(
        `${t} tokens, but the model has ${most} positions`,
        "Cut the text: --max-length, truncation.",
      );
    }
  }
  /** → [batch, T, size]. Throws ShapeError for more tokens than positions. */
  forward({ inputIds, tokenTypeIds, positionIds }: EncoderInputs): Tensor {
    const [batch, t] = inputIds.shape;
    if (positionIds === undefined) this.checkLength(t);
    const positions = this.position_embeddings.forward(positionIds ?? this.#positions.slice(0, 0, t));
    const types = this.token_type_embeddings?.forward(tokenTypeIds ?? zeros([1, 1], { dtype: "int32" }));
    const x = this.word_embeddings.forward(inputIds).add(types === undefined ? positions : positions.add(types));
    return this.dropout.forward(this.LayerNorm.forward(x.reshape([batch, t, -1])));
  }
}

class BertSelfAttention extends nn.Module {
  readonly query: nn.Linear;
  readonly key: nn.Linear;
  readonly value: nn.Linear;
  readonly #heads: number;
  readonly #dropout: number;
  constructor(config: BertConfig) {
    super();
    const size = config.hiddenSize;
    this.query = bertLinear(size, size, config);
    this.key = bertLinear(size, size, config);
    this.value = bertLinear(size, size, config);
    this.#heads = config.numAttentionHeads;
    this.#dropout = config.attentionProbsDropoutProb;
  }
  /** x [batch, T, size]; attnMask uint8 [batch, 1, 1, T], 0 hides. */
  forward(x: Tensor, attnMask: Tensor | undefined): Tensor {
    const [q, k, v] = [this.query, this.key, this.value].map((layer) => layer.forward(x));
    return multiHead(q, k, v, this.#heads, { attnMask, dropout: this.#dropout, training: this.training });
  }
}

/** Linear, dropout, and the normalised sum with what came in. */
class BertOutput extends nn.Module {
  readonly dense: nn.Linear;
  readonly LayerNorm: nn.LayerNorm;
  readonly dropout: nn.Dropout;
  constructor(input: number, config: BertConfig) {
    super();
    this.dense = bertLinear(input, config.hiddenSize, config);
    this.LayerNorm = new nn.LayerNorm(config.hiddenSize, { eps: config.layerNormEps });
    this.dropout = new nn.Dropout(config.hiddenDropoutProb);
  }
  forward(x: Tensor, residual: Tensor): Tensor {
    return this.LayerNorm.forward(this.dropout.forward(this.dense.forward(x)).add(residual));
  }
}

class BertAttention extends nn.Module {
  readonly self: BertSelfAttention;
  readonly output: BertOutput;
  constructor(config: BertConfig) {
    super();
    this.self = new BertSelfAttention(config);
    this.output = new BertOutput(config.hiddenSize, config);
  }
  forward(x: Tensor, mask: Tensor | undefined): Tensor {
    return this.output.forward(this.self.forward(x, mask), x);
  }
}

class BertIntermediate extends nn.Module {
  readonly dense: nn.Linear;
  readonly #activation: string;
  constructor(config: BertConfig) {
    super();
    this.dense = bertLinear(config.hiddenSize, config.intermediateSize, config);
    this.#activation = config.hiddenAct;
  }
  forward(x: Tensor): Tensor {
    return activated(this.dense, x, this.#activation);
  }
}

/** Post-norm (Devlin et al., 2019). */
export class BertLayer extends nn.Module {
  readonly attention: BertAttention;
  readonly intermediate: BertIntermediate;
  readonly output: BertOutput;
  constructor(config: BertConfig) {
    super();
    this.attention = new BertAttention(config);
    this.intermediate = new BertIntermediate(config);
    this.output = new BertOutput(config.intermediateSize, config);
  }
  forward(x: Tensor, mask: Tensor | undefined): Tensor {
    const attended = this.attention.forward(x, mask);
    return this.output.forward(this.intermediate.forward(attended), attended);
  }
}

/** The first token through a tanh layer. */
export class BertPooler extends nn.Module {
  readonly dense: nn.Linear;
  constructor(config: { hiddenSize: number; initializerRange: number }) {
    super();
    this.dense = bertLinear(config.hiddenSize, config.hiddenSize, config);
  }
  forward(x: Tensor): Tensor {
    return this.dense.forward(x.select(1, 0), "tanh");
  }
}
