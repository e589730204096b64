import { ArrayDataset, type SentencePair } from "../data/index.ts";
import { resolveModel } from "../hub/index.ts";
import { autoModels, GenerationConfig, type MarianConfig, type PreTrainedModel } from "../models/index.ts";
import { manualSeed } from "../tensor/random.ts";
import { AutoTokenizer } from "../text/index.ts";
import { DEFAULTS, Trainer } from "../train/index.ts";
import { downloads } from "./downloads.ts";
import { TaskError } from "./error.ts";
import { namesModel, settingsOf } from "./folder.ts";
import { readToTranslate, readTraining } from "./pair-data.ts";
import { makePairTokenizer } from "./pair-tokenizer.ts";
import type { TranslationOptions } from "./predict-options.ts";
import { checkPredict } from "./predict-options.ts";
import { type Adapting, loraRate } from "./pretrained/adapting.ts";
import { lengthFor, MAX_LENGTH, openToTune, saveFineTuned } from "./pretrained/fine-tuning.ts";
import type { TaskOptions, TaskReport } from "./settings.ts";
import { refuseClassOptions } from "./shared/classes.ts";
import { givenArgs, smoothingOf, trainingArgs } from "./shared/recipes.ts";
import { readInputs, readPartTexts } from "./shared/texts.ts";
import type { Predictor, Task } from "./task.ts";
import { type Args, argsFor, freshModel, PRESETS, type Preset, RECIPES } from "./translation-presets.ts";
import { type PairBatch, type PairTokens, type TranslationModel, Translator } from "./translator.ts";

const NAME = "translation";

/** Transformers' defaults for translation (run_translation), with its scheduler. */
const TUNING: Args = { numTrainEpochs: 3, learningRate: 5e-5, perDeviceTrainBatchSize: 8, maxGradNorm: 1 };

/** A model that is to learn, with what it needs. */
interface Learner {
  model: TranslationModel & PreTrainedModel;
  translator: Translator;
  adapting?: Adapting;
  args: Args;
  labelSmoothing: number;
  maxLength: number;
}

/** A preset, and a tokenizer of its own. */
async function fresh(preset: Preset, options: TaskOptions, train: readonly SentencePair[]): Promise<Learner> {
  const texts = train.flatMap(({ source, target }) => [source, target]);
  const tokenizer = await makePairTokenizer(options.tokenizer ?? "unigram", texts, options.vocabSize);
  const maxLength = options.maxLength ?? MAX_LENGTH;
  const args = argsFor(preset, options, train.length);
  manualSeed(args.seed ?? DEFAULTS.seed);
  const model = freshModel(preset, options, tokenizer, maxLength);
  model.generationConfig = writingFor(model);
  const { targetLanguage } = options;
  const translator = new Translator(model, tokenizer, { maxLength, targetLanguage, defaults: { numBeams: 1 } });
  const labelSmoothing = smoothingOf(options) ?? RECIPES[preset].labelSmoothing;
  return { model, translator, args, maxLength, labelSmoothing };
}

/** A checkpoint that goes on learning. */
async function pretrained(options: TaskOptions & { model: string }): Promise<Learner> {
  const folder = await resolveModel(options.model, downloads(options));
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const opened = openToTune(folder, "seq2seqLm", options);
  const model = opened.model as Learner["model"];
  const maxLength = lengthFor(model.config, tokenizer.modelMaxLength, options.maxLength ?? MAX_LENGTH);
  const { sourcePrefix: prefix, targetLanguage } = options;
  const translator = new Translator(model, tokenizer, {
    ...{ maxLength, prefix, targetLanguage },
    defaults: { numBeams: 1 },
  });
  return {
    ...{ model, translator, maxLength, adapting: opened.adapting },
    args: { ...TUNING, ...loraRate(options), ...givenArgs(options) },
    labelSmoothing: smoothingOf(options) ?? 0,
  };
}

/** How a preset writes unless something else is said. */
function writingFor({ config }: PreTrainedModel): GenerationConfig {
  const { eosTokenId, decoderStartTokenId, forcedEosTokenId, padTokenId, badWordsIds } = config as MarianConfig;
  return new GenerationConfig({
    numBeams: 4,
    ...{ padTokenId, eosTokenId, decoderStartTokenId: decoderStartTokenId ?? undefined },
    ...{ forcedEosTokenId, badWordsIds, maxLength: 512 },
  });
}

