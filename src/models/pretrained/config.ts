import { z } from "zod";
import { existsSync, join, readFileSync } from "#platform";
import { ShoshinError } from "../../backend/errors.ts";
import { checkOptions, nearestName, OptionError } from "../../backend/options.ts";
import { ACTIVATION_NAMES, ACTIVATIONS } from "./activations.ts";
import { configJson } from "./config-json.ts";
import { HARMLESS, isAllowed, REFUSED, type Refusal } from "./config-keys.ts";

/** A config.json cannot be used. The message names the file and the key. */
export class ConfigError extends ShoshinError {}

export type JsonObject = Record<string, unknown>;

/** Some checkpoints say −1 where they mean none; PyTorch takes it as the last row of a table, and so do these models. */
const tokenId = z.number().int();
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
  /** Those that kernels apply on the way. */
  activation: z.enum(Object.keys(ACTIVATIONS) as [string, ...string[]]),
  /** All that `activated` knows. */
  anyActivation: z.enum(ACTIVATION_NAMES),
};

/** Keys of every configuration (Hugging Face's PretrainedConfig), in camelCase. */
const COMMON = {
  architectures: z.array(z.string()).nullish(),
  id2label: z.record(z.string(), z.string()).nullish(),
  label2id: z.record(z.string(), z.number().int()).nullish(),
  numLabels: z
    .number()
    .int()
    .min(0)
    .max(1 << 20)
    .nullish(),
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
  /** Keys that are used, in camelCase. */
  readonly keys: ReadonlySet<string>;
  /**
   * From config.json's keys; defaults are Hugging Face's.
   * @throws ConfigError that names the key: a value of another kind, or one that asks for what is not done here.
   */
  parse(json: JsonObject, source?: string): C;
  /** From camelCase keys. Throws {@link ConfigError} for values, OptionError for names that are not known. */
  make(values?: Partial<Omit<C, "modelType">>): C;
  /** With config.json's keys. */
  toJson(config: C): JsonObject;
  /** Text of config.json's keys, those of fractions always with a point (`1.0`), which strict readers want. */
  text(json: JsonObject): string;
  /** Keys of config.json that nobody knows, each with the known one that was most likely meant. */
  unknownKeys(json: JsonObject): { key: string; near?: string }[];
}

/** What else there is to say about the keys of a kind of model. */
export interface ConfigRules<C> {
  /** What is wrong with values that are right one by one, or undefined. */
  readonly check?: (config: C) => string | undefined;
  /** Other names, in camelCase, that mean a key and win over it (Transformers' `attribute_map`). */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Keys of config.json that change nothing here. */
  readonly harmless?: readonly string[];
  /** Keys of config.json that are not done here, but for some values. */
  readonly refused?: Readonly<Record<string, Refusal>>;
  /**
   * Fills in values that follow from others; gets what was given, by camelCase keys, and may change it. Keys that another name
   * will give a value are listed apart, and have it not yet.
   */
  readonly prepare?: (values: JsonObject, later: readonly string[]) => void;
}

const camel = (key: string) => key.replace(/_([a-z])/g, (_, c) => c.toUpperCase());
const snake = (key: string) => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
const shown = (value: unknown) => (JSON.stringify(value) ?? "nothing").slice(0, 60);

/** `num_labels` without names means `LABEL_0` …; with them, they win, as in Transformers. */
function settleLabels(values: JsonObject): void {
  const { numLabels } = values;
  delete values.numLabels;
  if (values.id2label != null || typeof numLabels !== "number" || !Number.isInteger(numLabels)) return;
  Object.assign(values, labelMaps(Array.from({ length: numLabels }, (_, i) => `LABEL_${i}`)));
}

/**
 * Declares the keys of a kind of model, in camelCase (`hiddenSize` is `hidden_size` in the file). Keys that Transformers'
 * own base class has are known for every kind: see `config-keys.ts`.
 * @param more a check of the values together, or all that there is to say about keys.
 */
