import "../../backend/dispose.ts";
import { existsSync, join, mkdirSync } from "#platform";
import type { Activation } from "../../backend/codes.ts";
import {
  openWeights,
  readIntoTensor,
  type TensorSource,
  writeFileAtomic,
  writeSafetensors,
} from "../../formats/index.ts";
import * as nn from "../../nn/index.ts";
import { affine, dropout, gelu, linear, lora, relu, sigmoid, silu, tanh } from "../../ops/index.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import { sameShape, showShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { refuseExponential } from "../../text/exponential.ts";
import { Conv1D } from "./conv1d.ts";
import { type LoraConfig, LoraError, loraJson, makeLoraConfig, readLoraConfig } from "./lora-config.ts";
import type { PreTrainedModel } from "./model.ts";

const ACTIVATE: Record<Activation, (x: Tensor) => Tensor> = {
  none: (x) => x,
  relu,
  sigmoid,
  tanh,
  silu,
  gelu: (x) => gelu(x),
  geluTanh: (x) => gelu(x, "tanh"),
};

/** A linear layer that stays as it is, and its change of low rank, which learns; PEFT's names. */
class LoraLayer extends nn.Module {
  readonly base_layer: nn.Linear | Conv1D;
  /** [r, in], as `nn.Linear` begins. */
  readonly lora_A: nn.Linear;
  /** [out, r], 0 at first. */
  readonly lora_B: nn.Linear;
  readonly scale: number;
  readonly #dropout: number;

