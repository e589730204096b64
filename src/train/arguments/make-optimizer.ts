import type { Module } from "../../nn/index.ts";
import { Adagrad, Adam, AdamW, type Optimizer, RMSprop, SGD } from "../../optim/index.ts";
import type { GroupOptions } from "../../optim/optimizer.ts";
import type { TrainingArguments } from "./arguments.ts";
import { layerFactors } from "./layerwise.ts";

/** The optimizer that the settings name, over the parameters that learn; biases and norms do not decay. */
export function makeOptimizer(model: Module, a: TrainingArguments): Optimizer<GroupOptions> {
  const named = [...model.namedParameters()].filter(([, p]) => p.requiresGrad);
  const names = named.map(([name]) => name);
  const factors = layerFactors(names, a.layerwiseLrDecay);
  // The highest rate first: it is the one that is shown.
  const groups = [...new Set(factors)]
    .sort((x, y) => y - x)
    .flatMap((factor) => {
      const learned = named.flatMap(([, p], i) => (factors[i] === factor ? [p] : []));
      const lr = a.learningRate * factor;
      return [
        { params: learned.filter((p) => p.ndim >= 2), lr },
        { params: learned.filter((p) => p.ndim < 2), lr, weightDecay: 0, l1: 0 },
      ];
    })
    .filter((g) => g.params.length > 0);
  const common = { lr: a.learningRate, weightDecay: a.weightDecay, l1: a.l1 };
  const adam = { ...common, betas: [a.adamBeta1, a.adamBeta2] as const, eps: a.adamEpsilon };
  switch (a.optim) {
    case "sgd":
      return new SGD(groups, {
        ...common,
        momentum: a.momentum,
        nesterov: a.nesterov,
      }) as unknown as Optimizer<GroupOptions>;
    case "adam":
      return new Adam(groups, adam) as unknown as Optimizer<GroupOptions>;
    case "rmsprop":
      return new RMSprop(groups, common) as unknown as Optimizer<GroupOptions>;
    case "adagrad":
      return new Adagrad(groups, common) as unknown as Optimizer<GroupOptions>;
    default:
      return new AdamW(groups, adam) as unknown as Optimizer<GroupOptions>;
  }
}
