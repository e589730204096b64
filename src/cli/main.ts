import { Command, CommanderError, Option } from "commander";
import pc from "picocolors";
import { ShoshinError } from "../backend/errors.ts";
import { OptionError } from "../backend/options.ts";
import { readLines } from "../data/index.ts";
import type { GenerationOptions } from "../models/index.ts";
import {
  downloads,
  type EvaluateOptions,
  getTask,
  loadGenerator,
  loadModel,
  namesModel,
  POOLINGS,
  type Pooling,
  TASKS,
} from "../tasks/index.ts";
import { describe, examine } from "./doctor.ts";
import { addExportCommands } from "./export.ts";
import {
  addCommon,
  addTraining,
  applyCommon,
  type CommonOptions,
  number,
  readConfig,
  taskOptions,
  UsageError,
  whole,
} from "./options.ts";
import { describeEvaluation, describeTraining, line } from "./print.ts";
import { addTokenizerCommands } from "./tokenizer.ts";

interface PredictOptions extends CommonOptions {
  input?: string;
  textColumn?: string;
  submission?: string;
  task?: string;
  pooling?: Pooling;
  normalize?: boolean;
  topK?: number;
  numBeams?: number;
}
type GenerateOptions = GenerationOptions & {
  prompt: string;
  chat?: boolean;
  system?: string;
  input?: string;
  stop?: string[];
};

const VERSION = "0.1.0";

function print(options: CommonOptions, json: unknown, text: () => string): void {
  process.stdout.write(`${options.json ? JSON.stringify(json) : text()}\n`);
}
/** What is evaluated, without how the command line tells it. */
const evaluateOptions = ({ data, quiet, range, ...o }: EvaluateOptions): EvaluateOptions => ({
  ...{ data, quiet, range, textColumn: o.textColumn, labelColumn: o.labelColumn },
  ...{ sourceLanguage: o.sourceLanguage, targetLanguage: o.targetLanguage },
  ...{ sourceColumn: o.sourceColumn, targetColumn: o.targetColumn },
});
const flagOf = (name: string) => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
const say = (options: CommonOptions) => (text: string) => {
  if (!options.quiet) process.stderr.write(`${text}\n`);
};

/** The lines of a file, or of standard input for `-`. */
async function linesOf(path: string): Promise<string[]> {
  if (path === "-" && process.stdin.isTTY) return [];
  const lines: string[] = [];
  for await (const { text } of readLines(path === "-" ? process.stdin : path)) lines.push(text);
  return lines;
}

