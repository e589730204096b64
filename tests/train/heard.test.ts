import { expect, test } from "vitest";
import { ShoshinError } from "../../src/backend/errors.ts";
import { OptionError } from "../../src/backend/options.ts";
import { ArrayDataset } from "../../src/data/index.ts";
import { manualSeed, type Tensor, tensor } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { AdamW, getScheduler, LRScheduler, ReduceLROnPlateau, SGD } from "../../src/optim/index.ts";
import { accuracy, Trainer, type TrainerOptions } from "../../src/train/index.ts";

const data = new ArrayDataset(
  Array.from({ length: 12 }, (_, i) => ({ x: [Math.sin(i), Math.cos(i)], y: [Math.sin(2 * i)] })),
);
type Options = TrainerOptions<typeof data, { x: Tensor; y: Tensor }>;
function trainer({ args, ...more }: Record<string, unknown> = {}) {
  manualSeed(1);
  const given = { model: new nn.Linear(2, 1), trainDataset: data, loss: nn.mseLoss, ...more };
  return new Trainer({ ...given, args: { quiet: true, maxSteps: 4, ...(args as object) } } as unknown as Options);
}

test.each([
  [{ earlyStoppingPatience: 2 }, "earlyStoppingPatience"],
  [{ evalSteps: 2 }, "evalSteps"],
  [{ evalStrategy: "epoch" }, "evalStrategy"],
  [{ saveStrategy: "best" }, "saveStrategy"],
  [{ loadBestModelAtEnd: true }, "loadBestModelAtEnd"],
  [{ metricForBestModel: "f1" }, "metricForBestModel"],
  [{ resume: true }, "resume"],
  [{ groupByLength: true }, "groupByLength"],
  [{ momentum: 0.9 }, "momentum"],
  [{ nesterov: true, optim: "adam" }, "nesterov"],
  [{ lrSchedulerKwargs: { power: 2 } }, "power"],
  [{ lrSchedulerType: "cosine", lrSchedulerKwargs: { minLr: 1e-5 } }, "minLr"],
] as [object, string][])("an argument that nothing would hear is refused: %o", async (args, name) => {
  const run = async () => trainer({ args }).train();
  await expect(run).rejects.toThrow(OptionError);
  await expect(run).rejects.toThrow(name);
});

test("loadBestModelAtEnd with evalStrategy no contradict each other", () => {
  const args = { loadBestModelAtEnd: true, evalStrategy: "no" };
  return expect(trainer({ evalDataset: data, args }).train()).rejects.toThrow(/evalStrategy is no/);
});

test.each([
  { shuffle: "no" },
  { savesModel: 1 },
  { fingerprint: 3 },
  { carry: 3 },
  { lengths: [1, 2] },
  { evalDataset: 5 },
  { trainDataset: { length: Number.NaN, get: () => ({ x: 1, y: 1 }) } },
  { trainDataset: { length: -1, get: () => ({ x: 1, y: 1 }) } },
  { evalDataset: new ArrayDataset([]) },
  { callbacks: [null] },
  { callbacks: [3] },
  { callbacks: [() => {}] },
  { callbacks: [{ onStepEnd: 3 }] },
])("a wrong kind of value is refused: %o", (options) => {
  expect(() => trainer(options)).toThrow(ShoshinError);
});

test.each([null, undefined, 3, [1], "x", new Map([["f1", 1]]), { f1: "0.5" }, { f1: null }, { f1: 3n }, { f1: [1] }])(
  "metrics that are no numbers by name are refused: %o",
  async (metrics) => {
    const wrong = async (options: Record<string, unknown>) => {
      await expect(trainer(options).train()).rejects.toThrow(ShoshinError);
      await expect(trainer(options).train()).rejects.toThrow(/gave /);
    };
    await wrong({ evalDataset: data, computeMetrics: () => metrics });
    await wrong({ evaluate: () => metrics });
  },
);

test("metrics may come later", async () => {
  const { metrics } = await trainer({ evalDataset: data, computeMetrics: async () => ({ f1: 0.25 }) }).train();
  expect(metrics?.f1).toBe(0.25);
});

