import { z } from "zod";
import * as nn from "../../nn/index.ts";
import { arange } from "../../tensor/create.ts";
import { ShapeError } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { bertTable } from "../bert/encoder.ts";
import type { Family } from "../pretrained/auto.ts";
import { type ConfigOf, defineConfig, kinds, labelsOf } from "../pretrained/config.ts";
import {
  bertLinear,
  EncoderForMaskedLM,
  EncoderForQuestionAnswering,
  EncoderForSequenceClassification,
  EncoderForTokenClassification,
  VocabularyHead,
} from "../pretrained/encoder-heads.ts";
import { ACTIVATIONS, type EncoderInputs, type EncoderOutput, paddingMask } from "../pretrained/inputs.ts";
import { PreTrainedModel, runLayer } from "../pretrained/model.ts";
import { multiHead } from "../pretrained/multi-head.ts";

const KEYS = {
  vocabSize: kinds.rows.default(30522),
  maxPositionEmbeddings: kinds.rows.default(512),
  sinusoidalPosEmbds: z.boolean().default(false),
  nLayers: kinds.layers.default(6),
  nHeads: kinds.heads.default(12),
  dim: kinds.width.default(768),
  hiddenDim: kinds.width.default(3072),
  dropout: kinds.share.default(0.1),
  attentionDropout: kinds.share.default(0.1),
  activation: kinds.activation.default("gelu"),
  initializerRange: z.number().min(0).default(0.02),
  qaDropout: kinds.share.default(0.1),
  seqClassifDropout: kinds.share.default(0.2),
  padTokenId: kinds.tokenId.nullish().default(0),
};
export type DistilBertConfig = ConfigOf<typeof KEYS>;
export const distilBertConfig = defineConfig("distilbert", KEYS, ({ dim, nHeads }) =>
  dim % nHeads === 0 ? undefined : `n_heads ${nHeads} does not divide dim ${dim}`,
);

const EPS = 1e-12;
const IGNORED = [/embeddings\.position_ids$/];

