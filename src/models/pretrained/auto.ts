import "../../backend/dispose.ts";
import { join } from "#platform";
import { ShoshinError } from "../../backend/errors.ts";
import { checkOptions, type Known, OptionError } from "../../backend/options.ts";
import { openWeights, type WeightsFile } from "../../formats/index.ts";
import { init } from "../../nn/index.ts";
import type { Shape } from "../../tensor/shape.ts";
import { GenerationConfig } from "../generation-config.ts";
import {
  ConfigError,
  type ConfigKind,
  type JsonObject,
  type PretrainedConfig,
  readConfigJson,
  withLabels,
} from "./config.ts";
import { type Head, headOfArchitecture } from "./head-of.ts";
import { type LoadReport, showReport } from "./load-report.ts";
import { type LoadOptions, type PreTrainedModel, TiedError } from "./model.ts";

/** A class of {@link PreTrainedModel}. */
export interface ModelClass {
  // biome-ignore lint/suspicious/noExplicitAny: configurations differ by family
  new (config: any): PreTrainedModel<any>;
  readonly architecture: string;
  /** See {@link PreTrainedModel}. */
  // biome-ignore lint/suspicious/noExplicitAny: configurations differ by family
  fitted?(config: any, file: WeightsFile): any;
}

/** A kind of model: how its configuration is read, and its class for each use. */
export interface Family {
  // biome-ignore lint/suspicious/noExplicitAny: configurations differ by family
  readonly config: ConfigKind<any>;
  readonly heads: Partial<Record<Head, ModelClass>>;
}

/** The family of a configuration and its classes; their names say what each is for. */
export function familyOf<C extends PretrainedConfig>(config: ConfigKind<C>, ...classes: readonly ModelClass[]): Family {
  const heads = classes.map((Model) => [headOfArchitecture(Model.architecture), Model]);
  return { config, heads: Object.fromEntries(heads) };
}

export interface FromPretrainedOptions extends LoadOptions {
  /** Number of classes of a new head, or their names in order. */
  labels?: number | readonly string[];
  /** Number of classes of a new head, as Transformers calls it. */
  numLabels?: number;
  /** Names of the classes by number: `{ 0: "no", 1: "yes" }`. */
  id2label?: Readonly<Record<string, string>>;
  /** Numbers of the classes by name; alone, it says what `id2label` would. */
  label2id?: Readonly<Record<string, number>>;
  problemType?: PretrainedConfig["problemType"];
  /** Configuration keys to change, in camelCase: `{ hiddenDropoutProb: 0 }`. */
  config?: JsonObject;
  /** Weights are held as float32 whatever the file has; nothing else can be said. */
  dtype?: "float32" | "auto";
  /** The same under its older name. */
  torchDtype?: "float32" | "auto";
  /** Says nothing of what does not fit. */
  quiet?: boolean;
  /** Where the report of what does not fit goes; `console.warn` where left out. */
  warn?: (text: string) => void;
}
export const FROM_PRETRAINED: Known<FromPretrainedOptions> = {
  ignoreMismatchedSizes: true,
  ignoreMissingKeys: true,
  labels: true,
  numLabels: true,
  id2label: true,
  label2id: true,
  problemType: true,
  config: true,
  dtype: true,
  torchDtype: true,
  quiet: true,
  warn: true,
};
/** What Transformers' `from_pretrained` also takes. */
export const NOT_LOADED = {
  device: "A model computes on the backend that setBackend names.",
  deviceMap: "A model computes on the backend that setBackend names.",
  maxMemory: "A model lies in memory as a whole.",
  offloadFolder: "A model lies in memory as a whole.",
  lowCpuMemUsage: "Weights are read one by one in any case.",
  quantizationConfig: "Weights are float32.",
  loadIn8bit: "Weights are float32.",
  loadIn4bit: "Weights are float32.",
  attnImplementation: "There is one way to compute attention.",
  trustRemoteCode: "Code of a checkpoint is never run.",
  forceDownload: "Delete the model from the cache (cacheDir) first.",
  proxies: "Set HTTPS_PROXY.",
  useSafetensors: "model.safetensors is taken where there are several files.",
  variant: "Name the weights model.safetensors.",
  stateDict: "Call loadStateDict on the model.",
  fromTf: "Convert the checkpoint with Transformers first.",
  fromFlax: "Convert the checkpoint with Transformers first.",
  ggufFile: "Read it with GgufFile of shoshin/formats, or name a folder.",
  keyMapping: "Rename the tensors in the file.",
  outputAttentions: "Weights of attention are not given back by models.",
  outputHiddenStates: "Give it to forward.",
};