async function train(options: TaskOptions): Promise<TaskReport> {
  const name = options.model ?? "lstm-attention";
  const tunes = namesModel(name, PRESETS);
  if (!tunes && !PRESETS.includes(name as Preset)) {
    throw new TaskError(
      `${NAME} has no preset ${name}`,
      `There are: ${PRESETS.join(", ")}. A model to fine-tune is a folder (./NAME) or hub:OWNER/NAME.`,
    );
  }
  refuseClassOptions(NAME, options, false);
  const { train, validation, chosen, ...languages } = await readTraining(options);
  const settings = { ...options, ...languages, model: name };
  const number = (n: number) => n.toLocaleString("en-US");
  options.say?.(`${chosen}; ${number(train.length)} pairs to train on, ${number(validation.length)} to validate`);
  const learner = tunes ? await pretrained(settings) : await fresh(name as Preset, settings, train);
  const { model, translator, adapting, maxLength, labelSmoothing } = learner;
  const { tokenizer } = translator;
  const [examples, held] = [translator.encode(train), translator.encode(validation)];
  if (!tunes) {
    const tokens = examples.reduce((n, e) => n + e.inputIds.length + e.labels.length, 0);
    options.say?.(`${number(tokenizer.vocabSize)} pieces of both languages; ${number(tokens)} tokens to train on`);
  }
  const trainer = new Trainer<ArrayDataset<PairTokens>, PairBatch>({
    model,
    trainDataset: new ArrayDataset(examples),
    lengths: examples.map((e) => e.inputIds.length + e.labels.length),
    collate: translator.collate,
    computeLoss: (batch) => translator.loss(batch, labelSmoothing),
    evaluate: held.length > 0 ? () => translator.score(validation, held) : undefined,
    savesModel: true,
    callbacks: options.callbacks,
    args: trainingArgs(options, learner.args, "bleu"),
    fingerprint: JSON.stringify([
      ...[model.config, options.data, languages, options.sourceColumn, options.targetColumn, options.sourcePrefix],
      ...[maxLength, labelSmoothing, adapting?.identity],
    ]),
  });
  const result = await trainer.train();
  adapting?.finish();
  return saveFineTuned(NAME, { ...settings, maxLength }, model, tokenizer, result);
}

async function load(folder: string): Promise<Predictor> {
  const { maxLength = MAX_LENGTH, sourcePrefix: prefix, ...trained } = settingsOf(folder);
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const model = autoModels.load(folder, "seq2seqLm").model as Learner["model"];
  const { targetLanguage } = trained;
  const translator = new Translator(model, tokenizer, {
    ...{ prefix, targetLanguage },
    maxLength: lengthFor(model.config, tokenizer.modelMaxLength, maxLength),
  });
  const predict: Predictor["predict"] = async (inputs, options = {}) => {
    checkPredict(NAME, options);
    const texts = translator.translate(inputs, options as TranslationOptions);
    const n = texts.length / Math.max(1, inputs.length);
    return inputs.map((_, i) => {
      const all = texts.slice(i * n, (i + 1) * n).map((translation_text) => ({ translation_text }));
      return n === 1 ? all[0] : all;
    });
  };
  return {
    task: NAME,
    model,
    predict,
    predictFile: async (path, { textColumn, ...options }) =>
      predict(await readInputs(path, textColumn, readPartTexts), options),
    async evaluate(options) {
      const begin = performance.now();
      const { sourceLanguage, targetLanguage, sourceColumn, targetColumn } = trained;
      const pairs = await readToTranslate({ sourceLanguage, targetLanguage, sourceColumn, targetColumn, ...options });
      const metrics = await translator.score(pairs, translator.encode(pairs));
      return { task: NAME, examples: pairs.length, seconds: (performance.now() - begin) / 1000, metrics };
    },
  };
}

/** Translation: texts of one language read, those of another written. */
export const translation: Task = { name: NAME, presets: PRESETS, defaultPreset: "lstm-attention", train, load };