class Embeddings extends nn.Module {
  readonly word_embeddings: nn.Embedding;
  readonly position_embeddings: nn.Embedding;
  readonly LayerNorm: nn.LayerNorm;
  readonly dropout: nn.Dropout;
  readonly #positions: Tensor;
  constructor(config: DistilBertConfig) {
    super();
    this.word_embeddings = bertTable(config.vocabSize, config.dim, config.initializerRange, config.padTokenId);
    this.position_embeddings = bertTable(config.maxPositionEmbeddings, config.dim, config.initializerRange);
    this.LayerNorm = new nn.LayerNorm(config.dim, { eps: EPS });
    this.dropout = new nn.Dropout(config.dropout);
    this.#positions = arange(config.maxPositionEmbeddings).keep();
  }
  forward({ inputIds, positionIds }: EncoderInputs): Tensor {
    const t = inputIds.shape[1];
    const most = this.position_embeddings.weight.shape[0];
    if (positionIds === undefined && t > most) {
      throw new ShapeError(
        `${t} tokens, but the model has ${most} positions`,
        "Cut the text: --max-length, truncation.",
      );
    }
    const positions = this.position_embeddings.forward(positionIds ?? this.#positions.slice(0, 0, t));
    return this.dropout.forward(this.LayerNorm.forward(this.word_embeddings.forward(inputIds).add(positions)));
  }
}

class MultiHeadSelfAttention extends nn.Module {
  readonly q_lin: nn.Linear;
  readonly k_lin: nn.Linear;
  readonly v_lin: nn.Linear;
  readonly out_lin: nn.Linear;
  readonly #heads: number;
  readonly #dropout: number;
  constructor(config: DistilBertConfig) {
    super();
    const layer = () => bertLinear(config.dim, config.dim, config);
    [this.q_lin, this.k_lin, this.v_lin, this.out_lin] = [layer(), layer(), layer(), layer()];
    this.#heads = config.nHeads;
    this.#dropout = config.attentionDropout;
  }
  forward(x: Tensor, attnMask: Tensor | undefined): Tensor {
    const [q, k, v] = [this.q_lin, this.k_lin, this.v_lin].map((layer) => layer.forward(x));
    const options = { attnMask, dropout: this.#dropout, training: this.training };
    return this.out_lin.forward(multiHead(q, k, v, this.#heads, options));
  }
}

class FeedForward extends nn.Module {
  readonly lin1: nn.Linear;
  readonly lin2: nn.Linear;
  readonly dropout: nn.Dropout;
  readonly #activation: string;
  constructor(config: DistilBertConfig) {
    super();
    this.lin1 = bertLinear(config.dim, config.hiddenDim, config);
    this.lin2 = bertLinear(config.hiddenDim, config.dim, config);
    this.dropout = new nn.Dropout(config.dropout);
    this.#activation = config.activation;
  }
  forward(x: Tensor): Tensor {
    return this.dropout.forward(this.lin2.forward(this.lin1.forward(x, ACTIVATIONS[this.#activation])));
  }
}

class TransformerBlock extends nn.Module {
  readonly attention: MultiHeadSelfAttention;
  readonly sa_layer_norm: nn.LayerNorm;
  readonly ffn: FeedForward;
  readonly output_layer_norm: nn.LayerNorm;
  constructor(config: DistilBertConfig) {
    super();
    this.attention = new MultiHeadSelfAttention(config);
    this.sa_layer_norm = new nn.LayerNorm(config.dim, { eps: EPS });
    this.ffn = new FeedForward(config);
    this.output_layer_norm = new nn.LayerNorm(config.dim, { eps: EPS });
  }
  forward(x: Tensor, mask: Tensor | undefined): Tensor {
    const attended = this.sa_layer_norm.forward(this.attention.forward(x, mask).add(x));
    return this.output_layer_norm.forward(this.ffn.forward(attended).add(attended));
  }
}

class Transformer extends nn.Module {
  readonly layer: TransformerBlock[];
  checkpoints = false;
  constructor(config: DistilBertConfig) {
    super();
    this.layer = Array.from({ length: config.nLayers }, () => new TransformerBlock(config));
  }
  forward(x: Tensor, mask: Tensor | undefined, each?: (x: Tensor) => void): Tensor {
    for (const layer of this.layer) {
      x = runLayer(this, (h) => layer.forward(h, mask), x);
      each?.(x);
    }
    return x;
  }
}

/** DistilBERT (Sanh et al., 2019), bare. */
export class DistilBertModel extends PreTrainedModel<DistilBertConfig> {
  static override readonly architecture: string = "DistilBertModel";
  static override readonly configKind = distilBertConfig;
  static override readonly baseModelPrefix: string = "distilbert";
  static override readonly ignored = IGNORED;
  readonly embeddings: Embeddings;
  readonly transformer: Transformer;
  constructor(config: DistilBertConfig) {
    super(config);
    this.embeddings = new Embeddings(config);
    this.transformer = new Transformer(config);
  }
  /** Throws ShapeError for more tokens than positions, or a mask of another shape. */
  forward(inputs: EncoderInputs, { outputHiddenStates = false } = {}): EncoderOutput {
    const mask = paddingMask(inputs.inputIds, inputs.attentionMask);
    const embedded = this.embeddings.forward(inputs);
    const hiddenStates = outputHiddenStates ? [embedded] : undefined;
    const lastHiddenState = this.transformer.forward(embedded, mask, (x) => void hiddenStates?.push(x));
    return { lastHiddenState, hiddenStates };
  }
}

export class DistilBertForSequenceClassification extends EncoderForSequenceClassification<DistilBertConfig> {
  static override readonly architecture: string = "DistilBertForSequenceClassification";
  static override readonly configKind = distilBertConfig;
  static override readonly baseModelPrefix: string = "distilbert";
  static override readonly ignored = IGNORED;
  readonly distilbert: DistilBertModel;
  readonly pre_classifier: nn.Linear;
  readonly classifier: nn.Linear;
  readonly dropout: nn.Dropout;
  constructor(config: DistilBertConfig) {
    super(config);
    this.distilbert = new DistilBertModel(config);
    this.pre_classifier = bertLinear(config.dim, config.dim, config);
    this.classifier = bertLinear(config.dim, labelsOf(config).length, config);
    this.dropout = new nn.Dropout(config.seqClassifDropout);
  }
  protected classify(inputs: EncoderInputs): Tensor {
    const first = this.distilbert.forward(inputs).lastHiddenState.select(1, 0);
    return this.classifier.forward(this.dropout.forward(this.pre_classifier.forward(first, "relu")));
  }
}

export class DistilBertForTokenClassification extends EncoderForTokenClassification<DistilBertConfig> {
  static override readonly architecture: string = "DistilBertForTokenClassification";
  static override readonly configKind = distilBertConfig;
  static override readonly baseModelPrefix: string = "distilbert";
  static override readonly ignored = IGNORED;
  readonly distilbert: DistilBertModel;
  constructor(config: DistilBertConfig) {
    super(config, config.dim, config.dropout);
    this.distilbert = new DistilBertModel(config);
  }
  protected encode(inputs: EncoderInputs): Tensor {
    return this.distilbert.forward(inputs).lastHiddenState;
  }
}

export class DistilBertForQuestionAnswering extends EncoderForQuestionAnswering<DistilBertConfig> {
  static override readonly architecture: string = "DistilBertForQuestionAnswering";
  static override readonly configKind = distilBertConfig;
  static override readonly baseModelPrefix: string = "distilbert";
  static override readonly ignored = IGNORED;
  readonly distilbert: DistilBertModel;
  readonly dropout: nn.Dropout;
  constructor(config: DistilBertConfig) {
    super(config, config.dim);
    this.distilbert = new DistilBertModel(config);
    this.dropout = new nn.Dropout(config.qaDropout);
  }
  protected encode(inputs: EncoderInputs): Tensor {
    return this.dropout.forward(this.distilbert.forward(inputs).lastHiddenState);
  }
}

export class DistilBertForMaskedLM extends EncoderForMaskedLM<DistilBertConfig> {
  static override readonly architecture: string = "DistilBertForMaskedLM";
  static override readonly configKind = distilBertConfig;
  static override readonly baseModelPrefix: string = "distilbert";
  static override readonly ignored = IGNORED;
  readonly distilbert: DistilBertModel;
  readonly vocab_transform: nn.Linear;
  readonly vocab_layer_norm: nn.LayerNorm;
  readonly vocab_projector: VocabularyHead;
  readonly #activation: string;
  constructor(config: DistilBertConfig) {
    super(config);
    this.distilbert = new DistilBertModel(config);
    this.vocab_transform = bertLinear(config.dim, config.dim, config);
    this.vocab_layer_norm = new nn.LayerNorm(config.dim, { eps: EPS });
    this.vocab_projector = new VocabularyHead(config, config.dim, this.distilbert.embeddings.word_embeddings.weight);
    this.#activation = config.activation;
  }
  protected predict(inputs: EncoderInputs): Tensor {
    const x = this.distilbert.forward(inputs).lastHiddenState;
    const y = this.vocab_layer_norm.forward(this.vocab_transform.forward(x, ACTIVATIONS[this.#activation]));
    return this.vocab_projector.forward(y);
  }
}

export const distilbert: Family = {
  config: distilBertConfig,
  heads: {
    base: DistilBertModel,
    sequenceClassification: DistilBertForSequenceClassification,
    tokenClassification: DistilBertForTokenClassification,
    questionAnswering: DistilBertForQuestionAnswering,
    maskedLm: DistilBertForMaskedLM,
  },
};
