import type { Command } from "commander";
import { GENERATION, SAMPLING } from "../../models/generation-options.ts";
import { flag, flagOf, list, omit, text, type Values, valuesFor, whole } from "../../options/index.ts";
import { downloads, type Generator, loadGenerator } from "../../tasks/index.ts";
import { addCommand, given } from "../command.ts";
import { applyCommon, type CommonOptions } from "../common.ts";
import { linesOf } from "../lines.ts";
import { print } from "../print.ts";
import { UsageError } from "../usage.ts";

const OWN = {
  prompt: text({ empty: true, help: "what to begin with" }),
  chat: flag({ help: "the prompt is a message: write the answer, in the form of the model's chat template" }),
  system: text({ empty: true, help: "with --chat: what the model is told first" }),
  input: text({ argument: "file", help: "a file of prompts, one a line, instead; - reads standard input" }),
  stop: list(text({ help: "" }), { variadic: true, help: "ends before any of these" }),
};
/** How it is written: as `generate` of a model takes it. */
const HOW = {
  ...omit(GENERATION, "onToken", "tokenizer", "eosTokenIds", "useCache"),
  maxNewTokens: whole({
    from: 0,
    help: "tokens that are written at most; 200, unless the model's generation_config.json says otherwise",
  }),
  batchSize: whole({ from: 1, help: "prompts of --input that are continued together" }),
};
const TABLE = { ...OWN, ...HOW };
const DRAWING = Object.keys(SAMPLING) as (keyof typeof SAMPLING)[];
/** What holds however a text is found. */
const RULES = omit(HOW, "maxNewTokens", "maxLength", "doSample", ...DRAWING);
type Options = Values<typeof TABLE> & CommonOptions;

/** The options of drawing that were given; a temperature of 0 draws nothing. */
const drawing = (options: Options) => {
  const { temperature, ...rest } = valuesFor(SAMPLING, options);
  return temperature ? { temperature, ...rest } : rest;
};

/** What goes only without something else. Throws UsageError. */
function checkTogether(options: Options): void {
  const { input, prompt = "", numBeams, chat, system, lengthPenalty, stop, seed, batchSize, doSample } = options;
  if (input !== undefined && (prompt !== "" || numBeams !== undefined))
    throw new UsageError("--input goes without --prompt and --num-beams");
  if (batchSize !== undefined && input === undefined)
    throw new UsageError("--batch-size is of several prompts", "Add --input FILE.");
  if (chat && (input !== undefined || numBeams !== undefined))
    throw new UsageError("--chat goes without --input and --num-beams");
  if (chat && prompt === "") throw new UsageError("--chat needs a message", "Give it as --prompt.");
  if (system !== undefined && !chat) throw new UsageError("--system is of conversations", "Add --chat.");
  if (numBeams === undefined) {
    if (lengthPenalty !== undefined) throw new UsageError("--length-penalty is of beam search", "Add --num-beams.");
    return;
  }
  const [drawn] = Object.entries({ ...drawing(options), seed, doSample: doSample || undefined })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name);
  if (drawn !== undefined)
    throw new UsageError(`--num-beams goes without ${flagOf(drawn)}`, "Beam search draws nothing.");
  if (stop !== undefined) throw new UsageError("--num-beams goes without --stop");
}

/** How long a text is, 200 tokens where nobody says, and what holds however it is found. */
function rulesOf(model: Generator, options: Options) {
  const own = model.generationConfig?.defaults ?? {};
  const { maxNewTokens, maxLength } = options;
  const stated = (maxLength ?? own.maxNewTokens ?? own.maxLength) !== undefined;
  return { ...valuesFor(RULES, options), maxNewTokens: maxNewTokens ?? (stated ? undefined : 200), maxLength };
}

/** Who says how to draw wants to draw. */
function drawingOf(options: Options) {
  if (options.temperature === 0) return { doSample: false };
  const drawn = drawing(options);
  const draws = options.doSample ?? (Object.keys(drawn).length > 0 ? true : undefined);
  return { ...drawn, doSample: draws };
}

export function addGenerate(cli: Command): void {
  const command = addCommand(cli, "generate <model>", {
    description: "write on with a language model: a folder, or hub:OWNER/NAME",
    table: TABLE,
    examples: [
      'shoshin generate runs/shakespeare --prompt "ROMEO:" --temperature 0.7',
      "shoshin generate runs/shakespeare --input prompts.txt --json",
    ],
  });
  command.action(async (dir: string) => {
    const options = given(command, TABLE);
    checkTogether(options);
    applyCommon(options);
    const model = await loadGenerator(dir, downloads(options));
    write(model, options, await promptsOf(options));
  });
}

async function promptsOf({ input }: Options): Promise<string[] | undefined> {
  if (input === undefined) return undefined;
  const prompts = await linesOf(input);
  if (prompts.length === 0) throw new UsageError(`--input ${input}: no prompts`, "Give one a line.");
  return prompts;
}

/** Writes on, on the terminal piece by piece. */
function write(model: Generator, options: Options, prompts: string[] | undefined): void {
  const { prompt = "", chat, system, numBeams } = options;
  const { batchSize, seed, ...rules } = rulesOf(model, options);
  if (numBeams !== undefined) {
    const texts = model
      .beamSearch(prompt, { ...rules, numBeams })
      .map(({ text, score }) => ({ generated_text: prompt + text, score }));
    print(options, texts, () => texts[0]?.generated_text ?? prompt);
    return;
  }
  const settings = { ...rules, ...drawingOf(options), seed: seed ?? 0, stop: options.stop };
  if (prompts !== undefined) {
    const texts = model.generateAll(prompts, { ...settings, batchSize });
    const n = texts.length / prompts.length;
    const results = texts.map((text, i) => ({ generated_text: prompts[Math.floor(i / n)] + text }));
    print(options, results, () => results.map((r) => r.generated_text).join("\n\n"));
    return;
  }
  const live = !options.json;
  if (chat) {
    const told = system === undefined ? [] : [{ role: "system", content: system }];
    const messages = [...told, { role: "user", content: prompt }];
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
}
