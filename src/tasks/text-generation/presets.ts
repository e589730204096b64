import { join } from "#platform";
import { DataError } from "../../data/index.ts";
import { type CausalLm, GenerationConfig, type GenerationDefaults, GPT2LMHeadModel } from "../../models/index.ts";
import { crossEntropy } from "../../nn/index.ts";
import { Tokenizer } from "../../text/index.ts";
import { DEFAULTS } from "../../train/index.ts";
import { TaskError } from "../error.ts";
import { type ModelConfig, withWeights } from "../folder.ts";
import type { Lessons } from "../reading.ts";
import { refuseClassOptions } from "../shared/classes.ts";
import { recipeOf, smoothingOf, trainingArgs } from "../shared/recipes.ts";
import { areBlank, readInputs, readPartLines } from "../shared/texts.ts";
import { readVectors } from "../shared/word-vectors.ts";
import type { Course, CourseLessons, ModelOptions, Opened, Plan } from "../task.ts";
import { CarriedState } from "./carried-state.ts";
import { type LanguageAbout, linesOf, type Sample } from "./data.ts";
import { buildModel, configOf, type Model, tableOf } from "./models.ts";
import { defaultsOf, type Preset, type Recipe, VOCABULARY } from "./options.ts";
import { scoreStream, unitsOf } from "./scoring.ts";
import { encodeStream, makeTokenizer, startToken } from "./tokens.ts";
import { BlockWindows, type StreamBatch, StreamWindows } from "./windows.ts";
import { writing } from "./writing.ts";

/** Streams side by side while validating: the loss hardly differs from one stream's, and it is many times faster. */
const VALIDATION_STREAMS = 16;

/** A tokenizer for these lines: characters by default, words of corpora that are cut into them. */
async function tokenizerFor(options: ModelOptions, lines: readonly string[], words: boolean) {
  const kind = options.tokenizer ?? (words ? "word" : "character");
  const tokenizer = await makeTokenizer(kind, lines, options.vocabSize);
  if (tokenizer.kind === "word" && tokenizer.vocabSize === (options.vocabSize ?? VOCABULARY.word)) {
    options.say?.(
      `only the ${tokenizer.vocabSize.toLocaleString("en-US")} most frequent words are known: perplexity cannot be held against that of a full vocabulary (--vocab-size)`,
    );
  }
  return { kind, tokenizer };
}

/** The recipe's settings; batches and epochs are among them. */
const counted = (recipe: Recipe) => {
  const { numTrainEpochs, perDeviceTrainBatchSize } = recipe;
  return { ...recipeOf(recipe), numTrainEpochs, perDeviceTrainBatchSize };
};

/** Settings of a run, with no more side by side in a step than `tokens` have blocks. */
function argsFor(recipe: Recipe, options: ModelOptions, tokens: number, block: number) {
  const args = trainingArgs(options, counted(recipe), "loss");
  // A rate is meant for its optimizer.
  const { optim, learningRate } = options.args ?? {};
  const meant = recipe.optim ?? DEFAULTS.optim;
  if (optim !== undefined && optim !== meant && learningRate === undefined)
    args.learningRate = optim === "sgd" ? 1 : 1e-3;
  const most = Math.floor(tokens / block);
  const accumulate = Math.max(1, Math.min(args.gradientAccumulationSteps ?? 1, most));
  // Blocks come in any number; streams lie side by side, as many in every batch of a step.
  const columns = Math.min(
    args.perDeviceTrainBatchSize,
    options.model === "gpt" ? most : Math.floor(most / accumulate),
  );
  if (columns < 1) {
    throw new DataError(
      `${options.data}: ${tokens} tokens are fewer than one block of ${block}`,
      "Give more text, or a smaller --block-size.",
    );
  }
  return { ...args, perDeviceTrainBatchSize: columns, gradientAccumulationSteps: accumulate };
}

