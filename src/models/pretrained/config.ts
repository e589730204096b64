import { z } from "zod";
import { existsSync, join, readFileSync } from "#platform";
import { ShoshinError } from "../../backend/errors.ts";

/** A config.json cannot be used. The message names the file and the key. */
export class ConfigError extends ShoshinError {}

export type JsonObject = Record<string, unknown>;

const tokenId = z.number().int().min(0);
const size = (most: number) => z.number().int().min(1).max(most);

/** Kinds of values in configurations. The limits stop a damaged file from asking for absurd amounts of memory. */
export const kinds = {
  /** Rows of a table: words, positions. */
  rows: size(1 << 24),
  width: size(1 << 17),
  layers: z.number().int().min(0).max(1024),
  heads: size(1024),
  share: z.number().min(0).max(1),
  positive: z.number().positive(),
  tokenId,
  /** One, or any of several. */
  tokenIds: z.union([tokenId, z.array(tokenId)]),
  /** Of normal values. */
  deviation: z.number().min(0),
  activation: z.enum(["gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "swish", "tanh", "gelu_fast"]),
};

/** Keys of every configuration (Hugging Face's PretrainedConfig), in camelCase. */
const COMMON = {
  architectures: z.array(z.string()).nullish(),
  id2label: z.record(z.string(), z.string()).nullish(),
  label2id: z.record(z.string(), z.number().int()).nullish(),
  problemType: z.enum(["regression", "single_label_classification", "multi_label_classification"]).nullish(),
  padTokenId: tokenId.nullish(),
  bosTokenId: tokenId.nullish(),
  eosTokenId: kinds.tokenIds.nullish(),
  decoderStartTokenId: tokenId.nullish(),
  tieWordEmbeddings: z.boolean().default(true),
};

export type PretrainedConfig = z.infer<z.ZodObject<typeof COMMON>> & {
  readonly modelType: string;
  /** Keys of the file that are not known here; saving gives them back. */
  readonly rest: JsonObject;
};
/** Configurations that say how weights begin: normal with this standard deviation. */
export type InitialisedConfig = PretrainedConfig & { initializerRange: number };
export type ConfigOf<S extends z.ZodRawShape> = z.infer<z.ZodObject<S>> & PretrainedConfig;

/** How the configurations of one kind of model are read and written. */
export interface ConfigKind<C extends PretrainedConfig> {
  readonly modelType: string;
  /** From config.json's keys; defaults are Hugging Face's. Throws {@link ConfigError} that names the key. */
  parse(json: JsonObject, source?: string): C;
  /** From camelCase keys. */
  make(values?: Partial<Omit<C, "modelType" | "rest">>): C;
  /** With config.json's keys. */
  toJson(config: C): JsonObject;
}

const camel = (key: string) => key.replace(/_([a-z])/g, (_, c) => c.toUpperCase());
const snake = (key: string) => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

/**
 * Declares the keys of a kind of model, in camelCase (`hiddenSize` is `hidden_size` in the file).
 * @param check returns what is wrong with values that are right one by one, or undefined.
 */
export function defineConfig<S extends z.ZodRawShape>(
  modelType: string,
  shape: S,
  check?: (config: ConfigOf<S>) => string | undefined,
): ConfigKind<ConfigOf<S>> {
  const schema = z.object({ ...COMMON, ...shape });
  const known = new Set(Object.keys(schema.shape));
  const finish = (values: JsonObject, rest: JsonObject, source: string): ConfigOf<S> => {
    const parsed = schema.safeParse(values);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const [key, ...inner] = issue.path.map(String);
      const found = JSON.stringify(values[key]) ?? "nothing";
      throw new ConfigError(
        `${source}: ${[snake(key ?? ""), ...inner].join(".")}: found ${found.slice(0, 60)}; ${issue.message}`,
        "The file is damaged, or written for another kind of model.",
      );
    }
    const config = { ...parsed.data, modelType, rest } as unknown as ConfigOf<S>;
    const wrong = check?.(config);
    if (wrong !== undefined) throw new ConfigError(`${source}: ${wrong}`);
    return config;
  };
  return {
    modelType,
    parse(json, source = "config.json") {
      const values: JsonObject = {};
      const rest: JsonObject = {};
      for (const [key, value] of Object.entries(json)) {
        if (known.has(camel(key))) values[camel(key)] = value;
        else rest[key] = value;
      }
      return finish(values, rest, source);
    },
    make: (values = {}) => finish(values as JsonObject, {}, modelType),
    toJson(config) {
      const own = Object.entries(config as JsonObject)
        .filter(([key, value]) => known.has(key) && value !== undefined)
        .map(([key, value]) => [snake(key), value]);
      return { ...config.rest, ...Object.fromEntries(own), model_type: modelType };
    },
  };
}

/** Labels by id; `LABEL_0`, `LABEL_1` … where the configuration has none (two, as in Hugging Face's). Throws {@link ConfigError}. */
export function labelsOf(config: PretrainedConfig): string[] {
  const map = config.id2label ?? { 0: "LABEL_0", 1: "LABEL_1" };
  return Object.keys(map).map((_, i) => {
    const label = map[String(i)];
    if (label === undefined)
      throw new ConfigError(`config.json: id2label has ${Object.keys(map).length} entries, none for ${i}`);
    return label;
  });
}

/** Names by id and ids by name, as configurations have them. */
export const labelMaps = (
  names: readonly string[],
): { id2label: Record<string, string>; label2id: Record<string, number> } => ({
  id2label: Object.fromEntries(names.map((name, i) => [String(i), name])),
  label2id: Object.fromEntries(names.map((name, i) => [name, i])),
});

/** The same configuration with other labels: a list of names, or a number for `LABEL_0` … */
export function withLabels<C extends PretrainedConfig>(config: C, labels: number | readonly string[]): C {
  const names = typeof labels === "number" ? Array.from({ length: labels }, (_, i) => `LABEL_${i}`) : labels;
  return { ...config, ...labelMaps(names) };
}

/** The keys of a folder's config.json. Throws {@link ConfigError} if it is missing, no JSON or no object. */
export function readConfigJson(folder: string): JsonObject {
  const path = join(folder, "config.json");
  if (!existsSync(path)) throw new ConfigError(`${path}: no such file`, "Is this the folder of a model?");
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new ConfigError(`${path}: not JSON: ${(error as Error).message}`, "The file is damaged.");
  }
  if (json === null || typeof json !== "object" || Array.isArray(json))
    throw new ConfigError(`${path}: expected an object`);
  return json as JsonObject;
}
