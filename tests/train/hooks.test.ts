import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ShoshinError } from "../../src/backend/errors.ts";
import { OptionError } from "../../src/backend/options.ts";
import { ArrayDataset } from "../../src/data/index.ts";
import { getPrecision, getRngState, manualSeed, type Tensor } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { clipGradNorm } from "../../src/optim/index.ts";
import {
  BestWeightsCallback,
  CheckpointCallback,
  CurvesCallback,
  defaultCallbacks,
  EarlyStoppingCallback,
  type GivenArguments,
  listCheckpoints,
  PrinterCallback,
  ProgressCallback,
  readLog,
  TerminateOnNaNCallback,
  Trainer,
  type TrainerCallbacks,
  TrainingError,
  WeightAveragingCallback,
} from "../../src/train/index.ts";
import { temporaryFolder } from "../folder.ts";

const home = temporaryFolder();
let made = 0;
const folder = () => join(home, `run-${made++}`);

const data = new ArrayDataset(
  Array.from({ length: 12 }, (_, i) => ({ x: [Math.sin(i), Math.cos(i)], y: [Math.sin(2 * i)] })),
);
/** Three steps an epoch; nothing is at its default. */
const ARGS: GivenArguments = {
  ...{ quiet: true, perDeviceTrainBatchSize: 4, numTrainEpochs: 2, learningRate: 0.03, seed: 7, maxGradNorm: 0.3 },
  ...{ optim: "sgd", momentum: 0.8, lrSchedulerType: "cosine", warmupSteps: 2, weightDecay: 0.02 },
};
function trainer(args: GivenArguments, ...callbacks: TrainerCallbacks[]) {
  return withOptions({}, args, ...callbacks);
}
function withOptions(options: object, args: GivenArguments, ...callbacks: TrainerCallbacks[]) {
  manualSeed(1);
  const model = new nn.Sequential(new nn.Linear(2, 5), new nn.Tanh(), new nn.Dropout(0.2), new nn.Linear(5, 1));
  const evalDataset = new ArrayDataset(Array.from({ length: 5 }, (_, i) => data.get(i)));
  const given = { model, trainDataset: data, evalDataset, loss: nn.mseLoss, callbacks, ...options };
  return new Trainer({ ...given, args: { ...ARGS, ...args } });
}
const weights = (m: nn.Module) => [...m.stateDict().values()].map((t) => [...t.data()]);

const EVENTS = [
  ...(["onTrainBegin", "onEpochBegin", "onStepBegin", "onPreOptimizerStep", "onStepEnd", "onLog"] as const),
  ...(["onEvaluateBegin", "onEvaluate", "onEvaluateEnd", "onSave", "onEpochEnd", "onLoopEnd", "onTrainEnd"] as const),
];
type Event = (typeof EVENTS)[number];
/** A hook that does the same whatever happens. */
const onAll = (does: (event: Event, info: never, control: never) => unknown): TrainerCallbacks =>
  Object.fromEntries(EVENTS.map((event) => [event, (info: never, control: never) => does(event, info, control)]));

test("what is told, in order, as in Transformers", async () => {
  const seen: string[] = [];
  const note = onAll(
    (event, info: { step: number; epoch: number }) => void seen.push(`${event} ${info.step} ${info.epoch}`),
  );
  await trainer({ outputDir: folder(), loggingSteps: 2 }, note).train();
  const step = (n: number, epoch: number) => [
    ...[`onStepBegin ${n} ${epoch}`, `onPreOptimizerStep ${n} ${epoch}`, `onStepEnd ${n + 1} ${epoch}`],
    ...(n % 2 === 1 ? [`onLog ${n + 1} ${epoch}`] : []),
  ];
  const ends = (n: number, epoch: number) => [
    ...[`onEpochEnd ${n} ${epoch}`, `onEvaluateBegin ${n} ${epoch}`, `onLog ${n} ${epoch}`],
    ...[`onEvaluate ${n} ${epoch}`, `onEvaluateEnd ${n} ${epoch}`, `onSave ${n} ${epoch}`],
  ];
  expect(seen).toEqual([
    ...["onTrainBegin 0 0", "onEpochBegin 0 0", ...[0, 1, 2].flatMap((n) => step(n, 0)), ...ends(3, 1)],
    ...["onEpochBegin 3 1", ...[3, 4, 5].flatMap((n) => step(n, 1)), ...ends(6, 2), "onLoopEnd 6 2", "onTrainEnd 6 2"],
  ]);
});

