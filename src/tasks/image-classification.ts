import { join } from "#platform";
import { pushAll } from "../backend/arrays.ts";
import {
  ArrayDataset,
  DataError,
  DataLoader,
  type ImageData,
  type Part,
  parseRange,
  readImages,
  resolveSource,
  stratifiedSplit,
} from "../data/index.ts";
import { Mlp } from "../models/index.ts";
import { labelMaps } from "../models/pretrained/config.ts";
import { crossEntropy, type Module } from "../nn/index.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { manualSeed } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { DEFAULTS, Trainer } from "../train/index.ts";
import { TaskError } from "./error.ts";
import { labelsOf, type ModelConfig, readJson, withWeights } from "./folder.ts";
import { checkPredict, checkPredictFile } from "./predict-options.ts";
import { saveModel } from "./save.ts";
import type { TaskOptions, TaskReport } from "./settings.ts";
import {
  bestLabels,
  ClassificationScorer,
  collectLabels,
  labelIds,
  parseClassWeights,
  weightOf,
} from "./shared/classes.ts";
import { smoothingOf, trainingArgs } from "./shared/recipes.ts";
import type { Predictor, Task } from "./task.ts";

const NAME = "image-classification";
const PRESETS = ["mlp", "linear"];

interface Encoded {
  pixels: Uint8Array;
  label: number;
}

/** Pixels 0–255 as 0–1. */
const collate = (examples: readonly Encoded[]) => {
  const size = examples[0]?.pixels.length ?? 0;
  const x = new Float32Array(examples.length * size);
  examples.forEach(({ pixels }, i) => {
    for (let p = 0; p < size; p++) x[i * size + p] = pixels[p] / 255;
  });
  return {
    x: tensor(x, [examples.length, size]),
    y: tensor(
      Int32Array.from(examples, (e) => e.label),
      [examples.length],
    ),
  };
};

/** Images with their labels: an images file is paired with the labels file whose name differs in that word only. */
async function readPart(data: string, order: readonly Part[], needsLabels = true): Promise<ImageData> {
  const source = resolveSource(data, "images");
  for (const part of order) {
    const files = source.parts[part] ?? [];
    const images = files.find((path) => /images|idx3/.test(path));
    if (images === undefined) continue;
    const stem = images.replace("images", "labels").replace("idx3", "idx1").replace(/\.gz$/, "");
    const beside =
      files.find((path) => path.replace(/\.gz$/, "") === stem) ??
      (files.length === 1 ? undefined : files.find((path) => path !== images && /labels|idx1/.test(path)));
    const labels = beside ?? existing(stem);
    if (labels === undefined && needsLabels) throw new DataError(`${images}: no labels beside it`, `Expected ${stem}`);
    return readImages(images, labels);
  }
  throw new DataError(
    `${data}: no IDX images`,
    "Expected files as MNIST names them: train-images-idx3-ubyte(.gz), train-labels-idx1-ubyte(.gz).",
  );
}

function existing(stem: string): string | undefined {
  for (const path of [stem, `${stem}.gz`]) {
    try {
      return resolveSource(path, "images").parts.train?.[0];
    } catch {
      // Not there.
    }
  }
  return undefined;
}

const pick = (d: ImageData, indices: readonly number[]): Uint8Array[] => {
  const size = d.rows * d.cols;
  return indices.map((i) => d.images.subarray(i * size, (i + 1) * size));
};

function buildModel(config: ModelConfig): Module {
  return new Mlp({
    inputSize: Number(config.image_height) * Number(config.image_width),
    outputSize: Object.keys(config.id2label ?? {}).length,
    hiddenSize: Number(config.hidden_size ?? 0),
    numHiddenLayers: Number(config.num_hidden_layers ?? 0),
    dropout: Number(config.dropout ?? 0),
  });
}

async function score(model: Module, data: readonly Encoded[], classes: number) {
  const scorer = new ClassificationScorer(classes);
  for await (const { x, y } of new DataLoader(new ArrayDataset(data), { batchSize: 512, collate }))
    scorer.add(() => model.forward(x), y);
  return scorer.metrics();
}

const rangeOf = (count: number, range: string | undefined): number[] => {
  const [from, to] = parseRange(range);
  return Array.from({ length: Math.max(0, Math.min(to, count) - from) }, (_, i) => from + i);
};

const RECIPE = { numTrainEpochs: 12, learningRate: 1e-3, weightDecay: 0.01, perDeviceTrainBatchSize: 64 };

