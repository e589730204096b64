import { expect, test } from "vitest";
import { OptionError } from "../../src/backend/options.ts";
import { ArrayDataset } from "../../src/data/index.ts";
import { getPrecision, getRngState, manualSeed, noGrad, setPrecision, type Tensor, tensor } from "../../src/index.ts";
import { BertForTokenClassification, bertConfig } from "../../src/models/index.ts";
import * as nn from "../../src/nn/index.ts";
import { DEFAULTS, type GivenArguments, Trainer, type TrainerOptions } from "../../src/train/index.ts";

const data = new ArrayDataset(
  Array.from({ length: 12 }, (_, i) => ({ x: [Math.sin(i), Math.cos(i)], y: [Math.sin(2 * i)] })),
);
type Options = TrainerOptions<typeof data, { x: Tensor; y: Tensor }>;
function trainer({ args, ...more }: Partial<Options> & Record<string, unknown> = {}) {
  manualSeed(1);
  const model = new nn.Linear(2, 1);
  return new Trainer({
    model,
    trainDataset: data,
    loss: nn.mseLoss,
    ...more,
    args: { quiet: true, ...args },
  } as Options);
}
const withArgs = (args: object) => trainer({ args: args as GivenArguments });
function hintOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(OptionError);
    return `${(error as Error).message} ${(error as OptionError).hint}`;
  }
  return "nothing was thrown";
}

test("the defaults are those of Transformers' TrainingArguments (5.24)", () => {
  expect(DEFAULTS).toMatchObject({
    perDeviceTrainBatchSize: 8,
    perDeviceEvalBatchSize: 8,
    numTrainEpochs: 3,
    maxSteps: -1,
    learningRate: 5e-5,
    lrSchedulerType: "linear",
    warmupSteps: 0,
    weightDecay: 0,
    adamBeta1: 0.9,
    adamBeta2: 0.999,
    adamEpsilon: 1e-8,
    gradientAccumulationSteps: 1,
    maxGradNorm: 1,
    labelSmoothingFactor: 0,
    loadBestModelAtEnd: false,
    seed: 42,
  });
});

