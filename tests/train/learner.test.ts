import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { OptionError } from "../../src/backend/options.ts";
import { tensor } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import {
  EarlyStoppingCallback,
  type FitOptions,
  fitLearner,
  LEARNER_ARGUMENTS,
  type Learner,
  type LearnerHooks,
  listCheckpoints,
  readLog,
  type TrainerCallbacks,
} from "../../src/train/index.ts";
import { temporaryFolder } from "../folder.ts";

const home = temporaryFolder();
let made = 0;
const folder = () => join(home, `run-${made++}`);

/** Counts how often each of four words occurs, in as many steps as there are lists. */
class Counts implements Learner<number[][]> {
  readonly model = new nn.Embedding(4, 1);
  readonly fails: number;
  constructor(fails = Number.POSITIVE_INFINITY) {
    this.model.weight.detach().fill_(0);
    this.fails = fails;
  }
  stepsPerEpoch = (data: number[][]) => data.length;
  async fit(data: number[][], hooks: LearnerHooks) {
    while (!hooks.stopped) {
      await hooks.epochBegin();
      for (const [i, list] of data.entries()) {
        if (hooks.control.state.globalStep % data.length !== i) continue;
        if (hooks.control.state.globalStep === this.fails) throw new Error("the power failed");
        const counts = this.model.weight.data();
        for (const word of list) counts[word] += hooks.epoch + 1;
        this.model.weight.detach().copy_(counts);
        await hooks.stepEnd({ loss: 1 / (hooks.control.state.globalStep + 1), examples: list.length });
        if (hooks.stopped) break;
      }
      if (hooks.control.state.globalStep % data.length === 0) await hooks.epochEnd();
      else return;
    }
  }
}
const data = [[0, 1], [1], [2, 1, 3]];
const learn = async (options: FitOptions, learner = new Counts()) => {
  const args = { quiet: true, numTrainEpochs: 4, ...options.args };
  const result = await fitLearner(learner, data, { ...options, args });
  return { result, counts: [...learner.model.weight.data()] };
};

test("a learner has progress, curves, evaluations, a record and an honest result", async () => {
  const path = folder();
  const seen: string[] = [];
  let n = 0;
  const hook: TrainerCallbacks = {
    onTrainBegin: ({ maxSteps }) => void seen.push(`begin ${maxSteps}`),
    onEpochBegin: ({ epoch }) => void seen.push(`epoch ${epoch}`),
    onStepEnd: ({ step, loss }, { optimizer }) => {
      expect([step, optimizer, loss > 0]).toEqual([++n, undefined, true]);
    },
    onEpochEnd: async ({ epoch }) => void seen.push(`end ${epoch}`),
    onTrainEnd: ({ status }) => void seen.push(status),
  };
  const evaluate = () => ({ loss: 0.5, size: n });
  const args = { outputDir: path, loggingSteps: 2, evalStrategy: "epoch" as const, metricForBestModel: "size" };
  const { result, counts } = await learn({
    args,
    callbacks: [hook],
    evaluate,
    run: { settings: { smoothing: 3 }, data: {} },
  });
  expect(counts).toEqual([10, 30, 10, 10]);
  expect(result).toMatchObject({ steps: 12, epochs: 4, metrics: { loss: 0.5, size: 12 }, alreadyFinished: false });
  expect(result.loss).toBeCloseTo((1 / 10 + 1 / 11 + 1 / 12) / 3, 12);
  expect(seen).toEqual(["begin 12", ...[0, 1, 2, 3].flatMap((e) => [`epoch ${e}`, `end ${e + 1}`]), "finished"]);
  const log = readLog(join(path, "log.jsonl"));
  expect(log.filter((p) => "train/loss" in p).map((p) => p.step)).toEqual([2, 4, 6, 8, 10, 12]);
  expect(log.filter((p) => "eval/size" in p).map((p) => p["eval/size"])).toEqual([3, 6, 9, 12]);
  expect(log.some((p) => "train/learning_rate" in p)).toBe(false);
  const run = JSON.parse(readFileSync(join(path, "run.json"), "utf8"));
  expect(run).toMatchObject({
    status: "finished",
    settings: { numTrainEpochs: 4, smoothing: 3 },
    results: { steps: 12 },
  });
  // What nothing heard of is not said of the run.
  expect(run.settings).not.toHaveProperty("learningRate");
});

test("it stops where a hook says so, and early stopping ends with the best", async () => {
  const stops = await learn({ callbacks: [{ onStepEnd: ({ step }) => (step === 5 ? "stop" : undefined) }] });
  expect(stops.result.steps).toBe(5);
  const losses = [3, 1, 2, 2];
  let i = 0;
  const evaluate = () => ({ loss: losses[i++] ?? 1 });
  const early = await learn({ args: { earlyStoppingPatience: 1 }, evaluate });
  expect(early.result.steps).toBe(9);
  expect(early.counts).toEqual([3, 9, 3, 3]);
  i = 0;
  const kept = await learn({ callbacks: [new EarlyStoppingCallback({ earlyStoppingPatience: 1 })], evaluate });
  expect(kept.counts).toEqual([6, 18, 6, 6]);
});

