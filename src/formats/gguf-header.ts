import { GgufError } from "./gguf.ts";
import type { GgufArchitecture, GgufHeads } from "./gguf-names.ts";
import { ggufPre, type PreTokenizerJson } from "./gguf-pre.ts";
import { ggufRope, ggufRopeValues, headDimOf, positionsOf } from "./gguf-rope.ts";
import type { GgufValue } from "./gguf-types.ts";

/** What is needed of a Hugging Face `config.json`. */
export type ModelConfig = Readonly<Record<string, unknown>>;
/** What is needed of a `tokenizer.json`. */
export interface TokenizerJson {
  model: {
    type: string;
    vocab: Record<string, number>;
    merges?: (string | [string, string])[];
    byte_fallback?: boolean;
    unk_token?: string | null;
  };
  pre_tokenizer?: PreTokenizerJson;
  added_tokens?: { id: number; content: string; special: boolean }[];
}

/** llama.cpp's name of an architecture of Hugging Face; throws {@link GgufError} for those it has no name for here. */
export function ggufArchitecture(config: ModelConfig): GgufArchitecture {
  const names: Record<string, GgufArchitecture> = { llama: "llama", mistral: "llama", qwen2: "qwen2", gpt2: "gpt2" };
  const found = names[String(config.model_type)];
  if (found === undefined)
    throw new GgufError(
      `model_type ${String(config.model_type)} has no GGUF form here`,
      `Known are ${Object.keys(names).join(", ")}.`,
    );
  return found;
}

/** How many heads queries and keys have; Qwen2 and Mistral have 32 and 8 of keys where the configuration does not say. */
export function ggufHeads(config: ModelConfig): GgufHeads {
  const { num_attention_heads: named, n_head: own, num_key_value_heads: groups } = config;
  const heads = Number(named ?? own);
  const unsaid = { qwen2: 32, mistral: 8 }[String(config.model_type)] ?? heads;
  return { numAttentionHeads: heads, numKeyValueHeads: groups === undefined ? unsaid : Number(groups ?? heads) };
}

const SILU = ["silu", "swish"];
/** The tanh form, which llama.cpp computes for GPT-2. */
const GELU_TANH = ["gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_fast", "gelu_accurate"];

/** Throws {@link GgufError} for what llama.cpp computes in one way only, and this model in another. */
function checkFixed(config: ModelConfig, architecture: GgufArchitecture): void {
  const only = (key: string, ...allowed: readonly unknown[]) => {
    const value = config[key];
    if (value != null && !allowed.includes(value))
      throw new GgufError(
        `config.json: ${key}: ${JSON.stringify(value).slice(0, 60)}: llama.cpp's ${architecture} has only ${allowed.join(", ")}`,
      );
  };
  only("quantization_config");
  only("per_layer_config");
  if (architecture === "gpt2") {
    only("activation_function", ...GELU_TANH);
    only("scale_attn_weights", true);
    only("scale_attn_by_inverse_layer_idx", false);
    only("add_cross_attention", false);
    return;
  }
  only("hidden_act", ...SILU);
  if (architecture === "qwen2") only("mlp_bias", false);
}

/** Tokens that the model looks back on at most, in any layer; undefined: all. llama.cpp's llama and qwen2 always take all. */
function windowIn(config: ModelConfig, layers: number): number | undefined {
  const window = config.sliding_window ?? (config.sliding_window === null ? undefined : 4096);
  if (typeof window !== "number" || config.model_type === "llama") return undefined;
  if (config.model_type === "mistral") return window;
  if (config.use_sliding_window !== true) return undefined;
  const slides = Array.isArray(config.layer_types)
    ? config.layer_types.includes("sliding_attention")
    : layers > Number(config.max_window_layers ?? 28);
  return slides ? window : undefined;
}

/**
 * What llama.cpp will compute in another way than the model does, for a message each.
 * @param output whether there is an output layer among the tensors.
 */
export function ggufWarnings(config: ModelConfig, output: boolean): string[] {
  const architecture = ggufArchitecture(config);
  const tied = config.tie_word_embeddings ?? architecture === "gpt2";
  const none =
    "there is no output layer, and tie_word_embeddings is false; llama.cpp takes the table of tokens, which tells of no next token";
  const window = architecture === "gpt2" ? undefined : windowIn(config, Number(config.num_hidden_layers));
  const warnings = output || tied === true ? [] : [none];
  if (window === undefined || window >= positionsOf(config)) return warnings;
  return [
    ...warnings,
    `a token looks back on ${window} tokens at most; llama.cpp's ${architecture} takes all, so that longer texts give other results there`,
  ];
}

/**
 * The header's values of a model, from its config (convert_hf_to_gguf.py of llama.cpp).
 * @throws GgufError naming what the config lacks.
 */
