import type { Module, Perceptron } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Learner, type LearnerHooks, type Metrics, measure } from "../../train/index.ts";
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

/** The perceptron rule, pass after pass, until nothing is wrong any more. A step is a row; its loss is the share of mistakes. */
export class PerceptronRule implements Learner<readonly Encoded[]> {
  readonly model: Perceptron;
  constructor(model: Perceptron) {
    this.model = model;
  }
  stepsPerEpoch(data: readonly Encoded[]): number {
    return data.length;
  }
  async fit(data: readonly Encoded[], hooks: LearnerHooks): Promise<void> {
    const { x, y } = collate(data);
    const rows = data.length;
    try {
      while (!hooks.stopped) {
        await hooks.epochBegin();
        const mistakes = this.model.learn(x, y);
        if (mistakes === 0) hooks.finish();
        await hooks.stepEnd({ loss: mistakes / rows, examples: rows, steps: rows });
        await hooks.epochEnd();
      }
    } finally {
      x.dispose();
      y.dispose();
    }
  }
}