test("callbacks are waited for, stop training, and end it by what they throw", async () => {
  const seen: string[] = [];
  const note = (what: string) => async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    seen.push(what);
  };
  const callbacks = [{ onStepEnd: note("step"), onEvaluate: note("evaluate"), onEpochEnd: note("epoch") }];
  await trainer({ evalDataset: data, callbacks, args: { maxSteps: 2 } }).train();
  expect(seen).toEqual(["step", "step", "epoch", "evaluate"]);
  for (const name of ["onStepEnd", "onEvaluate", "onEpochEnd"]) {
    const more = { evalDataset: data, args: { maxSteps: 8 } };
    const failing = trainer({ ...more, callbacks: [{ [name]: async () => Promise.reject(new Error("mine")) }] });
    await expect(failing.train()).rejects.toThrow("mine");
    const { steps } = await trainer({ ...more, callbacks: [{ [name]: async () => "stop" }] }).train();
    expect(steps).toBe(name === "onStepEnd" ? 1 : 2);
  }
});

test("groupByLength finds the lengths of inputIds", async () => {
  const lengths = Array.from({ length: 64 }, (_, i) => 1 + ((i * 7) % 64));
  const model = new nn.Linear(1, 1);
  const orders = async (groupByLength: boolean, given?: number[]) => {
    const order: number[] = [];
    await new Trainer({
      model,
      trainDataset: new ArrayDataset(lengths.map((n) => ({ inputIds: Array<number>(n).fill(1) }))),
      collate: (examples) => examples.map(({ inputIds }) => inputIds.length),
      computeLoss: (batch) => {
        order.push(...batch);
        return model.forward(tensor([[1]])).sum();
      },
      lengths: given,
      args: { quiet: true, numTrainEpochs: 1, perDeviceTrainBatchSize: 4, groupByLength },
    }).train();
    return order;
  };
  const grouped = await orders(true);
  expect(grouped).toEqual(await orders(true, lengths));
  expect(grouped).not.toEqual(await orders(false));
});

test("one Trainer trains once at a time", async () => {
  const one = trainer();
  const first = one.train();
  await expect(one.train()).rejects.toThrow("training already");
  expect((await first).steps).toBe(4);
  expect((await one.train()).steps).toBe(4);
});

test("schedules and rates that are no numbers are refused, before a weight changes", () => {
  const layer = new nn.Linear(2, 1);
  const optimizer = new SGD(layer.parameters(), { lr: 0.1 });
  const of = (name: string, options?: object) => () => getScheduler(name as "cosine", optimizer, options as never);
  expect(of("cosine")).toThrow(OptionError);
  expect(() => getScheduler("cosine", null as never, { numTrainingSteps: 10 })).toThrow(OptionError);
  expect(() => new LRScheduler(optimizer, 3 as never)).toThrow(OptionError);
  expect(() => new LRScheduler(optimizer, () => Number.NaN)).toThrow(OptionError);
  expect(() => new ReduceLROnPlateau(optimizer).step(undefined as never)).toThrow(OptionError);
  const plateau = new ReduceLROnPlateau(optimizer);
  plateau.step(tensor(0.5));
  expect(plateau.best).toBe(0.5);
  const before = layer.weight.toArray();
  layer
    .forward(tensor([[1, 2]]))
    .sum()
    .backward();
  for (const lr of ["0.1", Number.NaN, undefined]) {
    optimizer.paramGroups[0].lr = lr as number;
    expect(() => optimizer.step()).toThrow(OptionError);
  }
  expect(() => optimizer.step(async () => 3)).toThrow(ShoshinError);
  expect(layer.weight.toArray()).toEqual(before);
});

test("a group that is added learns from then on, with the schedule", () => {
  const [a, b] = [tensor([1], { requiresGrad: true }), tensor([1], { requiresGrad: true })];
  const optimizer = new AdamW([a], { lr: 0.1, weightDecay: 0 });
  const scheduler = new LRScheduler(optimizer, (step) => 0.5 ** step);
  optimizer.addParamGroup({ params: [b], lr: 0.2 });
  expect(() => optimizer.addParamGroup({ params: [a] })).toThrow(/twice/);
  a.add(b).sum().backward();
  optimizer.step();
  scheduler.step();
  expect([a.item(), b.item()]).toEqual([expect.closeTo(0.9, 5), expect.closeTo(0.8, 5)]);
  expect(scheduler.getLastLr()).toEqual([0.05, 0.1]);
});

test("a state that is no Map, and apply without a function, are refused", () => {
  const layer = new nn.Linear(2, 1);
  for (const state of [null, undefined, [], 3, Object.fromEntries(layer.stateDict())])
    expect(() => layer.loadStateDict(state as never)).toThrow(ShoshinError);
  expect(() => layer.apply(3 as never)).toThrow(ShoshinError);
});

test("metrics of what are no numbers are refused", () => {
  for (const values of [null, undefined, "101"])
    expect(() => accuracy(values as never, [1, 0, 1])).toThrow(ShoshinError);
});