/** The labels that the options say, if any. Throws OptionError where they contradict each other. */
function labelsGiven(options: FromPretrainedOptions): number | readonly string[] | undefined {
  const { labels, numLabels, id2label, label2id } = options;
  if (labels !== undefined && typeof labels !== "number" && !Array.isArray(labels))
    throw new OptionError("fromPretrained: labels: expected a number or a list of names");
  const byId = (map: Readonly<Record<string, string>>) =>
    Object.keys(map).map((_, i) => {
      if (typeof map[i] === "string") return map[i];
      throw new OptionError(`fromPretrained: id2label has ${Object.keys(map).length} entries, none for ${i}`);
    });
  const inverse = label2id && Object.fromEntries(Object.entries(label2id).map(([name, id]) => [id, name]));
  const names = id2label ?? inverse;
  const all = [labels, names && byId(names), numLabels].filter((x) => x !== undefined);
  const counts = all.map((x) => (typeof x === "number" ? x : x.length));
  const wrong = counts.find((n) => !Number.isInteger(n) || n < 1);
  if (wrong !== undefined) throw new OptionError(`fromPretrained: ${wrong} labels`, "A head has one or more.");
  if (counts.some((n) => n !== counts[0]))
    throw new OptionError(`fromPretrained: labels, numLabels, id2label and label2id disagree: ${counts.join(" and ")}`);
  return all[0];
}

const SUPPORTED_HINT = (families: readonly Family[]) =>
  `Supported are ${families.map((f) => f.config.modelType).join(", ")}.`;

export class AutoModels {
  readonly #families: readonly Family[];
  constructor(families: readonly Family[]) {
    this.#families = families;
  }

  /** Whether a configuration is of a kind that is known. */
  knows({ model_type }: JsonObject): boolean {
    return this.#families.some((f) => f.config.modelType === model_type);
  }

  /** Throws {@link ConfigError} that lists the kinds that are known. */
  family(json: JsonObject, source: string): Family {
    const type = json.model_type;
    const family = this.#families.find((f) => f.config.modelType === type);
    if (family !== undefined) return family;
    throw new ConfigError(
      `${source}: ${type === undefined ? "no model_type" : `the architecture ${JSON.stringify(type)} is not known here`}`,
      SUPPORTED_HINT(this.#families),
    );
  }

  /** A folder's configuration. Throws {@link ConfigError}. */
  config(folder: string): PretrainedConfig {
    const json = readConfigJson(folder);
    const source = join(folder, "config.json");
    return this.family(json, source).config.parse(json, source);
  }

  /** A line for each key of a folder's config.json that nobody knows. */
  strangeKeys(folder: string): string[] {
    const json = readConfigJson(folder);
    const source = join(folder, "config.json");
    return strangeKeys(this.family(json, source).config, json, source);
  }

  /** The class of a family for a use. Throws ShoshinError that lists what the family has. */
  classOf(family: Family, head: Head): ModelClass {
    const model = family.heads[head];
    if (model !== undefined) return model;
    throw new ShoshinError(
      `${family.config.modelType} has no model for ${head}`,
      `It has ${Object.values(family.heads)
        .map((m) => m.architecture)
        .join(", ")}.`,
    );
  }

  /** The configuration of a folder as the options change it, and what config.json says that nobody knows. */
  #configure(folder: string, options: FromPretrainedOptions) {
    const json = readConfigJson(folder);
    const source = join(folder, "config.json");
    const family = this.family(json, source);
    let config: PretrainedConfig = family.config.parse(json, source);
    if (options.config !== undefined) config = family.config.make({ ...config, ...options.config });
    const labels = labelsGiven(options);
    if (labels !== undefined) config = withLabels(config, labels);
    if (options.problemType !== undefined) config = family.config.make({ ...config, problemType: options.problemType });
    return { family, config, warnings: strangeKeys(family.config, json, source) };
  }

