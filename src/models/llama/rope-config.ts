import { CAMEL, oneRopeLayout, type RefuseConfig, ropeOf, SNAKE } from "../../formats/rope-parameters.ts";
import { ConfigError, type ConfigKind, type JsonObject, type PretrainedConfig } from "../pretrained/config.ts";

const refusing =
  (source: string): RefuseConfig =>
  (message, hint) => {
    throw new ConfigError(`${source}: ${message}`, hint);
  };

/**
 * Keys of a file in both layouts, so that Transformers 4 and 5 read the same. Version 4 knows LongRoPE's first length only outside
 * of `rope_scaling` and puts another factor in place of its own; the attention factor, stated, follows from neither.
 */
function bothLayouts(json: JsonObject, attentionFactor: number): JsonObject {
  const { rope_scaling: scaling, rope_theta: theta } = json;
  const rope = ropeOf({ ropeScaling: scaling as JsonObject | null });
  const isLong = rope.rope_type === "longrope";
  const own = isLong ? { ...rope, attention_factor: attentionFactor } : rope;
  return {
    ...json,
    ...(isLong ? { original_max_position_embeddings: rope.original_max_position_embeddings } : {}),
    rope_scaling: scaling == null ? null : own,
    rope_parameters: { rope_theta: theta, ...own },
  };
}

/**
 * A kind of configuration that reads both of Transformers' layouts and writes both.
 * @param most positions where the configuration does not say.
 * @param attentionFactor of a configuration.
 */
export function withRope<C extends PretrainedConfig & { ropeScaling?: JsonObject | null }>(
  kind: ConfigKind<C>,
  most: number,
  attentionFactor: (config: C) => number,
): ConfigKind<C> {
  return {
    ...kind,
    parse: (json, source = "config.json") => kind.parse(oneRopeLayout(json, SNAKE, most, refusing(source)), source),
    make: (values = {}) =>
      // What is no object is the kind's to refuse.
      kind.make(
        values === null || typeof values !== "object"
          ? values
          : (oneRopeLayout(values as JsonObject, CAMEL, most, refusing(kind.modelType)) as typeof values),
      ),
    toJson: (config) => bothLayouts(kind.toJson(config), attentionFactor(config)),
  };
}
