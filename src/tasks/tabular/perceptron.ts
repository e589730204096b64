import type { Module, Perceptron } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Metrics, measure, type TrainResult } from "../../train/index.ts";
import { TaskError } from "../error.ts";
import type { TaskOptions } from "../settings.ts";
import { refuseClassOptions } from "../shared/classes.ts";
import { Classes, collateAs, type Encoded, valuesOf } from "./targets.ts";

const collate = collateAs("float32");

/** One of two classes, as a perceptron tells them apart: sure, and without a measure of how sure. */
export class Sides extends Classes {
  constructor(names: readonly string[]) {
    super(names);
    if (names.length === 2) return;
    throw new TaskError(
      `a perceptron tells two classes apart; there are ${names.length}`,
      "Use --model linear or mlp.",
    );
  }
  override async score(model: Module, data: readonly Encoded[]): Promise<Metrics> {
    const { x, y } = collate(data);
    const predicted = valuesOf(() => model.forward(x) as Tensor);
    const targets = y.data();
    x.dispose();
    y.dispose();
    const metrics = measure("classes", { predicted, targets, classes: 2 });
    return { loss: 1 - metrics.accuracy, ...metrics };
  }
  override predict(model: Module, x: Tensor): unknown[] {
    const sides = valuesOf(() => model.forward(x) as Tensor);
    return Array.from(sides, (side) => ({ label: this.names[side], score: 1 }));
  }
}

/** Throws TaskError for options that the perceptron rule cannot hear. */
export const checkRule = (options: TaskOptions): void => refuseClassOptions("the perceptron rule", options);

/** The perceptron rule, pass after pass, until nothing is wrong any more. */
export async function learnPerceptron(
  model: Perceptron,
  data: readonly Encoded[],
  passes: number,
  evaluate?: () => Promise<Metrics>,
): Promise<TrainResult> {
  const begin = performance.now();
  const { x, y } = collate(data);
  let epochs = 0;
  let mistakes = data.length;
  while (epochs < passes && mistakes > 0) {
    mistakes = model.learn(x, y);
    epochs++;
  }
  x.dispose();
  y.dispose();
  const seconds = (performance.now() - begin) / 1000;
  return {
    steps: epochs * data.length,
    epochs,
    seconds,
    examplesPerSecond: (epochs * data.length) / seconds,
    loss: mistakes / data.length,
    metrics: await evaluate?.(),
    alreadyFinished: false,
  };
}
