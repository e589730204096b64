import { join } from "node:path";
import { expect, test } from "vitest";
import { ArrayDataset } from "../../src/data/index.ts";
import * as nn from "../../src/nn/index.ts";
import {
  fitLearner,
  type Learner,
  readLog,
  Trainer,
  type TrainerCallbacks,
  TrainingError,
} from "../../src/train/index.ts";
import { temporaryFolder } from "../folder.ts";

const home = temporaryFolder();
const data = new ArrayDataset(Array.from({ length: 6 }, (_, i) => ({ x: [Math.sin(i)], y: [Math.cos(i)] })));
/** Three steps an epoch, two epochs; the curve has no points of its own. */
function trainer(callbacks: TrainerCallbacks[], outputDir?: string) {
  const args = {
    quiet: true,
    perDeviceTrainBatchSize: 2,
    numTrainEpochs: 2,
    loggingStrategy: "no" as const,
    outputDir,
  };
  const options = { model: new nn.Linear(1, 1), trainDataset: data, evalDataset: data, loss: nn.mseLoss };
  return new Trainer({ ...options, callbacks, args });
}

test("what is asked for at the evaluation or the checkpoint of the last step comes", async () => {
  const outputDir = join(home, "logs");
  let [evaluations, saves] = [0, 0];
  await trainer(
    [
      {
        onEvaluate({ step }, control) {
          evaluations++;
          control.log({ mine: step });
        },
        onSave(_, control) {
          if (saves++ < 2) control.evaluate();
        },
      },
    ],
    outputDir,
  ).train();
  const mine = readLog(join(outputDir, "log.jsonl")).flatMap((point) => point["train/mine"] ?? []);
  expect(mine.at(-1)).toBe(6);
  // After each epoch, and once more after each of the two checkpoints.
  expect([evaluations, saves]).toEqual([4, 2]);
});

test("nothing can be asked for once the last step is done", async () => {
  for (const what of ["evaluate", "save", "log"] as const) {
    const late: TrainerCallbacks = { onLoopEnd: (_, control) => control[what]() };
    await expect(trainer([late], join(home, what)).train()).rejects.toThrow(
      new RegExp(`control.${what}\\(\\): training has ended`),
    );
  }
});

test.each([
  ["−∞", { best: Number.NEGATIVE_INFINITY }, /best is -Infinity/],
  ["a Map", { inner: [{ seen: new Map() }] }, /inner\.0\.seen is a Map/],
  ["a typed array", { counts: new Float32Array(2) }, /counts is a Float32Array/],
  ["a big number", 2n, /Keeps\.stateDict\(\) is 2, which/],
] as const)("a hook that wants %s to be kept is refused by name", async (name, state, message) => {
  class Keeps implements TrainerCallbacks {
    stateDict = () => state;
  }
  await expect(trainer([new Keeps()], join(home, `state ${name}`)).train()).rejects.toThrow(message);
});

test("a learner's loss that is no number ends its training, and a misspelt fact is refused", async () => {
  const learner = (step: object): Learner<number[]> => ({
    model: new nn.Linear(1, 1),
    async fit(_data, hooks) {
      await hooks.epochBegin();
      await hooks.stepEnd(step);
      await hooks.epochEnd();
    },
  });
  const options = { args: { quiet: true, numTrainEpochs: 1 } };
  await expect(fitLearner(learner({ loss: Number.NaN }), [1], options)).rejects.toThrow(TrainingError);
  await expect(fitLearner(learner({ los: 1 }), [1], options)).rejects.toThrow(/unknown option los[\s\S]*/);
  const spared = { ...options, defaultCallbacks: false };
  expect((await fitLearner(learner({ loss: Number.NaN }), [1], spared)).loss).toBeNaN();
});