test("what each is told", async () => {
  const told: Record<string, unknown[]> = {};
  const keep = onAll((event, info: object) => {
    told[event] ??= [];
    // What can be sent to another thread, but gradients.
    told[event].push(event === "onPreOptimizerStep" ? info : structuredClone(info));
  });
  const path = folder();
  const { metrics } = await trainer({ outputDir: path }, keep).train();
  expect(told.onTrainBegin).toEqual([{ step: 0, epoch: 0, maxSteps: 6, numTrainEpochs: 2, resumed: false }]);
  expect(told.onStepBegin[1]).toEqual({ step: 1, epoch: 0, learningRate: 0.015 });
  expect(told.onStepEnd[1]).toEqual({ step: 2, epoch: 0, loss: expect.any(Number), learningRate: 0.015 });
  expect(told.onLog[1]).toEqual({ step: 2, epoch: 0, logs: { loss: expect.any(Number), learning_rate: 0.015 } });
  expect(told.onLog.at(-1)).toEqual({ step: 6, epoch: 2, logs: { eval_loss: metrics?.loss } });
  expect(told.onEvaluate[1]).toMatchObject({ step: 6, epoch: 2, metrics, value: metrics?.loss });
  expect(told.onSave).toEqual(
    [3, 6].map((step, i) => ({ step, epoch: i + 1, path: join(path, `checkpoint-${step}`) })),
  );
  expect(told.onTrainEnd).toEqual([
    { step: 6, epoch: 2, status: "finished", result: expect.objectContaining({ steps: 6 }) },
  ]);
});

test("every hook is waited for, and tells a promise as well", async () => {
  for (const event of EVENTS) {
    let [open, late] = [0, 0];
    const slow = async () => {
      open++;
      await new Promise((resolve) => setTimeout(resolve, 1));
      open--;
    };
    const counts = onAll(() => {
      if (open > 0) late++;
    });
    await trainer({ outputDir: folder(), maxSteps: 4 }, { [event]: slow }, counts).train();
    expect([event, open, late]).toEqual([event, 0, 0]);
  }
});

test("what any of them throws ends training, and is told at the end", async () => {
  for (const event of EVENTS) {
    const ends: unknown[] = [];
    const mine = new Error(`mine ${event}`);
    const fails = { [event]: async () => Promise.reject(mine) };
    const hears: TrainerCallbacks = { onTrainEnd: ({ status, error }) => void ends.push([status, error]) };
    const path = folder();
    const run = trainer({ outputDir: path }, fails, hears).train();
    await expect(run).rejects.toBe(mine);
    // All hear of the end, also after one that fails at it.
    expect(ends).toEqual(event === "onTrainEnd" ? [["finished", undefined]] : [["failed", mine]]);
    expect(JSON.parse(readFileSync(join(path, "run.json"), "utf8"))).toMatchObject({ status: "failed" });
  }
});

test("a failure at the failure's end is told, and hides nothing", async () => {
  const [first, second] = [new Error("first"), new Error("second")];
  const notes: string[] = [];
  const failing: TrainerCallbacks = {
    onStepEnd: () => Promise.reject(first),
    onTrainEnd: () => Promise.reject(second),
    onNote: ({ text }) => void notes.push(text),
  };
  await expect(trainer({}, failing).train()).rejects.toBe(first);
  expect(notes).toEqual([expect.stringContaining("second")]);
});

