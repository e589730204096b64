import { z } from "zod";
import { existsSync, join, readFileSync } from "#platform";
import { ShoshinError } from "../../backend/errors.ts";
import { checkOptions, type Known } from "../../backend/options.ts";

/** An adapter cannot be used. The message names the file and the key. */
export class LoraError extends ShoshinError {}

/** What PEFT's LoraConfig has, in camelCase, as far as it is known here. */
export interface LoraConfig {
  /** Rank of the change; 8. */
  r: number;
  /** The change is scaled by `loraAlpha / r`, with `useRslora` by `loraAlpha / √r`; 8. */
  loraAlpha: number;
  useRslora: boolean;
  /** Dropout of what goes into the change, while training; 0. */
  loraDropout: number;
  /** Ends of module names, or a regular expression of whole names, or `all-linear`. */
  targetModules: readonly string[] | string;
  /** Ends of names of modules that are trained and saved whole: new heads. */
  modulesToSave: readonly string[];
  /** Other ranks and alphas, by ends of names (regular expressions). */
  rankPattern: Readonly<Record<string, number>>;
  alphaPattern: Readonly<Record<string, number>>;
  baseModelNameOrPath: string | undefined;
}

const KNOWN: Known<LoraConfig> = {
  ...{ r: true, loraAlpha: true, useRslora: true, loraDropout: true, targetModules: true, modulesToSave: true },
  ...{ rankPattern: true, alphaPattern: true, baseModelNameOrPath: true },
};
const NOT_HERE = "Such adapters are not done here.";
/** What PEFT's LoraConfig has besides. */
const PEFT = {
  ...{ useDora: NOT_HERE, useQalora: NOT_HERE, megatronConfig: NOT_HERE, loftqConfig: NOT_HERE, evaConfig: NOT_HERE },
  bias: "Biases stay as they are: modulesToSave trains whole modules.",
  taskType: "The model's class says what it is for.",
  inferenceMode: "eval() ends training.",
  initLoraWeights: "A is drawn as PyTorch draws a linear layer, B is 0.",
  layersToTransform: "Name the layers: targetModules takes a regular expression.",
  layersPattern: "Name the layers: targetModules takes a regular expression.",
  excludeModules: "Name those that are wanted: targetModules.",
  fanInFanOut: "It follows from the layer.",
};

/** PEFT's targets where none are named. */
const DEFAULT_TARGETS: Record<string, readonly string[]> = {
  bert: ["query", "value"],
  roberta: ["query", "value"],
  "xlm-roberta": ["query", "value"],
  electra: ["query", "value"],
  distilbert: ["q_lin", "v_lin"],
  gpt2: ["c_attn"],
  llama: ["q_proj", "v_proj"],
  qwen2: ["q_proj", "v_proj"],
  mistral: ["q_proj", "v_proj"],
  marian: ["q_proj", "v_proj"],
  t5: ["q", "v"],
  mt5: ["q", "v"],
};

/** Throws {@link LoraError} for a kind of model without a default. */
export function defaultTargets(modelType: string): readonly string[] {
  const targets = DEFAULT_TARGETS[modelType];
  if (targets === undefined)
    throw new LoraError(`LoRA: no modules are chosen for ${modelType}`, "Name them: targetModules, --lora-target.");
  return targets;
}

/** Throws {@link LoraError} for numbers out of range. */
export function makeLoraConfig(modelType: string, values: Partial<LoraConfig>): LoraConfig {
  checkOptions("PeftModel", values, KNOWN, PEFT);
  const given = Object.fromEntries(Object.entries(values).filter(([, v]) => v !== undefined)) as Partial<LoraConfig>;
  const config: LoraConfig = {
    r: 8,
    loraAlpha: 8,
    useRslora: false,
    loraDropout: 0,
    modulesToSave: [],
    rankPattern: {},
    alphaPattern: {},
    baseModelNameOrPath: undefined,
    ...given,
    targetModules: given.targetModules ?? defaultTargets(modelType),
  };
  for (const r of [config.r, ...Object.values(config.rankPattern)]) {
    if (!Number.isSafeInteger(r) || r < 1 || r > 1 << 16)
      throw new LoraError(`LoRA: a rank of ${r}; expected a whole number from 1 on`);
  }
  for (const alpha of [config.loraAlpha, ...Object.values(config.alphaPattern)])
    if (!(Number.isFinite(alpha) && alpha > 0)) throw new LoraError(`LoRA: alpha ${alpha}; expected a number above 0`);
  if (!(config.loraDropout >= 0 && config.loraDropout < 1))
    throw new LoraError(`LoRA: dropout ${config.loraDropout}; expected a number from 0 to below 1`);
  return config;
}

