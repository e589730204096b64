import { maximum, pushAll } from "../backend/arrays.ts";
import {
  ArrayDataset,
  DataError,
  DataLoader,
  type GluePart,
  type GlueTask,
  resolveSource,
  type TextExample,
  writeGlueSubmission,
} from "../data/index.ts";
import { resolveModel } from "../hub/index.ts";
import { autoModels, configLabels, type PretrainedConfig, type SequenceClassifier } from "../models/index.ts";
import { takenInputs } from "../models/pretrained/check-inputs.ts";
import { mseLoss } from "../nn/index.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { AutoTokenizer } from "../text/index.ts";
import { type Metrics, pearson, rmse, spearman } from "../train/index.ts";
import {
  ClassificationScorer,
  type ClassScore,
  checkClassOptions,
  collectLabels,
  labelIds,
  scoresOf,
  topClasses,
} from "./classes.ts";
import { downloads } from "./downloads.ts";
import { TaskError } from "./error.ts";
import { type Checkpoint, fineTune, labelsFor, lengthFor } from "./fine-tuning.ts";
import { settingsOf } from "./folder.ts";
import type { ScoreFunction } from "./predict-options.ts";
import { checkPredict, type PredictOptions } from "./predict-options.ts";
import { type EncodedText, PretrainedTexts } from "./pretrained-texts.ts";
import type { Predictor, TaskOptions, TaskReport } from "./task.ts";
import { glueOf, glueTexts, readLabelled, readPart, readTexts } from "./text-data.ts";

const NAME = "text-classification";

interface Encoded extends EncodedText {
  label: number;
}

const isRegression = (config: PretrainedConfig) => config.problemType === "regression";

/** Numbers that are no classes: some are not whole. */
const areScores = (labels: readonly (string | undefined)[]) =>
  labels.every((label) => label !== undefined && label.trim() !== "" && Number.isFinite(Number(label))) &&
  labels.some((label) => !Number.isInteger(Number(label)));

class Classifier {
  readonly model: SequenceClassifier;
  readonly texts: PretrainedTexts;
  readonly names: readonly string[];
  readonly regression: boolean;
  constructor(model: SequenceClassifier, texts: PretrainedTexts, names: readonly string[]) {
    this.model = model;
    this.texts = texts;
    this.names = names;
    this.regression = isRegression(model.config);
  }

  encode(examples: readonly TextExample[], source: string): Encoded[] {
    const labels = this.regression
      ? examples.map((e, i) => {
          const value = Number(e.label ?? Number.NaN);
          if (Number.isFinite(value)) return value;
          throw new DataError(`${source}: example ${i + 1}: expected a number, found ${JSON.stringify(e.label ?? "")}`);
        })
      : labelIds(
          examples.map((e) => e.label),
          this.names,
          source,
        );
    return examples.map((e, i) => ({ ...this.texts.encode(e.texts), label: labels[i] }));
  }
  collate = (examples: readonly Encoded[]) => ({
    ...this.texts.collate(examples),
    labels: tensor(
      this.regression ? Float32Array.from(examples, (e) => e.label) : Int32Array.from(examples, (e) => e.label),
    ),
  });

  async score(data: readonly Encoded[]): Promise<Metrics> {
    // Like lengths together: the order of examples does not matter here.
    const sorted = [...data].sort((a, b) => a.inputIds.length - b.inputIds.length);
    const loader = new DataLoader(new ArrayDataset(sorted), { batchSize: 32, collate: this.collate });
    if (!this.regression) {
      const scorer = new ClassificationScorer(this.names.length);
      for await (const { labels, ...batch } of loader)
        scorer.add(() => this.model.forward(takenInputs(this.model, batch)).logits, labels);
      return scorer.metrics();
    }
    const [predicted, targets]: [number[], number[]] = [[], []];
    let loss = 0;
    for await (const { labels, ...batch } of loader) {
      const { scores, error } = noGrad(() => {
        const scores = this.model.forward(takenInputs(this.model, batch)).logits.squeeze(1);
        return { scores, error: mseLoss(scores, labels, { reduction: "sum" }) };
      });
      pushAll(predicted, scores.data());
      pushAll(targets, labels.data());
      loss += error.item();
      scores.dispose();
      error.dispose();
    }
    return {
      loss: loss / targets.length,
      pearson: pearson(predicted, targets),
      spearmanr: spearman(predicted, targets),
      rmse: rmse(predicted, targets),
    };
  }

  /** Logits of each input, [labels] long. */
  logits(inputs: readonly (readonly string[])[], batchSize?: number): Float32Array[] {
    const out: Float32Array[] = [];
    const width = this.regression ? 1 : this.names.length;
    for (const { rows, batch } of this.texts.batches(
      inputs.map((texts) => this.texts.encode(texts)),
      batchSize,
    )) {
      const logits = noGrad(() => this.model.forward(takenInputs(this.model, batch)).logits);
      const data = logits.data();
      rows.forEach(({ i }, row) => {
        out[i] = Float32Array.from(data.subarray(row * width, (row + 1) * width));
      });
      logits.dispose();
    }
    return out;
  }
  /** What makes scores of outputs where nobody says it, as in Transformers' pipeline. */
  get #scores(): ScoreFunction {
    if (this.regression) return "none";
    const apart = this.model.config.problemType === "multi_label_classification" || this.names.length === 1;
    return apart ? "sigmoid" : "softmax";
  }
  predict(inputs: readonly (readonly string[])[], options: PredictOptions = {}): (ClassScore | ClassScore[])[] {
    checkPredict(NAME, options);
    checkClassOptions(options);
    const { topK, functionToApply = this.#scores, batchSize } = options;
    const names = this.regression ? this.names.slice(0, 1) : this.names;
    return this.logits(inputs, batchSize).map((logits) => topClasses(scoresOf(logits, functionToApply), names, topK));
  }
}

