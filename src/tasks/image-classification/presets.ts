import { pushAll } from "../../backend/arrays.ts";
import { ArrayDataset, DataError, DataLoader } from "../../data/index.ts";
import { Mlp } from "../../models/index.ts";
import { labelMaps } from "../../models/pretrained/config.ts";
import { crossEntropy } from "../../nn/index.ts";
import { tensor } from "../../tensor/create.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Isolation } from "../../train/run/isolation.ts";
import { TaskError } from "../error.ts";
import { labelsOf, type ModelConfig, readConfig, withWeights } from "../folder.ts";
import { type Lessons, readToPredict } from "../reading.ts";
import {
  bestLabels,
  ClassificationScorer,
  collectLabels,
  labelIds,
  parseClassWeights,
  weightOf,
} from "../shared/classes.ts";
import { recipeOf, smoothingOf, trainingArgs } from "../shared/recipes.ts";
import type { Course, CourseLessons, ModelOptions, Opened, Plan } from "../task.ts";
import { type ImagesAbout, imageReader, type LabelledImage } from "./data.ts";
import { PRESETS } from "./options.ts";

interface Encoded {
  pixels: Uint8Array;
  label: number;
}
interface Batch {
  x: Tensor;
  y: Tensor;
}

/** Pixels 0–255 as 0–1. */
const collate = (examples: readonly Encoded[]): Batch => {
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

const buildModel = (config: ModelConfig): Mlp =>
  new Mlp({
    inputSize: Number(config.image_height) * Number(config.image_width),
    outputSize: Object.keys(config.id2label ?? {}).length,
    hiddenSize: Number(config.hidden_size ?? 0),
    numHiddenLayers: Number(config.num_hidden_layers ?? 0),
    dropout: Number(config.dropout ?? 0),
  });

async function score(model: Mlp, data: readonly Encoded[], classes: number) {
  const scorer = new ClassificationScorer(classes);
  for await (const { x, y } of new DataLoader(new ArrayDataset(data), { batchSize: 512, collate }))
    scorer.add(() => model.forward(x), y);
  return scorer.metrics();
}

function encodeAll(images: readonly LabelledImage[], names: readonly string[], path: string): Encoded[] {
  const ids = labelIds(
    images.map((image) => image.label),
    names,
    path,
  );
  return images.map(({ pixels }, i) => ({ pixels, label: ids[i] }));
}

/** A model that is made here. */
export async function plan(options: ModelOptions, data: Lessons<LabelledImage, ImagesAbout>): Promise<Plan> {
  const { train, validation, files } = data;
  const { rows, cols } = train.about;
  // A share that was cut off may hold the only image of a class.
  const all = files.validation === undefined ? [...train.examples, ...validation.examples] : train.examples;
  if (all.length < 2) throw new DataError(`${options.data}: ${all.length} images`);
  const names = collectLabels(
    all.map((image) => image.label),
    options.data,
  );
  const trainSet = encodeAll(train.examples, names, options.data);
  const heldSet = encodeAll(validation.examples, names, options.validation ?? options.data);
  options.say?.(
    `images of ${rows} × ${cols}; ${trainSet.length} to train on, ${heldSet.length} to validate; ${names.length} classes`,
  );
  const config: ModelConfig = {
    model_type: options.model,
    architectures: ["Mlp"],
    image_height: rows,
    image_width: cols,
    ...labelMaps(names),
    ...(options.model === "mlp"
      ? {
          hidden_size: options.hiddenSize ?? PRESETS.mlp.defaults.hiddenSize,
          num_hidden_layers: options.layers ?? PRESETS.mlp.defaults.layers,
          dropout: options.dropout ?? PRESETS.mlp.defaults.dropout,
        }
      : {}),
  };
  const begin = (): Course => {
    const model = buildModel(config);
    const ids = Int32Array.from(trainSet, (e) => e.label);
    const weight = parseClassWeights(options.classWeights, ids, names.length);
    const weigh = weightOf(weight);
    const labelSmoothing = smoothingOf(options);
    const lessons: CourseLessons<ArrayDataset<Encoded>, Batch> = {
      trainDataset: new ArrayDataset(trainSet),
      collate,
      computeLoss: ({ x, y }) => crossEntropy(model.forward(x), y, { weight, labelSmoothing }),
      countItems: weigh && (({ y }) => weigh(y)),
      evaluate: heldSet.length > 0 ? () => score(model, heldSet, names.length) : undefined,
    };
    return { model, config, lessons, identity: config };
  };
  return { args: trainingArgs(options, recipeOf(PRESETS.linear.defaults), "accuracy"), begin };
}

/** Opens a model that was made here. */
export function openPreset(folder: string): Opened<LabelledImage, ImagesAbout> {
  const config = readConfig(folder);
  const names = labelsOf(config, folder);
  const model = withWeights(buildModel(config), folder);
  const about = { rows: Number(config.image_height), cols: Number(config.image_width) };
  const predictFile: Opened["predictFile"] = async (path) => {
    const found = await readToPredict(imageReader, path, about);
    const out: unknown[] = [];
    const list = found.examples.map(({ pixels }) => ({ pixels, label: 0 }));
    const own = Isolation.here();
    for await (const { x } of new DataLoader(new ArrayDataset(list), { batchSize: 512, collate })) {
      pushAll(
        out,
        bestLabels(
          own.precisely(() => noGrad(() => model.forward(x).softmax())),
          names,
        ),
      );
    }
    return out;
  };
  return {
    model,
    about,
    predictFile,
    async predict(inputs) {
      if (inputs.length !== 1) throw new TaskError("expected the path of one IDX file of images");
      return predictFile(inputs[0], {}, {});
    },
    evaluate: async ({ examples }, source) => ({
      metrics: await score(model, encodeAll(examples, names, source), names.length),
    }),
  };
}
