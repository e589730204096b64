import type { WeightsFile } from "../../formats/index.ts";
import type * as nn from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { familyOf } from "../pretrained/auto.ts";
import { checkInputs, checkOutputs, TEXT_INPUTS } from "../pretrained/check-inputs.ts";
import { named } from "../pretrained/headed.ts";
import type { EncoderInputs, EncoderOutput } from "../pretrained/inputs.ts";
import { LmHead, plainTable, plainWeight } from "../pretrained/layers.ts";
import { PreTrainedModel } from "../pretrained/model.ts";
import { Seq2SeqModel } from "../pretrained/seq2seq.ts";
import { mt5Config, type T5Config, t5Config } from "./config.ts";
import { T5Stack } from "./stack.ts";

export { mt5Config, type T5Config, t5Config } from "./config.ts";

const wordTable = ({ vocabSize, dModel, initializerFactor }: T5Config): nn.Embedding =>
  plainTable(vocabSize, dModel, initializerFactor);

const ENCODER = { configKind: t5Config, ignored: [/^decoder\./, /^lm_head\./] };
/** The encoder of T5 alone. */
export class T5EncoderModel extends named(PreTrainedModel<T5Config>, "T5EncoderModel", ENCODER) {
  static readonly inputNames = TEXT_INPUTS;
  readonly shared: nn.Embedding;
  readonly encoder: T5Stack;
  constructor(config: T5Config) {
    super(config);
    this.shared = wordTable(config);
    this.encoder = new T5Stack(config, this.shared, false);
  }
  /** Throws ShapeError for a mask of another shape. */
  forward(inputs: EncoderInputs, options: { outputHiddenStates?: boolean } = {}): EncoderOutput {
    checkInputs(this, inputs, TEXT_INPUTS);
    checkOutputs(this, options);
    const { inputIds, attentionMask } = inputs;
    const hiddenStates: Tensor[] = [];
    const lastHiddenState = this.encoder.forward(inputIds, attentionMask, (x) => void hiddenStates.push(x));
    return { lastHiddenState, hiddenStates: options.outputHiddenStates ? hiddenStates : undefined };
  }
}

const T5 = {
  configKind: t5Config,
  ignored: [/^decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight$/],
  fitted: (config: T5Config, file: WeightsFile): T5Config =>
    file.has("lm_head.weight") ? config : { ...config, tieWordEmbeddings: true },
};
/**
 * T5 (Raffel et al., 2020) with its output layer: the table of words, what comes to it scaled by $1/\sqrt{d}$, or one of its own
 * (T5 1.1, mT5). A file that has `lm_head.weight` decides which, as in Transformers 5, whose configurations always say tied.
 */
export class T5ForConditionalGeneration extends named(Seq2SeqModel<T5Config>, "T5ForConditionalGeneration", T5) {
  readonly shared: nn.Embedding;
  readonly encoder: T5Stack;
  readonly decoder: T5Stack;
  readonly lm_head: LmHead;
  readonly vocabSize: number;
  readonly maxPositions = Number.POSITIVE_INFINITY;

  constructor(config: T5Config) {
    super(config);
    const { vocabSize, dModel, initializerFactor, tieWordEmbeddings } = config;
    this.vocabSize = vocabSize;
    this.shared = wordTable(config);
    this.encoder = new T5Stack(config, this.shared, false);
    this.decoder = new T5Stack(config, this.shared, true);
    this.lm_head = new LmHead(
      tieWordEmbeddings ? this.shared.weight : plainWeight(vocabSize, dModel, initializerFactor),
    );
  }
  protected get stacks(): this {
    return this;
  }
  protected logits(x: Tensor): Tensor {
    return this.lm_head.forward(this.config.scaleDecoderOutputs ? x.mul(this.config.dModel ** -0.5) : x);
  }
}

export const t5 = familyOf(t5Config, T5EncoderModel, T5ForConditionalGeneration);

const MT5 = { configKind: mt5Config };
/** mT5 (Xue et al., 2021): T5 1.1 of many languages. */
export class MT5EncoderModel extends named(T5EncoderModel, "MT5EncoderModel", MT5) {}
export class MT5ForConditionalGeneration extends named(
  T5ForConditionalGeneration,
  "MT5ForConditionalGeneration",
  MT5,
) {}

export const mt5 = familyOf(mt5Config, MT5EncoderModel, MT5ForConditionalGeneration);
