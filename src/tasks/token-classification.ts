import { join } from "#platform";
import {
  ArrayDataset,
  DataError,
  DataLoader,
  type Part,
  parseRange,
  readRecords,
  resolveSource,
  streamRecords,
  taggedFormatOf,
  textExamples,
} from "../data/index.ts";
import { crossEntropy } from "../nn/index.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { manualSeed } from "../tensor/random.ts";
import { splitWords, type WordSpan } from "../text/index.ts";
import {
  areEntityTags,
  DEFAULTS,
  entitiesOf,
  entityScores,
  loadWeights,
  type Metrics,
  Trainer,
} from "../train/index.ts";
import { parseClassWeights } from "./classes.ts";
import {
  downloads,
  labelsOf,
  type ModelConfig,
  type Predictor,
  readJson,
  saveModel,
  type Task,
  TaskError,
  type TaskOptions,
  type TaskReport,
} from "./common.ts";
import { readPretrained } from "./pretrained.ts";
import { collectTags, heldOut, readPart, type Sentence, taggedSource, tagIds } from "./tagging-data.ts";
import { type EncodedWords, IGNORED, TaggerInputs, WordDropoutDataset } from "./tagging-inputs.ts";
import { TAGGER_PRESETS, type Tagger } from "./tagging-presets.ts";

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

