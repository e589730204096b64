import { z } from "zod";
import { nearestName } from "../backend/options.ts";

type JsonObject = Record<string, unknown>;
/** Throws what the caller throws for a configuration that cannot be used. */
export type RefuseConfig = (message: string, hint?: string) => never;

const positive = z.number().positive();
const notNegative = z.number().min(0);
const factors = z.array(positive).max(1 << 16);
const rows = z
  .number()
  .int()
  .min(1)
  .max(1 << 24);

/** What each type of rotary positions is made of, by Transformers' names. */
const TYPES = {
  default: z.object({}),
  linear: z.object({ factor: positive }),
  dynamic: z.object({ factor: positive }),
  yarn: z.object({
    /** max_position_embeddings / original_max_position_embeddings where null. */
    factor: positive.nullable(),
    original_max_position_embeddings: rows,
    attention_factor: z.number().nullish(),
    mscale: z.number().nullish(),
    mscale_all_dim: z.number().nullish(),
    beta_fast: notNegative.nullish(),
    beta_slow: notNegative.nullish(),
    truncate: z.boolean().nullish(),
  }),
  longrope: z.object({
    short_factor: factors,
    long_factor: factors,
    original_max_position_embeddings: rows,
    factor: positive.nullish(),
    attention_factor: z.number().nullish(),
  }),
  llama3: z.object({
    factor: positive,
    original_max_position_embeddings: rows,
    low_freq_factor: positive,
    high_freq_factor: positive,
  }),
  proportional: z.object({ factor: positive.optional() }),
};
export type RopeType = keyof typeof TYPES;
/** The parameters of one type of rotary positions. */
export type RopeOf<T extends RopeType> = (T extends "default" ? unknown : z.infer<(typeof TYPES)[T]>) & {
  rope_type: T;
  partial_rotary_factor?: number;
};
export type Rope = { [T in RopeType]: RopeOf<T> }[RopeType];

/** All of them, for reading and writing; what one type takes is checked apart. */
export const ROPE_PARAMETERS = z
  .object({
    ...{ rope_type: z.string(), rope_theta: positive, partial_rotary_factor: z.number().min(0).max(1) },
    ...{ factor: positive.nullable(), original_max_position_embeddings: rows },
    ...{ low_freq_factor: positive, high_freq_factor: positive, short_factor: factors, long_factor: factors },
    ...{
      attention_factor: z.number().nullable(),
      mscale: z.number().nullable(),
      mscale_all_dim: z.number().nullable(),
    },
    ...{ beta_fast: notNegative.nullable(), beta_slow: notNegative.nullable(), truncate: z.boolean().nullable() },
  })
  .partial();
/** Keys that {@link oneRopeLayout} reads, besides those that a configuration keeps. */
export const ROPE_HARMLESS = ["partial_rotary_factor", "original_max_position_embeddings"];

const TYPE_NAMES = Object.keys(TYPES) as RopeType[];
/** Types whose first training length stands among the parameters. */
const WITH_ORIGINAL: ReadonlySet<string> = new Set(["yarn", "longrope", "llama3"]);
const KNOWN = new Set([
  ...Object.values(TYPES).flatMap((type) => Object.keys(type.shape)),
  // `finetuned`: a remark in YaRN's own files.
  ...["rope_type", "type", "rope_theta", "partial_rotary_factor", "finetuned"],
]);
const REFUSED: Readonly<Record<string, string>> = {
  mrope_section: "Positions of pictures and films (M-RoPE) are not done here.",
  mrope_interleaved: "Positions of pictures and films (M-RoPE) are not done here.",
  full_attention: "Angles by the type of a layer: Transformers has none in Llama, Qwen2 and Mistral either.",
  sliding_attention: "Angles by the type of a layer: Transformers has none in Llama, Qwen2 and Mistral either.",
};

const snake = (key: string) => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
const isObject = (value: unknown): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value);

/** Keys of a configuration that say how positions turn, in its spelling. */
export interface RopeSpelling {
  scaling: string;
  parameters: string;
  theta: string;
  partial: string;
  original: string;
  most: string;
}
export const SNAKE: RopeSpelling = {
  ...{ scaling: "rope_scaling", parameters: "rope_parameters", theta: "rope_theta" },
  ...{ partial: "partial_rotary_factor", original: "original_max_position_embeddings" },
  most: "max_position_embeddings",
};
export const CAMEL: RopeSpelling = {
  ...{ scaling: "ropeScaling", parameters: "ropeParameters", theta: "ropeTheta" },
  ...{ partial: "partialRotaryFactor", original: "originalMaxPositionEmbeddings" },
  most: "maxPositionEmbeddings",
};

