import "../backend/dispose.ts";
import { nearestName } from "../backend/options.ts";
import { GgufError, GgufFile } from "./gguf.ts";
import { ROPE_TENSORS } from "./gguf-rope.ts";
import { frequenciesAt } from "./rope-angles.ts";

type Json = Record<string, unknown>;

/** Keys after the architecture's name that are read, or change nothing. */
const KEYS = [
  ...["block_count", "context_length", "embedding_length", "feed_forward_length", "vocab_size", "tensor_data_layout"],
  ...["attention.head_count", "attention.head_count_kv", "attention.key_length", "attention.value_length"],
  ...["attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon", "attention.sliding_window"],
  ...["rope.freq_base", "rope.dimension_count", "rope.scale_linear", "rope.scaling.type", "rope.scaling.factor"],
  ...["rope.scaling.original_context_length", "rope.scaling.attn_factor", "rope.scaling.finetuned"],
  ...["rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow", "rope.scaling.yarn_ext_factor"],
];
/** Llama 3.1's and 3.2's parameters, of which a file keeps only what follows from them. */
const LLAMA3 = [8, 32].map((factor) => ({
  ...{ rope_type: "llama3", factor, low_freq_factor: 1, high_freq_factor: 4 },
  original_max_position_embeddings: 8192,
}));

/** The values of one architecture in a header, each checked when it is read. */
class Header {
  readonly file: GgufFile;
  readonly architecture: string;
  constructor(file: GgufFile) {
    this.file = file;
    this.architecture = file.metadata["general.architecture"] ?? "";
    if (!["llama", "qwen2", "gpt2"].includes(this.architecture))
      this.refuse(`the architecture ${this.architecture || "(none)"} is unknown`, "Known are llama, qwen2, gpt2.");
    for (const key of file.values.keys()) {
      const own = key.startsWith(`${this.architecture}.`) ? key.slice(this.architecture.length + 1) : undefined;
      if (own === undefined || KEYS.includes(own)) continue;
      const near = nearestName(own, KEYS);
      this.refuse(
        `${key} is not known here, and may change what the model computes`,
        near && `The nearest known key is ${this.architecture}.${near}.`,
      );
    }
  }
  refuse(what: string, hint?: string): never {
    throw new GgufError(`${this.file.path}: ${what}`, hint);
  }
  has(key: string): boolean {
    return this.file.values.has(`${this.architecture}.${key}`);
  }
  number(key: string, ok: (x: number) => boolean, otherwise?: number): number {
    const value = this.file.values.get(`${this.architecture}.${key}`)?.value ?? otherwise;
    if (typeof value === "number" && ok(value)) return value;
    const found = value === undefined ? "is missing" : `is ${String(value).slice(0, 40)}`;
    return this.refuse(`${this.architecture}.${key} ${found}`, "The file is damaged, or of a kind that is not read.");
  }
  count(key: string, most: number, otherwise?: number): number {
    return this.number(key, (x) => Number.isInteger(x) && x >= 1 && x <= most, otherwise);
  }
  positive(key: string, otherwise?: number): number {
    // Float32 of a decimal number: its shortest decimal that rounds to it is what was meant.
    const value = this.number(key, (x) => x > 0 && Number.isFinite(x), otherwise);
    const short = Number(value.toPrecision(7));
    return Math.fround(short) === Math.fround(value) ? short : value;
  }
}

