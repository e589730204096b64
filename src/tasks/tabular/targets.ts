import { pushAll } from "../../backend/arrays.ts";
import type { TypedArray } from "../../backend/backend.ts";
import { ArrayDataset, collateRows, DataError, DataLoader } from "../../data/index.ts";
import { labelMaps } from "../../models/pretrained/config.ts";
import { crossEntropy, type Module, mseLoss } from "../../nn/index.ts";
import { tensor } from "../../tensor/create.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Metrics, measure, rmse } from "../../train/index.ts";
import { Isolation } from "../../train/run/isolation.ts";
import type { ModelConfig } from "../folder.ts";
import type { TaskOptions } from "../settings.ts";
import {
  bestLabels,
  ClassificationScorer,
  labelIds,
  parseClassWeights,
  refuseClassOptions,
  weightOf,
} from "../shared/classes.ts";
import { smoothingOf } from "../shared/recipes.ts";
import type { Row } from "./data.ts";

/** A row as a model takes it: its features, and what is to be predicted. */
export interface Encoded {
  x: Float32Array;
  y: number;
}
export interface Batch {
  x: Tensor;
  y: Tensor;
}
export const collateAs =
  (dtype: "float32" | "int32") =>
  (examples: readonly Encoded[]): Batch => ({
    x: collateRows(examples.map((e) => e.x)),
    y: tensor(
      examples.map((e) => e.y),
      { dtype },
    ),
  });

/** What `forward` gives, as numbers; its memory is freed. */
export function valuesOf(forward: () => Tensor): TypedArray {
  const out = noGrad(forward);
  const values = out.data();
  out.dispose();
  return values;
}

/** What is predicted of rows: their class, or a number. */
export interface Target {
  /** Numbers that a model gives for a row. */
  readonly outputs: number;
  /** What config.json says of it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The metric that is best by default. */
  readonly metric: string;
  readonly collate: (examples: readonly Encoded[]) => Batch;
  /** Throws DataError for what it does not know. */
  encode(rows: readonly Row[], path: string): ArrayLike<number>;
  /** How a model learns it. Throws TaskError for options that it cannot hear. */
  lessons(options: TaskOptions, examples: readonly Encoded[], model: Module): Lesson;
  score(model: Module, data: readonly Encoded[]): Promise<Metrics>;
  /** A result for each row of x [n, features]. */
  predict(model: Module, x: Tensor): unknown[];
}
interface Lesson {
  computeLoss(batch: Batch): Tensor;
  countItems?: (batch: Batch) => number;
}
const inBatches = (data: readonly Encoded[], collate: Target["collate"]) =>
  new DataLoader(new ArrayDataset(data), { batchSize: 1024, collate });

/** One of several classes. */
export class Classes implements Target {
  readonly names: readonly string[];
  readonly metric = "accuracy";
  readonly collate = collateAs("int32");
  constructor(names: readonly string[]) {
    this.names = names;
  }

  get outputs(): number {
    return this.names.length;
  }
  get config() {
    return labelMaps(this.names);
  }
  encode(rows: readonly Row[], path: string): Int32Array {
    return labelIds(
      rows.map((row) => row.target),
      this.names,
      path,
    );
  }
  lessons(options: TaskOptions, examples: readonly Encoded[], model: Module): Lesson {
    const ids = Int32Array.from(examples, (e) => e.y);
    const weight = parseClassWeights(options.classWeights, ids, this.names.length);
    const weigh = weightOf(weight);
    const labelSmoothing = smoothingOf(options);
    return {
      computeLoss: ({ x, y }) => crossEntropy(model.forward(x) as Tensor, y, { weight, labelSmoothing }),
      countItems: weigh && (({ y }) => weigh(y)),
    };
  }
  async score(model: Module, data: readonly Encoded[]): Promise<Metrics> {
    const scorer = new ClassificationScorer(this.names.length);
    for await (const { x, y } of inBatches(data, this.collate)) scorer.add(() => model.forward(x) as Tensor, y);
    return scorer.metrics();
  }
  predict(model: Module, x: Tensor): unknown[] {
    return bestLabels(
      noGrad(() => (model.forward(x) as Tensor).softmax()),
      this.names,
    );
  }
}

/** A number; models learn it standardised. */
export class Numbers implements Target {
  readonly outputs = 1;
  readonly metric = "loss";
  readonly collate = collateAs("float32");
  readonly mean: number;
  readonly std: number;
  constructor(mean: number, std: number) {
    this.mean = mean;
    this.std = std;
  }
  /** Throws DataError where one is no number. */
  static of(rows: readonly Row[]): Numbers {
    const values = rows.map(numberOf);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length) || 1;
    return new Numbers(mean, std);
  }
  static from = (config: ModelConfig): Numbers => new Numbers(Number(config.target_mean), Number(config.target_std));

  get config() {
    return { target_mean: this.mean, target_std: this.std };
  }
  encode(rows: readonly Row[]): number[] {
    return rows.map((row) => (numberOf(row) - this.mean) / this.std);
  }
  lessons(options: TaskOptions, _examples: readonly Encoded[], model: Module): Lesson {
    refuseClassOptions("tabular-regression", options);
    return {
      computeLoss: ({ x, y }) => {
        const out = model.forward(x) as Tensor;
        return mseLoss(out, y.reshape(out.shape));
      },
    };
  }
  /** In the target's own unit, but for the loss. */
  async score(model: Module, data: readonly Encoded[]): Promise<Metrics> {
    const predicted: number[] = [];
    const own = Isolation.here();
    for await (const { x } of inBatches(data, this.collate))
      pushAll(
        predicted,
        own.precisely(() => valuesOf(() => model.forward(x) as Tensor)),
      );
    const targets = data.map((e) => e.y);
    const inUnit = (list: readonly number[]) => list.map((v) => this.#own(v));
    const input = { predicted: inUnit(predicted), targets: inUnit(targets) };
    return { loss: rmse(predicted, targets) ** 2, ...measure("numbers", input, { first: ["rmse", "mae", "r2"] }) };
  }
  predict(model: Module, x: Tensor): unknown[] {
    return Array.from(
      valuesOf(() => model.forward(x) as Tensor),
      (v) => ({ value: this.#own(v) }),
    );
  }
  #own = (v: number): number => v * this.std + this.mean;
}

function numberOf({ target, path, line }: Row): number {
  const value = Number(target ?? Number.NaN);
  if (Number.isFinite(value)) return value;
  throw new DataError(
    `${path}, line ${line}: the value to predict is ${target}, no number`,
    "For classes: tabular-classification.",
  );
}