test("any of them can stop, by its answer or by control", async () => {
  const at: Partial<Record<Event, number>> = {
    onTrainBegin: 0,
    onEpochBegin: 0,
    onStepBegin: 1,
    onPreOptimizerStep: 1,
  };
  for (const event of EVENTS) {
    if (event === "onLoopEnd" || event === "onTrainEnd") continue;
    const stop = at[event] ?? (event === "onStepEnd" || event === "onLog" ? 1 : 3);
    const ways: TrainerCallbacks[] = [
      { [event]: () => "stop" },
      { [event]: async () => "stop" },
      { [event]: (_: unknown, control: { stop(): void }) => control.stop() },
    ];
    for (const way of ways) {
      const ends: unknown[] = [];
      const path = folder();
      const hears: TrainerCallbacks = { onTrainEnd: ({ status }) => void ends.push(status) };
      const { steps } = await trainer({ outputDir: path, loggingSteps: 1 }, way, hears).train();
      expect([event, steps]).toEqual([event, stop]);
      expect(ends).toEqual(["interrupted"]);
      // Where it was stopped it can go on.
      const straight = trainer({});
      await straight.train();
      const again = trainer({ outputDir: path, resume: true, loggingSteps: 1 });
      expect((await again.train()).steps).toBe(6);
      expect(weights(again.model)).toEqual(weights(straight.model));
    }
  }
});

test("the same bits with hooks that look and without, also with those of the defaults out", async () => {
  const bits = async (args: GivenArguments, out: (new () => TrainerCallbacks)[], ...callbacks: TrainerCallbacks[]) => {
    const one = trainer(args, ...callbacks);
    for (const each of out) one.removeCallback(each);
    await one.train();
    return weights(one.model);
  };
  const want = await bits({}, []);
  const looks = onAll(async (_, info) => JSON.stringify(info));
  const norms = {
    onPreOptimizerStep: ({ gradNorm }: { gradNorm: number }) => void expect(gradNorm).toBeGreaterThan(0),
  };
  expect(await bits({ outputDir: folder() }, [], looks, norms)).toEqual(want);
  expect(await bits({ outputDir: folder() }, [CurvesCallback, CheckpointCallback, TerminateOnNaNCallback])).toEqual(
    want,
  );
  expect(await bits({ gradientAccumulationSteps: 1, evalSteps: 1, saveSteps: 1 }, [])).toEqual(want);
});

test("the random stream and the precision in hooks are the caller's and the run's", async () => {
  const precisions = new Set<string>();
  manualSeed(99);
  const hook = onAll((event) => {
    if (event === "onTrainBegin") manualSeed(5);
    precisions.add(getPrecision());
  });
  const one = trainer({ precision: "bf16", outputDir: folder() }, hook);
  await one.train();
  expect([...precisions]).toEqual(["bf16"]);
  expect(getPrecision()).toBe("float32");
  expect(getRngState().seed).toBe(5);
  const plain = trainer({ precision: "bf16" });
  await plain.train();
  expect(weights(one.model)).toEqual(weights(plain.model));
});

test("gradients: their names, their norm as clipGradNorm has it, and what a hook makes of them", async () => {
  const norms: [number, number][] = [];
  const names: string[][] = [];
  await trainer(
    { maxGradNorm: 0 },
    {
      onPreOptimizerStep({ parameters, gradients, gradNorm, loss }) {
        names.push([...gradients.keys()]);
        expect([...parameters.keys()]).toEqual([...gradients.keys()]);
        expect(loss).toBeGreaterThan(0);
        norms.push([gradNorm, clipGradNorm(parameters.values(), 0.01).item()]);
      },
    },
  ).train();
  expect(names[0]).toEqual(["0.weight", "0.bias", "3.weight", "3.bias"]);
  for (const [got, want] of norms) expect(got).toBeCloseTo(want, 6);
  // Gradients that a hook clips are those of maxGradNorm.
  const by = async (args: GivenArguments, ...callbacks: TrainerCallbacks[]) => {
    const one = trainer(args, ...callbacks);
    await one.train();
    return weights(one.model).flat();
  };
  const want = await by({ maxGradNorm: 0.01 });
  const got = await by(
    { maxGradNorm: 0 },
    { onPreOptimizerStep: ({ parameters }) => void clipGradNorm(parameters.values(), 0.01) },
  );
  for (const [i, value] of want.entries()) expect(got[i]).toBeCloseTo(value, 6);
  const still = trainer(
    { weightDecay: 0 },
    {
      onPreOptimizerStep({ gradients }) {
        for (const grad of gradients.values()) grad.fill_(0);
      },
    },
  );
  const before = weights(still.model);
  await still.train();
  expect(weights(still.model)).toEqual(before);
});

