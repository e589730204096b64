import type { OnnxAxis } from "../../formats/index.ts";
import type { MarianConfig } from "../marian/config.ts";
import { marianPositions } from "../marian/stack.ts";
import type { PretrainedConfig } from "../pretrained/config.ts";
import { feedForward, type T5Config } from "../t5/config.ts";
import { relativePositionBucket } from "../t5/stack.ts";
import type { OnnxBuilder } from "./builder.ts";

const READ = ["batch_size", "encoder_sequence_length"] as const;
const WRITTEN = ["batch_size", "decoder_sequence_length"] as const;
const PAST = "past_decoder_sequence_length";
const TOTAL = "past_decoder_sequence_length + decoder_sequence_length";

/** The graphs of a model that writes another text, by Optimum's names: the last one with what was written before. */
export const SEQ2SEQ_PARTS = ["encoder_model", "decoder_model", "decoder_model_merged"] as const;
export type Seq2SeqPart = (typeof SEQ2SEQ_PARTS)[number];

/** What a family's graphs are built from. */
interface Family {
  readonly width: number;
  readonly vocabSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Of a head of the decoder. */
  readonly size: number;
  /** ids and attention_mask, as it is added to scores → [batch, S, width] */
  encode(ids: string, mask: string): string;
  /** → logits [batch, T, vocab] */
  decode(context: Context): string;
}

/** What a decoder's layers share: the inputs, where each token may look, and keys and values of before. */
class Context {
  readonly b: OnnxBuilder;
  readonly ids: string;
  /** Where the written tokens are, int64 [T]. */
  readonly positions: string;
  /** Keys' positions less the queries': int64 [T, S]. */
  readonly distances: string;
  /** Tokens look back: added to scores, [T, S]. */
  readonly causal: string;
  readonly crossMask: string;
  readonly #family: Family;
  /** The read text as far as its keys and values are not in the past. */
  readonly #memory: string;
  readonly #pasts = new Map<string, string>();
  readonly #presents: (() => void)[] = [];
  readonly #gives: boolean;