test.each([
  [{ learning_rate: 1 }, /learning_rate.*Did you mean learningRate\?/],
  [{ warmupRation: 0.1 }, /Did you mean warmupRatio\?/],
  [{ batchSize: 1 }, /unknown option batchSize/],
  [{ fp16: true }, /fp16 is not supported.*bf16/],
  [{ pushToHub: true }, /pushToHub is not supported/],
  [{ deepspeed: "x.json" }, /deepspeed is not supported/],
  [{ dataloaderNumWorkers: 2 }, /WorkerDataset/],
  [{ resumeFromCheckpoint: 3 }, /resumeFromCheckpoint is 3; expected true, false, or a checkpoint's folder/],
  [{ reportTo: "wandb" }, /log\.jsonl/],
  [{ optim: "adafactor" }, /unknown optimizer adafactor.*There are: sgd, adam/],
  [{ lrSchedulerType: "cosinus" }, /unknown schedule cosinus.*Did you mean cosine/],
  [{ lrSchedulerKwargs: { numCycle: 1 } }, /unknown option numCycle.*Did you mean numCycles/],
  [{ evalStrategy: "epochs" }, /evalStrategy is epochs/],
  [{ warmupRatio: 2 }, /warmupRatio is 2; expected a number from 0 to 1/],
  [{ learningRate: "fast" }, /learningRate is fast/],
  [{ resume: 1 }, /resume is 1; expected true or false/],
  [{ bf16: true, precision: "float32" }, /contradict/],
  [{ labelSmoothingFactor: 0.1 }, /for the loss that a model gives itself/],
])("args %o are refused by name", (args, message) => {
  expect(hintOf(() => withArgs(args))).toMatch(message);
});

test("what asks for nothing is let through, and other names of the same are heard", () => {
  const { args } = withArgs({ fp16: false, reportTo: "none", pushToHub: false, deepspeed: null, optim: "adamw_torch" });
  expect(args.optim).toBe("adamw");
  expect(withArgs({ bf16: true }).args.precision).toBe("bf16");
  expect(trainer({ args: { quiet: undefined, disableTqdm: true } }).args.quiet).toBe(true);
  expect(withArgs({ earlyStoppingPatience: 2 }).args.loadBestModelAtEnd).toBe(true);
});

test.each([
  [{ dataCollator: () => 1 }, /dataCollator is not supported.*collate/],
  [{ trainData: data }, /unknown option trainData.*Did you mean trainDataset/],
  [{ computeLoss: () => 1, loss: nn.mseLoss }, /both given/],
  [{ evaluate: async () => ({}), evalDataset: data }, /would not be heard/],
  [{ computeMetrics: () => ({}) }, /nothing to measure/],
  [{ callbacks: [{ onStepEn() {} }] }, /nothing calls onStepEn.*Did you mean onStepEnd/],
  [
    {
      callbacks: [
        new (class {
          onStart() {}
        })(),
      ],
    },
    /nothing calls onStart/,
  ],
  [{ metricForBestModel: "loss", args: { metricForBestModel: "accuracy" } }, /among the options/],
])("options %o are refused by name", (options, message) => {
  expect(hintOf(() => trainer(options as never))).toMatch(message);
});

test("warmupRatio is a share of all steps, and warmupSteps below 1 too", async () => {
  const rates = async (args: GivenArguments) => {
    const seen: number[] = [];
    const callbacks = [{ onStepEnd: ({ learningRate }: { learningRate: number }) => void seen.push(learningRate) }];
    await trainer({ callbacks, args: { maxSteps: 10, learningRate: 1, ...args } }).train();
    return seen;
  };
  // get_linear_schedule_with_warmup(…, 3, 10)
  const want = [0, 1 / 3, 2 / 3, 1, 6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7, 1 / 7];
  for (const args of [{ warmupRatio: 0.25 }, { warmupSteps: 0.25 }, { warmupSteps: 3, warmupRatio: 0.9 }]) {
    const got = await rates(args);
    for (const [i, rate] of want.entries()) expect(got[i]).toBeCloseTo(rate, 12);
  }
});

test("strategies say when held-out data is measured", async () => {
  const measured = async (args: GivenArguments) => {
    const at: number[] = [];
    const callbacks = [{ onEvaluate: ({ step }: { step: number }) => void at.push(step) }];
    await trainer({ evalDataset: data, callbacks, args: { perDeviceTrainBatchSize: 4, ...args } }).train();
    return at;
  };
  expect(await measured({})).toEqual([3, 6, 9]);
  expect(await measured({ evalStrategy: "no" })).toEqual([]);
  expect(await measured({ evalStrategy: "steps", evalSteps: 4 })).toEqual([4, 8]);
  expect(await measured({ evalStrategy: "epoch", evalSteps: 4 })).toEqual([3, 6, 9]);
  expect(await measured({ evalSteps: 4 })).toEqual([3, 4, 6, 8, 9]);
  expect(await measured({ numTrainEpochs: 1.5 })).toEqual([3, 5]);
});

/** Trains on metrics that a list gives, one evaluation after another. */
function scripted(list: Record<string, number>[], args: GivenArguments) {
  let i = 0;
  const evaluate = async () => list[Math.min(i++, list.length - 1)];
  return trainer({
    evaluate,
    args: { perDeviceTrainBatchSize: 12, numTrainEpochs: list.length, learningRate: 0.1, ...args },
  });
}

test("a metric that there is not is an error that names those that there are", async () => {
  const metrics = [{ loss: 1, accuracy: 0.5 }];
  await expect(scripted(metrics, { metricForBestModel: "f1" }).train()).rejects.toThrow(/has no f1/);
  await expect(scripted([{ accuracy: 1 }], { earlyStoppingPatience: 1 }).train()).rejects.toThrow(/has no loss/);
  await scripted(metrics, { metricForBestModel: "eval_accuracy" }).train();
  await scripted([{ accuracy: 1 }], {}).train();
});

test("which metric is the best: greater unless it is a loss, never NaN, and early stopping waits for it", async () => {
  const f1 = (values: number[]) => values.map((value) => ({ loss: 1, f1: value }));
  const steps = async (list: Record<string, number>[], args: GivenArguments) =>
    (await scripted(list, args).train()).steps;
  const args = { metricForBestModel: "f1", earlyStoppingPatience: 2 };
  expect(await steps(f1([0.1, 0.2, 0.3, 0.4, 0.5]), args)).toBe(5);
  expect(await steps(f1([0.5, 0.4, 0.3, 0.2, 0.1]), args)).toBe(3);
  expect(await steps(f1([0.5, 0.4, 0.3, 0.2, 0.1]), { ...args, greaterIsBetter: false })).toBe(5);
  expect(await steps(f1([Number.NaN, 0.1, 0.2, 0.3, 0.4]), args)).toBe(5);
  expect(await steps(f1([Number.NaN, Number.NaN, Number.NaN, 0.3, 0.4]), args)).toBe(2);
  const losses = [1, 0.5, Number.NaN, 0.4, 0.3].map((loss) => ({ loss }));
  expect(await steps(losses, { earlyStoppingPatience: 2 })).toBe(5);
});

test("ends with the best weights only where that is wanted", async () => {
  const weights = async (args: GivenArguments) => {
    const t = scripted([{ loss: 2 }, { loss: 1 }, { loss: 3 }, { loss: 3 }], args);
    const seen: number[][] = [];
    const now = () => [...t.optimizer.paramGroups[0].params[0].data()];
    t.optimizer.zeroGrad = new Proxy(t.optimizer.zeroGrad, {
      apply(target, self, list) {
        seen.push(now());
        return Reflect.apply(target, self, list);
      },
    });
    await t.train();
    return { seen, last: now() };
  };
  const best = await weights({ loadBestModelAtEnd: true });
  expect(best.last).toEqual(best.seen[1]);
  const last = await weights({});
  expect(last.last).toEqual(last.seen[3]);
});

test("computeMetrics is called beside computeLoss, which gives the outputs", async () => {
  const model = new nn.Linear(2, 1);
  const computeLoss = ({ x, y }: { x: Tensor; y: Tensor }) => {
    const logits = model.forward(x);
    return { loss: nn.mseLoss(logits, y), logits };
  };
  const more = { model, loss: undefined, evalDataset: data, args: { metricForBestModel: "size" } };
  const computeMetrics = (outputs: ArrayLike<number>, targets: ArrayLike<number>) => ({
    size: outputs.length + targets.length,
  });
  const { metrics } = await trainer({ ...more, computeLoss, computeMetrics }).train();
  expect(metrics?.size).toBe(24);
  const alone = trainer({ ...more, computeLoss: (b) => computeLoss(b).loss, computeMetrics });
  await expect(alone.train()).rejects.toThrow(/computeMetrics needs the model's outputs/);
});

test("a loss of one's own: means are weighed by examples, one that reads numItemsInBatch divides itself", async () => {
  const run = async (batch: number, accumulate: number, own: (model: nn.Linear) => object) => {
    manualSeed(3);
    const model = new nn.Linear(2, 1);
    await new Trainer({
      ...{ model, trainDataset: new ArrayDataset(Array.from({ length: 7 }, (_, i) => data.get(i))), shuffle: false },
      ...own(model),
      args: {
        ...{ perDeviceTrainBatchSize: batch, gradientAccumulationSteps: accumulate, numTrainEpochs: 2 },
        ...{ optim: "sgd", learningRate: 0.5, quiet: true },
      },
    } as Options).train();
    return [...model.weight.data(), ...model.bias!.data()];
  };
  type Batch = { x: Tensor; y: Tensor };
  const ways = [
    () => ({ loss: nn.mseLoss }),
    (model: nn.Linear) => ({ computeLoss: ({ x, y }: Batch) => nn.mseLoss(model.forward(x), y) }),
    (model: nn.Linear) => ({
      computeLoss: ({ x, y }: Batch, { numItemsInBatch }: { numItemsInBatch: number }) =>
        nn.mseLoss(model.forward(x), y, { reduction: "sum" }).div(numItemsInBatch),
    }),
    (model: nn.Linear) => ({
      computeLoss: ({ x, y }: Batch) => nn.mseLoss(model.forward(x), y),
      countItems: ({ x }: Batch) => x.shape[0] * 10,
    }),
  ];
  const want = await run(4, 1, ways[0]);
  for (const way of ways)
    for (const [batch, accumulate] of [
      [4, 1],
      [2, 2],
      [1, 4],
      [3, 2],
    ]) {
      const got = await run(batch, accumulate, way);
      if (batch * accumulate !== 4) continue;
      for (const [i, value] of want.entries()) expect(got[i]).toBeCloseTo(value, 6);
    }
});

const tagger = () => {
  manualSeed(1);
  const sizes = { vocabSize: 16, hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 8 };
  return new BertForTokenClassification(
    bertConfig.make({ ...sizes, maxPositionEmbeddings: 8, id2label: { 0: "a", 1: "b" } }),
  );
};
const sentences = (label: (i: number) => number) =>
  new ArrayDataset(Array.from({ length: 6 }, (_, i) => ({ ids: [1 + i, 7, 2], labels: [label(i), label(i), -100] })));
type Sentence = { ids: number[]; labels: number[] };
const collate = (list: Sentence[]) => ({
  inputIds: tensor(Int32Array.from(list.flatMap((e) => e.ids)), [list.length, 3]),
  labels: tensor(Int32Array.from(list.flatMap((e) => e.labels)), [list.length, 3]),
});

test("a batch without labels counts for nothing, in training and in evaluation", async () => {
  const model = tagger();
  const half = sentences((i) => (i < 3 ? -100 : i % 2));
  const { loss, metrics } = await new Trainer({
    ...{ model, trainDataset: half, evalDataset: half, collate, shuffle: false },
    args: { perDeviceTrainBatchSize: 1, perDeviceEvalBatchSize: 1, quiet: true },
  }).train();
  expect(loss).toBeGreaterThan(0);
  const rest = collate(Array.from({ length: 3 }, (_, i) => half.get(3 + i)));
  expect(metrics?.loss).toBeCloseTo(noGrad(() => model.forward(rest).loss as Tensor).item(), 5);
  const none = tagger();
  const before = none.classifier.weight.data().slice();
  const trainDataset = sentences(() => -100);
  const empty = await new Trainer({ model: none, trainDataset, collate, args: { quiet: true } }).train();
  expect([...none.classifier.weight.data()]).toEqual([...before]);
  expect(empty.steps).toBe(3);
});

/** A run with dropout, held-out data and awaits in between; its weights. */
async function run(seed: number, precision: "bf16" | "float32", more: object = {}) {
  const before = getRngState();
  manualSeed(9);
  const model = new nn.Sequential(new nn.Linear(2, 32), new nn.Dropout(0.4), new nn.Linear(32, 1));
  manualSeed(before.seed);
  const precisions = new Set<string>();
  const forward = model.forward.bind(model);
  model.forward = (x: Tensor) => {
    precisions.add(getPrecision());
    return forward(x);
  };
  const metrics: unknown[] = [];
  await new Trainer({
    ...{ model, trainDataset: data, loss: nn.mseLoss },
    async evaluate() {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const loss = noGrad(() => model.forward(tensor([[0.3, 0.7]]))).item();
      await new Promise((resolve) => setTimeout(resolve, 1));
      return { loss };
    },
    callbacks: [{ onEvaluate: (info) => void metrics.push(info) }],
    args: { perDeviceTrainBatchSize: 3, seed, precision, learningRate: 0.05, evalSteps: 1, quiet: true, ...more },
  }).train();
  return { weights: model.parameters().map((p) => [...p.data()]), metrics, precisions: [...precisions] };
}

test("two trainings in one thread do not change each other, nor what is around them", async () => {
  setPrecision("float32");
  const [a, b] = [await run(1, "float32"), await run(2, "bf16", { gradientAccumulationSteps: 2 })];
  manualSeed(77);
  const state = getRngState();
  const [c, d] = await Promise.all([run(1, "float32"), run(2, "bf16", { gradientAccumulationSteps: 2 })]);
  expect(c).toEqual(a);
  expect(d).toEqual(b);
  expect(a.weights).not.toEqual(b.weights);
  expect(c.precisions).toEqual(["float32"]);
  expect(d.precisions).toEqual(["bf16"]);
  expect(getPrecision()).toBe("float32");
  expect(getRngState()).toEqual(state);
});
