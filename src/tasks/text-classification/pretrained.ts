import { maximum, pushAll } from "../../backend/arrays.ts";
import {
  ArrayDataset,
  DataError,
  DataLoader,
  type GluePart,
  type TextExample,
  writeGlueSubmission,
} from "../../data/index.ts";
import { autoModels, configLabels, type PretrainedConfig, type SequenceClassifier } from "../../models/index.ts";
import { takenInputs } from "../../models/pretrained/check-inputs.ts";
import { mseLoss } from "../../nn/index.ts";
import { tensor } from "../../tensor/create.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import { AutoTokenizer } from "../../text/index.ts";
import { type Metrics, measure } from "../../train/index.ts";
import { Isolation } from "../../train/run/isolation.ts";
import { TaskError } from "../error.ts";
import { settingsOf } from "../folder.ts";
import type { PredictOptions, ScoreFunction } from "../predict-options.ts";
import { type Checkpoint, labelsFor, MAX_LENGTH, planFineTuning } from "../pretrained/fine-tuning.ts";
import { lengthFor } from "../pretrained/length.ts";
import { type EncodedText, PretrainedTexts } from "../pretrained/texts.ts";
import { areScores, type Lessons } from "../reading.ts";
import {
  ClassificationScorer,
  type ClassScore,
  checkClassOptions,
  collectLabels,
  labelIds,
  scoresOf,
  topClasses,
} from "../shared/classes.ts";
import type { ModelOptions, Opened, Plan } from "../task.ts";
import { columnsOf, glueOf, glueTexts, readTexts, type TextsAbout } from "./data.ts";

interface Encoded extends EncodedText {
  label: number;
}

const isRegression = (config: PretrainedConfig) => config.problemType === "regression";

/** Ids of the examples' classes; without names the numbers that they are. Throws DataError. */
function labelsFrom(
  examples: readonly TextExample[],
  names: readonly string[] | undefined,
  source: string,
): ArrayLike<number> {
  const labels = examples.map((e) => e.label);
  if (names !== undefined) return labelIds(labels, names, source);
  return labels.map((label, i) => {
    const value = Number(label ?? Number.NaN);
    if (Number.isFinite(value)) return value;
    throw new DataError(`${source}: example ${i + 1}: expected a number, found ${JSON.stringify(label ?? "")}`);
  });
}

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
    const labels = labelsFrom(examples, this.regression ? undefined : this.names, source);
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
    const own = Isolation.here();
    for await (const { labels, ...batch } of loader) {
      const measure = () => {
        const scores = this.model.forward(takenInputs(this.model, batch)).logits.squeeze(1);
        return { scores, error: mseLoss(scores, labels, { reduction: "sum" }) };
      };
      const { scores, error } = own.precisely(() => noGrad(measure));
      pushAll(predicted, scores.data());
      pushAll(targets, labels.data());
      loss += error.item();
      scores.dispose();
      error.dispose();
    }
    return { loss: loss / targets.length, ...measure("numbers", { predicted, targets }) };
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
    checkClassOptions(options);
    const { topK, functionToApply = this.#scores, batchSize } = options;
    const names = this.regression ? this.names.slice(0, 1) : this.names;
    return this.logits(inputs, batchSize).map((logits) => topClasses(scoresOf(logits, functionToApply), names, topK));
  }
}

/**
 * A pretrained encoder or decoder that learns to classify texts or pairs of texts, or to give each a number where the labels are
 * numbers (STS-B). Options as those of Transformers' run_glue.
 */
export async function tune(
  options: ModelOptions,
  data: Lessons<TextExample, TextsAbout>,
  folder: string,
): Promise<Plan> {
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const { train, validation } = data;
  const { chosen, glue } = train.about;
  const labels = train.examples.map((e) => e.label);
  const regression = glue?.regression ?? areScores(labels);
  const own = configLabels(autoModels.config(folder));
  const names = regression ? ["LABEL_0"] : labelsFor(own, glue?.labels ?? collectLabels(labels, options.data));
  options.say?.(
    `${chosen}; ${train.examples.length} examples to train on, ${validation.examples.length} to validate; ${regression ? "a number to predict" : `labels: ${names.join(", ")}`}`,
  );
  const checkpoint: Checkpoint = {
    ...{ head: "sequenceClassification", folder, tokenizer, labels: names },
    config: { problemType: regression ? "regression" : "single_label_classification" },
    metric: glue?.metrics[0] ?? (regression ? "pearson" : "accuracy"),
  };
  const longest = lengthFor(autoModels.config(folder), tokenizer.modelMaxLength, options.maxLength ?? MAX_LENGTH);
  const texts = new PretrainedTexts(tokenizer, longest);
  const encode = (list: readonly TextExample[], source: string): Encoded[] => {
    const values = labelsFrom(list, regression ? undefined : names, source);
    return list.map((e, i) => ({ ...texts.encode(e.texts), label: values[i] }));
  };
  const examples = encode(train.examples, options.data);
  const held = encode(validation.examples, options.validation ?? options.data);
  return planFineTuning(checkpoint, options, (model) => {
    const classifier = new Classifier(model, texts, names);
    return {
      examples,
      collate: classifier.collate,
      evaluate: held.length > 0 ? () => classifier.score(held) : undefined,
      classes: regression ? undefined : Int32Array.from(examples, (e) => e.label),
    };
  });
}

/** A classifier that was fine-tuned here, or any of Hugging Face's with its tokenizer. */
export async function openPretrained(folder: string): Promise<Opened<TextExample, TextsAbout>> {
  const here = Isolation.here();
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const { model } = here.within(() => autoModels.load(folder, "sequenceClassification"));
  const maxLength = lengthFor(model.config, tokenizer.modelMaxLength, settingsOf(folder).maxLength ?? 512);
  const texts = new PretrainedTexts(tokenizer, maxLength);
  const classifier = new Classifier(model as SequenceClassifier, texts, configLabels(model.config));
  return {
    model,
    about: columnsOf(folder),
    predict: async (inputs, options) =>
      classifier.predict(
        inputs.map((text) => [text]),
        options,
      ),
    predictFile: async (path, options, columns) =>
      classifier.predict(
        (await readTexts(path, columns)).map((e) => e.texts),
        options,
      ),
    evaluate: async ({ examples }, source) => ({
      metrics: await classifier.score(classifier.encode(examples, source)),
    }),
    more: { submit: (source: string, into: string) => submit(classifier, source, into) },
  };
}

/** Predictions of a GLUE task's test parts, as its site takes them. */
async function submit(classifier: Classifier, source: string, into: string): Promise<string[]> {
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
}