  /** Inputs in Optimum's order. */
  constructor(b: OnnxBuilder, family: Family, part: Seq2SeqPart, gives: boolean) {
    this.b = b;
    this.#family = family;
    this.#gives = gives;
    this.crossMask = b.paddingMask(b.input("encoder_attention_mask", READ));
    this.ids = b.input("input_ids", WRITTEN);
    const memory = b.input("encoder_hidden_states", [...READ, family.width], "F32");
    const merged = part === "decoder_model_merged";
    this.#memory = merged ? this.#takePasts(memory) : memory;
    const first = this.#pasts.get("0.decoder.key");
    const before = first === undefined ? b.ints([0]) : b.axis(first, 2);
    const end = b.op("Add", [before, b.axis(this.ids, 1)]);
    this.positions = b.range(before, end);
    this.distances = b.distances(this.positions, b.range(b.ints([0]), end));
    this.causal = b.maskOf(b.op("LessOrEqual", [this.distances, b.ints(0)]));
  }
  #shape(length: string): OnnxAxis[] {
    return ["batch_size", this.#family.heads, length, this.#family.size];
  }
  /**
   * Where use_cache_branch is false, nothing is taken of the past; where it is true, nothing of the read text, whose keys and
   * values are in it. Both by slices of no length: one graph without branches.
   */
  #takePasts(memory: string): string {
    const { b } = this;
    const inputs: [string, string][] = [];
    for (let i = 0; i < this.#family.layers; i++)
      for (const kind of ["decoder", "encoder"])
        for (const what of ["key", "value"]) {
          const length = kind === "decoder" ? PAST : "encoder_sequence_length_out";
          const name = `${i}.${kind}.${what}`;
          inputs.push([name, b.input(`past_key_values.${name}`, this.#shape(length), "F32")]);
        }
    const uses = b.op("Cast", [b.input("use_cache_branch", [1], "BOOL")], { to: 7 });
    const part = (x: string, axis: number) => b.op("Mul", [uses, b.axis(x, axis)]);
    for (const [name, x] of inputs) this.#pasts.set(name, b.op("Slice", [x, b.ints([0]), part(x, 2), b.ints([2])]));
    return b.op("Slice", [memory, part(memory, 1), b.axis(memory, 1), b.ints([1])]);
  }
  /** Keys and values with those of the past; both are given out. */
  #remember(layer: number, kind: "decoder" | "encoder", fresh: readonly [string, string]): [string, string] {
    const all = ["key", "value"].map((what, n) => {
      const name = `${layer}.${kind}.${what}`;
      const past = this.#pasts.get(name);
      const x = past === undefined ? fresh[n] : this.b.op("Concat", [past, fresh[n]], { axis: 2 });
      const length = kind === "decoder" ? TOTAL : READ[1];
      this.#presents.push(() => this.b.graph.output(`present.${name}`, x, "F32", this.#shape(length)));
      return x;
    });
    return all as [string, string];
  }
  /** What a layer looks at in the written text, of which it has the keys and values. */
  own(layer: number, fresh: readonly [string, string]): [string, string] {
    return this.#remember(layer, "decoder", fresh);
  }
  /** What a layer looks at in the read text. */
  cross(layer: number, keysAndValues: (memory: string) => readonly [string, string]): [string, string] {
    return this.#remember(layer, "encoder", keysAndValues(this.#memory));
  }
  /** After the logits, as Optimum orders them. */
  giveOut(): void {
    for (const present of this.#gives ? this.#presents : []) present();
  }
}

type Attention = (x: string, kv: readonly [string, string], mask: string) => string;

/** T5's attention, unscaled: its keys and values, and itself. */
function t5Attention(b: OnnxBuilder, { numHeads, dKv }: T5Config, at: string) {
  const part = (x: string, name: string) => b.split(b.linear(x, `${at}.${name}`), numHeads, dKv);
  const keysAndValues = (x: string) => [part(x, "k"), part(x, "v")] as const;
  const attend: Attention = (x, [k, v], mask) =>
    b.linear(b.join(b.attend(part(x, "q"), k, v, mask, 1), numHeads * dKv), `${at}.o`);
  return { keysAndValues, attend };
}

/** The mask, and what the learned distances add to scores: [1, heads, T, S]; which one a distance has is looked up in a table. */
function t5Mask(
  b: OnnxBuilder,
  c: T5Config,
  stack: string,
  mask: string,
  distances: string,
  bidirectional: boolean,
): string {
  const layer = `${stack}.block.0.layer.0.SelfAttention.relative_attention_bias`;
  if (!b.has(`${layer}.weight`)) return mask;
  const most = c.relativeAttentionMaxDistance;
  const buckets = Array.from({ length: 2 * most + 1 }, (_, i) =>
    relativePositionBucket(i - most, bidirectional, c.relativeAttentionNumBuckets, most),
  );
  const near = b.op("Min", [b.op("Max", [distances, b.ints(-most)]), b.ints(most)]);
  const bucket = b.op("Gather", [b.ints(buckets), b.op("Add", [near, b.ints(most)])], { axis: 0 });
  const bias = b.op("Transpose", [b.embedding(bucket, layer)], { perm: [2, 0, 1] });
  return b.op("Add", [b.op("Unsqueeze", [bias, b.ints([0])]), mask]);
}

/** A part of a block, on what is normalised before it. */
function t5Part(b: OnnxBuilder, c: T5Config, x: string, at: string, run: (normed: string) => string): string {
  return b.op("Add", [x, run(b.rmsNorm(x, `${at}.layer_norm`, c.layerNormEpsilon))]);
}

function t5Dense(b: OnnxBuilder, c: T5Config, x: string, at: string): string {
  const { activation, gated } = feedForward(c);
  const dense = `${at}.DenseReluDense`;
  return t5Part(b, c, x, at, (normed) => {
    const first = b.activation(b.linear(normed, `${dense}.${gated ? "wi_0" : "wi"}`), activation);
    const h = gated ? b.op("Mul", [first, b.linear(normed, `${dense}.wi_1`)]) : first;
    return b.linear(h, `${dense}.wo`);
  });
}

const t5 = (b: OnnxBuilder, c: T5Config): Family => ({
  ...{ width: c.dModel, vocabSize: c.vocabSize, heads: c.numHeads, size: c.dKv },
  layers: c.numDecoderLayers ?? c.numLayers,
  encode(ids, mask) {
    const positions = b.range(b.ints([0]), b.axis(ids, 1));
    const own = t5Mask(b, c, "encoder", mask, b.distances(positions, positions), true);
    let x = b.embedding(ids, "encoder.embed_tokens");
    for (let i = 0; i < c.numLayers; i++) {
      const at = `encoder.block.${i}.layer`;
      const { keysAndValues, attend } = t5Attention(b, c, `${at}.0.SelfAttention`);
      x = t5Part(b, c, x, `${at}.0`, (normed) => attend(normed, keysAndValues(normed), own));
      x = t5Dense(b, c, x, `${at}.1`);
    }
    return b.rmsNorm(x, "encoder.final_layer_norm", c.layerNormEpsilon);
  },
  decode(context) {
    const mask = t5Mask(b, c, "decoder", context.causal, context.distances, false);
    let x = b.embedding(context.ids, "decoder.embed_tokens");
    for (let i = 0; i < this.layers; i++) {
      const at = `decoder.block.${i}.layer`;
      const own = t5Attention(b, c, `${at}.0.SelfAttention`);
      x = t5Part(b, c, x, `${at}.0`, (normed) => own.attend(normed, context.own(i, own.keysAndValues(normed)), mask));
      const cross = t5Attention(b, c, `${at}.1.EncDecAttention`);
      x = t5Part(b, c, x, `${at}.1`, (normed) =>
        cross.attend(normed, context.cross(i, cross.keysAndValues), context.crossMask),
      );
      x = t5Dense(b, c, x, `${at}.2`);
    }
    x = b.rmsNorm(x, "decoder.final_layer_norm", c.layerNormEpsilon);
    return b.linear(c.scaleDecoderOutputs ? b.op("Mul", [x, b.float(c.dModel ** -0.5)]) : x, "lm_head");
  },
});

function marianAttention(b: OnnxBuilder, { dModel }: MarianConfig, at: string, heads: number) {
  const size = dModel / heads;
  const part = (x: string, name: string) => b.split(b.linear(x, `${at}.${name}_proj`), heads, size);
  const keysAndValues = (x: string) => [part(x, "k"), part(x, "v")] as const;
  const attend: Attention = (x, [k, v], mask) =>
    b.linear(b.join(b.attend(part(x, "q"), k, v, mask, Math.sqrt(size)), dModel), `${at}.out_proj`);
  return { keysAndValues, attend };
}

/** Words and places: [batch, T, width]. */
function marianEmbed(b: OnnxBuilder, c: MarianConfig, stack: string, ids: string, positions: string): string {
  const words = b.embedding(ids, `${stack}.embed_tokens`);
  const scaled = c.scaleEmbedding ? b.op("Mul", [words, b.float(Math.sqrt(c.dModel))]) : words;
  const table = b.table(`${stack}.embed_positions.weight`, marianPositions(c.maxPositionEmbeddings, c.dModel));
  return b.op("Add", [scaled, b.op("Gather", [table, positions], { axis: 0 })]);
}

/** A part of a layer, normalised together with what came in. */
function marianPart(b: OnnxBuilder, x: string, norm: string, run: (x: string) => string): string {
  return b.layerNorm(b.op("Add", [x, run(x)]), norm, 1e-5);
}

function marianDense(b: OnnxBuilder, c: MarianConfig, x: string, at: string): string {
  return marianPart(b, x, `${at}.final_layer_norm`, (h) =>
    b.linear(b.activation(b.linear(h, `${at}.fc1`), c.activationFunction), `${at}.fc2`),
  );
}

const marian = (b: OnnxBuilder, c: MarianConfig): Family => ({
  ...{ width: c.dModel, layers: c.decoderLayers, heads: c.decoderAttentionHeads },
  size: c.dModel / c.decoderAttentionHeads,
  vocabSize: c.shareEncoderDecoderEmbeddings ? c.vocabSize : (c.decoderVocabSize ?? c.vocabSize),
  encode(ids, mask) {
    let x = marianEmbed(b, c, "model.encoder", ids, b.range(b.ints([0]), b.axis(ids, 1)));
    for (let i = 0; i < c.encoderLayers; i++) {
      const at = `model.encoder.layers.${i}`;
      const { keysAndValues, attend } = marianAttention(b, c, `${at}.self_attn`, c.encoderAttentionHeads);
      x = marianPart(b, x, `${at}.self_attn_layer_norm`, (h) => attend(h, keysAndValues(h), mask));
      x = marianDense(b, c, x, at);
    }
    return x;
  },
  decode(context) {
    let x = marianEmbed(b, c, "model.decoder", context.ids, context.positions);
    for (let i = 0; i < this.layers; i++) {
      const at = `model.decoder.layers.${i}`;
      const own = marianAttention(b, c, `${at}.self_attn`, this.heads);
      x = marianPart(b, x, `${at}.self_attn_layer_norm`, (h) =>
        own.attend(h, context.own(i, own.keysAndValues(h)), context.causal),
      );
      const cross = marianAttention(b, c, `${at}.encoder_attn`, this.heads);
      x = marianPart(b, x, `${at}.encoder_attn_layer_norm`, (h) =>
        cross.attend(h, context.cross(i, cross.keysAndValues), context.crossMask),
      );
      x = marianDense(b, c, x, at);
    }
    return b.op("Add", [b.linear(x, "lm_head"), b.weight("final_logits_bias")]);
  },
});

/** Builds a part of T5, mT5 or MarianMT; names as Optimum's. With `useCache`, decoders give out keys and values. */
export function buildSeq2Seq(b: OnnxBuilder, config: PretrainedConfig, part: Seq2SeqPart, useCache: boolean): void {
  const family = config.modelType === "marian" ? marian(b, config as MarianConfig) : t5(b, config as T5Config);
  if (part === "encoder_model") {
    const ids = b.input("input_ids", READ);
    const mask = b.paddingMask(b.input("attention_mask", READ));
    b.graph.output("last_hidden_state", family.encode(ids, mask), "F32", [...READ, family.width]);
    return;
  }
  const context = new Context(b, family, part, useCache || part === "decoder_model_merged");
  b.graph.output("logits", family.decode(context), "F32", [...WRITTEN, family.vocabSize]);
  context.giveOut();
}
