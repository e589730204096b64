import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { parse as parseYaml } from "yaml";
import { ShoshinError } from "../backend/errors.ts";
import { backend, setBackend, setPrecision } from "../backend/index.ts";
import { nearestName } from "../backend/options.ts";
import { SCHEDULES } from "../optim/index.ts";
import type { TaskOptions } from "../tasks/index.ts";
import { ARGUMENT_NAMES, OPTIMIZERS } from "../train/index.ts";

/** The command line itself was wrong: exit status 2. */
export class UsageError extends ShoshinError {}

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("expected a number");
  return value;
}
export function whole(text: string): number {
  const value = number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError("expected a whole number from 0 on");
  return value;
}

function truth(text: string): boolean {
  if (text !== "true" && text !== "false") throw new InvalidArgumentError("expected true or false");
  return text === "true";
}

function jsonObject(text: string): object {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  if (values === null || typeof values !== "object" || Array.isArray(values))
    throw new InvalidArgumentError("expected a JSON object");
  return values;
}

/** Options that every command takes. */
export function addCommon(command: Command): Command {
  return command
    .addOption(new Option("--backend <name>", "where to compute").choices(["native", "wasm", "reference"]))
    .option("--threads <n>", "threads of the kernels", whole)
    .addOption(new Option("--precision <p>", "precision of multiplies").choices(["float32", "bf16"]))
    .option("--json", "print one JSON object on stdout; progress goes to stderr")
    .option("--quiet", "no progress")
    .option("--debug", "stack traces of errors");
}

export interface CommonOptions {
  backend?: "native" | "wasm" | "reference";
  threads?: number;
  precision?: "float32" | "bf16";
  json?: boolean;
  quiet?: boolean;
  debug?: boolean;
}

export function applyCommon(options: CommonOptions): void {
  if (options.backend !== undefined) setBackend(options.backend);
  if (options.threads !== undefined) {
    if (options.threads < 1 || options.threads > 256)
      throw new UsageError(`--threads ${options.threads}: expected 1 to 256`);
    backend().threads = options.threads;
  }
  if (options.precision !== undefined) setPrecision(options.precision);
}

/** Training options, with the names of TrainingArguments and of the presets' shapes. */
export function addTraining(command: Command): Command {
  return command
    .requiredOption("--data <source>", "a file, a folder, builtin, glue:TASK")
    .requiredOption("--output <dir>", "where the model goes")
    .option("--validation <source>", "a source, a share like 0.2, or none")
    .option(
      "--model <name>",
      "a preset that fits the task (bag-of-words, mlp, linear, perceptron, rnn, gru, lstm, lstm-attention, awd-lstm, transformer, gpt), or a pretrained model: a folder, hub:owner/name",
    )
    .option("--text-column <name>")
    .option("--label-column <name>")
    .option(
      "--source-language <code>",
      "translation: the language that is read, as the data's files or columns name it",
    )
    .option("--target-language <code>", "translation: the language that is written")
    .option("--source-column <name>")
    .option("--target-column <name>")
    .option("--source-prefix <text>", "translation: stands before every text, as T5 wants it")
    .option("--range <a:b>", "rows or images A to B − 1")
    .option("--num-train-epochs <n>", "passes over the data", number)
    .option("--epochs <n>", "the same", number)
    .option("--max-steps <n>", "stop after so many steps", whole)
    .option("--per-device-train-batch-size <n>", "examples in a step", whole)
    .option("--batch-size <n>", "the same", whole)
    .option("--learning-rate <x>", "", number)
    .option("--weight-decay <x>", "L2 penalty", number)
    .option("--l1 <x>", "L1 penalty", number)
    .option("--dropout <p>", "", number)
    .option("--input-dropout <p>", "of awd-lstm: of the embedded words", number)
    .option("--hidden-dropout <p>", "of awd-lstm: between layers", number)
    .option("--embedding-dropout <p>", "of awd-lstm: of whole words", number)
    .option("--weight-dropout <p>", "of awd-lstm: of the weights from state to state", number)
    .addOption(new Option("--optim <name>").choices([...OPTIMIZERS]))
    .option("--momentum <x>", "of sgd", number)
    .option("--adam-beta1 <x>", "", number)
    .option("--adam-beta2 <x>", "", number)
    .option("--adam-epsilon <x>", "", number)
    .option("--nesterov", "of sgd")
    .option("--label-smoothing-factor <x>", "", number)
    .option("--class-weights <w>", "balanced, or numbers separated by commas")
    .addOption(new Option("--lr-scheduler-type <name>").choices([...SCHEDULES]))
    .option("--lr-scheduler-kwargs <json>", "more of the schedule, such as '{\"min_lr\": 1e-4}'", jsonObject)
    .option("--warmup-steps <n>", "steps in which the rate rises; below 1, a share of all", number)
    .option("--warmup-ratio <x>", "the same as a share of all steps", number)
    .option("--max-grad-norm <x>", "cut the gradient's norm", number)
    .option("--gradient-accumulation-steps <n>", "batches of a step", whole)
    .option("--bf16", "the same as --precision bf16")
    .option("--ema-decay <x>", "evaluate and save a moving average of the weights; 0 is off", number)
    .option("--early-stopping-patience <n>", "evaluations without improvement", whole)
    .option("--metric-for-best-model <name>", "what says which evaluation is the best")
    .option("--greater-is-better <true|false>", "whether the best is the greatest", truth)
    .option("--load-best-model-at-end <true|false>", "end with the best evaluation's weights; true", truth)
    .option("--seed <n>", "", whole)
    .option("--data-seed <n>", "of the order of examples alone", whole)
    .option("--group-by-length", "batches of texts of like length: less padding")
    .option("--resume", "continue from the newest sound checkpoint in --output")
    .option("--overwrite-output-dir", "begin anew in a folder that holds something; only what a run wrote goes")
    .option("--overwrite", "the same")
    .addOption(new Option("--save-strategy <when>", "").choices(["no", "steps", "epoch", "best"]))
    .option("--save-steps <n>", "checkpoint every n steps; after every epoch by default", whole)
    .option("--save-total-limit <n>", "checkpoints to keep", whole)
    .addOption(new Option("--eval-strategy <when>", "").choices(["no", "steps", "epoch"]))
    .addOption(new Option("--logging-strategy <when>", "").choices(["no", "steps", "epoch"]))
    .option("--logging-steps <n>", "steps between points of the curve; 1", whole)
    .option("--logging-first-step", "a point for the first step too")
    .option("--eval-steps <n>", "evaluate every n steps; after every epoch by default", whole)
    .option("--layers <n>", "hidden layers", whole)
    .option("--hidden-size <n>", "", whole)
    .option("--embedding-size <n>", "", whole)
    .option("--vocab-size <n>", "at most so many words or tokens", whole)
    .option("--tokenizer <kind>", "character, word, bpe, unigram, wordpiece, or a folder")
    .option("--embeddings <file>", "word vectors to begin with: word2vec, GloVe, fastText; text or binary")
    .option("--max-length <n>", "longest text in tokens", whole)
    .option("--block-size <n>", "tokens of context in a step", whole)
    .option("--heads <n>", "of attention", whole)
    .option("--intermediate-size <n>", "inside a Transformer's layer", whole)
    .option("--tie-weights", "input and output share a table")
    .option("--lora <r>", "train an adapter of this rank in a pretrained model, and merge it at the end", whole)
    .option("--lora-alpha <x>", "the adapter's change counts alpha / r times; 8", number)
    .option("--lora-target <names>", "ends of the names of layers that get one, or all-linear")
    .option("--freeze <pattern>", "parameters of a pretrained model that do not learn: a regular expression")
    .option("--layerwise-lr-decay <x>", "each layer's share of the learning rate of the one above it", number)
    .option("--gradient-checkpointing", "compute layers twice instead of keeping their results: less memory")
    .option("--packing", "conversations: several in a block")
    .option("--mlm-probability <p>", "of fill-mask: share of the tokens that are hidden; 0.15", number)
    .option("--config <file>", "YAML or JSON with any of these; flags win");
}

