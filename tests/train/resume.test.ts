import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ArrayDataset } from "../../src/data/index.ts";
import { SafetensorsFile } from "../../src/formats/index.ts";
import { tensor } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { listCheckpoints, readLog, Trainer, TrainingError } from "../../src/train/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();

const examples = Array.from({ length: 40 }, (_, i) => ({ x: [Math.sin(i), Math.cos(i * 1.3), i / 40], y: i % 2 }));
function trainer(name: string, args: Record<string, unknown> = {}, options: Record<string, unknown> = {}) {
  nn.init.constant_(tensor([0]), 0);
  const model = new nn.Sequential(new nn.Linear(3, 16), new nn.ReLU(), new nn.Dropout(0.3), new nn.Linear(16, 2));
  model.parameters().forEach((p, k) => {
    p.detach().copy_(Float32Array.from({ length: p.numel }, (_, i) => Math.sin(i + k) / 2));
  });
  const collate = (list: typeof examples) => ({
    x: tensor(list.map((e) => e.x)),
    y: tensor(
      Int32Array.from(list, (e) => e.y),
      [list.length],
    ),
  });
  const whole = collate(examples);
  return {
    model,
    whole,
    trainer: new Trainer({
      model,
      trainDataset: new ArrayDataset(examples),
      collate,
      computeLoss: (b) => nn.crossEntropy(model.forward(b.x), b.y),
      evaluate: async () => {
        const loss = nn.crossEntropy(model.forward(whole.x), whole.y);
        return { loss: loss.item() };
      },
      args: {
        outputDir: join(folder, name),
        numTrainEpochs: 4,
        perDeviceTrainBatchSize: 7,
        learningRate: 0.02,
        maxGradNorm: 1,
        quiet: true,
        seed: 3,
        ...args,
      },
      ...options,
    }),
  };
}
const weights = (m: nn.Module) => [...m.stateDict().values()].map((t) => [...t.data()]);

describe("Trainer", () => {
  it.each([
    {},
    { saveSteps: 5 },
    { gradientAccumulationSteps: 2, saveSteps: 3, evalSteps: 2 },
    { optim: "sgd", nesterov: true, earlyStoppingPatience: 2 },
    { emaDecay: 0.8, saveSteps: 7, numTrainEpochs: 5, adamBeta2: 0.99, lrSchedulerKwargs: {} },
  ])("resumes to the same bits: %o", async (args) => {
    const id = JSON.stringify(args).length;
    const straight = trainer(`straight-${id}`, args);
    await straight.trainer.train();
    let steps = 0;
    const stopping = trainer(`stopped-${id}`, args, {
      callbacks: [
        {
          onStepEnd() {
            if (++steps === 9) throw new Error("the power failed");
          },
        },
      ],
    });
    await expect(stopping.trainer.train()).rejects.toThrow("the power failed");
    const again = trainer(`stopped-${id}`, { ...args, resume: true });
    const result = await again.trainer.train();
    expect(weights(again.model)).toEqual(weights(straight.model));
    expect(result.alreadyFinished).toBe(false);
    const once = trainer(`stopped-${id}`, { ...args, resume: true });
    expect((await once.trainer.train()).alreadyFinished).toBe(true);
    const log = (name: string) => readLog(join(folder, name, "log.jsonl"));
    expect(log(`stopped-${id}`)).toEqual(log(`straight-${id}`));
  });

  it("measures and ends with the average of the weights, and goes on from the weights", async () => {
    const t = trainer("average", { emaDecay: 0.9, numTrainEpochs: 8, loadBestModelAtEnd: false });
    const { metrics } = await t.trainer.train();
    const { path } = listCheckpoints(join(folder, "average")).at(-1) as { path: string };
    const saved = (name: string) => {
      using file = SafetensorsFile.open(join(path, name));
      return new Map(file.names().map((key) => [key, [...(file.read(key).data as Float32Array)]]));
    };
    const average = saved("average.safetensors");
    const final = weights(t.model);
    expect(final).toEqual(final.map((_, i) => average.get(String(i))));
    expect([...saved("model.safetensors").values()]).not.toEqual(final);
    expect(nn.crossEntropy(t.model.forward(t.whole.x), t.whole.y).item()).toBe(metrics?.loss);
  });

  it("keeps the newest checkpoints and the best", async () => {
    const t = trainer("limited", { saveTotalLimit: 2, numTrainEpochs: 6 });
    await t.trainer.train();
    expect(listCheckpoints(join(folder, "limited")).length).toBeLessThanOrEqual(2);
  });

  it("skips a damaged checkpoint and takes the one before", async () => {
    const first = trainer("damaged", { saveSteps: 4 });
    await first.trainer.train();
    const want = weights(first.model);
    rmSync(join(folder, "damaged", "run.json"));
    const all = listCheckpoints(join(folder, "damaged"));
    truncateSync(join((all.at(-1) as { path: string }).path, "model.safetensors"), 100);
    writeFileSync(join((all.at(-2) as { path: string }).path, "trainer_state.json"), "{");
    const again = trainer("damaged", { saveSteps: 4, resume: true });
    await again.trainer.train();
    expect(weights(again.model)).toEqual(want);
  });

  it("refuses to resume with other settings", async () => {
    await expect(trainer("damaged", { saveSteps: 4, resume: true, learningRate: 0.5 }).trainer.train()).rejects.toThrow(
      /other settings/,
    );
  });

  it("stops at a loss that is no number, naming the step, and keeps the last checkpoint", async () => {
    const t = trainer(
      "nan",
      { saveSteps: 2 },
      {
        callbacks: [
          {
            onStepEnd: ({ step }: { step: number }) =>
              void (step === 5 && t.model.parameters()[0].detach().fill_(Number.NaN)),
          },
        ],
      },
    );
    await expect(t.trainer.train()).rejects.toThrow(TrainingError);
    await expect(
      trainer("nan-2", { saveSteps: 2, learningRate: 1e38, maxGradNorm: 0 }).trainer.train(),
    ).rejects.toThrow(/at step \d+/);
  });

  it("refuses settings out of range by name", () => {
    expect(() => trainer("x", { learningRate: -1 })).toThrow(/learningRate is -1/);
    expect(() => trainer("x", { perDeviceTrainBatchSize: 0 })).toThrow(/perDeviceTrainBatchSize is 0/);
    expect(() => trainer("x", { optim: "lion" })).toThrow(/unknown optimizer lion/);
  });

  it("says when the folder cannot be written", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(trainer("file/inside").trainer.train()).rejects.toThrow(/cannot write/);
  });
});