describe("control", () => {
  test("asks for evaluations, checkpoints and points of the curve, after the step", async () => {
    const path = folder();
    const seen: string[] = [];
    const asks: TrainerCallbacks = {
      onStepBegin: ({ step }, control) => {
        if (step === 1) control.evaluate();
      },
      onStepEnd: ({ step }, control) => {
        if (step === 1) control.save();
        if (step === 4) control.log({ mine: 0.25 });
        if (step === 5) control.log();
      },
      onEvaluate: ({ step }, control) => {
        seen.push(`evaluate ${step}`);
        if (step === 2) control.save();
      },
      onSave: ({ step, path }) => void seen.push(`save ${step} ${path !== undefined && existsSync(path)}`),
    };
    const args: GivenArguments = { evalStrategy: "no", saveStrategy: "no", loggingStrategy: "no" };
    await trainer({ outputDir: path, ...args }, asks).train();
    expect(seen).toEqual(["save 1 true", "evaluate 2", "save 2 true"]);
    const log = readLog(join(path, "log.jsonl"));
    expect(log.map(({ step }) => step)).toEqual([2, 4, 5]);
    expect(log[0]).toEqual({ step: 2, "eval/loss": expect.any(Number) });
    expect(log[1]).toMatchObject({ step: 4, "train/mine": 0.25, "train/loss": expect.any(Number) });
  });

  test("refuses what cannot be, and what comes too late", async () => {
    const during = (does: (control: Parameters<NonNullable<TrainerCallbacks["onStepEnd"]>>[1]) => void, options = {}) =>
      withOptions(options, {}, { onStepEnd: (_, control) => does(control) }).train();
    await expect(during((control) => control.save())).rejects.toThrow(/nothing saves/);
    await expect(during((control) => control.evaluate(), { evalDataset: undefined })).rejects.toThrow(
      /no held-out data/,
    );
    await expect(during((control) => control.log({ mine: "1" } as never))).rejects.toThrow(/control.log/);
    for (const what of ["save", "evaluate", "log"] as const) {
      const late = trainer({ outputDir: folder() }, { onTrainEnd: (_, control) => control[what]() });
      await expect(late.train()).rejects.toThrow(/training has ended/);
    }
  });

  test("says where training is", async () => {
    const states: unknown[] = [];
    const one = trainer(
      {},
      {
        onEvaluate(_, { state, args, model, optimizer, scheduler, measures, stopped }) {
          expect([args.seed, measures, model, optimizer]).toEqual([7, true, one.model, one.optimizer]);
          const { globalStep, epoch, maxSteps, numTrainEpochs, bestGlobalStep, metricForBestModel } = state;
          states.push([globalStep, epoch, maxSteps, numTrainEpochs, metricForBestModel, stopped]);
          expect(bestGlobalStep).toBeLessThanOrEqual(globalStep);
          expect(scheduler).toMatchObject({ lastStep: globalStep });
        },
      },
    );
    await one.train();
    expect(states).toEqual([
      [3, 1, 6, 2, "loss", false],
      [6, 2, 6, 2, "loss", true],
    ]);
  });
});

