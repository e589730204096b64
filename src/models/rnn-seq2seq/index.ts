import * as nn from "../../nn/index.ts";
import { concat, scaledDotProductAttention } from "../../ops/index.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import { ShapeError } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { LmState } from "../causal-lm.ts";
import { familyOf } from "../pretrained/auto.ts";
import { checkInputs, SEQ2SEQ_INPUTS, TEXT_INPUTS } from "../pretrained/check-inputs.ts";
import { named } from "../pretrained/headed.ts";
import type { EncoderInputs } from "../pretrained/inputs.ts";
import { LmHead } from "../pretrained/layers.ts";
import { tokenLoss } from "../pretrained/losses.ts";
import { keyMask } from "../pretrained/masks.ts";
import { PreTrainedModel } from "../pretrained/model.ts";
import {
  type Seq2SeqInputs,
  type Seq2SeqLm,
  type Seq2SeqOutput,
  type Seq2SeqState,
  shiftTokensRight,
} from "../pretrained/seq2seq.ts";
import { type LstmAttentionConfig, lstmAttentionConfig } from "./config.ts";

export { type LstmAttentionConfig, lstmAttentionConfig } from "./config.ts";

/** Tokens of each text, of a mask [batch, S]. Throws ShapeError unless it hides only what is behind them. */
function lengthsOf(mask: Tensor | undefined): number[] | undefined {
  if (mask === undefined) return undefined;
  const [batch, s] = mask.shape;
  const shown = mask.data();
  const lengths = Array.from({ length: batch }, (_, b) => {
    let n = 0;
    while (n < s && shown[b * s + n] !== 0) n++;
    if (shown.subarray(b * s + n, (b + 1) * s).some((x) => x !== 0))
      throw new ShapeError(`attentionMask: row ${b} shows tokens behind hidden ones`, "Pad texts on the right.");
    return n;
  });
  return lengths.every((n) => n === s) ? undefined : lengths;
}

/** An LSTM writes from left to right: nothing of what it wrote can be hidden. */
const { decoderAttentionMask: _, ...INPUTS } = SEQ2SEQ_INPUTS;
const TRAITS = { configKind: lstmAttentionConfig };

/**
 * An encoder and a decoder of LSTMs with attention between them (Bahdanau et al., 2015; the order of Luong et al., 2015, without
 * input feeding): the encoder reads in both directions, the decoder begins with what its ends know,
 * $c_t = \sum_s \mathrm{softmax}_s(h_t^\top W_a m_s / \sqrt{d})\, W_a m_s$, $\tilde h_t = \tanh(W_c [c_t; h_t])$, and the logits are
 * $E \tilde h_t$ with the table $E$ that embeds both texts.
 */
export class LstmAttentionForConditionalGeneration
  extends named(PreTrainedModel<LstmAttentionConfig>, "LstmAttentionForConditionalGeneration", TRAITS)
  implements Seq2SeqLm
{
  static readonly inputNames = INPUTS;
  readonly shared: nn.Embedding;
  readonly encoder: nn.LSTM;
  /** From the encoder's last states to the decoder's first. */
  readonly bridge_h: nn.Linear;
  readonly bridge_c: nn.Linear;
  readonly decoder: nn.LSTM;
  readonly attention: nn.Linear;
  readonly combine: nn.Linear;
  readonly lm_head: LmHead;
  readonly dropout: nn.Dropout;
  readonly vocabSize: number;
  readonly maxPositions = Number.POSITIVE_INFINITY;

  constructor(config: LstmAttentionConfig) {
    super(config);
    const { vocabSize, embeddingSize: e, hiddenSize: h, numHiddenLayers: numLayers, dropout: p } = config;
    this.vocabSize = vocabSize;
    this.shared = new nn.Embedding(vocabSize, e);
    nn.init.uniform_(this.shared.weight, -config.initRange, config.initRange);
    const options = { numLayers, dropout: numLayers > 1 ? p : 0, batchFirst: true };
    this.encoder = new nn.LSTM(e, h, { ...options, bidirectional: true });
    this.bridge_h = new nn.Linear(2 * h, h);
    this.bridge_c = new nn.Linear(2 * h, h);
    this.decoder = new nn.LSTM(e, h, options);
    this.attention = new nn.Linear(2 * h, h, { bias: false });
    this.combine = new nn.Linear(2 * h, e, { bias: false });
    this.lm_head = new LmHead(this.shared.weight);
    this.dropout = new nn.Dropout(p);
  }

  #embed(ids: Tensor): Tensor {
    return this.dropout.forward(this.shared.forward(ids));
  }

  /** Reads the texts; `past` is the decoder's first state, [batch, layers, hidden] twice. */
  encode(inputs: EncoderInputs): Seq2SeqState {
    checkInputs(this, inputs, TEXT_INPUTS, ["inputIds"], "encode");
    return this.#read(inputs);
  }
  #read({ inputIds, attentionMask }: EncoderInputs): Seq2SeqState {
    const [batch, s] = inputIds.shape;
    const { numHiddenLayers: layers, hiddenSize: h } = this.config;
    const crossMask = keyMask(attentionMask, batch, s);
    const { output, state } = this.encoder.forward(this.#embed(inputIds), undefined, {
      lengths: lengthsOf(attentionMask),
    });
    const memory = this.attention.forward(this.dropout.forward(output)).unsqueeze(1);
    const both = (t: Tensor) =>
      t
        .reshape([layers, 2, batch, h])
        .transpose(1, 2)
        .reshape([layers, batch, 2 * h])
        .transpose(0, 1);
    const first = [this.bridge_h.forward(both(state[0])).tanh(), this.bridge_c.forward(both(state[1])).tanh()];
    return { cross: [memory], crossMask, past: first };
  }

  #decode(ids: Tensor, { cross: [memory], crossMask, past }: Seq2SeqState): { logits: Tensor; past: LmState } {
    const [h0, c0] = (past as LmState).map((t) => t.transpose(0, 1));
    const { output, state } = this.decoder.forward(this.#embed(ids), [h0, c0]);
    const context = scaledDotProductAttention(output.unsqueeze(1), memory, memory, { attnMask: crossMask }).squeeze(1);
    const seen = this.combine.forward(concat([context, output], 2)).tanh();
    return { logits: this.lm_head.forward(this.dropout.forward(seen)), past: state.map((t) => t.transpose(0, 1)) };
  }

  /** labels, decoderInputIds int32 [batch, T]; logits [batch, T, vocab]. Throws ShapeError for masks of another shape. */
  forward(inputs: Seq2SeqInputs): Seq2SeqOutput {
    checkInputs(this, inputs, INPUTS);
    const { labels } = inputs;
    const ids = inputs.decoderInputIds ?? (labels && shiftTokensRight(labels, this.config));
    if (ids === undefined) throw new ShapeError("neither decoderInputIds nor labels were given");
    const state = this.#read(inputs);
    const { logits } = this.#decode(ids, state);
    return { logits, loss: labels && tokenLoss(logits, labels), encoderLastHiddenState: state.cross[0].squeeze(1) };
  }
  next(ids: Tensor, state: Seq2SeqState): { logits: Tensor; state: Seq2SeqState } {
    const { logits, past } = this.#decode(ids, state);
    return { logits, state: { ...state, past: noGrad(() => past.map((t) => t.contiguous())) } };
  }
}

export const lstmAttention = familyOf(lstmAttentionConfig, LstmAttentionForConditionalGeneration);
