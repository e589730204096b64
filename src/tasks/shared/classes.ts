import { pushAll } from "../../backend/arrays.ts";
import { DataError } from "../../data/lines.ts";
import { crossEntropy } from "../../nn/index.ts";
import { tensor } from "../../tensor/create.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Metrics, measure } from "../../train/index.ts";
import { Isolation } from "../../train/run/isolation.ts";
import { TaskError } from "../error.ts";
import { checkBatchSize, type PredictOptions, SCORE_FUNCTIONS, type ScoreFunction } from "../predict-options.ts";
import { areScores } from "../reading.ts";
import type { TaskOptions } from "../settings.ts";
import { smoothingOf } from "./recipes.ts";

/** Class names in a fixed order: numbers by value, others by name. Throws {@link DataError} unless there are two or more. */
export function collectLabels(labels: readonly (string | undefined)[], path: string): string[] {
  const empty = labels.findIndex((label) => label === undefined || label === "");
  if (empty >= 0) throw new DataError(`${path}: example ${empty + 1} has no label`);
  const names = [...new Set(labels as string[])];
  const numeric = names.every((name) => /^-?\d+$/.test(name));
  names.sort((a, b) => (numeric ? Number(a) - Number(b) : a < b ? -1 : 1));
  if (names.length < 2) {
    throw new DataError(
      `${path}: only one class (${names[0]}); at least two are needed`,
      "Is the right column named as label? (--label-column)",
    );
  }
  return names;
}

/** Ids of labels: names, or whole numbers that mean ids where they are no names. Throws {@link DataError} naming the first unknown. */
export function labelIds(labels: readonly (string | undefined)[], names: readonly string[], path: string): Int32Array {
  const ids = new Map(names.map((name, i) => [name, i]));
  return Int32Array.from(labels, (label, i) => {
    const id =
      ids.get(label ?? "") ?? (/^\d+$/.test(label ?? "") && Number(label) < names.length ? Number(label) : undefined);
    if (id === undefined) {
      throw new DataError(
        `${path}: example ${i + 1} has the unknown label ${JSON.stringify(label ?? "")}`,
        areScores(names)
          ? "Numbers, not classes: a pretrained model learns them, and tabular-regression."
          : `The model knows: ${names.slice(0, 20).join(", ")}.`,
      );
    }
    return id;
  });
}

/** Class weights: `balanced` gives n / (classes · count), as scikit-learn; else one number for each class. */
export function parseClassWeights(text: string | undefined, ids: Int32Array, classes: number): Tensor | undefined {
  if (text === undefined) return undefined;
  let weights: number[];
  if (text === "balanced") {
    const counts = new Array<number>(classes).fill(0);
    for (const id of ids) counts[id]++;
    weights = counts.map((count) => (count === 0 ? 0 : ids.length / (classes * count)));
  } else weights = text.split(",").map(Number);
  if (weights.length !== classes || weights.some((w) => !(w >= 0))) {
    throw new TaskError(
      `class weights ${text}: expected balanced or ${classes} numbers from 0 on, separated by commas`,
    );
  }
  return tensor(weights).keep();
}

/**
 * What a batch counts in a mean with class weights: the sum of its labels' weights; undefined without weights, for then every
 * label counts alike.
 */
export function weightOf(weight: Tensor | undefined): ((labels: Tensor) => number) | undefined {
  if (weight === undefined) return undefined;
  const weights = weight.data();
  // Those that do not count have no class.
  return (labels) => Array.from(labels.data() as Int32Array).reduce((sum, id) => sum + (weights[id] ?? 0), 0);
}

/** Throws {@link TaskError} where classes are weighed, or their labels smoothed, and there are none. */
export function refuseClassOptions(what: string, options: TaskOptions, smoothing = true): void {
  if (options.classWeights !== undefined) throw new TaskError(`--class-weights: ${what} has no classes to weigh`);
  if (smoothing && smoothingOf(options))
    throw new TaskError(`--label-smoothing-factor: ${what} has no classes whose labels could be smoothed`);
}

/** Collects logits batch by batch and gives loss and scores. */
export class ClassificationScorer {
  readonly #classes: number;
  readonly #predicted: number[] = [];
  readonly #targets: number[] = [];
  #loss = 0;
  /** Batches come one after the other, and between them others may change what holds. */
  readonly #own = Isolation.here();

  constructor(classes: number) {
    this.#classes = classes;
  }
  /** @param forward logits [n, classes] @param target [n] */
  add(forward: () => Tensor, target: Tensor): void {
    const score = () => {
      const logits = forward();
      return { best: logits.argmax(1), loss: crossEntropy(logits, target, { reduction: "sum" }) };
    };
    const { best, loss } = this.#own.precisely(() => noGrad(score));
    pushAll(this.#predicted, best.data());
    pushAll(this.#targets, target.data());
    this.#loss += loss.item();
    best.dispose();
    loss.dispose();
  }
  get examples(): number {
    return this.#targets.length;
  }
  /** The loss, and all that classes are measured by. */
  metrics(): Metrics {
    const [predicted, targets, classes] = [this.#predicted, this.#targets, this.#classes];
    return { loss: this.#loss / targets.length, ...measure("classes", { predicted, targets, classes }) };
  }
}

/** A class and how sure the model is of it. */
export interface ClassScore {
  label: string;
  score: number;
}

/** Scores of a row of a classifier's outputs. */
export function scoresOf(logits: Float32Array, how: ScoreFunction): Float32Array {
  if (how === "none") return logits;
  if (how === "sigmoid") return logits.map((x) => 1 / (1 + Math.exp(-x)));
  const most = Math.max(...logits);
  const exp = logits.map((x) => Math.exp(x - most));
  const sum = exp.reduce((a, b) => a + b, 0);
  return exp.map((x) => x / sum);
}

/** Throws {@link TaskError} for options of classification whose values cannot be. */
export function checkClassOptions({ topK, functionToApply: how, batchSize }: PredictOptions): void {
  if (topK != null && !(Number.isInteger(topK) && topK > 0))
    throw new TaskError(`topK is ${topK}; expected a whole number from 1 on, or null for all`);
  if (how !== undefined && !SCORE_FUNCTIONS.includes(how))
    throw new TaskError(`functionToApply is ${how}; expected one of ${SCORE_FUNCTIONS.join(", ")}`);
  checkBatchSize(batchSize);
}

/** The best class, or with `topK` the best ones (`null`: all) in a list. */
export function topClasses(
  scores: ArrayLike<number>,
  names: readonly string[],
  topK: number | null | undefined,
): ClassScore | ClassScore[] {
  if (topK === undefined) return bestLabel(scores, names);
  const all = names.map((label, i) => ({ label, score: scores[i] })).sort((a, b) => b.score - a.score);
  return topK === null ? all : all.slice(0, topK);
}

/** `[{ label, score }, …]` of a row of probabilities: the best class. */
export function bestLabel(
  probabilities: ArrayLike<number>,
  names: readonly string[],
): { label: string; score: number } {
  let best = 0;
  for (let c = 1; c < names.length; c++) if (probabilities[c] > probabilities[best]) best = c;
  return { label: names[best], score: probabilities[best] };
}

/** {@link bestLabel} of each row of probabilities [n, classes]; their memory is freed. */
export function bestLabels(probabilities: Tensor, names: readonly string[]): { label: string; score: number }[] {
  const [rows, classes] = probabilities.shape;
  const data = probabilities.data();
  probabilities.dispose();
  return Array.from({ length: rows }, (_, i) => bestLabel(data.subarray(i * classes, (i + 1) * classes), names));
}