export function defineConfig<S extends z.ZodRawShape>(
  modelType: string,
  shape: S,
  more: ConfigRules<ConfigOf<S>> | ((config: ConfigOf<S>) => string | undefined) = {},
): ConfigKind<ConfigOf<S>> {
  const {
    check,
    aliases = {},
    harmless = [],
    refused: own = {},
    prepare,
  } = typeof more === "function" ? ({ check: more } as ConfigRules<ConfigOf<S>>) : more;
  const schema = z.object({ ...COMMON, ...shape });
  const keys = new Set(Object.keys(schema.shape));
  const refused = { ...REFUSED, ...own };
  const isHarmless = (key: string) => HARMLESS.has(key) || harmless.includes(key);
  const isKnown = (key: string) =>
    keys.has(camel(key)) || Object.hasOwn(aliases, camel(key)) || Object.hasOwn(refused, key) || isHarmless(key);

  const finish = (given: JsonObject, rest: JsonObject, source: string): ConfigOf<S> => {
    for (const [key, rule] of Object.entries(refused)) {
      const value = rest[key] ?? (keys.has(camel(key)) ? given[camel(key)] : undefined);
      if (!isAllowed(rule, value))
        throw new ConfigError(`${source}: ${key}: ${shown(value)} is not supported`, rule.hint);
    }
    const values: JsonObject = { ...given };
    const named = Object.entries(aliases).filter(([alias]) => given[alias] !== undefined);
    for (const [alias] of named) delete values[alias];
    prepare?.(
      values,
      named.map(([, key]) => key),
    );
    for (const [alias, key] of named) values[key] = given[alias];
    const labels = values.numLabels;
    settleLabels(values);
    const parsed = schema.safeParse({ ...values, ...(typeof labels === "number" ? {} : { numLabels: labels }) });
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const [key, ...inner] = issue.path.map(String);
      throw new ConfigError(
        `${source}: ${[snake(key ?? ""), ...inner].join(".")}: found ${shown(values[key])}; ${issue.message}`,
        "The file is damaged, or written for another kind of model.",
      );
    }
    const { numLabels: _, ...settled } = parsed.data as JsonObject;
    const config = { ...settled, modelType, rest } as unknown as ConfigOf<S>;
    const wrong = checkLabels(config) ?? check?.(config);
    if (wrong !== undefined) throw new ConfigError(`${source}: ${wrong}`);
    return config;
  };

  return {
    modelType,
    keys,
    parse(json, source = "config.json") {
      const values: JsonObject = {};
      const rest: JsonObject = {};
      for (const [key, value] of Object.entries(json)) {
        if (keys.has(camel(key)) || Object.hasOwn(aliases, camel(key))) values[camel(key)] = value;
        else rest[key] = value;
      }
      return finish(values, rest, source);
    },
    make(given = {}) {
      if (given === null || typeof given !== "object") checkOptions(`${modelType}: config`, given, {});
      const { modelType: type, rest = {}, ...values } = given as JsonObject & { rest?: JsonObject };
      if (type !== undefined && type !== modelType)
        throw new ConfigError(`${modelType}: these are the values of another kind of model, ${shown(type)}`);
      const kept: JsonObject = { ...rest };
      for (const [name, value] of Object.entries(values)) {
        if (keys.has(name) || Object.hasOwn(aliases, name)) continue;
        delete values[name];
        if (value === undefined) continue;
        if (!isKnown(snake(name)) || name !== camel(snake(name))) {
          const near = nearestName(name, [...keys, ...Object.keys(aliases)]);
          throw new OptionError(
            `${modelType}: unknown key ${name}`,
            `${near === undefined ? "" : `Did you mean ${near}? `}There are: ${[...keys].sort().join(", ")}.`,
          );
        }
        kept[snake(name)] = value;
      }
      return finish(values, kept, modelType);
    },
    toJson(config) {
      const own = Object.entries(config as JsonObject)
        .filter(([key, value]) => keys.has(key) && value !== undefined)
        .map(([key, value]) => [snake(key), value]);
      return { ...config.rest, ...Object.fromEntries(own), model_type: modelType };
    },
    text: (json) => configJson(json, (key) => (schema.shape as Readonly<Record<string, z.ZodType>>)[camel(key)]),
    unknownKeys: (json) =>
      Object.keys(json)
        .filter((key) => json[key] != null && !isKnown(key))
        .map((key) => ({ key, near: nearestName(key, [...keys, ...Object.keys(aliases)].map(snake)) })),
  };
}

/** As in Transformers: one class has nothing to be told apart from. */
function checkLabels(config: PretrainedConfig): string | undefined {
  const { problemType, id2label } = config;
  if (problemType !== "single_label_classification" || id2label == null || Object.keys(id2label).length !== 1)
    return undefined;
  return 'problem_type "single_label_classification" needs two labels or more; one is "regression"';
}

/** What is wrong with a padding token whose row of a table of `rows` stays as it is; −1 is the last, as in PyTorch. */
export const checkPadding = (id: number | null | undefined, rows: number, key = "vocab_size"): string | undefined =>
  id == null || (id < rows && id >= -rows) ? undefined : `pad_token_id ${id} is outside ${key} ${rows}`;

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
