import { attentionFactor, type RopeConfig } from "../../formats/rope-angles.ts";
import type { GPT2Config } from "../gpt2/config.ts";
import { headSize, keyValueHeads, type LlamaConfig, ropeConfig, ropeFrequencies, windowOf } from "../llama/config.ts";
import type { PretrainedConfig } from "../pretrained/config.ts";
import type { Head } from "../pretrained/head-of.ts";
import type { OnnxBuilder } from "./builder.ts";

const TOKENS = ["batch_size", "sequence_length"] as const;
const PAST = "past_sequence_length";
const TOTAL = "past_sequence_length + sequence_length";

export interface DecoderOptions {
  /** With `past_key_values.N.key` and `.value` as inputs and `present.N.…` as outputs; true. */
  useCache?: boolean;
}

/** What a decoder's layers share: the inputs, and where each token may look. */
class Context {
  readonly b: OnnxBuilder;
  readonly ids: string;
  readonly positions: string;
  readonly #cache: boolean;
  readonly #mask: string;
  readonly #pasts: { key: string; value: string }[] = [];
  readonly #presents: (() => void)[] = [];
  readonly #masks = new Map<number | undefined, string>();

  /** Inputs in Optimum's order: input_ids, attention_mask, position_ids, past_key_values. */
  constructor(b: OnnxBuilder, layers: number, kvHeads: number, size: number, { useCache = true }: DecoderOptions) {
    this.b = b;
    this.#cache = useCache;
    this.ids = b.input("input_ids", TOKENS);
    this.#mask = b.input("attention_mask", [TOKENS[0], useCache ? TOTAL : TOKENS[1]]);
    this.positions = b.input("position_ids", TOKENS);
    const shape = (length: string) => [TOKENS[0], kvHeads, length, size];
    for (let i = 0; i < layers && useCache; i++) {
      const [key, value] = ["key", "value"].map((what) => b.input(`past_key_values.${i}.${what}`, shape(PAST), "F32"));
      this.#pasts.push({ key, value });
    }
    this.#shape = shape;
  }
  readonly #shape: (length: string) => (string | number)[];

