import * as nn from "../../nn/index.ts";
import { concat, embedding } from "../../ops/index.ts";
import { full, tensor } from "../../tensor/create.ts";
import { ShapeError } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { CausalLm, LmState } from "../causal-lm.ts";
import { checkInputs, LABELLED_DECODER_INPUTS } from "./check-inputs.ts";
import { type InitialisedConfig, labelsOf, type PretrainedConfig } from "./config.ts";
import type { DecoderInputs, LabelledDecoderInputs } from "./decoder.ts";
import { HeadedModel, type HeadTraits } from "./headed.ts";
import type { EncoderOutput, HeadOutput } from "./inputs.ts";
import { LmHead, plainLinear, plainWeight } from "./layers.ts";
import { classificationLoss, tokenLoss } from "./losses.ts";

export interface Decoder extends nn.Module {
  forward(inputs: DecoderInputs): EncoderOutput;
  /** Hidden states after each of `ids`; see {@link CausalLm.next}. */
  next(ids: Tensor, past?: LmState, padding?: readonly number[]): { x: Tensor; past: Tensor[] };
}

/** What the heads of a family of decoders stand on. */
export interface DecoderTraits<C, P extends string, D> extends HeadTraits<C, P, D> {
  /** The table of tokens. */
  readonly words: (decoder: D) => nn.Parameter;
  /** Longest text, in tokens. */
  readonly positions: (config: C) => number;
}

/** A language model, the output layer tied to the table of tokens unless the configuration says otherwise. */
export class DecoderForCausalLM<C extends InitialisedConfig & { vocabSize: number }>
  extends HeadedModel<C, Decoder>
  implements CausalLm
{
  // biome-ignore lint/suspicious/noExplicitAny: every family has its own
  static override readonly traits: DecoderTraits<any, string, any>;
  static readonly inputNames = LABELLED_DECODER_INPUTS;
  readonly lm_head: LmHead;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly stateBatchDim = 0;
  readonly stateTimeDim = 2;
  readonly takesPadding = true;

  constructor(config: C) {
    const { base, width, words, positions } = new.target.traits;
    super(config, base(config));
    const { vocabSize, initializerRange, tieWordEmbeddings } = config;
    this.vocabSize = vocabSize;
    this.maxPositions = positions(config);
    this.lm_head = new LmHead(
      tieWordEmbeddings ? words(this.base) : plainWeight(vocabSize, width(config), initializerRange),
    );
  }
  /**
   * labels int32 [batch, T], most often the ids themselves: the token at t is the answer at t − 1; −100 does not count. logits
   * [batch, T, vocab]. Throws ShapeError for more tokens than positions.
   */
  forward(given: LabelledDecoderInputs): HeadOutput {
    checkInputs(this, given, LABELLED_DECODER_INPUTS);
    const { labels, ...inputs } = given;
    const logits = this.lm_head.forward(this.base.forward(inputs).lastHiddenState);
    return { logits, loss: labels && nextTokenLoss(logits, labels) };
  }
  next(ids: Tensor, past?: LmState, padding?: readonly number[]): { logits: Tensor; past: LmState } {
    const out = this.base.next(ids, past, padding);
    return { logits: this.lm_head.forward(out.x), past: out.past };
  }
}

/** The last token that is no padding decides. */
export class DecoderForSequenceClassification<C extends InitialisedConfig> extends HeadedModel<C, Decoder> {
  static readonly inputNames = LABELLED_DECODER_INPUTS;
  readonly score: nn.Linear;
  constructor(config: C) {
    const { base, width } = new.target.traits;
    super(config, base(config));
    this.score = plainLinear(width(config), labelsOf(config).length, config.initializerRange);
  }
  /** labels: see {@link classificationLoss}; logits [batch, labels]. */
  forward(given: LabelledDecoderInputs): HeadOutput {
    checkInputs(this, given, LABELLED_DECODER_INPUTS);
    const { labels, ...inputs } = given;
    const x = this.base.forward(inputs).lastHiddenState;
    const logits = this.score.forward(lastTokens(x, inputs, this.config));
    return { logits, loss: labels && classificationLoss(this.config, logits, labels) };
  }
}

/** One answer for each token. */
export class DecoderForTokenClassification<
  C extends InitialisedConfig & { classifierDropout?: number | null },
> extends HeadedModel<C, Decoder> {
  static readonly inputNames = LABELLED_DECODER_INPUTS;
  readonly dropout: nn.Dropout;
  readonly score: nn.Linear;
  constructor(config: C) {
    const { base, width } = new.target.traits;
    super(config, base(config));
    this.dropout = new nn.Dropout(config.classifierDropout ?? 0.1);
    this.score = plainLinear(width(config), labelsOf(config).length, config.initializerRange, { bias: true });
  }
  /** labels int32 [batch, T], −100 where none counts; logits [batch, T, labels]. */
  forward(given: LabelledDecoderInputs): HeadOutput {
    checkInputs(this, given, LABELLED_DECODER_INPUTS);
    const { labels, ...inputs } = given;
    const logits = this.score.forward(this.dropout.forward(this.base.forward(inputs).lastHiddenState));
    return { logits, loss: labels && tokenLoss(logits, labels) };
  }
}

/**
 * Cross-entropy of each next token.
 * @param logits [batch, T, vocab] @param labels int32 [batch, T]: the token at t is the answer at t − 1; −100 does not count.
 */
function nextTokenLoss(logits: Tensor, labels: Tensor): Tensor {
  const [batch, t] = labels.shape;
  const next = concat([labels.slice(1, 1, t), full([batch, 1], -100, { dtype: "int32" })], 1);
  return tokenLoss(logits, next);
}

/**
 * Each text's hidden state at its last token that is no padding (by `padTokenId` as in Transformers, else by the mask).
 * @param x [batch, T, width] @returns [batch, width]
 * @throws ShapeError for several texts where neither says what is padding.
 */
function lastTokens(x: Tensor, { inputIds, attentionMask }: DecoderInputs, config: PretrainedConfig): Tensor {
  const [batch, t] = inputIds.shape;
  const pad = config.padTokenId;
  if (pad == null && attentionMask === undefined && batch > 1) {
    throw new ShapeError(
      `${batch} texts, but nothing says what is padding`,
      "Set padTokenId in the configuration, or give attentionMask.",
    );
  }
  const counts = pad == null ? attentionMask?.data() : inputIds.data().map((id) => (id === pad ? 0 : 1));
  const rows = Int32Array.from({ length: batch }, (_, b) => {
    let last = counts === undefined ? t - 1 : 0;
    for (let i = 0; i < t && counts !== undefined; i++) if (counts[b * t + i] !== 0) last = i;
    return b * t + last;
  });
  return embedding(tensor(rows), x.flatten(0, 1));
}