interface Tagged {
  /** Per sentence and word the id of the likeliest tag, and its probability. */
  best: number[][];
  scores: number[][];
  /** Sum over all words that have a tag. */
  loss: number;
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

/** `loss` per word and `accuracy`; of tags that mark entities also `precision`, `recall` and `f1` of whole entities. */
async function score(
  model: Tagger,
  inputs: TaggerInputs,
  data: { pieces: readonly EncodedWords[]; lengths: readonly number[] },
  targets: readonly Int32Array[],
  names: readonly string[],
): Promise<Metrics> {
  const { best, loss } = await tagAll(model, inputs, data);
  let [words, hits] = [0, 0];
  targets.forEach((ids, s) => {
    words += ids.length;
    for (let w = 0; w < ids.length; w++) if (ids[w] === best[s][w]) hits++;
  });
  const metrics = { loss: loss / words, accuracy: hits / words };
  if (!areEntityTags(names)) return metrics;
  const named = (list: readonly ArrayLike<number>[]) => list.map((ids) => Array.from(ids, (id) => names[id]));
  return { ...metrics, ...entityScores(named(best), named(targets)) };
}

async function train(options: TaskOptions): Promise<TaskReport> {
  const presetName = options.model ?? PRESETS[0];
  const preset = presetOf(presetName);
  const maxLength = options.maxLength ?? 256;
  if (maxLength < 1) throw new TaskError(`--max-length ${maxLength}: expected at least 1`);
  const source = await taggedSource(options.data, downloads(options));
  const part = source.parts.train ? "train" : source.parts.validation ? "validation" : "test";
  const { sentences, chosen } = await readPart(source, part, options);
  const [from, to] = parseRange(options.range);
  const data = await heldOut(options, source, sentences.slice(from, to));
  if (data.train.length === 0) throw new DataError(`${options.data}: no sentences to train on`);
  // A rare tag may be in the held-out part alone.
  const names = collectTags([...data.train, ...data.validation], options.data);
  const entities = areEntityTags(names);
  options.say?.(
    `${chosen}; ${data.train.length} sentences to train on, ${data.validation.length} to validate; ${entities ? "entity tags" : "tags"}: ${names.join(", ")}`,
  );

  const inputs = await TaggerInputs.fit(
    data.train.map((s) => s.tokens),
    FEATURE_BUCKETS,
    options.vocabSize,
  );
  const pretrained = await readPretrained(options, inputs.vocabulary);
  const trainIds = tagIds(data.train, names);
  const { pieces } = encodeAll(inputs, data.train, maxLength, trainIds);
  const validationIds = tagIds(data.validation, names);
  const validation = encodeAll(inputs, data.validation, maxLength, validationIds);

  const config: ModelConfig = {
    model_type: presetName,
    architectures: [preset.architecture],
    vocab_size: inputs.size,
    id2label: Object.fromEntries(names.map((name, i) => [String(i), name])),
    label2id: Object.fromEntries(names.map((name, i) => [name, i])),
    feature_buckets: inputs.featureBuckets,
    pad_token_id: inputs.padTokenId,
    max_length: maxLength,
    ...preset.shape({ ...options, embeddingSize: pretrained?.size ?? options.embeddingSize }),
  };
  const recipe = { ...DEFAULTS, ...preset.recipe };
  const batch = options.args?.perDeviceTrainBatchSize ?? recipe.perDeviceTrainBatchSize;
  const enough = Math.ceil(MIN_STEPS / Math.ceil(pieces.length / batch));
  const args = {
    ...recipe,
    numTrainEpochs: Math.max(recipe.numTrainEpochs, Math.min(40, enough)),
    ...options.args,
    outputDir: options.output,
  };
  manualSeed(args.seed);
  const model = preset.build(config);
  pretrained?.initialize(model, "embeddings.weight");
  const allIds = Int32Array.from(trainIds.flatMap((ids) => Array.from(ids)));
  const weight = parseClassWeights(options.classWeights, allIds, names.length);
  const { labelSmoothingFactor: labelSmoothing } = options;
  const trainer = new Trainer({
    model,
    trainDataset: new WordDropoutDataset(pieces, {
      vocabSize: inputs.size,
      unkTokenId: inputs.unkTokenId,
      seed: args.seed,
      alpha: 0.25,
    }),
    collate: (list: EncodedWords[]) => inputs.collate(list),
    computeLoss: (b) => crossEntropy(model.forward(b), b.labels, { weight, labelSmoothing, ignoreIndex: IGNORED }),
    evaluate: data.validation.length > 0 ? () => score(model, inputs, validation, validationIds, names) : undefined,
    metricForBestModel: entities ? "f1" : "accuracy",
    greaterIsBetter: true,
    callbacks: options.callbacks,
    args,
    fingerprint: JSON.stringify([config, options.data, labelSmoothing, options.classWeights, options.embeddings]),
  });
  const result = await trainer.train();
  inputs.save(options.output);
  const counts = new Float64Array(names.length);
  for (const id of allIds) counts[id]++;
  const common = counts.indexOf(Math.max(...counts));
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

const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;

/** What Hugging Face's pipeline gives for a sentence: whole entities where tags mark them, else every word but those tagged O. */
function describe(text: string, words: readonly WordSpan[], tags: readonly string[], scores: number[], whole: boolean) {
  if (whole) {
    return entitiesOf(tags).map(({ type, start: first, end: behind }) => {
      const [start, end] = [words[first].start, words[behind - 1].end];
      return { entity_group: type, score: mean(scores.slice(first, behind)), word: text.slice(start, end), start, end };
    });
  }
  return words.flatMap(({ word, start, end }, w) =>
    tags[w] === "O" ? [] : [{ entity: tags[w], score: scores[w], index: w + 1, word, start, end }],
  );
}

/** Words that are given, as the text that they make with spaces between. */
function spansOf(tokens: readonly string[]): { text: string; words: WordSpan[] } {
  let at = 0;
  const words = tokens.map((word) => {
    const start = at;
    at += word.length + 1;
    return { word, start, end: start + word.length };
  });
  return { text: tokens.join(" "), words };
}

/** Whether a file holds words, not texts to be cut into words. */
async function holdsWords(path: string): Promise<boolean> {
  const format = taggedFormatOf(path);
  if (format !== "records") return format !== undefined && !/\.(txt|tsv|tab)(\.gz)?$/i.test(path);
  for await (const record of streamRecords(path)) return Array.isArray(record.tokens ?? record.words);
  return false;
}

async function load(folder: string): Promise<Predictor> {
  const config = readJson(join(folder, "config.json")) as ModelConfig;
  const { settings } = readJson(join(folder, "shoshin.json")) as { settings?: Partial<TaskOptions> };
  const names = labelsOf(config, folder);
  const whole = areEntityTags(names);
  const maxLength = Number(config.max_length);
  const inputs = TaggerInputs.load(folder, Number(config.feature_buckets));
  const model = presetOf(config.model_type).build(config);
  loadWeights(model, join(folder, "model.safetensors"));
  model.eval();

  const tagWords = async (list: readonly { text: string; words: WordSpan[] }[]) => {
    const sentences = list.map(({ words }) => ({ tokens: words.map(({ word }) => word) }));
    const { best, scores } = await tagAll(model, inputs, encodeAll(inputs, sentences, maxLength));
    return list.map(({ text, words }, s) =>
      describe(
        text,
        words,
        best[s].map((id) => names[id]),
        scores[s],
        whole,
      ),
    );
  };
  const predict = (texts: readonly string[]) => tagWords(texts.map((text) => ({ text, words: splitWords(text) })));
  return {
    task: NAME,
    model,
    predict,
    async predictFile(path, { textColumn }) {
      const source = resolveSource(path, "tagged");
      const part: Part = source.parts.train ? "train" : source.parts.test ? "test" : "validation";
      const results = [];
      for (const file of source.parts[part] ?? []) {
        if (await holdsWords(file)) {
          const { sentences } = await readPart({ ...source, parts: { test: [file] } }, "test", { textColumn }, false);
          results.push(...(await tagWords(sentences.map(({ tokens }) => spansOf(tokens)))));
        } else {
          const { examples } = textExamples(await readRecords(file), { textColumn }, false);
          results.push(...(await predict(examples.map((e) => e.text))));
        }
      }
      return results;
    },
    async evaluate(options) {
      const begin = performance.now();
      const source = await taggedSource(options.data, downloads(options));
      const columns = {
        textColumn: options.textColumn ?? settings?.textColumn,
        labelColumn: options.labelColumn ?? settings?.labelColumn,
      };
      const order: Part[] = ["test", "validation", "train"];
      let sentences: Sentence[] = [];
      for (const part of order) {
        if (source.parts[part] === undefined) continue;
        sentences = (await readPart(source, part, columns, part === "train")).sentences;
        // A test part without tags cannot be measured.
        if (sentences.every((s) => s.tags !== undefined)) break;
        sentences = [];
      }
      const [from, to] = parseRange(options.range);
      sentences = sentences.slice(from, to);
      if (sentences.length === 0) throw new DataError(`${options.data}: no tagged sentences`);
      const ids = tagIds(sentences, names);
      const metrics = await score(model, inputs, encodeAll(inputs, sentences, maxLength, ids), ids, names);
      return { task: NAME, examples: sentences.length, seconds: (performance.now() - begin) / 1000, metrics };
    },
  };
}

export const tokenClassification: Task = { name: NAME, presets: PRESETS, defaultPreset: PRESETS[0], train, load };