export function program(): Command {
  const cli = new Command("shoshin")
    .description("Neural networks for language: train, evaluate and use models, with npm and nothing else.")
    .version(VERSION)
    .showHelpAfterError("(shoshin --help lists the commands)")
    .exitOverride();

  addCommon(addTraining(cli.command("train <task>")))
    .description(`train a model and save it (tasks: ${TASKS.map((t) => t.name).join(", ")})`)
    .addHelpText("after", "\nExample:\n  shoshin train text-classification --data reviews.tsv --output runs/reviews\n")
    .action(async (name: string, options: CommonOptions & Record<string, unknown>, command: Command) => {
      const known = new Set(command.options.map((o) => o.attributeName()));
      const config = readConfig(options.config as string | undefined, known);
      const given = Object.fromEntries(
        Object.entries(options).filter(([key]) => command.getOptionValueSource(key) !== "default"),
      );
      const all: Record<string, unknown> = { ...config, ...given };
      const adapts = ["lora", "loraAlpha", "loraTarget", "freeze", "packing"].find((key) => all[key] !== undefined);
      if (adapts !== undefined && !namesModel(String(all.model ?? ""), getTask(name).presets)) {
        throw new UsageError(
          `${flagOf(adapts)} is for pretrained models`,
          "Name one: --model ./FOLDER or hub:OWNER/NAME.",
        );
      }
      applyCommon(all);
      const report = await getTask(name).train({ ...taskOptions(all), say: say(options) });
      print(options, report, () => describeTraining(report));
    });

  addCommon(cli.command("evaluate <model>"))
    .description("measure a trained model: a folder, or hub:OWNER/NAME")
    .requiredOption("--data <source>", "labelled data: the test part where there is one, else dev")
    .option("--text-column <name>")
    .option("--label-column <name>")
    .option("--source-language <code>", "translation; by default as in training")
    .option("--target-language <code>")
    .option("--source-column <name>")
    .option("--target-column <name>")
    .option("--range <a:b>", "rows or images A to B − 1")
    .addHelpText("after", "\nExample:\n  shoshin evaluate runs/reviews --data test.tsv\n")
    .action(async (dir: string, options: CommonOptions & EvaluateOptions) => {
      applyCommon(options);
      const report = await (await loadModel(dir, undefined, downloads(options))).evaluate(evaluateOptions(options));
      print(options, { ...report, seconds: Number(report.seconds.toFixed(3)) }, () => describeEvaluation(report));
    });

  addCommon(cli.command("predict <model> [text...]"))
    .description("predict with a trained model, a folder or hub:OWNER/NAME: one line for each input")
    .option("--input <file>", "a file of inputs; - reads lines from standard input")
    .option("--text-column <name>")
    .option("--task <name>", "sentence-similarity: the likeness of two texts that a tab parts")
    .addOption(new Option("--pooling <how>", "of feature-extraction: a vector for each text").choices([...POOLINGS]))
    .option("--normalize", "of feature-extraction: vectors of length 1")
    .option("--top-k <n>", "of fill-mask: tokens for each mask; 5", whole)
    .option("--num-beams <n>", "of translation: texts that are kept while the best is looked for", whole)
    .option("--submission <dir>", "with --input glue:TASK: the test parts' predictions, as the GLUE site takes them")
    .addHelpText(
      "after",
      '\nExamples:\n  shoshin predict runs/reviews "A film to see twice."\n  shoshin predict runs/reviews --input reviews.txt --json\n',
    )
    .action(async (dir: string, texts: string[], options: PredictOptions) => {
      applyCommon(options);
      const predictor = await loadModel(dir, options.task, downloads(options));
      const { pooling, normalize, topK, numBeams } = options;
      if ((pooling ?? normalize) !== undefined && predictor.task !== "feature-extraction")
        throw new UsageError(`--pooling and --normalize are of feature-extraction, not of ${predictor.task}`);
      if (topK !== undefined && predictor.task !== "fill-mask")
        throw new UsageError(`--top-k is of fill-mask, not of ${predictor.task}`);
      if (numBeams !== undefined && predictor.task !== "translation")
        throw new UsageError(`--num-beams is of translation, not of ${predictor.task}`);
      const how = { pooling, normalize, topK, numBeams };
      if (options.submission !== undefined) {
        if (predictor.submit === undefined) throw new UsageError(`--submission: not for models of ${predictor.task}`);
        const files = await predictor.submit(options.input ?? "", options.submission);
        print(options, { files }, () => files.join("\n"));
        return;
      }
      if (texts.length > 0 && options.input !== undefined) throw new UsageError("give texts or --input, not both");
      let results: unknown[];
      if (options.input !== undefined && options.input !== "-")
        results = await predictor.predictFile(options.input, { ...how, textColumn: options.textColumn });
      else {
        const inputs = texts.length > 0 ? texts : await linesOf("-");
        if (inputs.length === 0)
          throw new UsageError("nothing to predict", "Give a text, --input FILE, or lines on standard input.");
        results = await predictor.predict(inputs, how);
      }
      print(options, results, () => results.map(line).join("\n"));
    });

  addCommon(cli.command("generate <model>"))
    .description("write on with a language model: a folder, or hub:OWNER/NAME")
    .option("--prompt <text>", "what to begin with", "")
    .option("--chat", "the prompt is a message: write the answer, in the form of the model's chat template")
    .option("--system <text>", "with --chat: what the model is told first")
    .option("--input <file>", "a file of prompts, one a line, instead; - reads standard input")
    .option("--batch-size <n>", "prompts of --input that are continued together", whole)
    .option("--max-new-tokens <n>", "200, unless the model's generation_config.json says otherwise", whole)
    .option(
      "--temperature <x>",
      "draw tokens, likelier ones more the lower it is; 0 takes the likeliest always",
      number,
    )
    .option("--top-k <n>", "draw, only from the k likeliest tokens", whole)
    .option("--top-p <x>", "draw, only from the likeliest tokens that make up this share", number)
    .option("--min-p <x>", "draw, only from tokens at least so likely as this share of the likeliest", number)
    .option("--repetition-penalty <x>", "", number)
    .option("--num-beams <n>", "beam search for the likeliest text, in place of drawing", whole)
    .option("--length-penalty <x>", "of beam search: above 0 favours long texts", number)
    .option("--no-repeat-ngram-size <n>", "no run of so many tokens occurs twice", whole)
    .option("--min-new-tokens <n>", "no text ends before", whole)
    .option("--seed <n>", "", whole, 0)
    .option("--stop <text...>", "ends before any of these")
    .addHelpText(
      "after",
      '\nExamples:\n  shoshin generate runs/shakespeare --prompt "ROMEO:" --temperature 0.7\n  shoshin generate runs/shakespeare --input prompts.txt --json\n',
    )
    .action(async (dir: string, options: CommonOptions & GenerateOptions) => {
      applyCommon(options);
      const model = await loadGenerator(dir, downloads(options));
      if (options.input !== undefined && (options.prompt !== "" || options.numBeams !== undefined))
        throw new UsageError("--input goes without --prompt and --num-beams");
      if (options.chat && (options.input !== undefined || options.numBeams !== undefined))
        throw new UsageError("--chat goes without --input and --num-beams");
      const { prompt, stop, temperature, topK, topP, minP, seed, numBeams, lengthPenalty } = options;
      const own = model.generationConfig?.defaults ?? {};
      const stated = own.maxNewTokens !== undefined || own.maxLength !== undefined;
      const maxNewTokens = options.maxNewTokens ?? (stated ? undefined : 200);
      const { repetitionPenalty, noRepeatNgramSize, minNewTokens } = options;
      const rules = { maxNewTokens, repetitionPenalty, noRepeatNgramSize, minNewTokens };
      if (numBeams !== undefined) {
        const drawn = Object.entries({ temperature: temperature || undefined, topK, topP, minP }).find(
          ([, value]) => value !== undefined,
        );
        if (drawn !== undefined)
          throw new UsageError(`--num-beams goes without ${flagOf(drawn[0])}`, "Beam search draws nothing.");
        if (stop !== undefined) throw new UsageError("--num-beams goes without --stop");
        const found = model.beamSearch(prompt, { ...rules, numBeams, lengthPenalty });
        const texts = found.map(({ text, score }) => ({ generated_text: prompt + text, score }));
        print(options, texts, () => texts[0]?.generated_text ?? prompt);
        return;
      }
      if (lengthPenalty !== undefined) throw new UsageError("--length-penalty is of beam search", "Add --num-beams.");
      // Who says how to draw wants to draw; a temperature of 0 draws the likeliest always.
      const draws = (temperature ?? topK ?? topP ?? minP) !== undefined;
      const how =
        temperature === 0 ? { doSample: false } : draws ? { doSample: true, temperature, topK, topP, minP } : {};
      const settings = { ...rules, ...how, stop, seed };
      if (options.input !== undefined) {
        const prompts = await linesOf(options.input);
        if (prompts.length === 0) throw new UsageError(`--input ${options.input}: no prompts`, "Give one a line.");
        const texts = model.generateAll(prompts, { ...settings, batchSize: options.batchSize });
        const results = texts.map((text, i) => ({ generated_text: prompts[i] + text }));
        print(options, results, () => results.map((r) => r.generated_text).join("\n\n"));
        return;
      }
      const live = !options.json;
      if (options.chat) {
        if (prompt === "") throw new UsageError("--chat needs a message", "Give it as --prompt.");
        const system = options.system === undefined ? [] : [{ role: "system", content: options.system }];
        const messages = [...system, { role: "user", content: prompt }];
        const onText = live ? (piece: string) => void process.stdout.write(piece) : undefined;
        const content = model.chat(messages, { ...settings, onText });
        if (live) process.stdout.write("\n");
        else print(options, [{ generated_text: [...messages, { role: "assistant", content }] }], () => "");
        return;
      }
      // The prompt comes with the first piece: what is wrong with the settings is said before anything is printed.
      let before = prompt;
      const onText = (piece: string) => {
        process.stdout.write(before + piece);
        before = "";
      };
      const text = model.generate(prompt, { ...settings, onText: live ? onText : undefined });
      if (live) process.stdout.write(`${before}\n`);
      else print(options, [{ generated_text: prompt + text }], () => "");
    });

  addCommon(cli.command("doctor"))
    .description("what this machine offers and what is missing")
    .addHelpText("after", "\nExample:\n  shoshin doctor --json\n")
    .action((options: CommonOptions) => {
      applyCommon(options);
      const report = examine();
      print(options, report, () => describe(report));
    });
  addTokenizerCommands(cli, print);
  addExportCommands(cli, print);
  for (const command of cli.commands) command.exitOverride();
  return cli;
}

/** Runs the command line; returns the exit status: 0 done, 1 the work failed, 2 the command was wrong. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(argv as string[], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const known =
      error instanceof ShoshinError ||
      error instanceof RangeError ||
      (error as NodeJS.ErrnoException).code !== undefined;
    process.stderr.write(`${pc.red("error:")} ${(error as Error).message}\n`);
    const hint = error instanceof ShoshinError ? error.hint : undefined;
    if (hint !== undefined) process.stderr.write(`${pc.cyan("hint:")} ${hint}\n`);
    else if (!known)
      process.stderr.write(
        `${pc.cyan("hint:")} This looks like a mistake in Shoshin: run again with --debug and report it.\n`,
      );
    if (argv.includes("--debug")) process.stderr.write(`${(error as Error).stack}\n`);
    return error instanceof UsageError || error instanceof OptionError ? 2 : 1;
  }
}
