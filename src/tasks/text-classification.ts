import { join } from "#platform";
import { ArrayDataset, DataLoader, resolveSource, type TextExample } from "../data/index.ts";
import {
  autoModels,
  BagOfWordsForSequenceClassification,
  MlpForSequenceClassification,
  RNN_CELLS,
  RnnForSequenceClassification,
  TransformerForSequenceClassification,
} from "../models/index.ts";
import { labelMaps } from "../models/pretrained/config.ts";
import { crossEntropy, type Module } from "../nn/index.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { manualSeed } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { DEFAULTS, Trainer } from "../train/index.ts";
import {
  ClassificationScorer,
  type ClassScore,
  checkClassOptions,
  collectLabels,
  labelIds,
  parseClassWeights,
  topClasses,
  weightOf,
} from "./classes.ts";
import { TaskError } from "./error.ts";
import { labelsOf, type ModelConfig, namesModel, readJson, sizesOf, withWeights } from "./folder.ts";
import { checkPredict } from "./predict-options.ts";
import { readPretrained, widthOf } from "./pretrained.ts";
import { smoothingOf, trainingArgs } from "./recipes.ts";
import { saveModel } from "./save.ts";
import { fineTuneClassifier, loadClassifier } from "./sequence-classifier.ts";
import type { Predictor, Task, TaskOptions, TaskReport } from "./task.ts";
import { readLabelled, readPart, readTexts } from "./text-data.ts";
import { SequenceInputs, type TextInputs, VectorInputs } from "./text-inputs.ts";

const NAME = "text-classification";
const PRESETS = ["mlp", "bag-of-words", ...RNN_CELLS, "transformer"] as const;
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
  throw new TaskError(`unknown model type ${config.model_type}`, `Known: ${PRESETS.join(", ")}.`);
}

async function score(model: Module, inputs: TextInputs, data: readonly Encoded[], classes: number) {
  const scorer = new ClassificationScorer(classes);
  for await (const batch of new DataLoader(new ArrayDataset(data), { batchSize: 256, collate: collateWith(inputs) })) {
    scorer.add(() => model.forward(batch) as Tensor, batch.labels);
  }
  return scorer.metrics();
}

async function train(options: TaskOptions): Promise<TaskReport> {
  const preset = options.model ?? "mlp";
  if (namesModel(preset, PRESETS)) return fineTuneClassifier({ ...options, model: preset });
  if (!PRESETS.includes(preset as "mlp")) {
    throw new TaskError(
      `${NAME} has no preset ${preset}`,
      `There are: ${PRESETS.join(", ")}. A model to fine-tune is a folder (./NAME) or hub:OWNER/NAME.`,
    );
  }
  const { chosen, ...data } = await readTexts(options);
  const names = collectLabels(
    data.train.map((e) => e.label),
    options.data,
  );
  options.say?.(
    `${chosen}; ${data.train.length} examples to train on, ${data.validation.length} to validate; labels: ${names.join(", ")}`,
  );

  const texts = data.train.map((e) => e.text);
  const recurrent = cellOf(preset) !== undefined;
  const inOrder = recurrent || preset === "transformer";
  const maxLength = options.maxLength ?? 256;
  const inputs: TextInputs = inOrder
    ? await SequenceInputs.fit(texts, maxLength, {
        vocabSize: options.vocabSize,
        words: options.embeddings !== undefined,
      })
    : VectorInputs.fit(texts, options.vocabSize);
  if (preset === "bag-of-words" && options.embeddings !== undefined) {
    throw new TaskError(
      "bag-of-words has no embedding that word vectors could initialise",
      "Take mlp, lstm or another.",
    );
  }
  const pretrained = await readPretrained(options, inputs.vocabulary);
  const encode = (list: readonly TextExample[]): Encoded[] => {
    const ids = labelIds(
      list.map((e) => e.label),
      names,
      options.data,
    );
    return list.map((e, i) => ({ input: inputs.encode(e.text), label: ids[i] }));
  };
  const trainSet = encode(data.train);
  const validationSet = encode(data.validation);

  const width = preset === "transformer" ? widthOf(options, pretrained, 128) : 0;
  const config: ModelConfig = {
    model_type: preset,
    architectures: [recurrent ? "RnnForSequenceClassification" : ARCHITECTURES[preset as keyof typeof ARCHITECTURES]],
    vocab_size: inputs.size,
    ...labelMaps(names),
    ...(preset === "mlp"
      ? {
          embedding_size: pretrained?.size ?? options.embeddingSize ?? 64,
          hidden_size: options.hiddenSize ?? 64,
          num_hidden_layers: options.layers ?? 1,
          dropout: options.dropout ?? 0.5,
        }
      : {}),
    ...(recurrent
      ? {
          embedding_size: pretrained?.size ?? options.embeddingSize ?? 256,
          hidden_size: options.hiddenSize ?? 128,
          num_hidden_layers: options.layers ?? 1,
          dropout: options.dropout ?? 0.5,
        }
      : {}),
    ...(preset === "transformer"
      ? {
          hidden_size: width,
          num_hidden_layers: options.layers ?? 2,
          num_attention_heads: options.heads ?? [4, 2, 1].find((heads) => width % heads === 0),
          intermediate_size: options.intermediateSize ?? 4 * width,
          dropout: options.dropout ?? 0.2,
        }
      : {}),
    ...(inOrder ? { pad_token_id: (inputs as SequenceInputs).padTokenId, max_length: maxLength } : {}),
  };
  const recipe = RECIPES[preset as "mlp"];
  const batch = options.args?.perDeviceTrainBatchSize ?? (inOrder ? batchFor(trainSet.length) : 32);
  const perEpoch = Math.ceil(trainSet.length / batch);
  const most = inOrder ? Math.max(2, Math.ceil(ENOUGH_EXAMPLES / trainSet.length)) : 40;
  const numTrainEpochs = Math.min(most, Math.max(recipe.numTrainEpochs, Math.min(40, Math.ceil(MIN_STEPS / perEpoch))));
  const args = trainingArgs(options, { ...recipe, perDeviceTrainBatchSize: batch, numTrainEpochs }, "accuracy");
  manualSeed(args.seed ?? DEFAULTS.seed);
  const model = buildModel(config);
  pretrained?.initialize(model, "embeddings.weight");
  const weight = parseClassWeights(
    options.classWeights,
    Int32Array.from(trainSet, (e) => e.label),
    names.length,
  );
  const weigh = weightOf(weight);
  const trainer = new Trainer({
    model,
    trainDataset: new ArrayDataset(trainSet),
    collate: collateWith(inputs),
    computeLoss: (batch) =>
      crossEntropy(model.forward(batch), batch.labels, { weight, labelSmoothing: smoothingOf(options) }),
    countItems: weigh && (({ labels }) => weigh(labels)),
    evaluate: validationSet.length > 0 ? () => score(model, inputs, validationSet, names.length) : undefined,
    savesModel: true,
    callbacks: options.callbacks,
    args,
    fingerprint: JSON.stringify([config, options.data, smoothingOf(options), options.classWeights, options.embeddings]),
  });
  const result = await trainer.train();
  inputs.save?.(options.output);
  const majority = Math.max(...names.map((_, c) => trainSet.filter((e) => e.label === c).length)) / trainSet.length;
  const baseline = `For comparison: the most frequent class makes up ${(100 * majority).toFixed(1)} % of the training data.`;
  return saveModel(options.output, model, config, {
    task: NAME,
    preset,
    data: options.data,
    options,
    result,
    baseline,
    files: inputs.files(),
  });
}

