import { existsSync, join } from "#platform";
import { DataError, type TextExample } from "../../data/index.ts";
import { autoModels, type Encoder } from "../../models/index.ts";
import { AutoTokenizer } from "../../text/index.ts";
import { measure } from "../../train/index.ts";
import { Isolation } from "../../train/run/isolation.ts";
import { TaskError } from "../error.ts";
import { readJson } from "../folder.ts";
import { checkBatchSize, type PredictOptions } from "../predict-options.ts";
import { lengthFor } from "../pretrained/length.ts";
import { PretrainedTexts } from "../pretrained/texts.ts";
import type { Opened, TaskCode } from "../task.ts";
import { readTexts, type TextsAbout, textReader } from "../text-classification/data.ts";
import { embed, POOLINGS, tokenVectors } from "./embeddings.ts";

type Read = Opened<TextExample, TextsAbout>;

/** Pairs of a list of examples. Throws {@link DataError} for one that is no pair. */
function pairsOf(examples: readonly TextExample[], source: string): [string[], string[]] {
  const wrong = examples.findIndex((e) => e.texts.length !== 2);
  if (wrong >= 0)
    throw new DataError(`${source}: example ${wrong + 1} has ${examples[wrong].texts.length} texts; expected pairs`);
  return [examples.map((e) => e.texts[0]), examples.map((e) => e.texts[1])];
}
const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i], 0);

/** Any of Hugging Face's encoders with its tokenizer. */
async function openEncoder(folder: string) {
  const here = Isolation.here();
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const model = here.within(() => autoModels.load(folder, "base")).model as Encoder;
  // What sentence-transformers cuts texts to.
  const path = join(folder, "sentence_bert_config.json");
  const stated = existsSync(path) ? (readJson(path) as { max_seq_length?: number }).max_seq_length : undefined;
  const most = lengthFor(model.config, tokenizer.modelMaxLength, stated ?? Number.POSITIVE_INFINITY);
  const texts = new PretrainedTexts(tokenizer, most);
  const similarity = (one: readonly string[], two: readonly string[]): number[] => {
    const vectors = embed(model, texts, [...one, ...two], {});
    return one.map((_, i) => dot(vectors[i], vectors[one.length + i]));
  };
  const evaluate: Read["evaluate"] = async ({ examples }, source) => {
    const labels = examples.map((e) => Number(e.label ?? Number.NaN));
    const wrong = labels.findIndex((label) => !Number.isFinite(label));
    if (wrong >= 0)
      throw new DataError(`${source}: example ${wrong + 1}: expected a number, found ${examples[wrong].label}`);
    const predicted = similarity(...pairsOf(examples, source));
    return { metrics: measure("similarities", { predicted, targets: labels }) };
  };
  return { model, texts, similarity, measures: { task: "sentence-similarity", evaluate } };
}

async function openFeatures(folder: string): Promise<Read> {
  const { model, texts, measures } = await openEncoder(folder);
  const predict = async (inputs: readonly string[], options: PredictOptions) => {
    const { pooling = "none", normalize = false, batchSize } = options;
    checkBatchSize(batchSize);
    if (!POOLINGS.includes(pooling))
      throw new TaskError(`pooling is ${pooling}; expected one of ${POOLINGS.join(", ")}`);
    if (pooling === "none") return tokenVectors(model, texts, inputs, normalize, batchSize);
    return embed(model, texts, inputs, { pooling, normalize, batchSize }).map((vector) => [...vector]);
  };
  return {
    ...{ ...measures, model, predict },
    predictFile: async (path, options, columns) =>
      predict(
        (await readTexts(path, columns)).map((e) => e.text),
        options,
      ),
  };
}

async function openSimilarities(folder: string): Promise<Read> {
  const { model, similarity, measures } = await openEncoder(folder);
  const scores = (one: readonly string[], two: readonly string[]) => similarity(one, two).map((score) => ({ score }));
  return {
    ...{ ...measures, model },
    async predict(inputs) {
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
    predictFile: async (path, _, columns) => scores(...pairsOf(await readTexts(path, columns), path)),
  };
}

const untrained =
  "A published model does it as it is: predict, evaluate. Numbers for pairs: train text-classification --model FOLDER.";
export const features: TaskCode<TextExample, TextsAbout> = { reader: textReader, untrained, open: openFeatures };
export const similarities: TaskCode<TextExample, TextsAbout> = {
  ...{ reader: textReader, untrained },
  open: openSimilarities,
};