/** A model that is made here, and its tokenizer: recurrent nets on streams side by side, GPT on blocks. */
export async function plan(options: ModelOptions, data: Lessons<Sample, LanguageAbout>): Promise<Plan> {
  refuseClassOptions("text-generation", options, false);
  const preset = options.model as Preset;
  const [lines, heldLines] = [linesOf(data.train.examples), linesOf(data.validation.examples)];
  if (areBlank(lines)) throw new DataError(`${options.data}: no text in the rows that are learned from`);
  const { kind, tokenizer } = await tokenizerFor(options, lines, data.train.about.words);
  const start = startToken(tokenizer);
  const [ids, held] = [lines, heldLines].map((list) => encodeStream(tokenizer, list));
  const gpt = preset === "gpt";
  const characters = tokenizer.kind === "character";
  const { defaults: recipe, steps } = defaultsOf(preset, characters);
  const block = options.blockSize ?? recipe.blockSize;
  const args = argsFor(recipe, options, ids.length, block);
  options.say?.(
    `${tokenizer.kind} tokenizer, ${tokenizer.vocabSize} tokens; ${ids.length.toLocaleString("en-US")} tokens to train on, ${held.length.toLocaleString("en-US")} to validate`,
  );
  if (options.embeddings !== undefined && tokenizer.kind !== "word") {
    throw new TaskError(
      `--embeddings: a model of the ${tokenizer.kind} tokenizer has no words that vectors could belong to`,
      "Add --tokenizer word.",
    );
  }
  const vectors = await readVectors(options, tokenizer.vocabulary);
  const config = configOf(preset, options, { recipe, vocabSize: tokenizer.vocabSize, start, block, vectors });
  const streams = args.perDeviceTrainBatchSize * args.gradientAccumulationSteps;
  const windows = gpt
    ? new BlockWindows(ids, { block, seed: args.seed ?? DEFAULTS.seed })
    : new StreamWindows(ids, { streams, block, start });
  if (options.args?.numTrainEpochs === undefined) {
    const perEpoch = Math.ceil(windows.length / streams);
    args.numTrainEpochs = Math.max(recipe.numTrainEpochs, Math.min(40, Math.ceil(steps / perEpoch)));
  }
  const units = unitsOf(heldLines);
  const measure = { streams: Math.min(VALIDATION_STREAMS, held.length), block, start, characters };
  const labelSmoothing = smoothingOf(options);
  const begin = (): Course => {
    const model = buildModel(config);
    vectors?.initialize(model, tableOf(preset));
    const carried = new CarriedState();
    const lessons: CourseLessons<StreamWindows | BlockWindows, StreamBatch> = {
      trainDataset: windows,
      shuffle: gpt,
      carry: gpt ? undefined : carried,
      computeLoss: ({ x, y, column }) => {
        if (model instanceof GPT2LMHeadModel)
          return crossEntropy(model.forward({ inputIds: x }).logits.flatten(0, 1), y, { labelSmoothing });
        const { logits, state } = model.forward(x, carried.of(column));
        carried.keep(state, column);
        return crossEntropy(logits, y, { labelSmoothing });
      },
      evaluate: held.length > 0 ? () => scoreStream(model, held, units, measure) : undefined,
    };
    return {
      ...{ model, config, lessons, identity: [config, kind, options.embeddings, labelSmoothing] },
      end: () => carried.reset(),
      save(folder) {
        tokenizer.save(folder);
        new GenerationConfig(writingOf(tokenizer)).save(folder);
      },
    };
  };
  return { args, begin };
}

/** How a preset writes unless something else is said: it draws, never a word that it does not know. */
function writingOf(tokenizer: Tokenizer): GenerationDefaults {
  const unknown = tokenizer.tokenToId("<unk>");
  return {
    ...{ doSample: true, temperature: 0.8, topK: 0, maxNewTokens: 200, eosTokenId: null },
    ...(unknown === undefined ? {} : { suppressTokens: [unknown] }),
  };
}

/** What makes text of ids. Words: an end of sentence is a line's end. */
function decoderOf(tokenizer: Tokenizer): (ids: readonly number[]) => string {
  if (tokenizer.kind !== "word") return (ids) => tokenizer.decode(ids, { skipSpecialTokens: true });
  return (ids) => tokenizer.decode(ids, { skipSpecialTokens: false }).replaceAll(/ ?<eos> ?/g, "\n");
}

/** Opens a model that was made here. */
export function openPreset(folder: string, config: ModelConfig): Opened<Sample, LanguageAbout> {
  const tokenizer = Tokenizer.fromFile(join(folder, "tokenizer.json"));
  if (tokenizer.vocabSize !== Number(config.vocab_size)) {
    throw new TaskError(
      `${folder}: the tokenizer has ${tokenizer.vocabSize} tokens, the model ${config.vocab_size}`,
      "Both files must come from the same training.",
    );
  }
  const model: Model = withWeights(buildModel(config), folder);
  const start = startToken(tokenizer);
  // Folders of before there was the file are read as if they had it.
  const writer: CausalLm = model;
  writer.generationConfig = GenerationConfig.fromFolder(folder) ?? new GenerationConfig(writingOf(tokenizer));
  const { predict, ...more } = writing({
    model: writer,
    encode: (prompt) => tokenizer.encode(prompt, { addSpecialTokens: false }).ids,
    textOf: decoderOf(tokenizer),
    start: [start],
  });
  const measure = { streams: 1, block: 512, start, characters: tokenizer.kind === "character" };
  return {
    ...{ model, predict, more, about: { kind: "lines", words: false } },
    predictFile: async (path, options, { textColumn }) =>
      predict(await readInputs(path, textColumn, readPartLines), options),
    async evaluate({ examples }, source) {
      const lines = linesOf(examples);
      const ids = encodeStream(tokenizer, lines);
      if (ids.length === 0) throw new DataError(`${source}: no text`);
      return { examples: ids.length, metrics: await scoreStream(model, ids, unitsOf(lines), measure) };
    },
  };
}