export function ggufModelValues(
  config: ModelConfig,
  name: string,
  dtype: "F32" | "F16" | "BF16" = "F32",
): Map<string, GgufValue> {
  const architecture = ggufArchitecture(config);
  const number = (...keys: string[]): number => {
    const found = keys.map((key) => config[key]).find((value) => typeof value === "number");
    if (typeof found !== "number") throw new GgufError(`the config has no ${keys.at(-1)}`);
    return found;
  };
  const eps = (key: string, otherwise: number) => (config[key] === undefined ? otherwise : number(key));
  const uint32 = (value: number): GgufValue => ({ type: "uint32", value });
  const float32 = (value: number): GgufValue => ({ type: "float32", value });
  const values = new Map<string, GgufValue>([
    ["general.architecture", { type: "string", value: architecture }],
    ["general.name", { type: "string", value: name }],
    ["general.file_type", uint32({ F32: 0, F16: 1, BF16: 32 }[dtype])],
  ]);
  const own = (key: string, value: GgufValue) => values.set(`${architecture}.${key}`, value);
  checkFixed(config, architecture);
  if (architecture === "gpt2") {
    // Transformers' `attribute_map`.
    const width = number("hidden_size", "n_embd");
    own("block_count", uint32(number("num_hidden_layers", "n_layer")));
    own("context_length", uint32(number("max_position_embeddings", "n_positions")));
    own("embedding_length", uint32(width));
    own("feed_forward_length", uint32(typeof config.n_inner === "number" ? config.n_inner : 4 * width));
    own("attention.head_count", uint32(number("num_attention_heads", "n_head")));
    own("attention.layer_norm_epsilon", float32(eps("layer_norm_epsilon", 1e-5)));
    return values;
  }
  const heads = number("num_attention_heads");
  own("block_count", uint32(number("num_hidden_layers")));
  own("context_length", uint32(positionsOf(config)));
  own("embedding_length", uint32(number("hidden_size")));
  own("feed_forward_length", uint32(number("intermediate_size")));
  own("attention.head_count", uint32(heads));
  own("attention.head_count_kv", uint32(ggufHeads(config).numKeyValueHeads));
  own("attention.layer_norm_rms_epsilon", float32(eps("rms_norm_eps", 1e-6)));
  const size = headDimOf(config);
  if (size !== number("hidden_size") / heads) {
    own("attention.key_length", uint32(size));
    own("attention.value_length", uint32(size));
  }
  const window = windowIn(config, number("num_hidden_layers"));
  if (window !== undefined) own("attention.sliding_window", uint32(window));
  for (const [key, value] of ggufRopeValues(architecture, ggufRope(config)).values) own(key, value);
  own("vocab_size", uint32(number("vocab_size")));
  return values;
}

/** Kinds of tokens in llama.cpp. */
const [NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE] = [1, 2, 3, 4, 5, 6];

/**
 * The header's values of a BPE tokenizer, from its `tokenizer.json`: `gpt2` for byte-level ones, `llama` for SentencePiece's with byte
 * fallback, whose scores, which the file does not keep, are set by rank so that the same merges come first; the merges are kept too,
 * which spares Transformers from working them out.
 * @param size tokens of the model's embedding; ids without a token are named `[PADi]`.
 * @throws GgufError for other kinds of tokenizer.
 */
export function ggufTokenizerValues(
  { model, pre_tokenizer: pre, added_tokens: added = [] }: TokenizerJson,
  size: number,
  ids: {
    bosTokenId?: number;
    eosTokenId?: number;
    unkTokenId?: number;
    padTokenId?: number;
    chatTemplate?: string;
    addBosToken?: boolean;
    addEosToken?: boolean;
  } = {},
): Map<string, GgufValue> {
  if (model.type !== "BPE")
    throw new GgufError(`a tokenizer of type ${model.type} has no GGUF form here`, "BPE has one.");
  const pieces = model.byte_fallback === true;
  const tokens = Array.from({ length: size }, (_, i) => `[PAD${i}]`);
  const types = tokens.map(() => UNUSED);
  const put = (id: number, token: string, type: number): void => {
    if (!(id < size)) throw new GgufError(`token ${token} has id ${id}, the embedding ${size} rows`);
    tokens[id] = token;
    types[id] = type;
  };
  for (const [token, id] of Object.entries(model.vocab))
    put(
      id,
      token,
      pieces && /^<0x[0-9A-F]{2}>$/.test(token) ? BYTE : pieces && token === model.unk_token ? UNKNOWN : NORMAL,
    );
  for (const { id, content, special } of added)
    if (types[id] !== UNKNOWN) put(id, content, special ? CONTROL : USER_DEFINED);
  const values = new Map<string, GgufValue>([
    ["tokenizer.ggml.model", { type: "string", value: pieces ? "llama" : "gpt2" }],
    ["tokenizer.ggml.pre", { type: "string", value: pieces ? "default" : ggufPre(pre) }],
    ["tokenizer.ggml.tokens", { type: "string[]", value: tokens }],
  ]);
  if (pieces) {
    const value = types.map((type, id) => (type === NORMAL ? -id : type === UNUSED ? -1e4 - id : 0));
    values.set("tokenizer.ggml.scores", { type: "float32[]", value });
  }
  values.set("tokenizer.ggml.token_type", { type: "int32[]", value: types });
  const merges = (model.merges ?? []).map((merge) => (typeof merge === "string" ? merge : merge.join(" ")));
  values.set("tokenizer.ggml.merges", { type: "string[]", value: merges });
  const { bosTokenId, eosTokenId, unkTokenId, padTokenId, chatTemplate, addBosToken, addEosToken } = ids;
  for (const [key, id] of Object.entries({
    bos: bosTokenId,
    eos: eosTokenId,
    unknown: unkTokenId,
    padding: padTokenId,
  }))
    if (id !== undefined && id >= 0) values.set(`tokenizer.ggml.${key}_token_id`, { type: "uint32", value: id });
  for (const [key, value] of Object.entries({ add_bos_token: addBosToken, add_eos_token: addEosToken }))
    if (value !== undefined) values.set(`tokenizer.ggml.${key}`, { type: "bool", value });
  if (chatTemplate !== undefined) values.set("tokenizer.chat_template", { type: "string", value: chatTemplate });
  return values;
}
