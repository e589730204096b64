import { join } from "#platform";
import { ShoshinError } from "../../backend/errors.ts";
import { openWeights } from "../../formats/index.ts";
import { init } from "../../nn/index.ts";
import {
  ConfigError,
  type ConfigKind,
  type JsonObject,
  type PretrainedConfig,
  readConfigJson,
  withLabels,
} from "./config.ts";
import { type Head, headOfArchitecture } from "./head-of.ts";
import type { LoadOptions, LoadReport, PreTrainedModel } from "./model.ts";

/** A class of {@link PreTrainedModel}. */
export interface ModelClass {
  // biome-ignore lint/suspicious/noExplicitAny: configurations differ by family
  new (config: any): PreTrainedModel<any>;
  readonly architecture: string;
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
  /** Configuration keys to change, in camelCase: `{ hiddenDropoutProb: 0 }`. */
  config?: JsonObject;
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

  /**
   * Builds the model of a folder and reads its weights; what the checkpoint lacks starts with random values.
   * @throws ConfigError, StateDictError, SafetensorsError naming file, key or tensor.
   */
  load(
    folder: string,
    head: Head,
    options: FromPretrainedOptions = {},
  ): { model: PreTrainedModel; report: LoadReport } {
    const json = readConfigJson(folder);
    const source = join(folder, "config.json");
    const family = this.family(json, source);
    const Model = this.classOf(family, head);
    let config: PretrainedConfig = family.config.parse(json, source);
    if (options.config !== undefined) config = family.config.make({ ...config, ...options.config });
    if (options.labels !== undefined) config = withLabels(config, options.labels);
    const { value: model, pending } = init.deferInit(() => new Model(config));
    using file = openWeights(folder);
    const report = model.loadPretrained(file, options);
    const state = model.stateDict();
    for (const name of [...report.missing, ...report.mismatched]) pending.get(state.get(name) as never)?.();
    model.eval();
    return { model, report };
  }
}
