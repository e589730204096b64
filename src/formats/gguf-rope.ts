import type { TensorSource } from "./dtype.ts";
import { GgufError } from "./gguf.ts";
import type { GgufArchitecture } from "./gguf-names.ts";
import type { GgufValue } from "./gguf-types.ts";
import { attentionFactor, frequenciesAt, type RopeConfig, ropeConfigOf, ropeProblem } from "./rope-angles.ts";
import { oneRopeLayout, SNAKE } from "./rope-parameters.ts";

type Json = Readonly<Record<string, unknown>>;

/** Factors of the frequencies, in tensors of their own. */
export const ROPE_TENSORS = ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"];

const refuse = (message: string, hint?: string): never => {
  throw new GgufError(`config.json: ${message}`, hint);
};

const whole = (config: Json, key: string): number => {
  const value = config[key];
  return typeof value === "number" && Number.isInteger(value) && value > 0
    ? value
    : refuse(`${key}: found ${JSON.stringify(value) ?? "nothing"}; expected a whole number above 0`);
};

/** Longest texts where the configuration does not say, in Transformers. */
const MOST: Readonly<Record<string, number>> = { llama: 2048, qwen2: 32768, mistral: 131072 };
export const positionsOf = (config: Json): number =>
  config.max_position_embeddings === undefined
    ? MOST[String(config.model_type)]
    : whole(config, "max_position_embeddings");

/** Elements of a head. */
export const headDimOf = (config: Json): number =>
  typeof config.head_dim === "number"
    ? whole(config, "head_dim")
    : Math.floor(whole(config, "hidden_size") / whole(config, "num_attention_heads"));

/** The angles' part of a config.json, in either layout. Throws {@link GgufError}. */
export function ggufRope(config: Json): RopeConfig {
  const most = positionsOf(config);
  const { rope_theta: theta = 10000, rope_scaling: scaling } = oneRopeLayout({ ...config }, SNAKE, most, refuse);
  if (typeof theta !== "number" || !(theta > 0)) refuse(`rope_theta: found ${JSON.stringify(theta)}`);
  const angles = ropeConfigOf(
    {
      maxPositionEmbeddings: most,
      ropeTheta: theta as number,
      ropeScaling: scaling as Record<string, unknown> | null,
    },
    headDimOf(config),
  );
  const problem = ropeProblem(angles);
  if (problem !== undefined) refuse(problem);
  return angles;
}

const float32 = (value: number): GgufValue => ({ type: "float32", value });

/**
 * What llama.cpp's header says of a model's rotary positions, keys without the architecture, and the tensors that go with it:
 * `rope_freqs.weight` where Llama 3.1 stretches waves, `rope_factors_{long,short}.weight` for LongRoPE.
 * @throws GgufError for scalings that llama.cpp does not have, or not for this architecture.
 */
export function ggufRopeValues(
  architecture: GgufArchitecture,
  c: RopeConfig,
): { values: Map<string, GgufValue>; tensors: Map<string, TensorSource> } {
  const { rope } = c;
  const values = new Map<string, GgufValue>([
    ["rope.freq_base", float32(c.ropeTheta)],
    ["rope.dimension_count", { type: "uint32", value: c.headDim }],
  ]);
  const tensors = new Map<string, TensorSource>();
  const set = (key: string, value: GgufValue) => values.set(`rope.scaling.${key}`, value);
  const type = (value: string) => set("type", { type: "string", value });
  const original = (value: number) => set("original_context_length", { type: "uint32", value });
  const table = (name: string, data: readonly number[]) =>
    tensors.set(name, { shape: [data.length], dtype: "F32", data: Float32Array.from(data) });
  const onlyLlama = () => {
    if (architecture !== "llama")
      throw new GgufError(`llama.cpp has no ${rope.rope_type} positions for ${architecture}, only for llama`);
  };
  switch (rope.rope_type) {
    case "default":
      return { values, tensors };
    case "linear":
      type("linear");
      set("factor", float32(rope.factor));
      return { values, tensors };
    case "yarn": {
      if (rope.truncate === false || rope.truncate === null)
        throw new GgufError("llama.cpp has no YaRN positions with truncate: false");
      const factor = rope.factor ?? c.maxPositionEmbeddings / rope.original_max_position_embeddings;
      type("yarn");
      set("factor", float32(factor));
      original(rope.original_max_position_embeddings);
      // There attention grows by 1 + ln(factor) / 10 in any case, and by this.
      const own = attentionFactor(c) / (factor <= 1 ? 1 : 1 + 0.1 * Math.log(factor));
      if (Math.abs(own - 1) > 1e-9) set("attn_factor", float32(own));
      if (rope.beta_fast) set("yarn_beta_fast", float32(rope.beta_fast));
      if (rope.beta_slow) set("yarn_beta_slow", float32(rope.beta_slow));
      return { values, tensors };
    }
    case "llama3": {
      onlyLlama();
      const plain = frequenciesAt({ ...c, rope: { rope_type: "default" } }, 1);
      const scaled = frequenciesAt(c, 1);
      table(
        "rope_freqs.weight",
        plain.map((f, i) => f / scaled[i]),
      );
      return { values, tensors };
    }
    case "longrope":
      onlyLlama();
      type("longrope");
      original(rope.original_max_position_embeddings);
      set("attn_factor", float32(attentionFactor(c)));
      table("rope_factors_long.weight", rope.long_factor);
      table("rope_factors_short.weight", rope.short_factor);
      return { values, tensors };
    default:
      throw new GgufError(
        `llama.cpp has no ${rope.rope_type} positions`,
        "It has default, linear, yarn, and for llama longrope and llama3.",
      );
  }
}