test("it goes on where it was, to the same result", async () => {
  const straight = await learn({});
  const path = folder();
  const args = { outputDir: path, saveSteps: 2 };
  await expect(learn({ args }, new Counts(7))).rejects.toThrow("the power failed");
  expect(JSON.parse(readFileSync(join(path, "run.json"), "utf8")).status).toBe("failed");
  expect(listCheckpoints(path).map(({ step }) => step)).toEqual([2, 4, 6]);
  const again = await learn({ args: { ...args, resume: true } });
  expect(again.counts).toEqual(straight.counts);
  expect((await learn({ args: { ...args, resume: true } })).result.alreadyFinished).toBe(true);
  await expect(learn({ args: { ...args, resume: true, seed: 5 } })).rejects.toThrow(/seed/);
  expect(readdirSync(path)).toContain("log.jsonl");
});

test("a step that counts for several is not jumped over by every so many", async () => {
  const seen: string[] = [];
  const wide: Learner<number[]> = {
    model: new nn.Linear(1, 1),
    stepsPerEpoch: (list) => list.length,
    async fit(list, hooks) {
      while (!hooks.stopped) {
        await hooks.stepEnd({ loss: 1, steps: list.length, examples: list.length });
        await hooks.epochEnd();
      }
    },
  };
  const args = { quiet: true, numTrainEpochs: 4, evalStrategy: "steps" as const, evalSteps: 10, loggingSteps: 7 };
  const callbacks: TrainerCallbacks[] = [
    {
      onEvaluate: ({ step }) => void seen.push(`evaluate ${step}`),
      onLog: ({ step, logs }) => void ("loss" in logs && seen.push(`log ${step}`)),
    },
  ];
  await fitLearner(wide, [1, 2, 3, 4, 5, 6], { args, callbacks, evaluate: () => ({ loss: 1 }) });
  expect(seen).toEqual(["log 12", "evaluate 12", "log 18", "log 24", "evaluate 24"]);
});

test("what it does not hear is refused", async () => {
  const wrong = (options: object, learner: unknown = new Counts()) =>
    fitLearner(learner as Counts, data, options as FitOptions);
  await expect(wrong({ args: { learningRate: 1 } })).rejects.toThrow(/fitLearner: args: unknown option learningRate/);
  await expect(wrong({ epochs: 3 })).rejects.toThrow(OptionError);
  await expect(wrong({ callbacks: [{ onStepEn() {} }] })).rejects.toThrow(OptionError);
  await expect(wrong({ evaluate: 3 })).rejects.toThrow(OptionError);
  await expect(wrong({ args: { earlyStoppingPatience: 2 } })).rejects.toThrow(/needs held-out data/);
  await expect(wrong({ evaluate: () => ({ f1: "1" }) })).rejects.toThrow(/fitLearner: evaluate gave/);
  await expect(wrong({}, {})).rejects.toThrow(/expected a learner/);
  await expect(wrong({}, { model: new nn.Linear(1, 1), stepsPerEpoch: () => 0, fit() {} })).rejects.toThrow(
    OptionError,
  );
  const hears = Object.assign(new Counts(), { hears: ["learningRate"] as const });
  expect((await fitLearner(hears, data, { args: { learningRate: 0.5, quiet: true } })).steps).toBe(9);
  expect(new Set(LEARNER_ARGUMENTS).size).toBe(LEARNER_ARGUMENTS.length);
});

test("random numbers and precision in within() are the run's", async () => {
  const draws = async (seed: number) => {
    const got: number[] = [];
    const learner: Learner<null> = {
      model: new nn.Linear(1, 1),
      async fit(_, hooks) {
        while (!hooks.stopped) {
          got.push(hooks.within(() => nn.init.uniform_(tensor([0])).item()));
          await hooks.stepEnd({});
          await hooks.epochEnd();
        }
      },
    };
    await fitLearner(learner, null, { args: { seed, quiet: true, numTrainEpochs: 2 } });
    return got;
  };
  expect(await draws(3)).toEqual(await draws(3));
  expect(await draws(3)).not.toEqual(await draws(4));
});

test("a pass without a step is refused, and does not go on for ever", async () => {
  const model = new nn.Embedding(4, 1);
  const fit = async (_: number[][], hooks: LearnerHooks) => {
    while (!hooks.stopped) await hooks.epochEnd();
  };
  await expect(fitLearner({ model, fit }, data, { args: { quiet: true } })).rejects.toThrow("without a step");
});
