import { existsSync, join } from "#platform";
import { checkOptions, type Known } from "../backend/options.ts";
import { DataError, type TextExample } from "../data/index.ts";
import { autoModels, type Encoder } from "../models/index.ts";
import { takenInputs } from "../models/pretrained/check-inputs.ts";
import { noGrad } from "../tensor/no-grad.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { AutoTokenizer, type PreTrainedTokenizer } from "../text/index.ts";
import { pearson, spearman } from "../train/index.ts";
import { TaskError } from "./error.ts";
import { readJson } from "./folder.ts";
import { checkBatchSize, checkPredict, type PredictOptions } from "./predict-options.ts";
import { lengthFor } from "./pretrained/fine-tuning.ts";
import { PretrainedTexts } from "./pretrained/texts.ts";
import { readToMeasure } from "./reading.ts";
import type { Predictor, Task } from "./task.ts";
import { readTexts, textReader } from "./text-classification/data.ts";

/** How a text's vector is made of its tokens': their mean, or the first. */
export const POOLINGS = ["mean", "cls", "none"] as const;
export type Pooling = (typeof POOLINGS)[number];

export interface EmbeddingOptions {
  /** mean */
  pooling?: Exclude<Pooling, "none">;
  /** Vectors of length 1; true. */
  normalize?: boolean;
  /** Texts in a batch; 32. */
  batchSize?: number;
  /** Longest text in tokens; what is beyond is cut off. By default the model's longest. */
  maxLength?: number;
}

const EMBEDDING: Known<EmbeddingOptions> = { pooling: true, normalize: true, batchSize: true, maxLength: true };

/** The mean of hidden states [batch, T, width] over the tokens that the mask shows: [batch, width]. */
function meanOverMask(x: Tensor, mask: Tensor | undefined): Tensor {
  if (mask === undefined) return x.mean([1]);
  const shown = mask.to("float32").unsqueeze(2);
  return x
    .mul(shown)
    .sum([1])
    .div(shown.sum([1]));
}
const unitLength = (x: Tensor): Tensor => x.div(x.square().sum([-1], true).sqrt().clamp(1e-12));

function embed(
  model: Encoder,
  texts: PretrainedTexts,
  list: readonly string[],
  { pooling = "mean", normalize = true, batchSize = 32 }: EmbeddingOptions,
): Float32Array[] {
  const out: Float32Array[] = [];
  const encoded = list.map((text) => texts.encode([text]));
  for (const { rows, batch } of texts.batches(encoded, batchSize)) {
    const pooled = noGrad(() => {
      const x = model.forward(takenInputs(model, batch)).lastHiddenState;
      const vectors = pooling === "cls" ? x.select(1, 0) : meanOverMask(x, batch.attentionMask);
      return normalize ? unitLength(vectors) : vectors.contiguous();
    });
    const [data, width] = [pooled.data(), pooled.shape[1]];
    rows.forEach(({ i }, row) => {
      out[i] = Float32Array.from(data.subarray(row * width, (row + 1) * width));
    });
    pooled.dispose();
  }
  return out;
}

/**
 * Vectors of texts, [hidden size] each: the mean of the encoder's last hidden states over a text's tokens, of length 1, so that
 * the product of two vectors is their cosine (Reimers and Gurevych, 2019).
 * @param model as `AutoModel.fromPretrained` opens it
 * @throws OptionError for unknown options, TaskError for values that cannot be.
 */
export function sentenceEmbeddings(
  model: Encoder,
  tokenizer: PreTrainedTokenizer,
  texts: readonly string[],
  options: EmbeddingOptions = {},
): Float32Array[] {
  checkOptions("sentenceEmbeddings", options, EMBEDDING);
  checkBatchSize(options.batchSize);
  const { pooling = "mean", maxLength = Number.POSITIVE_INFINITY } = options;
  if (pooling !== "mean" && pooling !== "cls") throw new TaskError(`pooling is ${pooling}; expected mean or cls`);
  if (!(maxLength >= 1)) throw new TaskError(`maxLength is ${maxLength}; expected a whole number from 1 on`);
  const most = lengthFor(model.config, tokenizer.modelMaxLength, maxLength);
  return embed(model, new PretrainedTexts(tokenizer, most), texts, options);
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i], 0);

/** Every token's vector, [1][T][hidden size], as Transformers' pipeline gives them. */
function tokenVectors(
  model: Encoder,
  texts: PretrainedTexts,
  list: readonly string[],
  normalize: boolean,
  batchSize: number | undefined,
) {
  const out: number[][][][] = [];
  const encoded = list.map((text) => texts.encode([text]));
  for (const { rows, batch } of texts.batches(encoded, batchSize)) {
    const x = noGrad(() => {
      const states = model.forward(takenInputs(model, batch)).lastHiddenState;
      return normalize ? unitLength(states) : states;
    });
    const [data, [, t, width]] = [x.data(), x.shape];
    rows.forEach(({ i, inputIds }, row) => {
      const first = row * t + texts.before(inputIds.length, t);
      const vector = (_: unknown, k: number) => [...data.subarray((first + k) * width, (first + k + 1) * width)];
      out[i] = [Array.from(inputIds, vector)];
    });
    x.dispose();
  }
  return out;
}

