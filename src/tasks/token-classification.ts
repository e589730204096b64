import { join } from "#platform";
import { maximum } from "../backend/arrays.ts";
import { ArrayDataset, DataLoader } from "../data/index.ts";
import { autoModels } from "../models/index.ts";
import { labelMaps } from "../models/pretrained/config.ts";
import { crossEntropy } from "../nn/index.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { manualSeed } from "../tensor/random.ts";
import { DEFAULTS, Trainer } from "../train/index.ts";
import { parseClassWeights, weightOf } from "./classes.ts";
import { TaskError } from "./error.ts";
import { labelsOf, type ModelConfig, namesModel, readJson, withWeights } from "./folder.ts";
import { readPretrained } from "./pretrained.ts";
import { smoothingOf, trainingArgs } from "./recipes.ts";
import { saveModel } from "./save.ts";
import { readTaggedData, tagIds } from "./tagging-data.ts";
import { type EncodedWords, IGNORED, TaggerInputs, WordDropoutDataset } from "./tagging-inputs.ts";
import { scoreTags, type Tagged, type Tagging, taggingPredictor } from "./tagging-predictor.ts";
import { TAGGER_PRESETS, type Tagger } from "./tagging-presets.ts";
import type { Predictor, Task, TaskOptions, TaskReport } from "./task.ts";
import { fineTuneTagger, loadTokenClassifier } from "./token-classifier.ts";

const NAME = "token-classification";
const PRESETS = Object.keys(TAGGER_PRESETS);
const FEATURE_BUCKETS = 32_768;
/** Small data is passed over until so many steps are done (40 epochs at most). */
const MIN_STEPS = 1000;

function presetOf(name: string) {
  const preset = Object.hasOwn(TAGGER_PRESETS, name) ? TAGGER_PRESETS[name] : undefined;
  if (preset === undefined) throw new TaskError(`${NAME} has no preset ${name}`, `There are: ${PRESETS.join(", ")}.`);
  return preset;
}

/** Sentences as examples; those of more than `maxLength` words in pieces. `lengths`: the pieces of each sentence. */
function encodeAll(
  inputs: TaggerInputs,
  sentences: readonly { tokens: readonly string[] }[],
  maxLength: number,
  labels?: readonly Int32Array[],
): { pieces: EncodedWords[]; lengths: number[] } {
  const pieces: EncodedWords[] = [];
  const lengths = sentences.map(({ tokens }, s) => {
    for (let at = 0; at < tokens.length; at += maxLength) {
      pieces.push(inputs.encode(tokens.slice(at, at + maxLength), labels?.[s].subarray(at, at + maxLength)));
    }
    return Math.ceil(tokens.length / maxLength);
  });
  return { pieces, lengths };
}

/** Tags all sentences; those of about equal length together, which changes nothing but the time. */
async function tagAll(
  model: Tagger,
  inputs: TaggerInputs,
  { pieces, lengths }: { pieces: readonly EncodedWords[]; lengths: readonly number[] },
): Promise<Tagged> {
  const order = pieces.map((_, i) => i).sort((a, b) => pieces[a].ids.length - pieces[b].ids.length || a - b);
  const best: number[][] = new Array(pieces.length);
  const scores: number[][] = new Array(pieces.length);
  let [loss, at] = [0, 0];
  const collate = (list: EncodedWords[]) => inputs.collate(list);
  const sorted = new ArrayDataset(order.map((i) => pieces[i]));
  for await (const batch of new DataLoader(sorted, { batchSize: 64, collate })) {
    const out = noGrad(() => {
      const logits = model.forward(batch);
      const sum = crossEntropy(logits, batch.labels, { reduction: "sum", ignoreIndex: IGNORED });
      return { probabilities: logits.softmax(), sum };
    });
    const [, columns, classes] = out.probabilities.shape;
    const data = out.probabilities.data();
    loss += out.sum.item();
    out.probabilities.dispose();
    out.sum.dispose();
    for (let b = 0; b < columns; b++) {
      const piece = order[at++];
      best[piece] = [];
      scores[piece] = [];
      for (let t = 0; t < pieces[piece].ids.length; t++) {
        const from = (t * columns + b) * classes;
        let top = 0;
        for (let c = 1; c < classes; c++) if (data[from + c] > data[from + top]) top = c;
        best[piece].push(top);
        scores[piece].push(data[from + top]);
      }
    }
  }
  const joined = (list: number[][]) => {
    let from = 0;
    return lengths.map((n) => {
      from += n;
      return list.slice(from - n, from).flat();
    });
  };
  return { best: joined(best), scores: joined(scores), loss };
}

