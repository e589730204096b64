import { minimum } from "../../backend/arrays.ts";
import * as nn from "../../nn/index.ts";
import { attentionPacked, scaledDotProductAttention } from "../../ops/index.ts";
import { arange } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { LmState } from "../causal-lm.ts";
import { extend } from "../key-value-cache.ts";
import { activated } from "../pretrained/activations.ts";
import { familyOf } from "../pretrained/auto.ts";
import { checkInputs, checkOutputs, DECODER_INPUTS, LABELLED_DECODER_INPUTS } from "../pretrained/check-inputs.ts";
import { labelsOf } from "../pretrained/config.ts";
import { Conv1D } from "../pretrained/conv1d.ts";
import {
  checkPositions,
  type DecoderInputs,
  type LabelledDecoderInputs,
  nextLayers,
  pastTokens,
  readLayers,
} from "../pretrained/decoder.ts";
import { HeadedModel, headed, named } from "../pretrained/headed.ts";
import { decoderHeads } from "../pretrained/heads.ts";
import type { EncoderOutput, HeadOutput } from "../pretrained/inputs.ts";
import { bertLinear } from "../pretrained/layers.ts";
import { tokenLoss } from "../pretrained/losses.ts";
import { keyMask, paddedPositions, paddingMask } from "../pretrained/masks.ts";
import { PreTrainedModel, runLayer } from "../pretrained/model.ts";
import { joinHeads } from "../pretrained/multi-head.ts";
import { type GPT2Config, gpt2Config } from "./config.ts";

export { type GPT2Config, gpt2Config } from "./config.ts";

/** Layers that add to what passes by begin smaller, by the number of them (Radford et al., 2019, section 2.3). */
const residualStd = ({ initializerRange, nLayer }: GPT2Config) => initializerRange / Math.sqrt(2 * nLayer);