/** `rope_theta` and `rope_scaling` as a header and the tensors of factors say them. */
function readRope(h: Header, headDim: number, most: number): Json {
  const { file } = h;
  const theta = h.positive("rope.freq_base", 10000);
  const said = file.values.get(`${h.architecture}.rope.scaling.type`)?.value;
  const factor = h.has("rope.scaling.factor")
    ? h.number("rope.scaling.factor", (x) => x >= 0 && Number.isFinite(x))
    : h.number("rope.scale_linear", (x) => x >= 0 && Number.isFinite(x), 0);
  const type = said ?? "linear";
  if (h.has("rope.scaling.yarn_ext_factor") && h.number("rope.scaling.yarn_ext_factor", Number.isFinite) !== 1)
    h.refuse("rope.scaling.yarn_ext_factor is not 1, which is not done here");
  const factors = (name: string): number[] => {
    const { shape, data } = file.read(name);
    if (shape.length !== 1 || shape[0] !== headDim / 2)
      h.refuse(`${name} is [${shape}]; heads of ${headDim} need ${headDim / 2}`);
    const list = Array.from(data as ArrayLike<number>, Number);
    return list.every((x) => x > 0 && Number.isFinite(x))
      ? list
      : h.refuse(`${name} holds numbers that are no factors`);
  };
  const original = () => h.count("rope.scaling.original_context_length", 1 << 24, most);
  const attention = h.positive("rope.scaling.attn_factor", 1);
  if (file.has("rope_freqs.weight")) {
    if (said !== undefined && said !== "none" && factor > 1)
      h.refuse("rope_freqs.weight and rope.scaling together are not read");
    const list = factors("rope_freqs.weight");
    const config = { headDim, maxPositionEmbeddings: most, ropeTheta: theta };
    const plain = frequenciesAt({ ...config, rope: { rope_type: "default" } }, 1);
    const known = LLAMA3.find((rope) => {
      const scaled = frequenciesAt({ ...config, rope: rope as never }, 1);
      return list.every((x, i) => Math.abs(plain[i] / scaled[i] / x - 1) < 1e-5);
    });
    // The same factors whatever the length: the same angles.
    const any = { rope_type: "longrope", short_factor: list, long_factor: list, attention_factor: attention };
    return { rope_theta: theta, rope_scaling: known ?? { ...any, original_max_position_embeddings: most } };
  }
  if (type === "longrope") {
    const [long, short] = ["long", "short"].map((which) => factors(`rope_factors_${which}.weight`));
    const rope = { rope_type: "longrope", short_factor: short, long_factor: long, attention_factor: attention };
    return { rope_theta: theta, rope_scaling: { ...rope, original_max_position_embeddings: original() } };
  }
  if (type === "yarn") {
    const grown = factor <= 1 ? 1 : 1 + 0.1 * Math.log(factor);
    const rope: Json = { rope_type: "yarn", factor: factor || 1, original_max_position_embeddings: original() };
    if (h.has("rope.scaling.attn_factor") && attention !== 1) rope.attention_factor = attention * grown;
    for (const key of ["beta_fast", "beta_slow"])
      if (h.has(`rope.scaling.yarn_${key}`)) rope[key] = h.positive(`rope.scaling.yarn_${key}`);
    return { rope_theta: theta, rope_scaling: rope };
  }
  if (type !== "linear" && type !== "none") h.refuse(`rope.scaling.type ${JSON.stringify(type)} is not known here`);
  if (attention !== 1) h.refuse(`rope.scaling.attn_factor without yarn or longrope is not done here`);
  const linear = type === "linear" && factor !== 0 && factor !== 1;
  return { rope_theta: theta, rope_scaling: linear ? { rope_type: "linear", factor } : null };
}

/** Ids of tokens that the header names, those outside of the vocabulary left out. */
function tokenIds(file: GgufFile, vocabulary: number): Json {
  const ids: Json = {};
  for (const [key, name] of [
    ["bos", "bos_token_id"],
    ["eos", "eos_token_id"],
    ["padding", "pad_token_id"],
  ]) {
    const value = file.values.get(`tokenizer.ggml.${key}_token_id`)?.value;
    ids[name] = typeof value === "number" && value >= 0 && value < vocabulary ? value : null;
  }
  return ids;
}

/**
 * The config.json that belongs to a GGUF file of llama, qwen2 or gpt2, as Transformers reads it; every number is checked.
 * Mistral's files are told by a sliding window. Values of float32 come back as the decimals they were written from.
 * @throws GgufError naming the key: missing, out of range, or unknown, for it may change what is computed.
 */