const ARCHITECTURES = {
  mlp: "MlpForSequenceClassification",
  "bag-of-words": "BagOfWordsForSequenceClassification",
  transformer: "TransformerForSequenceClassification",
};

/** Small data is passed over until so many steps are done (40 epochs at most). */
const MIN_STEPS = 500;

/** Models that read in order pass over large data less often, but twice: they have learned what they will by then. */
const ENOUGH_EXAMPLES = 150_000;

/** Large data is read in larger batches: 32 examples, from 32,000 on 64, from 64,000 on 128. */
const batchFor = (examples: number): number => (examples < 32_000 ? 32 : examples < 64_000 ? 64 : 128);

/** One recipe for each preset, whatever the data. */
const RECIPES = {
  mlp: { numTrainEpochs: 6, learningRate: 2e-3, weightDecay: 0.01 },
  rnn: { numTrainEpochs: 5, learningRate: 1e-3, weightDecay: 0.01, maxGradNorm: 1 },
  gru: { numTrainEpochs: 5, learningRate: 1e-3, weightDecay: 0.01, maxGradNorm: 1 },
  lstm: { numTrainEpochs: 5, learningRate: 1e-3, weightDecay: 0.01, maxGradNorm: 1 },
  transformer: {
    numTrainEpochs: 5,
    learningRate: 5e-4,
    weightDecay: 0.01,
    maxGradNorm: 1,
  },
  "bag-of-words": { numTrainEpochs: 8, learningRate: 0.03, weightDecay: 0.01 },
};

async function load(folder: string): Promise<Predictor> {
  const config = readJson(join(folder, "config.json")) as ModelConfig;
  if (autoModels.knows(config)) return loadClassifier(folder);
  const names = labelsOf(config, folder);
  const inputs: TextInputs =
    config.max_length === undefined
      ? VectorInputs.load(folder)
      : SequenceInputs.load(folder, Number(config.max_length));
  const model = withWeights(buildModel(config), folder);
  const predict: Predictor["predict"] = async (texts, options = {}) => {
    checkPredict(NAME, options);
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
    task: NAME,
    model,
    predict,
    async predictFile(path, { textColumn, ...options }) {
      const source = resolveSource(path);
      const { examples } = await readPart(source, source.parts.train ? "train" : "test", { textColumn }, false);
      return predict(
        examples.map((e) => e.text),
        options,
      );
    },
    async evaluate(options) {
      const begin = performance.now();
      const examples = await readLabelled(options);
      const ids = labelIds(
        examples.map((e) => e.label),
        names,
        options.data,
      );
      const data = examples.map((e, i) => ({ input: inputs.encode(e.text), label: ids[i] }));
      const metrics = await score(model, inputs, data, names.length);
      return { task: NAME, examples: data.length, seconds: (performance.now() - begin) / 1000, metrics };
    },
  };
}

export const textClassification: Task = { name: NAME, presets: PRESETS, defaultPreset: "mlp", train, load };