/**
 * Fine-tunes a pretrained encoder or decoder to classify texts or pairs of texts, or to give each a number where the labels are
 * numbers (STS-B). Options as those of Transformers' run_glue.
 * @throws ConfigError, StateDictError, DataError, HubError.
 */
export async function fineTuneClassifier(options: TaskOptions & { model: string }): Promise<TaskReport> {
  const folder = await resolveModel(options.model, downloads(options));
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const { chosen, ...data } = await readTexts(options);
  const task = glueOf(options.data);
  const labels = data.train.map((e) => e.label);
  const regression = task?.regression ?? areScores(labels);
  const own = configLabels(autoModels.config(folder));
  const names = regression ? ["LABEL_0"] : labelsFor(own, task?.labels ?? collectLabels(labels, options.data));
  options.say?.(
    `${chosen}; ${data.train.length} examples to train on, ${data.validation.length} to validate; ${regression ? "a number to predict" : `labels: ${names.join(", ")}`}`,
  );
  const checkpoint: Checkpoint = {
    ...{ task: NAME, head: "sequenceClassification", folder, tokenizer, labels: names },
    config: { problemType: regression ? "regression" : "single_label_classification" },
  };
  return fineTune(checkpoint, options, (model, maxLength) => {
    const classifier = new Classifier(model, new PretrainedTexts(tokenizer, maxLength), names);
    const examples = classifier.encode(data.train, options.data);
    const held = classifier.encode(data.validation, options.validation ?? options.data);
    return {
      examples,
      collate: classifier.collate,
      evaluate: held.length > 0 ? () => classifier.score(held) : undefined,
      metricForBestModel: task?.metrics[0] ?? (regression ? "pearson" : "accuracy"),
      classes: regression ? undefined : Int32Array.from(examples, (e) => e.label),
    };
  });
}

/** A classifier that was fine-tuned here, or any of Hugging Face's with its tokenizer. */
export async function loadClassifier(folder: string): Promise<Predictor> {
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const { model } = autoModels.load(folder, "sequenceClassification");
  const maxLength = lengthFor(model.config, tokenizer.modelMaxLength, settingsOf(folder).maxLength ?? 512);
  const texts = new PretrainedTexts(tokenizer, maxLength);
  const classifier = new Classifier(model as SequenceClassifier, texts, configLabels(model.config));
  return {
    task: NAME,
    model,
    predict: async (inputs, options) =>
      classifier.predict(
        inputs.map((text) => [text]),
        options,
      ),
    async predictFile(path, { textColumn, ...options }) {
      const task = glueOf(path);
      if (task !== undefined) {
        const examples = await glueTexts(task, testPart(task), {});
        return classifier.predict(
          examples.map((e) => e.texts),
          options,
        );
      }
      const source = resolveSource(path);
      const { examples } = await readPart(source, source.parts.train ? "train" : "test", { textColumn }, false);
      return classifier.predict(
        examples.map((e) => e.texts),
        options,
      );
    },
    async evaluate(options) {
      const begin = performance.now();
      const task = glueOf(options.data);
      const data = classifier.encode(await readLabelled(options), options.data);
      let metrics = await classifier.score(data);
      if (task?.validation.length === 2) {
        const other = classifier.encode(await glueTexts(task, task.validation[1], options), options.data);
        const second = Object.entries(await classifier.score(other)).map(([name, value]) => [`${name}_mm`, value]);
        metrics = { ...metrics, ...Object.fromEntries(second) };
      }
      return { task: NAME, examples: data.length, seconds: (performance.now() - begin) / 1000, metrics };
    },
    async submit(source, into) {
      const task = glueOf(source);
      if (task === undefined)
        throw new TaskError(`${source} is no task of GLUE`, "Submissions are for glue:cola, glue:sst2 …");
      const order = task.labels ?? [];
      const paths = [];
      for (const [part, file] of Object.entries(task.parts) as [GluePart, { submission?: string }][]) {
        if (file.submission === undefined) continue;
        const logits = classifier.logits((await glueTexts(task, part, {})).map((e) => e.texts));
        const values = logits.map((row) => {
          if (classifier.regression) return row[0];
          const name = classifier.names[row.indexOf(maximum(row))];
          // A model of other names for the same labels has them in the same order.
          return order.includes(name) ? order.indexOf(name) : classifier.names.indexOf(name);
        });
        paths.push(writeGlueSubmission(task.name, into, values, part));
      }
      return paths;
    },
  };
}

/** The first of a task's test parts. */
const testPart = (task: GlueTask): GluePart => (task.parts.test ? "test" : "test_matched");