  /**
   * Builds the model of a folder and reads its weights; what the checkpoint lacks starts with random values, and is told.
   * @throws ConfigError, StateDictError, SafetensorsError naming file, key or tensor; OptionError.
   */
  load(
    folder: string,
    head: Head,
    options: FromPretrainedOptions = {},
  ): { model: PreTrainedModel; report: LoadReport } {
    checkOptions("fromPretrained", options, FROM_PRETRAINED, NOT_LOADED);
    for (const key of ["dtype", "torchDtype"] as const) {
      const value = options[key];
      if (value !== undefined && value !== "float32" && value !== "auto")
        throw new OptionError(
          `fromPretrained: ${key}: ${value}`,
          "Weights are float32; setPrecision chooses what multiplication computes in.",
        );
    }
    const { family, config, warnings } = this.#configure(folder, options);
    const Model = this.classOf(family, head);
    const { ignoreMismatchedSizes, ignoreMissingKeys } = options;
    const build = (config: PretrainedConfig, file: WeightsFile) => {
      const { value: model, pending } = init.deferInit(() => new Model(config));
      const report = model.loadPretrained(file, { ignoreMismatchedSizes, ignoreMissingKeys });
      const state = model.stateDict();
      for (const name of [...report.missing, ...report.mismatched]) pending.get(state.get(name) as never)?.();
      return { model, report };
    };
    using file = openWeights(folder);
    const fitted: PretrainedConfig = Model.fitted?.(config, file) ?? config;
    let built: ReturnType<typeof build>;
    try {
      built = build(fitted, file);
    } catch (error) {
      if (!(error instanceof TiedError) || fitted.tieWordEmbeddings === false) throw error;
      const [one, other] = error.names;
      warnings.push(`${one} and ${other} differ, so they are not tied, whatever tie_word_embeddings says.`);
      try {
        built = build({ ...fitted, tieWordEmbeddings: false }, file);
      } catch {
        throw error;
      }
    }
    const { model, report } = built;
    report.warnings.push(...warnings);
    const text = options.quiet
      ? undefined
      : showReport(report, Model.architecture, folder, this.#shapes(model, file, report));
    if (text !== undefined) (options.warn ?? console.warn)(text);
    if (head === "causalLm" || head === "seq2seqLm") {
      const warn = options.quiet ? () => {} : (options.warn ?? console.warn);
      model.generationConfig = GenerationConfig.fromFolder(folder, warn);
    }
    model.eval();
    return { model, report };
  }

  /** Shapes of what does not fit: in the file, in the model. */
  #shapes(model: PreTrainedModel, file: WeightsFile, { mismatched }: LoadReport) {
    const state = model.stateDict();
    const names = file.names();
    return new Map(
      mismatched.flatMap((name) => {
        const there = names.find((other) => other === name || name.endsWith(`.${other}`) || other.endsWith(`.${name}`));
        const here = state.get(name);
        return there === undefined || here === undefined ? [] : [[name, [file.info(there).shape, here.shape]]];
      }) as [string, [Shape, Shape]][],
    );
  }
}

/** A line for each key of config.json that nobody knows. */
export const strangeKeys = (kind: Family["config"], json: JsonObject, source: string): string[] =>
  kind
    .unknownKeys(json)
    .map(
      ({ key, near }) =>
        `${source}: the key ${key} is not known here, and not used.${near === undefined ? "" : ` Did you mean ${near}?`}`,
    );
