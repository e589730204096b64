import { existsSync, join, mkdirSync, statSync } from "#platform";
import { ShoshinError } from "../../backend/errors.ts";
import { checkOptions, type Known, OptionError } from "../../backend/options.ts";
import {
  readInto,
  readIntoTensor,
  type WeightsDType,
  type WeightsFile,
  WriteError,
  weightsOf,
  writeFileAtomic,
  writeSafetensors,
} from "../../formats/index.ts";
import * as nn from "../../nn/index.ts";
import { checkpoint } from "../../tensor/checkpoint.ts";
import { sameShape, showShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { GenerationConfig } from "../generation-config.ts";
import type { ConfigKind, PretrainedConfig } from "./config.ts";
import { type LoadReport, someOf } from "./load-report.ts";

export type { LoadReport } from "./load-report.ts";

export interface LoadOptions {
  /**
   * Tensors of another shape are left new instead of being refused; `head`: only those above the part that all heads share,
   * for another number of labels.
   */
  ignoreMismatchedSizes?: boolean | "head";
  /** Weights below the head that the checkpoint lacks are left new, with random values, instead of being refused. */
  ignoreMissingKeys?: boolean;
}

const LOAD_OPTIONS: Known<LoadOptions> = { ignoreMismatchedSizes: true, ignoreMissingKeys: true };
const WEIGHTS_DTYPES: readonly WeightsDType[] = ["float32", "float16", "bfloat16"];
/** What Transformers' `save_pretrained` also takes. */
const NOT_SAVED = {
  maxShardSize: "writeShardedSafetensors in shoshin/formats writes weights in several files.",
  safeSerialization:
    "Weights are always written as safetensors; `shoshin export --format pytorch` writes the other kind.",
  pushToHub: "Upload the folder with `hf upload`.",
  torchDtype: "It is called dtype.",
  stateDict: "Load it into the model first: model.loadStateDict(state).",
};

/** A checkpoint has two tensors for what is one parameter of the model. */
export class TiedError extends nn.StateDictError {
  readonly names: readonly [string, string];
  constructor(path: string, one: string, other: string, architecture: string) {
    super(
      `${path}: ${one} and ${other} differ, but are one parameter of this ${architecture}`,
      "Build it with tieWordEmbeddings: false.",
    );
    this.names = [one, other];
  }
}

/** A module that runs layers, each in a checkpoint where it is told so. */
export interface LayerStack {
  checkpoints: boolean;
}

/** Runs a layer, in a checkpoint where `stack` is told so; tensors with a history must be inputs. */
export const runLayer = (stack: LayerStack, layer: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]): Tensor =>
  stack.checkpoints ? checkpoint(layer, ...inputs) : layer(...inputs);

/** A model of Hugging Face's with its configuration; parameter names are exactly theirs. */
export abstract class PreTrainedModel<C extends PretrainedConfig = PretrainedConfig> extends nn.Module {
  readonly config: C;
  /** How a model that writes does it unless something else is said: generation_config.json of the folder that it came from. */
  generationConfig?: GenerationConfig;
  /** The class's name as config.json's `architectures` has it; minified code has other names. */
  static readonly architecture: string;
  // biome-ignore lint/suspicious/noExplicitAny: every kind of model has keys of its own
  static readonly configKind: ConfigKind<any>;
  /** Where a model with a head keeps the part below it: `bert`. */
  static readonly baseModelPrefix: string = "";
  /** Names in published checkpoints that carry nothing (tables of positions, masks). */
  static readonly ignored: readonly RegExp[] = [];
  /** Names that a whole checkpoint may lack: a pooler, which only some heads use; `lm_head` where no prefix tells the head. */
  static readonly optional: readonly RegExp[] = [];
  /** Names that a checkpoint is not said to lack: 0 is what they are then. */
  static readonly zeros: readonly RegExp[] = [];
  /** Where a tensor's values come from if the checkpoint has none under its name: by name, another name. */
  static readonly fallbacks: Readonly<Record<string, string>> = {};
  /** The configuration as a checkpoint has it, where the file knows better than config.json. */
  // biome-ignore lint/suspicious/noExplicitAny: every kind of model has keys of its own
  static fitted(config: any, _file: WeightsFile): any {
    return config;
  }

  constructor(config: C) {
    super();
    this.config = config;
  }