export function readGgufConfig(path: string): Json {
  using file = GgufFile.open(path);
  const h = new Header(file);
  const table = file.has("token_embd.weight") ? file.info("token_embd.weight").shape : h.refuse("no token_embd.weight");
  const [vocabulary, width] = [table[0], h.count("embedding_length", 1 << 17)];
  if (table.length !== 2 || table[1] !== width) h.refuse(`token_embd.weight is [${table}], embedding_length ${width}`);
  const [layers, heads] = [
    h.number("block_count", (x) => Number.isInteger(x) && x >= 0 && x <= 1024),
    h.count("attention.head_count", 1024),
  ];
  const most = h.count("context_length", 1 << 24);
  const inner = h.count("feed_forward_length", 1 << 17);
  const tied = !file.has("output.weight");
  const ids = tokenIds(file, vocabulary);
  if (h.architecture === "gpt2") {
    return {
      ...{ model_type: "gpt2", architectures: ["GPT2LMHeadModel"], vocab_size: vocabulary, n_positions: most },
      ...{ n_embd: width, n_layer: layers, n_head: heads, n_inner: inner, tie_word_embeddings: tied },
      ...{ layer_norm_epsilon: h.positive("attention.layer_norm_epsilon"), activation_function: "gelu_new", ...ids },
    };
  }
  const groups = h.count("attention.head_count_kv", 1024, heads);
  const turned = h.count(
    "rope.dimension_count",
    1 << 17,
    h.has("attention.key_length") ? h.count("attention.key_length", 1 << 17) : Math.floor(width / heads),
  );
  const headDim = h.count("attention.key_length", 1 << 17, turned);
  if (h.count("attention.value_length", 1 << 17, headDim) !== headDim)
    h.refuse("values of another size than keys are not done here");
  if (turned !== headDim || headDim % 2 !== 0)
    h.refuse(`rope.dimension_count ${turned} of heads of ${headDim} is not done here`);
  const biased = (part: string) => layers > 0 && file.has(`blk.0.${part}.bias`);
  if (h.architecture === "llama" && biased("attn_q") !== biased("attn_output"))
    h.refuse("biases of queries without those of the output, or the other way round, are not done here");
  const window = h.has("attention.sliding_window") ? h.count("attention.sliding_window", 1 << 24) : undefined;
  const config: Json = {
    ...{ vocab_size: vocabulary, hidden_size: width, intermediate_size: inner, num_hidden_layers: layers },
    ...{ num_attention_heads: heads, num_key_value_heads: groups, head_dim: headDim, max_position_embeddings: most },
    ...{ rms_norm_eps: h.positive("attention.layer_norm_rms_epsilon"), hidden_act: "silu", tie_word_embeddings: tied },
    ...readRope(h, headDim, most),
    ...ids,
  };
  if (h.architecture === "qwen2") {
    if (window !== undefined)
      h.refuse("a sliding window of Qwen2 is not read: the file does not say which layers have it");
    return { model_type: "qwen2", architectures: ["Qwen2ForCausalLM"], ...config, use_sliding_window: false };
  }
  const biases = { attention_bias: biased("attn_q"), mlp_bias: biased("ffn_gate") };
  if (window === undefined) return { model_type: "llama", architectures: ["LlamaForCausalLM"], ...config, ...biases };
  if (biases.attention_bias || biases.mlp_bias) h.refuse("a sliding window with biases is not done here");
  return { model_type: "mistral", architectures: ["MistralForCausalLM"], ...config, sliding_window: window };
}

/** What the tensors alone do not say, where only they are taken out of a file; for a message each. */
export const ggufLosses = (file: GgufFile): string[] =>
  ROPE_TENSORS.filter((name) => file.has(name)).map(
    (name) => `${name} belongs into the model's config.json, as rope_scaling: a folder as the target gets one`,
  );