describe("hooks that are there by default", () => {
  const kinds = (args: GivenArguments) => defaultCallbacks(args).map((hook) => hook.constructor.name);

  test("are those that the arguments ask for", () => {
    expect(kinds({ quiet: true })).toEqual(["TerminateOnNaNCallback"]);
    expect(kinds({ outputDir: "x", emaDecay: 0.9, earlyStoppingPatience: 2 })).toEqual([
      ...["TerminateOnNaNCallback", "WeightAveragingCallback", "ProgressCallback", "BestWeightsCallback"],
      ...["EarlyStoppingCallback", "CheckpointCallback", "CurvesCallback"],
    ]);
    const mine = {};
    expect(trainer({}, mine).callbacks.map((hook) => hook.constructor.name)).toEqual([
      "TerminateOnNaNCallback",
      "Object",
    ]);
  });

  test("are left out, replaced and added", async () => {
    const one = trainer({ outputDir: folder() });
    const popped = one.popCallback(CurvesCallback);
    expect(popped).toBeInstanceOf(CurvesCallback);
    expect(() => one.removeCallback(CurvesCallback)).toThrow(OptionError);
    one.addCallback(popped);
    one.removeCallback(popped);
    expect(() => one.addCallback({ onStepEn() {} } as never)).toThrow(/nothing calls onStepEn/);
    await one.train();
    expect(readdirSync(one.args.outputDir as string).sort()).toEqual(["checkpoint-3", "checkpoint-6", "run.json"]);
    const saved: unknown[] = [];
    const two = withOptions(
      { defaultCallbacks: false },
      { outputDir: folder() },
      {
        onSave: ({ step, path }, control) => {
          saved.push([step, path]);
          control.writeCheckpoint(join(control.folder?.path as string, `mine-${step}`));
        },
      },
    );
    await two.train();
    expect(saved).toEqual([
      [3, undefined],
      [6, undefined],
    ]);
    expect(listCheckpoints(two.args.outputDir as string)).toEqual([]);
    expect(readdirSync(join(two.args.outputDir as string, "mine-6"))).toContain("trainer_state.json");
  });

  test("without the NaN guard training goes on with what is no number", async () => {
    const loss = (output: Tensor, y: Tensor) => nn.mseLoss(output, y).mul(Number.NaN);
    await expect(withOptions({ loss }, {}).train()).rejects.toThrow(TrainingError);
    const one = withOptions({ loss }, {});
    one.removeCallback(TerminateOnNaNCallback);
    expect((await one.train()).loss).toBeNaN();
  });

  test("the guard ends training before the weights are spoilt, and a second call begins with clean gradients", async () => {
    let bad = true;
    const loss = (output: Tensor, y: Tensor) => (bad ? nn.mseLoss(output, y).mul(Number.NaN) : nn.mseLoss(output, y));
    const one = withOptions({ loss }, {});
    const before = weights(one.model);
    await expect(one.train()).rejects.toThrow(/step 1 \(epoch 1\)/);
    expect(weights(one.model)).toEqual(before);
    bad = false;
    await one.train();
    expect(weights(one.model).flat().every(Number.isFinite)).toBe(true);
  });

  test("progress, and its replacement, write where they are told", async () => {
    const lines: string[] = [];
    const stream = { write: (text: string) => void lines.push(text) };
    await trainer({}, new ProgressCallback({ stream })).train();
    expect(lines.join("")).toMatch(/epoch 1 {2}step 3 {2}validation: loss .*\n.*epoch 2\/2 {2}step 6\/6 {2}loss /s);
    lines.length = 0;
    await trainer({ loggingSteps: 3 }, new PrinterCallback({ stream })).train();
    expect(lines.map((line) => Object.keys(JSON.parse(line)))).toEqual([
      ["step", "epoch", "loss", "learning_rate"],
      ["step", "epoch", "eval_loss"],
      ["step", "epoch", "loss", "learning_rate"],
      ["step", "epoch", "eval_loss"],
    ]);
  });

  test("early stopping: as a hook the same as by arguments; with a threshold it waits for more", async () => {
    const list = [1, 0.9, 0.85, 0.84, 0.83, 0.82];
    const steps = async (args: GivenArguments, ...callbacks: TrainerCallbacks[]) => {
      let i = 0;
      const evaluate = async () => ({ loss: list[i++] ?? 9 });
      const given = { evalDataset: undefined, evaluate };
      return (
        await withOptions(given, { perDeviceTrainBatchSize: 12, numTrainEpochs: 6, ...args }, ...callbacks).train()
      ).steps;
    };
    expect(await steps({}, new EarlyStoppingCallback({ earlyStoppingPatience: 2 }))).toBe(6);
    expect(await steps({}, new EarlyStoppingCallback({ earlyStoppingPatience: 2, earlyStoppingThreshold: 0.06 }))).toBe(
      4,
    );
    expect(await steps({}, new EarlyStoppingCallback({ earlyStoppingPatience: 1, earlyStoppingThreshold: 0.2 }))).toBe(
      2,
    );
    expect(await steps({ greaterIsBetter: true, earlyStoppingPatience: 2 })).toBe(3);
    expect(await steps({ greaterIsBetter: true }, new EarlyStoppingCallback({ earlyStoppingPatience: 2 }))).toBe(3);
    await expect(steps({ evalStrategy: "no" }, new EarlyStoppingCallback())).rejects.toThrow(/evalStrategy is no/);
    for (const wrong of [{ earlyStoppingPatience: 0 }, { earlyStoppingThreshold: -1 }, { patience: 2 }])
      expect(() => new EarlyStoppingCallback(wrong as never)).toThrow(OptionError);
  });

  test("best weights and averages without a folder", async () => {
    const list = [1, 0.1, 5];
    let i = 0;
    const kept: number[][][] = [];
    const evaluate = () => ({ loss: list[i++] ?? 7 });
    const keep: TrainerCallbacks = { onEvaluate: (_, { model }) => void kept.push(weights(model)) };
    const args = { numTrainEpochs: 3, emaDecay: 0.5, perDeviceTrainBatchSize: 1 };
    const one = withOptions({ evalDataset: undefined, evaluate }, args, new BestWeightsCallback(), keep);
    expect(one.callbacks.some((hook) => hook instanceof WeightAveragingCallback)).toBe(true);
    await one.train();
    expect(weights(one.model)).toEqual(kept[1]);
    i = 0;
    const last = withOptions({ evalDataset: undefined, evaluate }, args, keep);
    await last.train();
    expect(weights(last.model)).toEqual(kept[5]);
  });
});