  /**
   * In training, keeps of every layer only what comes in and computes the rest again for the backward pass: less memory, a third
   * more time, the same gradients.
   */
  get gradientCheckpointing(): boolean {
    return [...this.modules()].some((m) => (m as Partial<LayerStack>).checkpoints === true);
  }
  /** Throws ShoshinError for models that have no layers to do it with. */
  set gradientCheckpointing(on: boolean) {
    const stacks = [...this.modules()].filter((m) => "checkpoints" in m) as (nn.Module & LayerStack)[];
    if (stacks.length === 0) {
      const { architecture } = this.constructor as typeof PreTrainedModel;
      throw new ShoshinError(`${architecture} has no gradient checkpointing`);
    }
    for (const stack of stacks) stack.checkpoints = on;
  }

  /** Holds a file's tensors against the model's. */
  #match(file: WeightsFile) {
    const kind = this.constructor as typeof PreTrainedModel;
    const own = this.stateDict();
    const prefix = `${kind.baseModelPrefix}.`;
    const nameOf = (name: string): string | undefined => {
      const modern = name.replace(/\bgamma$/, "weight").replace(/\bbeta$/, "bias");
      if (own.has(modern)) return modern;
      if (own.has(prefix + modern)) return prefix + modern;
      const bare = modern.startsWith(prefix) ? modern.slice(prefix.length) : modern;
      return own.has(bare) ? bare : undefined;
    };
    const found = new Map<string, string>();
    const unexpected: string[] = [];
    for (const name of file.names()) {
      const target = nameOf(name);
      // A name as it is wins over one that has to be changed.
      const other = target === undefined ? undefined : found.get(target);
      if (target !== undefined && (other === undefined || name === target)) found.set(target, name);
      const lost = target === undefined ? name : other !== undefined && name === target ? other : other && name;
      if (lost !== undefined && !kind.ignored.some((pattern) => pattern.test(lost))) unexpected.push(lost);
    }
    for (const [target, source] of Object.entries(kind.fallbacks)) {
      const name = found.get(source);
      if (own.has(target) && !found.has(target) && name !== undefined) found.set(target, name);
    }
    const given = new Map<Tensor, string[]>();
    for (const target of found.keys()) {
      const t = own.get(target) as Tensor;
      given.set(t, [...(given.get(t) ?? []), target]);
    }
    return { own, prefix, found, unexpected, given };
  }

  /**
   * Copies a checkpoint's tensors into the parameters. Names with and without the prefix of the part below the head are
   * understood, and the old `gamma` and `beta` of layer norms. Nothing is changed unless everything fits.
   * @throws StateDictError naming every tensor of another shape; what an unfinished checkpoint lacks; or if no name is known.
   */
  loadPretrained(file: WeightsFile, options: LoadOptions = {}): LoadReport {
    checkOptions("loadPretrained", options, LOAD_OPTIONS);
    const { ignoreMismatchedSizes = false, ignoreMissingKeys = false } = options;
    const kind = this.constructor as typeof PreTrainedModel;
    const { own, prefix, found, unexpected, given } = this.#match(file);
    const report: LoadReport = { missing: [], unexpected, mismatched: [], warnings: [] };
    const wrong: string[] = [];
    const lenient = (target: string) =>
      ignoreMismatchedSizes === "head" ? !target.startsWith(prefix) : ignoreMismatchedSizes;
    const none = found.size === 0;
    for (const [target, name] of [...found]) {
      const t = own.get(target) as Tensor;
      const { shape, dtype } = file.info(name);
      if (t.dtype === "float32" && /^([IU]\d+|BOOL|F[48]_.*)$/.test(dtype))
        wrong.push(`${target}: expected numbers with a fraction, found ${dtype}, quantised perhaps`);
      if (sameShape(t.shape, shape)) continue;
      found.delete(target);
      if (lenient(target)) report.mismatched.push(target);
      else wrong.push(`${target}: expected ${showShape(t.shape)}, found ${showShape(shape)}`);
    }
    if (wrong.length > 0) {
      throw new nn.StateDictError(
        `${file.path}: does not fit ${kind.architecture}: ${wrong.join("; ")}`,
        "config.json and the weights disagree; with another number of labels, pass ignoreMismatchedSizes.",
      );
    }
    if (none) {
      throw new nn.StateDictError(
        `${file.path}: none of its ${file.names().length} tensors belongs to ${kind.architecture} (${report.unexpected.slice(0, 3).join(", ")} …)`,
        `${kind.architecture} has ${[...own.keys()].slice(0, 3).join(", ")} …`,
      );
    }
    report.missing = [...own.keys()].filter((name) => {
      const t = own.get(name) as Tensor;
      return !given.has(t) && !kind.zeros.some((pattern) => pattern.test(name));
    });
    const unfinished = report.missing.filter((name) => this.#mustHave(name));
    if (unfinished.length > 0 && !ignoreMissingKeys) {
      throw new nn.StateDictError(
        `${file.path}: unfinished: ${unfinished.length} of the ${own.size} tensors of ${kind.architecture} are not there: ${someOf(unfinished)}`,
        "config.json says that the model has them; pass ignoreMissingKeys: true to begin them with random values.",
      );
    }
    for (const [first, ...more] of given.values()) {
      const other = more.find((name) => {
        const [one, two] = [found.get(first), found.get(name)];
        return one !== undefined && two !== undefined && !sameValues(file, one, two);
      });
      if (other !== undefined) throw new TiedError(file.path, first, other, kind.architecture);
    }
    const done = new Set<Tensor>();
    for (const [target, name] of found) {
      const t = own.get(target) as Tensor;
      if (!done.has(t)) readIntoTensor(file, name, t);
      done.add(t);
    }
    return report;
  }

  /** Whether a checkpoint that lacks this is unfinished: what lies below the head, and all of what it says it is. */
  #mustHave(name: string): boolean {
    const { architecture, baseModelPrefix, optional } = this.constructor as typeof PreTrainedModel;
    if (optional.some((pattern) => pattern.test(name))) return false;
    const hasHead = baseModelPrefix in this;
    return !hasHead || name.startsWith(`${baseModelPrefix}.`) || this.config.architectures?.[0] === architecture;
  }

  /**
   * Writes `config.json` and `model.safetensors`, which `from_pretrained` opens in Python; a shared tensor once. A model that
   * came with a generation_config.json gets one again.
   * @param options.dtype of the weights in the file, and what config.json says of them; float32
   */
  savePretrained(folder: string, options: { dtype?: WeightsDType } = {}): void {
    checkOptions("savePretrained", options, { dtype: true }, NOT_SAVED);
    const { dtype = "float32" } = options;
    if (!WEIGHTS_DTYPES.includes(dtype))
      throw new OptionError(`savePretrained: dtype: ${dtype}`, `There are ${WEIGHTS_DTYPES.join(", ")}.`);
    const { architecture, configKind } = this.constructor as typeof PreTrainedModel;
    if (typeof folder !== "string" || folder === "")
      throw new OptionError("savePretrained: the folder has no name", "model.savePretrained(FOLDER)");
    if (existsSync(folder) && !statSync(folder).isDirectory())
      throw new WriteError(
        `${folder} is a file`,
        "Name a folder: config.json and model.safetensors are written there.",
      );
    mkdirSync(folder, { recursive: true });
    writeSafetensors(join(folder, "model.safetensors"), weightsOf(this, dtype), { format: "pt" });
    // Version 4 of Transformers calls it `torch_dtype`.
    const key = "torch_dtype" in this.config.rest && !("dtype" in this.config.rest) ? "torch_dtype" : "dtype";
    const { torch_dtype: _, ...json } = configKind.toJson(this.config);
    const text = configKind.text({ ...json, architectures: [architecture], [key]: dtype });
    writeFileAtomic(join(folder, "config.json"), text);
    if (this.generationConfig !== undefined) this.generationConfig.save(folder);
  }
}

/** Whether a file's two tensors hold the same numbers. */
function sameValues(file: WeightsFile, one: string, other: string): boolean {
  if (one === other) return true;
  const { shape } = file.info(one);
  if (!sameShape(shape, file.info(other).shape)) return false;
  const values = new Float32Array(shape.reduce((n, s) => n * s, 1));
  readInto(file, one, values);
  let same = true;
  file.readFloats(other, (piece, at) => {
    for (let i = 0; i < piece.length && same; i++) same = Object.is(piece[i], values[at + i]);
  });
  return same;
}
