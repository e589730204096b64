import { ArrayDataset, DataLoader, type TextExample } from "../../data/index.ts";
import {
  BagOfWordsForSequenceClassification,
  MlpForSequenceClassification,
  RNN_CELLS,
  RnnForSequenceClassification,
  TransformerForSequenceClassification,
} from "../../models/index.ts";
import { labelMaps } from "../../models/pretrained/config.ts";
import { crossEntropy, type Module } from "../../nn/index.ts";
import { tensor } from "../../tensor/create.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { TaskError } from "../error.ts";
import { labelsOf, type ModelConfig, sizesOf, withWeights } from "../folder.ts";
import type { PredictOptions } from "../predict-options.ts";
import { areScores, type Lessons } from "../reading.ts";
import type { TaskOptions } from "../settings.ts";
import {
  ClassificationScorer,
  type ClassScore,
  checkClassOptions,
  collectLabels,
  labelIds,
  parseClassWeights,
  topClasses,
  weightOf,
} from "../shared/classes.ts";
import { recipeOf, smoothingOf, trainingArgs } from "../shared/recipes.ts";
import { readVectors, type WordVectors, widthOf } from "../shared/word-vectors.ts";
import type { Course, CourseLessons, ModelOptions, Opened, Plan } from "../task.ts";
import { columnsOf, readTexts, type TextsAbout } from "./data.ts";
import { SequenceInputs, type TextInputs, VectorInputs } from "./inputs.ts";
import { PRESETS } from "./options.ts";

type Preset = keyof typeof PRESETS;
const cellOf = (type: unknown) => RNN_CELLS.find((cell) => cell === type);

interface Encoded {
  input: unknown;
  label: number;
}

const collateWith = (inputs: TextInputs) => (examples: readonly Encoded[]) => ({
  ...inputs.collate(examples.map((e) => e.input)),
  labels: tensor(Int32Array.from(examples, (e) => e.label)),
});

function buildModel(config: ModelConfig): Module {
  const sizes = sizesOf(config);
  if (config.model_type === "bag-of-words") return new BagOfWordsForSequenceClassification(sizes);
  const modelType = cellOf(config.model_type);
  if (modelType !== undefined) return new RnnForSequenceClassification({ modelType, ...sizes });
  if (config.model_type === "transformer") return new TransformerForSequenceClassification(sizes);
  if (config.model_type === "mlp") return new MlpForSequenceClassification(sizes);
  throw new TaskError(`unknown model type ${config.model_type}`, `Known: ${Object.keys(PRESETS).join(", ")}.`);
}

async function score(model: Module, inputs: TextInputs, data: readonly Encoded[], classes: number) {
  const scorer = new ClassificationScorer(classes);
  for await (const batch of new DataLoader(new ArrayDataset(data), { batchSize: 256, collate: collateWith(inputs) })) {
    scorer.add(() => model.forward(batch) as Tensor, batch.labels);
  }
  return scorer.metrics();
}

function encodeAll(
  inputs: TextInputs,
  list: readonly TextExample[],
  names: readonly string[],
  path: string,
): Encoded[] {
  const ids = labelIds(
    list.map((e) => e.label),
    names,
    path,
  );
  return list.map((e, i) => ({ input: inputs.encode(e.text), label: ids[i] }));
}

/** How a preset reads texts: those that read in order take tokens, the others counts of words. */
async function inputsFor(options: ModelOptions, texts: readonly string[], inOrder: boolean): Promise<TextInputs> {
  const { vocabSize, embeddings } = options;
  if (inOrder) return SequenceInputs.fit(texts, maxLengthOf(options), { vocabSize, words: embeddings !== undefined });
  return VectorInputs.fit(texts, vocabSize);
}
const maxLengthOf = ({ maxLength = PRESETS.lstm.defaults.maxLength }: TaskOptions) => maxLength;

/** What config.json says of a preset's shape. */
function shapeOf(preset: Preset, options: TaskOptions, vectors: WordVectors | undefined): Record<string, unknown> {
  if (preset === "bag-of-words") return {};
  const { defaults } = PRESETS[preset];
  const [layers, dropout] = [options.layers ?? defaults.layers, options.dropout ?? defaults.dropout];
  if ("embeddingSize" in defaults) {
    return {
      embedding_size: vectors?.size ?? options.embeddingSize ?? defaults.embeddingSize,
      hidden_size: options.hiddenSize ?? defaults.hiddenSize,
      num_hidden_layers: layers,
      dropout,
    };
  }
  const width = widthOf(options, vectors, defaults.hiddenSize);
  return {
    hidden_size: width,
    num_hidden_layers: layers,
    num_attention_heads: options.heads ?? [4, 2, 1].find((heads) => width % heads === 0),
    intermediate_size: options.intermediateSize ?? 4 * width,
    dropout,
  };
}

/** Settings of a run: the recipe's, batches and epochs for so many examples. */
function argsFor(preset: Preset, options: TaskOptions, examples: number) {
  const recipe = recipeOf(PRESETS[preset].defaults);
  const inOrder = isInOrder(preset);
  const batch = options.args?.perDeviceTrainBatchSize ?? (inOrder ? batchFor(examples) : 32);
  const perEpoch = Math.ceil(examples / batch);
  const most = inOrder ? Math.max(2, Math.ceil(ENOUGH_EXAMPLES / examples)) : 40;
  const numTrainEpochs = Math.min(most, Math.max(recipe.numTrainEpochs, Math.min(40, Math.ceil(MIN_STEPS / perEpoch))));
  return trainingArgs(options, { ...recipe, perDeviceTrainBatchSize: batch, numTrainEpochs }, "accuracy");
}