async function train(options: TaskOptions): Promise<TaskReport> {
  const preset = options.model ?? "mlp";
  if (!PRESETS.includes(preset))
    throw new TaskError(`${NAME} has no preset ${preset}`, `There are: ${PRESETS.join(", ")}.`);
  const seed = options.args?.seed ?? DEFAULTS.seed;
  const all = await readPart(options.data, ["train", "validation", "test"]);
  const used = rangeOf(all.count, options.range);
  if (used.length < 2) throw new DataError(`${options.data}: ${used.length} images`);
  const text = (d: ImageData, i: number) => String((d.labels as Uint8Array)[i]);
  const names = collectLabels(
    used.map((i) => text(all, i)),
    options.data,
  );
  const encode = (d: ImageData, indices: readonly number[]): Encoded[] => {
    const ids = labelIds(
      indices.map((i) => text(d, i)),
      names,
      options.data,
    );
    return pick(d, indices).map((pixels, k) => ({ pixels, label: ids[k] }));
  };
  let trainIndices = used;
  let held: Encoded[] = [];
  const share = options.validation === undefined ? 0.1 : Number(options.validation);
  if (options.validation !== "none") {
    if (share > 0 && share < 1) {
      const split = stratifiedSplit(
        used.length,
        share,
        seed,
        used.map((i) => text(all, i)),
      );
      trainIndices = split.train.map((k) => used[k]);
      held = encode(
        all,
        split.held.map((k) => used[k]),
      );
    } else {
      const other = await readPart(options.validation as string, ["validation", "test", "train"]);
      held = encode(other, rangeOf(other.count, undefined));
    }
  }
  const trainSet = encode(all, trainIndices);
  options.say?.(
    `images of ${all.rows} × ${all.cols}; ${trainSet.length} to train on, ${held.length} to validate; ${names.length} classes`,
  );
  const config: ModelConfig = {
    model_type: preset,
    architectures: ["Mlp"],
    image_height: all.rows,
    image_width: all.cols,
    ...labelMaps(names),
    ...(preset === "mlp"
      ? {
          hidden_size: options.hiddenSize ?? 256,
          num_hidden_layers: options.layers ?? 2,
          dropout: options.dropout ?? 0.2,
        }
      : {}),
  };
  manualSeed(seed);
  const model = buildModel(config);
  const weight = parseClassWeights(
    options.classWeights,
    Int32Array.from(trainSet, (e) => e.label),
    names.length,
  );
  const weigh = weightOf(weight);
  const trainer = new Trainer({
    model,
    trainDataset: new ArrayDataset(trainSet),
    collate,
    computeLoss: ({ x, y }) => crossEntropy(model.forward(x), y, { weight, labelSmoothing: smoothingOf(options) }),
    countItems: weigh && (({ y }) => weigh(y)),
    evaluate: held.length > 0 ? () => score(model, held, names.length) : undefined,
    callbacks: options.callbacks,
    args: trainingArgs(options, RECIPE, "accuracy"),
    savesModel: true,
    fingerprint: JSON.stringify([config, options.data, smoothingOf(options), options.classWeights]),
  });
  const result = await trainer.train();
  return saveModel(options.output, model, config, { task: NAME, preset, data: options.data, options, result });
}

async function load(folder: string): Promise<Predictor> {
  const config = readJson(join(folder, "config.json")) as ModelConfig;
  const names = labelsOf(config, folder);
  const model = withWeights(buildModel(config), folder);
  const fits = (d: ImageData, path: string) => {
    if (d.rows === config.image_height && d.cols === config.image_width) return;
    throw new DataError(
      `${path}: images of ${d.rows} × ${d.cols}; the model takes ${config.image_height} × ${config.image_width}`,
    );
  };
  const predictFile: Predictor["predictFile"] = async (path, options) => {
    checkPredictFile(NAME, options);
    const d = await readPart(path, ["test", "validation", "train"], false);
    fits(d, path);
    const out: unknown[] = [];
    const list = pick(d, rangeOf(d.count, undefined)).map((pixels) => ({ pixels, label: 0 }));
    for await (const { x } of new DataLoader(new ArrayDataset(list), { batchSize: 512, collate })) {
      pushAll(
        out,
        bestLabels(
          noGrad(() => (model.forward(x) as Tensor).softmax()),
          names,
        ),
      );
    }
    return out;
  };
  return {
    task: NAME,
    model,
    predictFile,
    async predict(inputs, options) {
      checkPredict(NAME, options);
      if (inputs.length !== 1) throw new TaskError("expected the path of one IDX file of images");
      return predictFile(inputs[0], {});
    },
    async evaluate(options) {
      const begin = performance.now();
      const d = await readPart(options.data, ["test", "validation", "train"]);
      fits(d, options.data);
      const indices = rangeOf(d.count, options.range);
      if (indices.length === 0) throw new DataError(`${options.data}: no images in the range`);
      const ids = labelIds(
        indices.map((i) => String((d.labels as Uint8Array)[i])),
        names,
        options.data,
      );
      const metrics = await score(
        model,
        pick(d, indices).map((pixels, k) => ({ pixels, label: ids[k] })),
        names.length,
      );
      return { task: NAME, examples: indices.length, seconds: (performance.now() - begin) / 1000, metrics };
    },
  };
}

export const imageClassification: Task = { name: NAME, presets: PRESETS, defaultPreset: "mlp", train, load };
