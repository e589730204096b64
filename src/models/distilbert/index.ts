import { z } from "zod";
import * as nn from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { BertEmbeddings } from "../bert/encoder.ts";
import { activated } from "../pretrained/activations.ts";
import { familyOf } from "../pretrained/auto.ts";
import { checkInputs, checkOutputs, ENCODER_INPUTS } from "../pretrained/check-inputs.ts";
import { type ConfigOf, checkPadding, defineConfig, kinds, labelsOf } from "../pretrained/config.ts";
import { ENCODER_REFUSED } from "../pretrained/config-keys.ts";
import { VocabularyHead } from "../pretrained/encoder-heads.ts";
import { EncoderLayers } from "../pretrained/encoder-layers.ts";
import { named } from "../pretrained/headed.ts";
import { encoderHeads } from "../pretrained/heads.ts";
import type { EncoderInputs, EncoderOutput } from "../pretrained/inputs.ts";
import { bertLinear } from "../pretrained/layers.ts";
import { PreTrainedModel } from "../pretrained/model.ts";
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
  activation: kinds.anyActivation.default("gelu"),
  initializerRange: kinds.deviation.default(0.02),
  qaDropout: kinds.share.default(0.1),
  seqClassifDropout: kinds.share.default(0.2),
  padTokenId: kinds.tokenId.nullish().default(0),
};
export type DistilBertConfig = ConfigOf<typeof KEYS>;
export const distilBertConfig = defineConfig("distilbert", KEYS, {
  aliases: { hiddenSize: "dim", numAttentionHeads: "nHeads", numHiddenLayers: "nLayers" },
  refused: ENCODER_REFUSED,
  check: ({ dim, nHeads, padTokenId, vocabSize }) =>
    dim % nHeads === 0 ? checkPadding(padTokenId, vocabSize) : `n_heads ${nHeads} does not divide dim ${dim}`,
});

const EPS = 1e-12;
const DISTILBERT = {
  configKind: distilBertConfig,
  baseModelPrefix: "distilbert",
  ignored: [/embeddings\.position_ids$/],
} as const;

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
    return this.dropout.forward(this.lin2.forward(activated(this.lin1, x, this.#activation)));
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

/** DistilBERT (Sanh et al., 2019), bare. */
export class DistilBertModel extends named(PreTrainedModel<DistilBertConfig>, "DistilBertModel", DISTILBERT) {
  static readonly inputNames = ENCODER_INPUTS;
  readonly embeddings: BertEmbeddings;
  readonly transformer: EncoderLayers;
  constructor(config: DistilBertConfig) {
    super(config);
    const { dim, dropout, nLayers, ...rest } = config;
    this.embeddings = new BertEmbeddings({ ...rest, layerNormEps: EPS, hiddenDropoutProb: dropout }, dim);
    // They begin so, and learn as others do.
    if (config.sinusoidalPosEmbds) {
      const { weight } = this.embeddings.position_embeddings;
      const [length, size] = weight.shape;
      nn.init.filled_(weight, () => Float64Array.from(nn.sinusoidalPositions(length, size).data()));
    }
    this.transformer = new EncoderLayers(nLayers, () => new TransformerBlock(config));
  }
  /** Throws ShapeError for more tokens than positions, or a mask of another shape. */
  forward(inputs: EncoderInputs, options: { outputHiddenStates?: boolean } = {}): EncoderOutput {
    checkInputs(this, inputs, ENCODER_INPUTS);
    checkOutputs(this, options);
    return this.transformer.forward(this.embeddings.forward(inputs), inputs, options);
  }
}

const heads = encoderHeads("DistilBert", {
  ...DISTILBERT,
  base: (config: DistilBertConfig) => new DistilBertModel(config),
  width: (config) => config.dim,
  dropout: (config) => config.dropout,
});

export class DistilBertForSequenceClassification extends heads.ForSequenceClassification {
  readonly pre_classifier: nn.Linear;
  readonly classifier: nn.Linear;
  readonly dropout: nn.Dropout;
  constructor(config: DistilBertConfig) {
    super(config);
    this.pre_classifier = bertLinear(config.dim, config.dim, config);
    this.classifier = bertLinear(config.dim, labelsOf(config).length, config);
    this.dropout = new nn.Dropout(config.seqClassifDropout);
  }
  protected classify({ lastHiddenState }: EncoderOutput): Tensor {
    const first = this.pre_classifier.forward(lastHiddenState.select(1, 0), "relu");
    return this.classifier.forward(this.dropout.forward(first));
  }
}

export class DistilBertForTokenClassification extends heads.ForTokenClassification {}

export class DistilBertForQuestionAnswering extends heads.ForQuestionAnswering {
  readonly dropout: nn.Dropout;
  constructor(config: DistilBertConfig) {
    super(config);
    this.dropout = new nn.Dropout(config.qaDropout);
  }
  protected override encode(inputs: EncoderInputs): Tensor {
    return this.dropout.forward(super.encode(inputs));
  }
}

export class DistilBertForMaskedLM extends heads.ForMaskedLM {
  readonly vocab_transform: nn.Linear;
  readonly vocab_layer_norm: nn.LayerNorm;
  readonly vocab_projector: VocabularyHead;
  constructor(config: DistilBertConfig) {
    super(config);
    this.vocab_transform = bertLinear(config.dim, config.dim, config);
    this.vocab_layer_norm = new nn.LayerNorm(config.dim, { eps: EPS });
    this.vocab_projector = new VocabularyHead(config, config.dim, this.distilbert.embeddings.word_embeddings.weight);
  }
  protected predict(x: Tensor): Tensor {
    const y = activated(this.vocab_transform, x, this.config.activation);
    return this.vocab_projector.forward(this.vocab_layer_norm.forward(y));
  }
}

export const distilbert = familyOf(
  distilBertConfig,
  DistilBertModel,
  DistilBertForSequenceClassification,
  DistilBertForTokenClassification,
  DistilBertForQuestionAnswering,
  DistilBertForMaskedLM,
);