/** A model that is made here, and words or tokens of the training texts. */
export async function plan(options: ModelOptions, data: Lessons<TextExample, TextsAbout>): Promise<Plan> {
  const preset = options.model as Preset;
  const { train, validation } = data;
  // Numbers that are all different are on one side of a split each.
  const cut = data.files.validation === undefined ? validation.examples : [];
  const names = collectLabels(
    [...train.examples, ...cut].map((e) => e.label),
    options.data,
  );
  if (areScores(names))
    options.say?.("labels: numbers, taken for classes; a pretrained model (--model ./FOLDER) learns them as numbers");
  options.say?.(
    `${train.about.chosen}; ${train.examples.length} examples to train on, ${validation.examples.length} to validate; labels: ${names.join(", ")}`,
  );
  const texts = train.examples.map((e) => e.text);
  const inputs = await inputsFor(options, texts, isInOrder(preset));
  const vectors = await readVectors(options, inputs.vocabulary);
  const trainSet = encodeAll(inputs, train.examples, names, options.data);
  const heldSet = encodeAll(inputs, validation.examples, names, options.validation ?? options.data);
  const config: ModelConfig = {
    model_type: preset,
    architectures: [ARCHITECTURES[preset]],
    vocab_size: inputs.size,
    ...labelMaps(names),
    ...shapeOf(preset, options, vectors),
    ...(inputs instanceof SequenceInputs ? { pad_token_id: inputs.padTokenId, max_length: maxLengthOf(options) } : {}),
  };
  const labels = Int32Array.from(trainSet, (e) => e.label);
  const majority = Math.max(...names.map((_, c) => labels.filter((id) => id === c).length)) / labels.length;
  const begin = (): Course => {
    const model = buildModel(config);
    vectors?.initialize(model, "embeddings.weight");
    const weight = parseClassWeights(options.classWeights, labels, names.length);
    const weigh = weightOf(weight);
    const labelSmoothing = smoothingOf(options);
    const lessons: CourseLessons<ArrayDataset<Encoded>, ReturnType<ReturnType<typeof collateWith>>> = {
      trainDataset: new ArrayDataset(trainSet),
      collate: collateWith(inputs),
      computeLoss: (batch) => crossEntropy(model.forward(batch) as Tensor, batch.labels, { weight, labelSmoothing }),
      countItems: weigh && ((batch) => weigh(batch.labels)),
      evaluate: heldSet.length > 0 ? () => score(model, inputs, heldSet, names.length) : undefined,
    };
    return {
      ...{ model, config, lessons, identity: config, files: inputs.files() },
      save: (folder) => inputs.save?.(folder),
      baseline: `For comparison: the most frequent class makes up ${(100 * majority).toFixed(1)} % of the training data.`,
    };
  };
  return { args: argsFor(preset, options, trainSet.length), begin };
}

const ARCHITECTURES: Readonly<Record<Preset, string>> = {
  mlp: "MlpForSequenceClassification",
  "bag-of-words": "BagOfWordsForSequenceClassification",
  rnn: "RnnForSequenceClassification",
  gru: "RnnForSequenceClassification",
  lstm: "RnnForSequenceClassification",
  transformer: "TransformerForSequenceClassification",
};
const isInOrder = (preset: Preset) => "maxLength" in PRESETS[preset].defaults;

/** Small data is passed over until so many steps are done (40 epochs at most). */
const MIN_STEPS = 500;

/** Models that read in order pass over large data less often, but twice: they have learned what they will by then. */
const ENOUGH_EXAMPLES = 150_000;

/** Large data is read in larger batches: 32 examples, from 32,000 on 64, from 64,000 on 128. */
const batchFor = (examples: number): number => (examples < 32_000 ? 32 : examples < 64_000 ? 64 : 128);

/** Opens a model that was made here. */
export function openPreset(folder: string, config: ModelConfig): Opened<TextExample, TextsAbout> {
  const names = labelsOf(config, folder);
  const inputs: TextInputs =
    config.max_length === undefined
      ? VectorInputs.load(folder)
      : SequenceInputs.load(folder, Number(config.max_length));
  const model = withWeights(buildModel(config), folder);
  const predict = async (texts: readonly string[], options: PredictOptions) => {
    checkClassOptions(options);
    const { topK, functionToApply = "softmax", batchSize = 256 } = options;
    const out: (ClassScore | ClassScore[])[] = [];
    for (let at = 0; at < texts.length; at += batchSize) {
      const list = texts.slice(at, at + batchSize).map((text) => ({ input: inputs.encode(text), label: 0 }));
      const scores = noGrad(() => {
        const logits = model.forward(collateWith(inputs)(list)) as Tensor;
        if (functionToApply === "none") return logits.contiguous();
        return functionToApply === "softmax" ? logits.softmax() : logits.sigmoid();
      });
      const data = scores.data();
      const rows = list.map((_, i) => data.subarray(i * names.length, (i + 1) * names.length));
      scores.dispose();
      for (const row of rows) out.push(topClasses(row, names, topK));
    }
    return out;
  };
  return {
    model,
    about: columnsOf(folder),
    predict,
    predictFile: async (path, options, columns) =>
      predict(
        (await readTexts(path, columns)).map((e) => e.text),
        options,
      ),
    evaluate: async ({ examples }, source) => ({
      metrics: await score(model, inputs, encodeAll(inputs, examples, names, source), names.length),
    }),
  };
}