test("hooks remember over a resume what they say, and one that does not is not asked", async () => {
  class Counter implements TrainerCallbacks {
    count = 0;
    onStepEnd({ step }: { step: number }) {
      this.count++;
      if (step === 4 && this.fails) throw new Error("the power failed");
    }
    readonly fails: boolean;
    constructor(fails: boolean) {
      this.fails = fails;
    }
    stateDict = () => ({ count: this.count });
    loadStateDict = (state: { count: number }) => {
      this.count = state.count;
    };
  }
  const path = folder();
  const args = { outputDir: path, saveSteps: 2 };
  await expect(trainer(args, {}, new Counter(false), new Counter(true)).train()).rejects.toThrow("the power failed");
  const [a, b] = [new Counter(false), new Counter(false)];
  const resumed: boolean[] = [];
  const again = trainer({ ...args, resume: true }, { onTrainBegin: (info) => void resumed.push(info.resumed) }, a, b);
  await again.train();
  expect([a.count, b.count, resumed]).toEqual([6, 6, [true]]);
  const straight = trainer({});
  await straight.train();
  expect(weights(again.model)).toEqual(weights(straight.model));
});

test("early stopping with a threshold goes on where it was", async () => {
  const list = [1, 0.98, 0.97, 0.2, 0.1, 0.09];
  const path = folder();
  const run = (args: GivenArguments, from: number, ...callbacks: TrainerCallbacks[]) => {
    let i = from;
    const given = { evalDataset: undefined, evaluate: () => ({ loss: list[i++] ?? 9 }) };
    const stopping = new EarlyStoppingCallback({ earlyStoppingPatience: 2, earlyStoppingThreshold: 0.05 });
    const all = { outputDir: path, perDeviceTrainBatchSize: 12, numTrainEpochs: 6, ...args };
    return withOptions(given, all, stopping, ...callbacks).train();
  };
  const dies: TrainerCallbacks = {
    onEpochBegin: ({ epoch }) => {
      if (epoch === 2) throw new Error("the power failed");
    },
  };
  await expect(run({}, 0, dies)).rejects.toThrow("the power failed");
  expect((await run({ resume: true }, 2)).steps).toBe(3);
});

test("a hook of another name than Transformers' is refused, with what to do", () => {
  for (const [name, hint] of [
    ["onInitEnd", /after new Trainer/],
    ["onOptimizerStep", /onPreOptimizerStep/],
    ["onPredictionStep", /onEvaluate/],
    ["onEvaluat", /Did you mean onEvaluate/],
    ["on_step_end", /Did you mean onStepEnd/],
    ["onTrainStart", /There are: onTrainBegin/],
  ] as const) {
    try {
      trainer({}, { [name]: () => {} });
      expect.unreachable(name);
    } catch (error) {
      expect(error).toBeInstanceOf(OptionError);
      expect((error as ShoshinError).hint).toMatch(hint);
    }
  }
});
