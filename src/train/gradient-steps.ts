import type { AnyDataset } from "../data/index.ts";
import type { Module } from "../nn/index.ts";
import { clipFactor, totalNorm } from "../optim/clip.ts";
import { LRScheduler, type Optimizer } from "../optim/index.ts";
import type { GroupOptions } from "../optim/optimizer.ts";
import { tidy } from "../tensor/no-grad.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { At, PreOptimizerStep } from "./hooks/callback.ts";
import type { Objective } from "./objective.ts";
import type { Scheduler } from "./optimizers.ts";
import { disposeStep, type StepBatches } from "./steps.ts";
import type { LossInfo } from "./trainer-options.ts";

/** What a loss function is told; one that reads it divides by it itself. */
class StepInfo implements LossInfo {
  readonly #total: number;
  heard = false;
  constructor(total: number) {
    this.#total = total;
  }
  get numItemsInBatch(): number {
    this.heard = true;
    return this.#total;
  }
}

/** One step after another: forward and backward over its batches, then the optimizer. */
export class GradientSteps<B> {
  readonly #objective: Objective<AnyDataset, B>;
  readonly #optimizer: Optimizer<GroupOptions>;
  readonly #scheduler: Scheduler | undefined;
  readonly #maxGradNorm: number;
  readonly #named: ReadonlyMap<string, Tensor>;
  readonly #learned: readonly Tensor[];
  /** Have gradients, and no place in the optimizer. */
  readonly #others: readonly Tensor[];

  constructor(
    model: Module,
    objective: Objective<AnyDataset, B>,
    optimizer: Optimizer<GroupOptions>,
    scheduler: Scheduler | undefined,
    maxGradNorm: number,
  ) {
    this.#objective = objective;
    this.#optimizer = optimizer;
    this.#scheduler = scheduler;
    this.#maxGradNorm = maxGradNorm;
    this.#named = new Map([...model.namedParameters()].filter(([, p]) => p.requiresGrad));
    this.#learned = model.parameters().filter((p) => p.requiresGrad);
    const held = new Set(optimizer.paramGroups.flatMap(({ params }) => [...params]));
    this.#others = this.#learned.filter((p) => !held.has(p));
    // What was left from before is no gradient of this training.
    for (const p of this.#learned) p.zeroGrad();
  }

  learningRate(): number {
    return this.#optimizer.paramGroups[0].lr;
  }

  /** The loss of a step, and its gradients; undefined where no label counts. Its batches are freed. */
  backward(step: StepBatches<B>): number | undefined {
    const { parts } = step;
    const counts = parts.map(({ batch, examples }) => this.#objective.items(batch, examples));
    const total = counts.reduce((sum, n) => sum + n, 0);
    const { lossOf } = this.#objective;
    let stepLoss = 0;
    parts.forEach(({ batch }, i) => {
      if (counts[i] === 0) return;
      // Frees at once what the loss was made of and no graph holds.
      stepLoss += tidy(() => {
        const info = new StepInfo(total);
        const { loss } = this.#objective.checked(lossOf(batch, info));
        const share = info.heard ? 1 : total / counts[i];
        (share === 1 ? loss : loss.div(share)).backward();
        return loss.item() / share;
      });
    });
    disposeStep(step);
    return total === 0 ? undefined : stepLoss;
  }

  /** Clips, in the same pass that updates the weights. */
  update(): void {
    const factor = this.#maxGradNorm > 0 ? clipFactor(this.#learned, this.#maxGradNorm) : undefined;
    this.#optimizer.scaledStep(factor);
    factor?.dispose();
    this.#zeroGrad();
    // A plateau is of evaluations.
    if (this.#scheduler instanceof LRScheduler) this.#scheduler.step();
  }
  #zeroGrad(): void {
    this.#optimizer.zeroGrad();
    for (const p of this.#others) p.zeroGrad();
  }

  /** What hooks are told between the two. */
  prepared(at: At, loss: number | undefined, learningRate: number): PreOptimizerStep {
    return new Prepared(at, loss, learningRate, this.#named);
  }
}

/** What costs something is made when it is asked for. */
class Prepared implements PreOptimizerStep {
  readonly step: number;
  readonly epoch: number;
  readonly loss: number | undefined;
  readonly learningRate: number;
  readonly parameters: ReadonlyMap<string, Tensor>;

  constructor(
    { step, epoch }: At,
    loss: number | undefined,
    learningRate: number,
    parameters: ReadonlyMap<string, Tensor>,
  ) {
    this.step = step;
    this.epoch = epoch;
    this.loss = loss;
    this.learningRate = learningRate;
    this.parameters = parameters;
  }
  get gradients(): ReadonlyMap<string, Tensor> {
    const all = [...this.parameters].flatMap(([name, { grad }]): [string, Tensor][] =>
      grad === undefined ? [] : [[name, grad]],
    );
    return new Map(all);
  }
  get gradNorm(): number {
    return totalNorm([...this.parameters.values()]);
  }
}
