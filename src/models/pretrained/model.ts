import { join, mkdirSync } from "#platform";
import { ShoshinError } from "../../backend/errors.ts";
import {
  readIntoTensor,
  type WeightsDType,
  type WeightsFile,
  weightsOf,
  writeFileAtomic,
  writeSafetensors,
} from "../../formats/index.ts";
import * as nn from "../../nn/index.ts";
import { checkpoint } from "../../tensor/checkpoint.ts";
import { sameShape, showShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ConfigKind, PretrainedConfig } from "./config.ts";

/** What loading a checkpoint found, by parameter name. */
export interface LoadReport {
  /** In the model, not in the checkpoint: new, with random values (a fresh head, say). */
  missing: string[];
  /** In the checkpoint, not in the model. */
  unexpected: string[];
  /** Of another shape, and new therefore; only with `ignoreMismatchedSizes`. */
  mismatched: string[];
}

export interface LoadOptions {
  /**
   * Tensors of another shape are left new instead of being refused; `head`: only those above the part that all heads share,
   * for another number of labels.
   */
  ignoreMismatchedSizes?: boolean | "head";
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
  /** The class's name as config.json's `architectures` has it; minified code has other names. */
  static readonly architecture: string;
  // biome-ignore lint/suspicious/noExplicitAny: every kind of model has keys of its own
  static readonly configKind: ConfigKind<any>;
  /** Where a model with a head keeps the part below it: `bert`. */
  static readonly baseModelPrefix: string = "";
  /** Names in published checkpoints that carry nothing (tables of positions, masks). */
  static readonly ignored: readonly RegExp[] = [];

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

  /**
   * Copies a checkpoint's tensors into the parameters. Names with and without the prefix of the part below the head are
   * understood, and the old `gamma` and `beta` of layer norms. Nothing is changed unless everything fits.
   * @throws StateDictError naming every tensor of another shape; or if no name is known.
   */
  loadPretrained(file: WeightsFile, { ignoreMismatchedSizes = false }: LoadOptions = {}): LoadReport {
    const kind = this.constructor as typeof PreTrainedModel;
    const own = this.stateDict();
    const prefix = `${kind.baseModelPrefix}.`;
    const nameOf = (name: string): string | undefined => {
      const modern = name
        .replace(/LayerNorm\.gamma$/, "LayerNorm.weight")
        .replace(/LayerNorm\.beta$/, "LayerNorm.bias");
      if (own.has(modern)) return modern;
      if (own.has(prefix + modern)) return prefix + modern;
      return modern.startsWith(prefix) && own.has(modern.slice(prefix.length))
        ? modern.slice(prefix.length)
        : undefined;
    };
    const found = new Map<string, string>();
    const report: LoadReport = { missing: [], unexpected: [], mismatched: [] };
    const wrong: string[] = [];
    const lenient = (target: string) =>
      ignoreMismatchedSizes === "head" ? !target.startsWith(prefix) : ignoreMismatchedSizes;
    for (const name of file.names()) {
      const target = nameOf(name);
      if (target === undefined) {
        if (!kind.ignored.some((pattern) => pattern.test(name))) report.unexpected.push(name);
        continue;
      }
      const [want, have] = [(own.get(target) as Tensor).shape, file.info(name).shape];
      if (sameShape(want, have)) found.set(target, name);
      else if (lenient(target)) report.mismatched.push(target);
      else wrong.push(`${target}: expected ${showShape(want)}, found ${showShape(have)}`);
    }
    const shared = new Set([...found.keys()].map((name) => own.get(name)));
    report.missing = [...own.keys()].filter((name) => !shared.has(own.get(name)) && !report.mismatched.includes(name));
    if (wrong.length > 0) {
      throw new nn.StateDictError(
        `${file.path}: does not fit ${kind.architecture}: ${wrong.join("; ")}`,
        "config.json and the weights disagree; with another number of labels, pass ignoreMismatchedSizes.",
      );
    }
    if (found.size === 0) {
      throw new nn.StateDictError(
        `${file.path}: none of its ${file.names().length} tensors belongs to ${kind.architecture} (${report.unexpected.slice(0, 3).join(", ")} …)`,
        `${kind.architecture} has ${[...own.keys()].slice(0, 3).join(", ")} …`,
      );
    }
    for (const [target, name] of found) readIntoTensor(file, name, own.get(target) as Tensor);
    return report;
  }

  /**
   * Writes `config.json` and `model.safetensors`, which `from_pretrained` opens in Python; a shared tensor once.
   * @param options.dtype of the weights in the file; float32
   */
  savePretrained(folder: string, { dtype }: { dtype?: WeightsDType } = {}): void {
    const { architecture, configKind } = this.constructor as typeof PreTrainedModel;
    mkdirSync(folder, { recursive: true });
    writeSafetensors(join(folder, "model.safetensors"), weightsOf(this, dtype), { format: "pt" });
    const json = { ...configKind.toJson(this.config), architectures: [architecture] };
    writeFileAtomic(join(folder, "config.json"), `${JSON.stringify(json, null, 2)}\n`);
  }
}