/** Refuses a key that no type of rotary positions has. */
function checkKeys(given: JsonObject, where: string, refuse: RefuseConfig): void {
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(REFUSED, key)) refuse(`${where}.${key} is not supported`, REFUSED[key]);
    if (KNOWN.has(key)) continue;
    const near = nearestName(key, KNOWN);
    refuse(
      `${where}: the key ${key} is not known`,
      `${near === undefined ? "" : `Did you mean ${near}? `}There are: ${[...KNOWN].join(", ")}.`,
    );
  }
}

/**
 * The keys of a configuration with rotary positions in one layout: `rope_theta` and, unless nothing is scaled, `rope_scaling` with
 * `rope_type`. Read are Transformers 4's layout, which is this one with `type` for `rope_type`, and version 5's, `rope_parameters`
 * with everything in it; where a file has both the older wins, as there (`RotaryEmbeddingConfigMixin`).
 * @param most positions where the configuration does not say.
 */
export function oneRopeLayout(values: JsonObject, s: RopeSpelling, most: number, refuse: RefuseConfig): JsonObject {
  const { [s.scaling]: scaling, [s.parameters]: parameters, [s.partial]: partial, [s.original]: original } = values;
  const rest = { ...values };
  for (const key of [s.scaling, s.parameters, s.partial, s.original]) delete rest[key];
  for (const [key, value] of [
    [s.scaling, scaling],
    [s.parameters, parameters],
  ] as const) {
    if (value != null && !isObject(value))
      refuse(`${key}: found ${JSON.stringify(value).slice(0, 60)}; expected an object or null`);
  }
  const filled = isObject(scaling) && Object.keys(scaling).length > 0;
  // A configuration that is here already has `ropeScaling` alone: what is set beside it is meant to replace it.
  const old = s === CAMEL ? filled && parameters == null : filled;
  const where = old ? s.scaling : s.parameters;
  const given = Object.fromEntries(
    Object.entries(((old ? scaling : parameters) ?? {}) as JsonObject).map(([key, value]) => [
      s === CAMEL ? snake(key) : key,
      value,
    ]),
  );
  checkKeys(given, where, refuse);
  const { rope_theta: theta, type, rope_type: name = type ?? "default", finetuned: _, ...own } = given;
  if (!TYPE_NAMES.includes(name as RopeType)) {
    const near = nearestName(String(name), TYPE_NAMES);
    refuse(
      `${where}: the type ${JSON.stringify(name)} is not known here`,
      `${near === undefined ? "" : `Did you mean ${near}? `}Known are ${TYPE_NAMES.join(", ")}.`,
    );
  }
  if (partial != null) own.partial_rotary_factor ??= partial;
  if (own.partial_rotary_factor == null || own.partial_rotary_factor === 1) delete own.partial_rotary_factor;
  if (WITH_ORIGINAL.has(name as string)) {
    // The file's own key wins over the one inside, as in Transformers.
    own.original_max_position_embeddings = original ?? own.original_max_position_embeddings ?? values[s.most] ?? most;
  }
  const schema = TYPES[name as RopeType].extend({
    partial_rotary_factor: z.number().min(0).max(1).optional(),
  }) as z.ZodType<JsonObject>;
  // Keys of other types have no effect, there as here; they go.
  const parsed = schema.safeParse(own);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const found = JSON.stringify(own[String(issue.path[0])]) ?? "nothing";
    refuse(`${where}.${issue.path.join(".")}: found ${found.slice(0, 60)}; ${issue.message}`);
  }
  if (theta !== undefined) rest[s.theta] = theta;
  const plain = name === "default" && Object.keys(parsed.data).length === 0;
  rest[s.scaling] = plain ? null : { rope_type: name, ...parsed.data };
  return rest;
}

/** The type and parameters of a configuration's rotary positions. */
export const ropeOf = ({ ropeScaling }: { ropeScaling?: JsonObject | null }): Rope =>
  (ropeScaling ?? { rope_type: "default" }) as Rope;