const camel = (name: string) => name.replace(/[-_](.)/g, (_, c) => c.toUpperCase());
const ALIASES: Record<string, string> = {
  epochs: "numTrainEpochs",
  batchSize: "perDeviceTrainBatchSize",
  overwrite: "overwriteOutputDir",
};

/** Values of `--config`, under camelCase names. Throws UsageError for a file that cannot be read or an unknown name. */
export function readConfig(path: string | undefined, known: ReadonlySet<string>): Record<string, unknown> {
  if (path === undefined) return {};
  let values: unknown;
  try {
    values = parseYaml(readFileSync(path, "utf8"));
  } catch (error) {
    throw new UsageError(`--config ${path}: ${(error as Error).message}`);
  }
  if (values === null || typeof values !== "object" || Array.isArray(values))
    throw new UsageError(`--config ${path}: expected names and values`);
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const key = camel(name);
      const full = ALIASES[key] ?? key;
      if (!known.has(full) && !known.has(key)) {
        const near = nearestName(key, known);
        const flag = near?.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
        throw new UsageError(
          `--config ${path}: unknown option ${name}`,
          `${flag === undefined ? "" : `Did you mean ${flag}? `}shoshin train --help lists what there is.`,
        );
      }
      return [full, value];
    }),
  );
}

/** Smoothing is an option of the task, the folder comes from --output, and the precision holds for every command. */
const TRAINING = ARGUMENT_NAMES.filter(
  (name) => !["labelSmoothingFactor", "outputDir", "precision"].includes(name),
) as string[];

/** Sorts parsed options into a task's options and training arguments. */
export function taskOptions(raw: Record<string, unknown>): TaskOptions {
  const values: Record<string, unknown> = { ...raw };
  for (const [alias, full] of Object.entries(ALIASES)) if (values[alias] !== undefined) values[full] = values[alias];
  const { lrSchedulerKwargs: kwargs } = values;
  if (kwargs !== undefined)
    values.lrSchedulerKwargs = Object.fromEntries(Object.entries(kwargs as object).map(([k, v]) => [camel(k), v]));
  const args = Object.fromEntries(TRAINING.filter((key) => values[key] !== undefined).map((key) => [key, values[key]]));
  const rest = [
    "data",
    "validation",
    "output",
    "model",
    "textColumn",
    "labelColumn",
    "sourceLanguage",
    "targetLanguage",
    "sourceColumn",
    "targetColumn",
    "sourcePrefix",
    "range",
    "labelSmoothingFactor",
    "classWeights",
    "layers",
    "hiddenSize",
    "embeddingSize",
    "dropout",
    "inputDropout",
    "hiddenDropout",
    "embeddingDropout",
    "weightDropout",
    "vocabSize",
    "tokenizer",
    "embeddings",
    "maxLength",
    "blockSize",
    "tieWeights",
    "heads",
    "intermediateSize",
    "lora",
    "loraAlpha",
    "loraTarget",
    "freeze",
    "packing",
    "mlmProbability",
  ];
  const task = Object.fromEntries(rest.filter((key) => values[key] !== undefined).map((key) => [key, values[key]]));
  return { ...task, args } as unknown as TaskOptions;
}