  /** Keys and values with those of the past; both are given out. */
  remember(i: number, k: string, v: string): [string, string] {
    if (!this.#cache) return [k, v];
    const past = this.#pasts[i];
    const [key, value] = [
      this.b.op("Concat", [past.key, k], { axis: 2 }),
      this.b.op("Concat", [past.value, v], { axis: 2 }),
    ];
    this.#presents.push(() => {
      this.b.graph.output(`present.${i}.key`, key, "F32", this.#shape(TOTAL));
      this.b.graph.output(`present.${i}.value`, value, "F32", this.#shape(TOTAL));
    });
    return [key, value];
  }
  /** After the logits, as Optimum orders them. */
  giveOut(): void {
    for (const present of this.#presents) present();
  }
  /** What is added to scores [batch, heads, T, S]: tokens look back, at no padding, and no further than a window. */
  mask(window?: number): string {
    const known = this.#masks.get(window);
    if (known !== undefined) return known;
    const { b } = this;
    const [t, s] = [b.axis(this.ids, 1), b.axis(this.#mask, 1)];
    const before = b.op("Sub", [s, t]);
    const distances = b.distances(b.range(before, s), b.range(b.ints([0]), s));
    let shown = b.op("LessOrEqual", [distances, b.ints(0)]);
    if (window !== undefined) shown = b.op("And", [shown, b.op("Greater", [distances, b.ints(-window)])]);
    const real = b.op("Unsqueeze", [b.op("Cast", [this.#mask], { to: 9 }), b.ints([1, 2])]);
    const mask = b.maskOf(b.op("And", [shown, real]));
    this.#masks.set(window, mask);
    return mask;
  }
}

function gpt2(b: OnnxBuilder, c: GPT2Config, prefix: string, options: DecoderOptions): { x: string; context: Context } {
  const size = c.nEmbd / c.nHead;
  const context = new Context(b, c.nLayer, c.nHead, size, options);
  let x = b.op("Add", [b.embedding(context.ids, `${prefix}wte`), b.embedding(context.positions, `${prefix}wpe`)]);
  for (let i = 0; i < c.nLayer; i++) {
    const at = `${prefix}h.${i}`;
    const packed = b.conv1d(b.layerNorm(x, `${at}.ln_1`, c.layerNormEpsilon), `${at}.attn.c_attn`);
    const [q, newK, newV] = b.graph
      .nodes("Split", [packed, b.ints([c.nEmbd, c.nEmbd, c.nEmbd])], 3, { axis: 2 })
      .map((part) => b.split(part, c.nHead, size));
    const [k, v] = context.remember(i, newK, newV);
    const divisor = (c.scaleAttnWeights ? Math.sqrt(size) : 1) * (c.scaleAttnByInverseLayerIdx ? i + 1 : 1);
    const y = b.conv1d(b.join(b.attend(q, k, v, context.mask(), divisor), c.nEmbd), `${at}.attn.c_proj`);
    const h = b.op("Add", [x, y]);
    const inner = b.conv1d(b.layerNorm(h, `${at}.ln_2`, c.layerNormEpsilon), `${at}.mlp.c_fc`);
    x = b.op("Add", [h, b.conv1d(b.activation(inner, c.activationFunction), `${at}.mlp.c_proj`)]);
  }
  return { x: b.layerNorm(x, `${prefix}ln_f`, c.layerNormEpsilon), context };
}

/** Halves of a head turned by the angles: [batch, heads, T, size]. */
function turn(b: OnnxBuilder, x: string, [cos, sin]: readonly string[], size: number): string {
  const [first, second] = b.graph.nodes("Split", [x, b.ints([size / 2, size / 2])], 2, { axis: 3 });
  const mul = (p: string, q: string) => b.op("Mul", [p, q]);
  const parts = [b.op("Sub", [mul(first, cos), mul(second, sin)]), b.op("Add", [mul(second, cos), mul(first, sin)])];
  return b.op("Concat", parts, { axis: 3 });
}

/** [batch, groups, S, size] → [batch, heads, S, size]: each group serves several heads. */
function repeat(b: OnnxBuilder, x: string, heads: number, groups: number, size: number): string {
  if (heads === groups) return x;
  const one = b.op("Unsqueeze", [x, b.ints([2])]);
  const all = b.op("Concat", new Array(heads / groups).fill(one), { axis: 2 });
  return b.op("Reshape", [all, b.ints([0, heads, -1, size])]);
}

/** Angles per position, float32 [size / 2]; of some types they depend on how far `positions`, float32, of a run reach. */
function frequencies(b: OnnxBuilder, c: LlamaConfig, positions: string): string {
  const config: RopeConfig = ropeConfig(c);
  const { rope, maxPositionEmbeddings: most, headDim } = config;
  if (rope.rope_type !== "dynamic" && rope.rope_type !== "longrope") return b.float(ropeFrequencies(c));
  const reach = b.op("Add", [b.op("ReduceMax", [positions], { keepdims: 0 }), b.float(1)]);
  if (rope.rope_type === "longrope") {
    const original = rope.original_max_position_embeddings;
    const [short, long] = [original, original + 1].map((length) => b.float(ropeFrequencies(c, length)));
    return b.op("Where", [b.op("Greater", [reach, b.float(original)]), long, short]);
  }
  const length = b.op("Max", [reach, b.float(most)]);
  const times = b.op("Div", [b.op("Mul", [length, b.float(rope.factor)]), b.float(most)]);
  const grown = b.op("Pow", [b.op("Sub", [times, b.float(rope.factor - 1)]), b.float(headDim / (headDim - 2))]);
  const exponents = Array.from({ length: headDim / 2 }, (_, i) => (2 * i) / headDim);
  const powers = b.op("Pow", [b.op("Mul", [grown, b.float(c.ropeTheta)]), b.float(exponents)]);
  return b.op("Reciprocal", [powers]);
}

function llama(
  b: OnnxBuilder,
  c: LlamaConfig,
  prefix: string,
  options: DecoderOptions,
): { x: string; context: Context } {
  const [size, heads, groups] = [headSize(c), c.numAttentionHeads, keyValueHeads(c)];
  const context = new Context(b, c.numHiddenLayers, groups, size, options);
  const positions = b.op("Cast", [b.op("Unsqueeze", [context.positions, b.ints([1, 3])])], { to: 1 });
  // [batch, 1, T, size / 2]
  const angles = b.op("Mul", [positions, frequencies(b, c, positions)]);
  const scale = attentionFactor(ropeConfig(c));
  const turns = ["Cos", "Sin"].map((op) => {
    const turn = b.op(op, [angles]);
    return scale === 1 ? turn : b.op("Mul", [turn, b.float(scale)]);
  });
  let x = b.embedding(context.ids, `${prefix}embed_tokens`);
  for (let i = 0; i < c.numHiddenLayers; i++) {
    const at = `${prefix}layers.${i}`;
    const normed = b.rmsNorm(x, `${at}.input_layernorm`, c.rmsNormEps);
    const part = (name: string, n: number) => b.split(b.linear(normed, `${at}.self_attn.${name}`), n, size);
    const q = turn(b, part("q_proj", heads), turns, size);
    const [k, v] = context
      .remember(i, turn(b, part("k_proj", groups), turns, size), part("v_proj", groups))
      .map((t) => repeat(b, t, heads, groups, size));
    const y = b.join(b.attend(q, k, v, context.mask(windowOf(c, i)), Math.sqrt(size)), heads * size);
    const h = b.op("Add", [x, b.linear(y, `${at}.self_attn.o_proj`)]);
    const inner = b.rmsNorm(h, `${at}.post_attention_layernorm`, c.rmsNormEps);
    const gate = b.activation(b.linear(inner, `${at}.mlp.gate_proj`), c.hiddenAct);
    const gated = b.op("Mul", [gate, b.linear(inner, `${at}.mlp.up_proj`)]);
    x = b.op("Add", [h, b.linear(gated, `${at}.mlp.down_proj`)]);
  }
  return { x: b.rmsNorm(x, `${prefix}norm`, c.rmsNormEps), context };
}

/** Builds GPT-2 and the Llama family, bare or as language models; names as Optimum's. */
export function buildDecoder(
  b: OnnxBuilder,
  config: PretrainedConfig,
  head: Head,
  basePrefix: string,
  options: DecoderOptions,
): void {
  const prefix = head === "base" ? "" : `${basePrefix}.`;
  const isGpt2 = config.modelType === "gpt2";
  const { x, context } = isGpt2
    ? gpt2(b, config as GPT2Config, prefix, options)
    : llama(b, config as LlamaConfig, prefix, options);
  const { vocabSize } = config as LlamaConfig;
  const width = isGpt2 ? (config as GPT2Config).nEmbd : (config as LlamaConfig).hiddenSize;
  if (head === "base") b.graph.output("last_hidden_state", x, "F32", [...TOKENS, width]);
  else b.graph.output("logits", b.linear(x, "lm_head"), "F32", [...TOKENS, vocabSize]);
  context.giveOut();
}