  constructor(base: nn.Linear | Conv1D, r: number, scale: number, p: number) {
    super();
    this.base_layer = base;
    const [first, second] = base.weight.shape;
    const [out, input] = base instanceof Conv1D ? [second, first] : [first, second];
    this.lora_A = new nn.Linear(input, r, { bias: false });
    this.lora_B = new nn.Linear(r, out, { bias: false });
    nn.init.zeros_(this.lora_B.weight);
    this.scale = scale;
    this.#dropout = p;
  }
  forward(x: Tensor, activation: Activation = "none"): Tensor {
    const { base_layer: base, scale } = this;
    const inFirst = base instanceof Conv1D;
    const act = ACTIVATE[activation];
    const [a, b] = [this.lora_A.weight, this.lora_B.weight];
    if (!this.training || this.#dropout === 0) return act(lora(x, base.weight, a, b, base.bias, { scale, inFirst }));
    const change = linear(linear(dropout(x, this.#dropout, true), a).mul(scale), b);
    const plain = (inFirst ? affine : linear)(x, base.weight, base.bias);
    return act(plain.add(change));
  }
  /** Adds the change to the layer's own weight. */
  merge(): nn.Linear | Conv1D {
    noGrad(() => {
      const change = this.lora_B.weight.matmul(this.lora_A.weight).mul(this.scale);
      this.base_layer.weight.add_(this.base_layer instanceof Conv1D ? change.transpose(0, 1) : change);
    });
    return this.base_layer;
  }
}

const endsWith = (name: string, end: string) => name === end || name.endsWith(`.${end}`);

/** Output layers: what `all-linear` leaves alone, and what of a model's own is trained whole. */
const HEADS = ["classifier", "score", "qa_outputs"];
const OUTPUTS = [...HEADS, "lm_head", "cls", "vocab_projector", "generator_lm_head"];

/** The last expressions: each is asked for every name. */
const known = new Map<string, RegExp>();

/** A regular expression of whole names. */
function pattern(source: string): RegExp {
  const before = known.get(source);
  if (before !== undefined) return before;
  try {
    const expression = new RegExp(`^(?:${source})$`);
    // Files are of others: what takes exponential time is refused.
    refuseExponential(expression, source);
    if (known.size >= 64) known.clear();
    known.set(source, expression);
    return expression;
  } catch (error) {
    throw new LoraError(`LoRA: ${(error as Error).message}`);
  }
}

function isTarget(name: string, { targetModules: targets }: LoraConfig): boolean {
  if (targets === "all-linear") return !OUTPUTS.some((head) => name.split(".").includes(head));
  if (typeof targets === "string") return pattern(targets).test(name);
  return targets.some((target) => endsWith(name, target));
}

/** The value of the first pattern that fits the end of a name, as PEFT looks it up. */
function byPattern(name: string, patterns: Readonly<Record<string, number>>, otherwise: number): number {
  const key = Object.keys(patterns).find((key) => pattern(`(?:.*\\.)?(?:${key})`).test(name));
  return key === undefined ? otherwise : patterns[key];
}

/** Puts a module in another's place. */
function replace(model: nn.Module, name: string, module: nn.Module): void {
  const path = name.split(".");
  let at = model as unknown as Record<string, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[path[path.length - 1]] = module;
}

const PREFIX = "base_model.model.";

/** A model with an adapter of low rank (Hu et al. 2021), as PEFT's `PeftModel`: only the adapter and new heads learn. */
export class PeftModel<M extends PreTrainedModel = PreTrainedModel> {
  /** The model, its layers exchanged; use and train it as before. */
  readonly model: M;
  readonly config: LoraConfig;
  readonly #layers = new Map<string, LoraLayer>();

  /**
   * Exchanges the layers that the configuration names for ones with an adapter, which at first changes nothing, and freezes
   * everything else but `modulesToSave`.
   * @throws LoraError if no layer is named, or a value is out of range.
   */
  constructor(model: M, options: Partial<LoraConfig> = {}) {
    const config = makeLoraConfig(model.config.modelType, options);
    this.model = model;
    this.config = config;
    const saved = (name: string) => config.modulesToSave.some((end) => endsWith(name, end));
    const linears = [...model.namedModules()].filter(([, m]) => m instanceof nn.Linear || m instanceof Conv1D);
    const targets = linears.filter(([name]) => isTarget(name, config) && !this.#parts(name).some(saved));
    if (targets.length === 0) {
      const ends = new Set(linears.map(([name]) => name.split(".").at(-1)));
      throw new LoraError(
        `LoRA: ${model.config.modelType} has no linear layer ${JSON.stringify(config.targetModules)}`,
        `There are: ${[...ends].join(", ")}.`,
      );
    }
    model.freeze();
    for (const [name, base] of targets) {
      const r = byPattern(name, config.rankPattern, config.r);
      const alpha = byPattern(name, config.alphaPattern, config.loraAlpha);
      const scale = alpha / (config.useRslora ? Math.sqrt(r) : r);
      const layer = new LoraLayer(base as nn.Linear | Conv1D, r, scale, config.loraDropout);
      layer.train(model.training);
      replace(model, name, layer);
      this.#layers.set(name, layer);
    }
    for (const [name, module] of model.namedModules()) if (saved(name)) module.freeze(undefined, false);
  }

  /** A module's name and those of the modules around it. */
  #parts(name: string): string[] {
    const path = name.split(".");
    return path.map((_, i) => path.slice(0, i + 1).join("."));
  }

  /** What learns, under PEFT's names. */
  #adapter(): Map<string, Tensor> {
    const out = new Map<string, Tensor>();
    for (const [name, module] of this.model.namedModules()) {
      if (module instanceof LoraLayer) {
        out.set(`${PREFIX}${name}.lora_A.weight`, module.lora_A.weight);
        out.set(`${PREFIX}${name}.lora_B.weight`, module.lora_B.weight);
      } else if (this.config.modulesToSave.some((end) => endsWith(name, end))) {
        for (const [own, p] of module.namedParameters()) out.set(`${PREFIX}${name}.${own}`, p);
      }
    }
    return out;
  }

  /** Opens a folder of PEFT's for a model. Throws {@link LoraError}, or the format's own error. */
  static fromPretrained<M extends PreTrainedModel>(model: M, folder: string): PeftModel<M> {
    const peft = new PeftModel(model, readLoraConfig(folder, model.config.modelType));
    const path = join(folder, "adapter_model.safetensors");
    using file = openWeights(existsSync(path) ? path : join(folder, "adapter_model.bin"));
    const own = peft.#adapter();
    const missing = [...own.keys()].filter((name) => !file.has(name));
    const unexpected = file.names().filter((name) => !own.has(name));
    const wrong = [...own].flatMap(([name, t]) => {
      if (!file.has(name) || sameShape(file.info(name).shape, t.shape)) return [];
      return [`${name}: expected ${showShape(t.shape)}, found ${showShape(file.info(name).shape)}`];
    });
    const problems = [
      ...(missing.length > 0 ? [`missing: ${missing.join(", ")}`] : []),
      ...(unexpected.length > 0 ? [`unexpected: ${unexpected.join(", ")}`] : []),
      ...wrong,
    ];
    if (problems.length > 0) {
      throw new LoraError(
        `${file.path}: the adapter does not fit the model: ${problems.join("; ")}`,
        "It was made for another model, or another kind of head.",
      );
    }
    for (const [name, target] of own) readIntoTensor(file, name, target);
    return peft;
  }

  /** Writes `adapter_config.json` and `adapter_model.safetensors`, which PEFT opens. */
  savePretrained(folder: string): void {
    mkdirSync(folder, { recursive: true });
    const tensors = new Map<string, TensorSource>();
    for (const [name, t] of this.#adapter()) tensors.set(name, { shape: t.shape, dtype: "F32", data: () => t.data() });
    writeSafetensors(join(folder, "adapter_model.safetensors"), tensors, { format: "pt" });
    const { architecture } = this.model.constructor as typeof PreTrainedModel;
    const fanInFanOut = [...this.#layers.values()].some((layer) => layer.base_layer instanceof Conv1D);
    const json = loraJson(this.config, { architecture, fanInFanOut });
    writeFileAtomic(join(folder, "adapter_config.json"), `${JSON.stringify(json, null, 2)}\n`);
  }

  /** Adds the adapter to the weights and puts the layers back as they were; nothing of it is left in the model. */
  mergeAndUnload(): M {
    for (const [name, layer] of this.#layers) replace(this.model, name, layer.merge());
    this.#layers.clear();
    return this.model;
  }
}

/** Parts that a checkpoint did not have, and heads: what is trained whole beside an adapter. */
export function newModules(model: PreTrainedModel, isNew: readonly string[]): string[] {
  const heads = [...model.namedModules()].map(([name]) => name).filter((name) => HEADS.includes(name));
  const own = isNew.map((name) => name.split(".").slice(0, -1).join("."));
  const all = [...new Set([...heads, ...own])].filter((name) => name !== "");
  return all.filter((name) => !all.some((other) => other !== name && name.startsWith(`${other}.`)));
}