/** Pairs of a list of examples. Throws {@link DataError} for one that is no pair. */
const pairsOf = (examples: readonly TextExample[], source: string): [string[], string[]] => {
  const wrong = examples.findIndex((e) => e.texts.length !== 2);
  if (wrong >= 0)
    throw new DataError(`${source}: example ${wrong + 1} has ${examples[wrong].texts.length} texts; expected pairs`);
  return [examples.map((e) => e.texts[0]), examples.map((e) => e.texts[1])];
};

async function open(folder: string) {
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const model = autoModels.load(folder, "base").model as Encoder;
  // What sentence-transformers cuts texts to.
  const path = join(folder, "sentence_bert_config.json");
  const stated = existsSync(path) ? (readJson(path) as { max_seq_length?: number }).max_seq_length : undefined;
  const most = lengthFor(model.config, tokenizer.modelMaxLength, stated ?? Number.POSITIVE_INFINITY);
  const texts = new PretrainedTexts(tokenizer, most);
  const similarity = (one: readonly string[], two: readonly string[]): number[] => {
    const vectors = embed(model, texts, [...one, ...two], {});
    return one.map((_, i) => dot(vectors[i], vectors[one.length + i]));
  };
  const evaluate: Predictor["evaluate"] = async (options) => {
    const begin = performance.now();
    const { examples } = await readToMeasure(textReader, options);
    const labels = examples.map((e) => Number(e.label ?? Number.NaN));
    const wrong = labels.findIndex((label) => !Number.isFinite(label));
    if (wrong >= 0)
      throw new DataError(`${options.data}: example ${wrong + 1}: expected a number, found ${examples[wrong].label}`);
    const scores = similarity(...pairsOf(examples, options.data));
    const metrics = { pearson: pearson(scores, labels), spearmanr: spearman(scores, labels) };
    const seconds = (performance.now() - begin) / 1000;
    return { task: "sentence-similarity", examples: examples.length, seconds, metrics };
  };
  const fromFile = (path: string, textColumn: string | undefined) => readTexts(path, { textColumn });
  return { model, texts, similarity, evaluate, fromFile };
}

async function loadFeatures(folder: string): Promise<Predictor> {
  const { model, texts, evaluate, fromFile } = await open(folder);
  const predict = async (inputs: readonly string[], options: PredictOptions = {}) => {
    checkPredict("feature-extraction", options);
    const { pooling = "none", normalize = false, batchSize } = options;
    checkBatchSize(batchSize);
    if (!POOLINGS.includes(pooling))
      throw new TaskError(`pooling is ${pooling}; expected one of ${POOLINGS.join(", ")}`);
    if (pooling === "none") return tokenVectors(model, texts, inputs, normalize, batchSize);
    return embed(model, texts, inputs, { pooling, normalize, batchSize }).map((vector) => [...vector]);
  };
  const predictFile: Predictor["predictFile"] = async (path, { textColumn, ...options }) =>
    predict(
      (await fromFile(path, textColumn)).map((e) => e.text),
      options,
    );
  return { task: "feature-extraction", model, evaluate, predict, predictFile };
}

async function loadSimilarity(folder: string): Promise<Predictor> {
  const { model, similarity, evaluate, fromFile } = await open(folder);
  const scores = (one: readonly string[], two: readonly string[]) => similarity(one, two).map((score) => ({ score }));
  return {
    task: "sentence-similarity",
    model,
    evaluate,
    async predict(inputs, options) {
      checkPredict("sentence-similarity", options);
      const pairs = inputs.map((text) => text.split("\t"));
      const wrong = pairs.findIndex((pair) => pair.length !== 2);
      if (wrong >= 0)
        throw new TaskError(
          `input ${wrong + 1}: ${JSON.stringify(inputs[wrong])} is no pair`,
          "A tab parts two texts.",
        );
      return scores(
        pairs.map((pair) => pair[0]),
        pairs.map((pair) => pair[1]),
      );
    },
    async predictFile(path, { textColumn, ...options }) {
      checkPredict("sentence-similarity", options);
      return scores(...pairsOf(await fromFile(path, textColumn), path));
    },
  };
}

const untrained = (name: string) => async (): Promise<never> => {
  throw new TaskError(
    `${name} has no training of its own`,
    "A published model does it as it is: predict, evaluate. Numbers for pairs: train text-classification --model FOLDER.",
  );
};

/** Hidden states of encoders as they are or pooled; evaluated on pairs of texts with a number, as sentence-similarity. */
export const featureExtraction: Task = {
  name: "feature-extraction",
  presets: [],
  defaultPreset: "",
  train: untrained("feature-extraction"),
  load: loadFeatures,
};

/** Cosines of the vectors of two texts, held against numbers that people gave them (STS-B). */
export const sentenceSimilarity: Task = {
  name: "sentence-similarity",
  presets: [],
  defaultPreset: "",
  train: untrained("sentence-similarity"),
  load: loadSimilarity,
};
