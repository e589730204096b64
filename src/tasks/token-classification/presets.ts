import { maximum } from "../../backend/arrays.ts";
import { ArrayDataset, DataLoader } from "../../data/index.ts";
import { labelMaps } from "../../models/pretrained/config.ts";
import { crossEntropy } from "../../nn/index.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import { DEFAULTS } from "../../train/index.ts";
import { Isolation } from "../../train/run/isolation.ts";
import { TaskError } from "../error.ts";
import { labelsOf, type ModelConfig, settingsOf, withWeights } from "../folder.ts";
import type { Lessons } from "../reading.ts";
import { parseClassWeights, weightOf } from "../shared/classes.ts";
import { recipeOf, smoothingOf, trainingArgs } from "../shared/recipes.ts";
import { readVectors } from "../shared/word-vectors.ts";
import type { Course, CourseLessons, ModelOptions, Opened, Plan } from "../task.ts";
import { type Sentence, type TagsAbout, tagIds, tagsOf } from "./data.ts";
import { type EncodedWords, IGNORED, TaggerInputs, WordDropoutDataset } from "./inputs.ts";
import { TAGGER_PRESETS, type Tagger } from "./models.ts";
import { openedTagger, scoreTags, type Tagged, type Tagging } from "./predictor.ts";

const FEATURE_BUCKETS = 32_768;
/** Small data is passed over until so many steps are done (40 epochs at most). */
const MIN_STEPS = 1000;

function presetOf(name: string) {
  const preset = Object.hasOwn(TAGGER_PRESETS, name) ? TAGGER_PRESETS[name] : undefined;
  if (preset !== undefined) return preset;
  throw new TaskError(`unknown model type ${name}`, `Known: ${Object.keys(TAGGER_PRESETS).join(", ")}.`);
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
  const own = Isolation.here();
  const collate = (list: EncodedWords[]) => inputs.collate(list);
  const sorted = new ArrayDataset(order.map((i) => pieces[i]));
  for await (const batch of new DataLoader(sorted, { batchSize: 64, collate })) {
    const judge = () => {
      const logits = model.forward(batch);
      const sum = crossEntropy(logits, batch.labels, { reduction: "sum", ignoreIndex: IGNORED });
      return { probabilities: logits.softmax(), sum };
    };
    const out = own.precisely(() => noGrad(judge));
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

/** A model that is made here, and words of the training sentences. */
export async function plan(options: ModelOptions, data: Lessons<Sentence, TagsAbout>): Promise<Plan> {
  const preset = presetOf(options.model);
  const { defaults } = preset;
  const maxLength = options.maxLength ?? defaults.maxLength;
  const [train, validation] = [data.train.examples, data.validation.examples];
  const { names, entities } = tagsOf(data, options);
  const inputs = await TaggerInputs.fit(
    train.map((s) => s.tokens),
    FEATURE_BUCKETS,
    options.vocabSize ?? defaults.vocabSize,
  );
  const vectors = await readVectors(options, inputs.vocabulary);
  const trainIds = tagIds(train, names);
  const { pieces } = encodeAll(inputs, train, maxLength, trainIds);
  const validationIds = tagIds(validation, names);
  const config: ModelConfig = {
    model_type: options.model,
    architectures: [preset.architecture],
    vocab_size: inputs.size,
    ...labelMaps(names),
    feature_buckets: inputs.featureBuckets,
    pad_token_id: inputs.padTokenId,
    max_length: maxLength,
    ...preset.shape({ ...options, embeddingSize: vectors?.size ?? options.embeddingSize }),
  };
  const recipe = recipeOf(defaults);
  const batch = options.args?.perDeviceTrainBatchSize ?? recipe.perDeviceTrainBatchSize;
  const enough = Math.ceil(MIN_STEPS / Math.ceil(pieces.length / batch));
  const numTrainEpochs = Math.max(recipe.numTrainEpochs, Math.min(40, enough));
  const args = trainingArgs(options, { ...recipe, numTrainEpochs }, entities ? "f1" : "accuracy");
  const allIds = Int32Array.from(trainIds.flatMap((ids) => Array.from(ids)));
  const labelSmoothing = smoothingOf(options);
  const begin = (): Course => {
    const model = preset.build(config);
    vectors?.initialize(model, "embeddings.weight");
    const tagging = presetTagging(model, inputs, maxLength);
    const weight = parseClassWeights(options.classWeights, allIds, names.length);
    const weigh = weightOf(weight);
    const words = { vocabSize: inputs.size, unkTokenId: inputs.unkTokenId };
    const lessons: CourseLessons<WordDropoutDataset, ReturnType<TaggerInputs["collate"]>> = {
      trainDataset: new WordDropoutDataset(pieces, { ...words, seed: args.seed ?? DEFAULTS.seed, alpha: 0.25 }),
      collate: (list: EncodedWords[]) => inputs.collate(list),
      computeLoss: (b) => crossEntropy(model.forward(b), b.labels, { weight, labelSmoothing, ignoreIndex: IGNORED }),
      evaluate: validation.length > 0 ? () => scoreTags(tagging, validation, validationIds, names) : undefined,
      countItems: weigh && (({ labels }) => weigh(labels)),
    };
    return {
      ...{ model, config, lessons, identity: config, save: (folder) => inputs.save(folder) },
      baseline: baselineOf(allIds, names),
    };
  };
  return { args, begin };
}

function baselineOf(ids: Int32Array, names: readonly string[]): string {
  const counts = new Float64Array(names.length);
  for (const id of ids) counts[id]++;
  const common = counts.indexOf(maximum(counts));
  const share = (100 * counts[common]) / ids.length;
  return `For comparison: the most frequent tag, ${names[common]}, is on ${share.toFixed(1)} % of the training data's words.`;
}

/** Opens a model that was made here. */
export function openPreset(folder: string, config: ModelConfig): Opened<Sentence, TagsAbout> {
  const names = labelsOf(config, folder);
  const inputs = TaggerInputs.load(folder, Number(config.feature_buckets));
  const model = withWeights(presetOf(config.model_type).build(config), folder);
  return openedTagger(model, presetTagging(model, inputs, Number(config.max_length)), names, settingsOf(folder));
}

/** How a preset tags words. */
const presetTagging =
  (model: Tagger, inputs: TaggerInputs, maxLength: number): Tagging =>
  (sentences, labels) =>
    tagAll(model, inputs, encodeAll(inputs, sentences, maxLength, labels));
