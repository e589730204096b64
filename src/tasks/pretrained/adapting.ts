import { join } from "#platform";
import { newModules, PeftModel, type PreTrainedModel } from "../../models/index.ts";
import { RunFolder } from "../../train/index.ts";
import { TaskError } from "../error.ts";
import type { TaskOptions } from "../settings.ts";
import { ADAPTER_DEFAULTS } from "./options.ts";

/** Which of a pretrained model's parameters learn, and how. */
export interface Adapting {
  /** Of the run: what `--lora` and `--freeze` say. */
  identity: unknown;
  /** Once it is trained: writes the adapter into `OUTPUT/adapter`, unless the run had finished before, and adds it to the weights. */
  finish(): void;
}

function freeze(model: PreTrainedModel, source: string): void {
  let pattern: RegExp;
  try {
    pattern = new RegExp(source);
  } catch (error) {
    throw new TaskError(`--freeze: ${(error as Error).message}`);
  }
  if (model.freeze(pattern) === 0) {
    const names = Array.from(model.namedParameters(), ([name]) => name);
    throw new TaskError(
      `--freeze ${source}: no parameter has such a name`,
      `There are: ${names.slice(0, 4).join(", ")} …`,
    );
  }
  if (model.parameters().every((p) => !p.requiresGrad))
    throw new TaskError(`--freeze ${source}: nothing is left to learn`);
}

/**
 * Freezes parameters and puts adapters in, as the options say.
 * @param isNew names of parameters that the checkpoint did not have
 * @throws TaskError, LoraError for patterns that fit nothing.
 */
export function adapt(model: PreTrainedModel, isNew: readonly string[], options: TaskOptions): Adapting {
  const { lora: r, loraAlpha, loraTarget, say } = options;
  if (r === undefined && (loraAlpha ?? loraTarget) !== undefined)
    throw new TaskError("--lora-alpha and --lora-target need --lora RANK");
  let peft: PeftModel | undefined;
  if (r !== undefined) {
    const targets = loraTarget?.split(",").map((target) => target.trim());
    peft = new PeftModel(model, {
      r,
      loraAlpha,
      targetModules: loraTarget === "all-linear" ? loraTarget : targets,
      modulesToSave: newModules(model, isNew),
      baseModelNameOrPath: options.model?.replace(/^hub:/, ""),
    });
  }
  if (options.freeze !== undefined) freeze(model, options.freeze);
  if (peft !== undefined || options.freeze !== undefined) {
    const [some, all] = [model.parameterCount({ trainable: true }), model.parameterCount()];
    const number = (n: number) => n.toLocaleString("en-US");
    say?.(`${number(some)} of ${number(all)} parameters learn (${((100 * some) / all).toFixed(2)} %)`);
  }
  return {
    identity: [r, loraAlpha, loraTarget, options.freeze],
    finish() {
      if (!RunFolder.existing(options.output)?.saved) peft?.savePretrained(join(options.output, "adapter"));
      peft?.mergeAndUnload();
    },
  };
}

/** The rate that an adapter learns with where none is given; the weights themselves take less. */
export const loraRate = (options: TaskOptions): { learningRate?: number } =>
  options.lora === undefined ? {} : ADAPTER_DEFAULTS;
