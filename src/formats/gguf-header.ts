import { GgufError } from "./gguf.ts";
import type { GgufArchitecture } from "./gguf-names.ts";
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
    if (typeof found !== "number") throw new GgufError(`the config has no ${keys[0]}`);
    return found;
  };
  const uint32 = (value: number): GgufValue => ({ type: "uint32", value });
  const float32 = (value: number): GgufValue => ({ type: "float32", value });
  const values = new Map<string, GgufValue>([
    ["general.architecture", { type: "string", value: architecture }],
    ["general.name", { type: "string", value: name }],
    ["general.file_type", uint32({ F32: 0, F16: 1, BF16: 32 }[dtype])],
  ]);
  const own = (key: string, value: GgufValue) => values.set(`${architecture}.${key}`, value);
  if (architecture === "gpt2") {
    const width = number("n_embd");
    own("block_count", uint32(number("n_layer")));
    own("context_length", uint32(number("n_positions", "n_ctx")));
    own("embedding_length", uint32(width));
    own("feed_forward_length", uint32(typeof config.n_inner === "number" ? config.n_inner : 4 * width));
    own("attention.head_count", uint32(number("n_head")));
    own("attention.layer_norm_epsilon", float32(number("layer_norm_epsilon")));
    return values;
  }
  const heads = number("num_attention_heads");
  const rope = config.rope_parameters as { rope_theta?: number } | undefined;
  own("block_count", uint32(number("num_hidden_layers")));
  own("context_length", uint32(number("max_position_embeddings")));
  own("embedding_length", uint32(number("hidden_size")));
  own("feed_forward_length", uint32(number("intermediate_size")));
  own("attention.head_count", uint32(heads));
  own(
    "attention.head_count_kv",
    uint32(typeof config.num_key_value_heads === "number" ? config.num_key_value_heads : heads),
  );
  own("attention.layer_norm_rms_epsilon", float32(number("rms_norm_eps")));
  own(
    "rope.freq_base",
    float32(typeof config.rope_theta === "number" ? config.rope_theta : (rope?.rope_theta ?? 10000)),
  );
  own(
    "rope.dimension_count",
    uint32(typeof config.head_dim === "number" ? config.head_dim : number("hidden_size") / heads),
  );
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
  { model, added_tokens: added = [] }: TokenizerJson,
  size: number,
  ids: {
    bosTokenId?: number;
    eosTokenId?: number;
    unkTokenId?: number;
    padTokenId?: number;
    chatTemplate?: string;
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
    ["tokenizer.ggml.pre", { type: "string", value: pieces ? "default" : "gpt-2" }],
    ["tokenizer.ggml.tokens", { type: "string[]", value: tokens }],
  ]);
  if (pieces) {
    const value = types.map((type, id) => (type === NORMAL ? -id : type === UNUSED ? -1e4 - id : 0));
    values.set("tokenizer.ggml.scores", { type: "float32[]", value });
  }
  values.set("tokenizer.ggml.token_type", { type: "int32[]", value: types });
  const merges = (model.merges ?? []).map((merge) => (typeof merge === "string" ? merge : merge.join(" ")));
  values.set("tokenizer.ggml.merges", { type: "string[]", value: merges });
  const { bosTokenId, eosTokenId, unkTokenId, padTokenId, chatTemplate } = ids;
  for (const [key, id] of Object.entries({
    bos: bosTokenId,
    eos: eosTokenId,
    unknown: unkTokenId,
    padding: padTokenId,
  }))
    if (id !== undefined) values.set(`tokenizer.ggml.${key}_token_id`, { type: "uint32", value: id });
  if (chatTemplate !== undefined) values.set("tokenizer.chat_template", { type: "string", value: chatTemplate });
  return values;
}