async function train(options: TaskOptions): Promise<TaskReport> {
  const presetName = options.model ?? PRESETS[0];
  if (namesModel(presetName, PRESETS)) return fineTuneTagger({ ...options, model: presetName });
  const preset = presetOf(presetName);
  const maxLength = options.maxLength ?? 256;
  if (maxLength < 1) throw new TaskError(`--max-length ${maxLength}: expected at least 1`);
  const data = await readTaggedData(options);
  const { names, entities } = data;

  const inputs = await TaggerInputs.fit(
    data.train.map((s) => s.tokens),
    FEATURE_BUCKETS,
    options.vocabSize,
  );
  const pretrained = await readPretrained(options, inputs.vocabulary);
  const trainIds = tagIds(data.train, names);
  const { pieces } = encodeAll(inputs, data.train, maxLength, trainIds);
  const validationIds = tagIds(data.validation, names);

  const config: ModelConfig = {
    model_type: presetName,
    architectures: [preset.architecture],
    vocab_size: inputs.size,
    ...labelMaps(names),
    feature_buckets: inputs.featureBuckets,
    pad_token_id: inputs.padTokenId,
    max_length: maxLength,
    ...preset.shape({ ...options, embeddingSize: pretrained?.size ?? options.embeddingSize }),
  };
  const { recipe } = preset;
  const batch = options.args?.perDeviceTrainBatchSize ?? recipe.perDeviceTrainBatchSize;
  const enough = Math.ceil(MIN_STEPS / Math.ceil(pieces.length / batch));
  const numTrainEpochs = Math.max(recipe.numTrainEpochs, Math.min(40, enough));
  const args = trainingArgs(options, { ...recipe, numTrainEpochs }, entities ? "f1" : "accuracy");
  const seed = args.seed ?? DEFAULTS.seed;
  manualSeed(seed);
  const model = preset.build(config);
  pretrained?.initialize(model, "embeddings.weight");
  const tagging = presetTagging(model, inputs, maxLength);
  const allIds = Int32Array.from(trainIds.flatMap((ids) => Array.from(ids)));
  const weight = parseClassWeights(options.classWeights, allIds, names.length);
  const weigh = weightOf(weight);
  const labelSmoothing = smoothingOf(options);
  const trainer = new Trainer({
    model,
    trainDataset: new WordDropoutDataset(pieces, {
      vocabSize: inputs.size,
      unkTokenId: inputs.unkTokenId,
      seed,
      alpha: 0.25,
    }),
    collate: (list: EncodedWords[]) => inputs.collate(list),
    computeLoss: (b) => crossEntropy(model.forward(b), b.labels, { weight, labelSmoothing, ignoreIndex: IGNORED }),
    evaluate: data.validation.length > 0 ? () => scoreTags(tagging, data.validation, validationIds, names) : undefined,
    countItems: weigh && (({ labels }) => weigh(labels)),
    savesModel: true,
    callbacks: options.callbacks,
    args,
    fingerprint: JSON.stringify([config, options.data, labelSmoothing, options.classWeights, options.embeddings]),
  });
  const result = await trainer.train();
  inputs.save(options.output);
  const counts = new Float64Array(names.length);
  for (const id of allIds) counts[id]++;
  const common = counts.indexOf(maximum(counts));
  const share = (100 * counts[common]) / allIds.length;
  return saveModel(options.output, model, config, {
    task: NAME,
    preset: presetName,
    data: options.data,
    options,
    result,
    baseline: `For comparison: the most frequent tag, ${names[common]}, is on ${share.toFixed(1)} % of the training data's words.`,
  });
}

async function load(folder: string): Promise<Predictor> {
  const config = readJson(join(folder, "config.json")) as ModelConfig;
  if (autoModels.knows(config)) return loadTokenClassifier(folder);
  const { settings } = readJson(join(folder, "shoshin.json")) as { settings?: Partial<TaskOptions> };
  const names = labelsOf(config, folder);
  const inputs = TaggerInputs.load(folder, Number(config.feature_buckets));
  const model = withWeights(presetOf(config.model_type).build(config), folder);
  return taggingPredictor(model, presetTagging(model, inputs, Number(config.max_length)), names, settings);
}

/** How a preset tags words. */
const presetTagging =
  (model: Tagger, inputs: TaggerInputs, maxLength: number): Tagging =>
  (sentences, labels) =>
    tagAll(model, inputs, encodeAll(inputs, sentences, maxLength, labels));

export const tokenClassification: Task = { name: NAME, presets: PRESETS, defaultPreset: PRESETS[0], train, load };
