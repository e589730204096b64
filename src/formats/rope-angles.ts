import { type Rope, type RopeOf, ropeOf } from "./rope-parameters.ts";

/** What angles depend on. */
export interface RopeConfig {
  readonly headDim: number;
  readonly maxPositionEmbeddings: number;
  readonly ropeTheta: number;
  readonly rope: Rope;
}

// Angles are computed in float32, step by step as Transformers does: at position 30,000 a frequency's last bit is a thousandth of
// a turn, and weights were trained with it.
const f32 = Math.fround;

/** Elements of a head that turn, rounded up to pairs, as Transformers counts them. */
function turning({ headDim, rope }: RopeConfig): number {
  if (rope.rope_type === "default" || rope.rope_type === "proportional") return headDim;
  return Math.trunc(headDim * (rope.partial_rotary_factor ?? 1));
}

/** $\theta^{2i/d}$ for each pair. */
function powers(theta: number, size: number, count = Math.ceil(size / 2)): number[] {
  return Array.from({ length: count }, (_, i) => f32(f32(theta) ** f32((2 * i) / size)));
}
const inverse = (p: number) => f32(1 / p);

/** What cosine and sine are multiplied by, as Transformers' `_compute_…_parameters` give it. */
export function attentionFactor({ rope, maxPositionEmbeddings: most }: RopeConfig): number {
  if (rope.rope_type === "yarn") {
    const { attention_factor, mscale, mscale_all_dim } = rope;
    if (attention_factor != null) return attention_factor;
    const factor = rope.factor ?? most / rope.original_max_position_embeddings;
    const grown = (by = 1) => (factor <= 1 ? 1 : 0.1 * by * Math.log(factor) + 1);
    return mscale && mscale_all_dim ? grown(mscale) / grown(mscale_all_dim) : grown();
  }
  if (rope.rope_type === "longrope") {
    if (rope.attention_factor != null) return rope.attention_factor;
    const original = rope.original_max_position_embeddings;
    const factor = rope.factor ?? most / original;
    return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  }
  return 1;
}

/** Frequencies of YaRN (Peng et al., 2023): low ones are divided by the factor, high ones are not, a ramp lies between. */
function yarn(c: RopeConfig, rope: RopeOf<"yarn">): number[] {
  const original = rope.original_max_position_embeddings;
  const factor = rope.factor ?? c.maxPositionEmbeddings / original;
  const size = turning(c);
  const [fast, slow] = [rope.beta_fast || 32, rope.beta_slow || 1];
  const dimension = (turns: number) =>
    (size * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(c.ropeTheta));
  const whole = rope.truncate === undefined || rope.truncate === true;
  const low = Math.max(whole ? Math.floor(dimension(fast)) : dimension(fast), 0);
  let high = Math.min(whole ? Math.ceil(dimension(slow)) : dimension(slow), size - 1);
  if (low === high) high += 0.001;
  return powers(c.ropeTheta, size).map((p, i) => {
    const ramp = f32(Math.min(1, Math.max(0, f32(f32(i - f32(low)) / f32(high - low)))));
    const keeps = f32(1 - ramp);
    return f32(f32(inverse(f32(factor * p)) * f32(1 - keeps)) + f32(inverse(p) * keeps));
  });
}

/** Frequencies of Llama 3.1: long waves are divided by the factor, short ones are not, those between in part. */
function llama3(c: RopeConfig, rope: RopeOf<"llama3">): number[] {
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: original } = rope;
  return powers(c.ropeTheta, turning(c)).map((p) => {
    const f = inverse(p);
    const wave = f32((2 * Math.PI) / f);
    const long = wave > f32(original / low);
    if (long) return f32(f / f32(factor));
    if (wave < f32(original / high)) return f;
    const smooth = f32(f32(f32(original / wave) - low) / (high - low));
    return f32(f32(f32(f32(1 - smooth) * f) / factor) + f32(smooth * f));
  });
}

/**
 * Angles per position of a head's pairs, as Transformers 5.24 computes them (`modeling_rope_utils.py`).
 * @param length positions that a pass reaches, past included; counts for `dynamic` (past maxPositionEmbeddings the base grows) and
 * `longrope` (past the first training's length other factors serve).
 */
export function frequenciesAt(c: RopeConfig, length: number): number[] {
  const { rope, ropeTheta, headDim, maxPositionEmbeddings: most } = c;
  const size = turning(c);
  switch (rope.rope_type) {
    case "default":
      return powers(ropeTheta, size).map(inverse);
    case "linear":
      return powers(ropeTheta, size).map((p) => f32(inverse(p) / f32(rope.factor)));
    case "dynamic": {
      const { factor } = rope;
      const grown = f32(f32(f32(factor * Math.max(length, most)) / most) - (factor - 1));
      return powers(f32(ropeTheta * f32(grown ** (size / (size - 2)))), size).map(inverse);
    }
    case "yarn":
      return yarn(c, rope);
    case "longrope": {
      const factors = length > rope.original_max_position_embeddings ? rope.long_factor : rope.short_factor;
      return powers(ropeTheta, size).map((p, i) => inverse(f32(f32(factors[i]) * p)));
    }
    case "llama3":
      return llama3(c, rope);
    case "proportional": {
      const turned = Math.floor(((rope.partial_rotary_factor ?? 1) * headDim) / 2);
      return powers(ropeTheta, headDim).map((p, i) => (i < turned ? f32(inverse(p) / f32(rope.factor ?? 1)) : 0));
    }
  }
}

/** What is wrong with the parameters for heads of this size, or undefined. */
export function ropeProblem(c: RopeConfig): string | undefined {
  const { rope, headDim } = c;
  const pairs = Math.ceil(turning(c) / 2);
  if (rope.rope_type === "longrope") {
    for (const key of ["short_factor", "long_factor"] as const)
      if (rope[key].length !== pairs)
        return `rope_scaling.${key} has ${rope[key].length} entries; heads of ${headDim} have ${pairs} pairs`;
  }
  if (2 * pairs !== headDim)
    return `partial_rotary_factor ${rope.partial_rotary_factor} turns ${2 * pairs} elements of a head of ${headDim}; this architecture turns whole heads`;
  if (rope.rope_type === "dynamic" && headDim < 4)
    return `rope_scaling: the type "dynamic" needs heads of at least 4 elements; they have ${headDim}`;
  return undefined;
}

/** Positions that a model is made for: as many as were trained, times the factor where that stretches them. */
export function contextLength(c: RopeConfig): number {
  const { rope, maxPositionEmbeddings: most } = c;
  switch (rope.rope_type) {
    case "default":
      return most;
    case "dynamic":
      // The base grows with the text, without end.
      return Number.POSITIVE_INFINITY;
    case "linear":
    case "proportional":
      return Math.max(most, Math.floor(most * (rope.factor ?? 1)));
    default:
      return Math.max(most, Math.floor(rope.original_max_position_embeddings * (rope.factor ?? 1)));
  }
}

/** The angles' part of a configuration. */
export const ropeConfigOf = (
  c: { maxPositionEmbeddings: number; ropeTheta: number; ropeScaling?: Record<string, unknown> | null },
  headDim: number,
): RopeConfig => ({
  headDim,
  maxPositionEmbeddings: c.maxPositionEmbeddings,
  ropeTheta: c.ropeTheta,
  rope: ropeOf(c),
});