class GPT2Attention extends nn.Module {
  readonly c_attn: Conv1D;
  readonly c_proj: Conv1D;
  readonly resid_dropout: nn.Dropout;
  readonly #heads: number;
  readonly #dropout: number;
  readonly #positions: number;
  readonly #scale: number;
  constructor(config: GPT2Config, index: number) {
    super();
    const { nEmbd, nHead } = config;
    this.c_attn = new Conv1D(nEmbd, 3 * nEmbd, config.initializerRange);
    this.c_proj = new Conv1D(nEmbd, nEmbd, residualStd(config));
    this.resid_dropout = new nn.Dropout(config.residPdrop);
    this.#heads = nHead;
    this.#dropout = config.attnPdrop;
    this.#positions = config.nPositions;
    const scale = config.scaleAttnWeights ? 1 / Math.sqrt(nEmbd / nHead) : 1;
    this.#scale = config.scaleAttnByInverseLayerIdx ? scale / (index + 1) : scale;
  }
  /** x [batch, T, d]; attnMask uint8 [batch, 1, 1, T]. */
  forward(x: Tensor, attnMask: Tensor | undefined): Tensor {
    const options = {
      ...{ isCausal: true, attnMask, scale: this.#scale },
      ...{ dropout: this.#dropout, training: this.training },
    };
    const y = attentionPacked(this.c_attn.forward(x), this.#heads, this.#heads, options);
    return this.resid_dropout.forward(this.c_proj.forward(y));
  }
  /** x [batch, T, d]; past: keys and values [batch, heads, S, d / heads] of what came before. */
  next(x: Tensor, past?: readonly [Tensor, Tensor], attnMask?: Tensor): { y: Tensor; past: [Tensor, Tensor] } {
    const [batch, t, width] = x.shape;
    const size = width / this.#heads;
    const all = this.c_attn.forward(x).reshape([batch, t, 3, this.#heads, size]);
    const [q, newK, newV] = [0, 1, 2].map((i) => all.select(2, i).transpose(1, 2));
    const [k, v] = [extend(past?.[0], newK, this.#positions), extend(past?.[1], newV, this.#positions)];
    const y = scaledDotProductAttention(q, k, v, { isCausal: true, attnMask, scale: this.#scale });
    return { y: this.resid_dropout.forward(this.c_proj.forward(joinHeads(y))), past: [k, v] };
  }
}

class GPT2MLP extends nn.Module {
  readonly c_fc: Conv1D;
  readonly c_proj: Conv1D;
  readonly dropout: nn.Dropout;
  readonly #activation: string;
  constructor(config: GPT2Config) {
    super();
    this.#activation = config.activationFunction;
    const inner = config.nInner ?? 4 * config.nEmbd;
    this.c_fc = new Conv1D(config.nEmbd, inner, config.initializerRange);
    this.c_proj = new Conv1D(inner, config.nEmbd, residualStd(config));
    this.dropout = new nn.Dropout(config.residPdrop);
  }
  forward(x: Tensor): Tensor {
    return this.dropout.forward(this.c_proj.forward(activated(this.c_fc, x, this.#activation)));
  }
}

class GPT2Block extends nn.Module {
  readonly ln_1: nn.LayerNorm;
  readonly attn: GPT2Attention;
  readonly ln_2: nn.LayerNorm;
  readonly mlp: GPT2MLP;
  constructor(config: GPT2Config, index: number) {
    super();
    const options = { eps: config.layerNormEpsilon };
    this.ln_1 = new nn.LayerNorm(config.nEmbd, options);
    this.attn = new GPT2Attention(config, index);
    this.ln_2 = new nn.LayerNorm(config.nEmbd, options);
    this.mlp = new GPT2MLP(config);
  }
  forward(x: Tensor, mask: Tensor | undefined): Tensor {
    return this.#rest(x, this.attn.forward(this.ln_1.forward(x), mask));
  }
  next(x: Tensor, past?: readonly [Tensor, Tensor], mask?: Tensor): { x: Tensor; past: [Tensor, Tensor] } {
    const attended = this.attn.next(this.ln_1.forward(x), past, mask);
    return { x: this.#rest(x, attended.y), past: attended.past };
  }
  #rest(x: Tensor, attended: Tensor): Tensor {
    const h = x.add(attended);
    return h.add(this.mlp.forward(this.ln_2.forward(h)));
  }
}

const GPT2 = {
  configKind: gpt2Config,
  baseModelPrefix: "transformer",
  ignored: [/(^|\.)h\.\d+\.attn\.(bias|masked_bias)$/],
} as const;

/** GPT-2 (Radford et al., 2019), bare: learned positions, pre-norm blocks of causal attention and a GELU layer. */
export class GPT2Model extends named(PreTrainedModel<GPT2Config>, "GPT2Model", GPT2) {
  static readonly inputNames = DECODER_INPUTS;
  readonly wte: nn.Embedding;
  readonly wpe: nn.Embedding;
  readonly drop: nn.Dropout;
  readonly h: GPT2Block[];
  readonly ln_f: nn.LayerNorm;
  checkpoints = false;
  readonly #positions: Tensor;

  constructor(config: GPT2Config) {
    super(config);
    this.#positions = arange(config.nPositions).keep();
    this.wte = new nn.Embedding(config.vocabSize, config.nEmbd);
    this.wpe = new nn.Embedding(config.nPositions, config.nEmbd);
    for (const { weight } of [this.wte, this.wpe]) nn.init.normal_(weight, 0, config.initializerRange);
    this.drop = new nn.Dropout(config.embdPdrop);
    this.h = Array.from({ length: config.nLayer }, (_, i) => new GPT2Block(config, i));
    this.ln_f = new nn.LayerNorm(config.nEmbd, { eps: config.layerNormEpsilon });
  }
  /** Throws ShapeError for more tokens than positions, or a mask of another shape. */
  forward(inputs: DecoderInputs, options: { outputHiddenStates?: boolean } = {}): EncoderOutput {
    checkInputs(this, inputs, DECODER_INPUTS);
    checkOutputs(this, options);
    const { inputIds, attentionMask, positionIds } = inputs;
    const [batch, t] = inputIds.shape;
    const mask = keyMask(attentionMask, batch, t);
    const x = this.#embed(inputIds, positionIds, 0);
    const run = (block: GPT2Block, x: Tensor) => runLayer(this, (h) => block.forward(h, mask), x);
    return readLayers(this.h, this.ln_f, x, run, options.outputHiddenStates === true);
  }
  next(ids: Tensor, past?: LmState, padding?: readonly number[]): { x: Tensor; past: Tensor[] } {
    const [batch, t] = ids.shape;
    const before = pastTokens(past);
    const mask = keyMask(padding && paddingMask(padding, before + t), batch, before + t);
    const x = this.#embed(ids, padding && paddedPositions(padding, before, t), before, padding);
    return nextLayers(this.h, this.ln_f, x, past, (block, h, own) => block.next(h, own, mask));
  }
  #embed(ids: Tensor, positionIds: Tensor | undefined, before: number, padding: readonly number[] = [0]): Tensor {
    const t = ids.shape[1];
    checkPositions("GPT2Model", before + t - minimum(padding), this.config.nPositions);
    const positions = positionIds ?? this.#positions.slice(0, before, before + t);
    return this.drop.forward(this.wte.forward(ids).add(this.wpe.forward(positions)));
  }
}

const TRAITS = {
  ...GPT2,
  base: (config: GPT2Config) => new GPT2Model(config),
  width: (config: GPT2Config) => config.nEmbd,
  words: (model: GPT2Model) => model.wte.weight,
  positions: (config: GPT2Config) => config.nPositions,
};
const heads = decoderHeads("GPT2", TRAITS, "GPT2LMHeadModel");

/** GPT-2 as a language model. */
export class GPT2LMHeadModel extends heads.ForCausalLM {}

export class GPT2ForSequenceClassification extends heads.ForSequenceClassification {}

const TokenClassification = headed(HeadedModel<GPT2Config, GPT2Model>, "GPT2ForTokenClassification", TRAITS);

export class GPT2ForTokenClassification extends TokenClassification {
  static readonly inputNames = LABELLED_DECODER_INPUTS;
  readonly dropout: nn.Dropout;
  readonly classifier: nn.Linear;
  constructor(config: GPT2Config) {
    super(config, new GPT2Model(config));
    this.dropout = new nn.Dropout(config.classifierDropout ?? 0.1);
    this.classifier = bertLinear(config.nEmbd, labelsOf(config).length, config);
  }
  /** labels int32 [batch, T], −100 where none counts; logits [batch, T, labels]. */
  forward(given: LabelledDecoderInputs): HeadOutput {
    checkInputs(this, given, LABELLED_DECODER_INPUTS);
    const { labels, ...inputs } = given;
    const x = this.transformer.forward(inputs).lastHiddenState;
    const logits = this.classifier.forward(this.dropout.forward(x));
    return { logits, loss: labels && tokenLoss(logits, labels) };
  }
}

export const gpt2 = familyOf(
  gpt2Config,
  GPT2Model,
  GPT2LMHeadModel,
  GPT2ForSequenceClassification,
  GPT2ForTokenClassification,
);