const numbers = z.record(z.string(), z.number()).nullish();
const SCHEMA = z.object({
  peft_type: z.string(),
  r: z.number().optional(),
  lora_alpha: z.number().optional(),
  use_rslora: z.boolean().nullish(),
  lora_dropout: z.number().nullish(),
  target_modules: z.union([z.string(), z.array(z.string())]).nullish(),
  modules_to_save: z.array(z.string()).nullish(),
  rank_pattern: numbers,
  alpha_pattern: numbers,
  base_model_name_or_path: z.string().nullish(),
  bias: z.string().nullish(),
});

/** Keys of PEFT's that change what an adapter computes and are not known here; they must say no. */
const UNKNOWN = [
  ..."use_dora use_qalora use_bdlora lora_bias layers_to_transform layer_replication exclude_modules".split(" "),
  ..."target_parameters trainable_token_indices alora_invocation_tokens arrow_config megatron_config".split(" "),
];

const isSet = (value: unknown) =>
  value !== undefined && value !== null && value !== false && (!Array.isArray(value) || value.length > 0);

/** Reads `adapter_config.json`. Throws {@link LoraError} naming the key for what is damaged or not known here. */
export function readLoraConfig(folder: string, modelType: string): LoraConfig {
  const path = join(folder, "adapter_config.json");
  if (!existsSync(path)) throw new LoraError(`${path}: no such file`, "Is this the folder of an adapter?");
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new LoraError(`${path}: not JSON: ${(error as Error).message}`, "The file is damaged.");
  }
  const parsed = SCHEMA.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new LoraError(`${path}: ${issue.path.join(".")}: ${issue.message}`, "The file is damaged.");
  }
  const c = parsed.data;
  if (c.peft_type !== "LORA")
    throw new LoraError(`${path}: an adapter of the kind ${c.peft_type}`, "LORA is known here.");
  if ((c.bias ?? "none") !== "none") throw new LoraError(`${path}: bias ${c.bias} is not known here`);
  for (const key of UNKNOWN) if (isSet(json[key])) throw new LoraError(`${path}: ${key} is not known here`);
  try {
    return makeLoraConfig(modelType, {
      r: c.r,
      loraAlpha: c.lora_alpha,
      useRslora: c.use_rslora ?? undefined,
      loraDropout: c.lora_dropout ?? undefined,
      targetModules: c.target_modules ?? undefined,
      modulesToSave: c.modules_to_save ?? undefined,
      rankPattern: c.rank_pattern ?? undefined,
      alphaPattern: c.alpha_pattern ?? undefined,
      baseModelNameOrPath: c.base_model_name_or_path ?? undefined,
    });
  } catch (error) {
    if (error instanceof LoraError) throw new LoraError(`${path}: ${error.message}`, error.hint);
    throw error;
  }
}

/** What a model's class is for, by PEFT's names. */
const TASKS: [RegExp, string][] = [
  [/ForSequenceClassification$/, "SEQ_CLS"],
  [/ForTokenClassification$/, "TOKEN_CLS"],
  [/ForQuestionAnswering$/, "QUESTION_ANS"],
  [/(ForCausalLM|LMHeadModel)$/, "CAUSAL_LM"],
  [/(ForConditionalGeneration|MTModel)$/, "SEQ_2_SEQ_LM"],
];

/** The keys of `adapter_config.json`; PEFT has defaults for those that are not here. */
export function loraJson(
  config: LoraConfig,
  { architecture, fanInFanOut }: { architecture: string; fanInFanOut: boolean },
): Record<string, unknown> {
  return {
    alpha_pattern: config.alphaPattern,
    base_model_name_or_path: config.baseModelNameOrPath ?? null,
    bias: "none",
    fan_in_fan_out: fanInFanOut,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: config.loraAlpha,
    lora_dropout: config.loraDropout,
    modules_to_save: config.modulesToSave.length > 0 ? config.modulesToSave : null,
    peft_type: "LORA",
    r: config.r,
    rank_pattern: config.rankPattern,
    target_modules: config.targetModules,
    task_type: TASKS.find(([pattern]) => pattern.test(architecture))?.[1] ?? null,
    use_rslora: config.useRslora,
  };
}
