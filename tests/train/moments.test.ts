import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { ArrayDataset } from "../../src/data/index.ts";
import { manualSeed } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { RunFolder, readHistory, readLog, readRun, saveWeights, Trainer } from "../../src/train/index.ts";
import { copyFolder, temporaryFolder } from "../folder.ts";

/** Changes of files that are still done; after them the process is dead, and nothing is. */
const life = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY, done: 0 }));

vi.mock("#platform", async (original) => {
  // biome-ignore lint/suspicious/noExplicitAny: functions of every kind
  const platform = await original<Record<string, any>>();
  const mortal = (name: string) => {
    return (...args: unknown[]) => {
      life.done++;
      if (life.left-- > 0) return platform[name](...args);
      // The last thing that a process does may be half a line.
      if (life.left === -1 && name === "appendFileSync") {
        const [path, data] = args as [string, string | Uint8Array];
        platform.appendFileSync(path, data.slice(0, data.length / 2));
      }
      throw new Error("killed");
    };
  };
  const changes = ["renameSync", "rmSync", "appendFileSync", "writeFileSync", "mkdirSync", "writeSync"];
  return { ...platform, ...Object.fromEntries(changes.map((name) => [name, mortal(name)])), fsyncSync: () => {} };
});

const root = temporaryFolder();
const at = (name: string) => join(root, name);

const data = new ArrayDataset(Array.from({ length: 8 }, (_, i) => ({ x: [Math.sin(i), i], y: [Math.sin(2 * i)] })));
/** Trains, and writes a model's files, as a task does. */
async function train(folder: string, args: object = {}) {
  manualSeed(1);
  const model = new nn.Linear(2, 1);
  const trainer = new Trainer({
    ...{ model, trainDataset: data, evalDataset: data, loss: nn.mseLoss, savesModel: true },
    args: {
      ...{ outputDir: folder, numTrainEpochs: 2, perDeviceTrainBatchSize: 4, learningRate: 0.02, optim: "sgd" },
      ...{
        evalSteps: 1,
        saveSteps: 1,
        saveTotalLimit: 2,
        loadBestModelAtEnd: true,
        quiet: true,
        resume: true,
        ...args,
      },
    },
  });
  const result = await trainer.train();
  const run = RunFolder.existing(folder) as RunFolder;
  if (result.alreadyFinished && run.saved) return;
  saveWeights(model, join(folder, "model.safetensors"));
  run.markSaved();
}
async function killedAfter(changes: number, folder: string, args?: object): Promise<boolean> {
  Object.assign(life, { left: changes, done: 0 });
  try {
    await train(folder, args);
    return false;
  } catch (error) {
    if (!/killed/.test(String((error as Error).message))) throw error;
    return true;
  } finally {
    life.left = Number.POSITIVE_INFINITY;
  }
}

/** Moments to die at: some of training, and every one of its end, when the model is written and what is there twice goes. */
async function moments(folder: string, args?: object): Promise<number[]> {
  expect(await killedAfter(Number.POSITIVE_INFINITY, folder, args)).toBe(false);
  const all = Array.from({ length: life.done + 1 }, (_, i) => i);
  return all.filter((i) => i % 7 === 0 || i > all.length - 30);
}

/** What is left when it has ended is what an undisturbed run leaves. */
function expectLike(folder: string, straight: string, at: number) {
  const said = `killed after ${at} changes`;
  const names = (path: string) =>
    readdirSync(path)
      .filter((name) => !name.startsWith("events."))
      .sort();
  expect(names(folder), said).toEqual(names(straight));
  expect(readFileSync(join(folder, "model.safetensors")), said).toEqual(
    readFileSync(join(straight, "model.safetensors")),
  );
  expect(readLog(join(folder, "log.jsonl")), said).toEqual(readLog(join(straight, "log.jsonl")));
  expect(readHistory(join(folder, "log.jsonl")).at(-1), said).toMatchObject({ event: "end", status: "finished" });
  const [run, other] = [readRun(folder), readRun(straight)];
  expect(run, said).toMatchObject({ status: "finished", saved: true, best: other?.best });
  expect(run?.results?.metrics, said).toEqual(other?.results?.metrics);
}

describe("a process that ends at any moment loses nothing", () => {
  it("of a run", async () => {
    for (const changes of await moments(at("straight"))) {
      const folder = at(`run-${changes}`);
      await killedAfter(changes, folder);
      await train(folder);
      expectLike(folder, at("straight"), changes);
      rmSync(folder, { recursive: true });
    }
    expect(existsSync(join(at("straight"), "best.safetensors"))).toBe(false);
  }, 240_000);

  it("of a run that had finished, and grows", async () => {
    const longer = { numTrainEpochs: 3, learningRate: 0.5 };
    await train(at("short"), { learningRate: 0.5 });
    // The best is an early one, which the model's own file holds.
    expect(readRun(at("short"))?.best).toMatchObject({ weights: "model.safetensors" });
    expect(readRun(at("short"))?.best?.step).toBeLessThan(4);
    copyFolder(at("short"), at("long"));
    for (const changes of await moments(at("long"), longer)) {
      const folder = at(`grown-${changes}`);
      copyFolder(at("short"), folder);
      await killedAfter(changes, folder, longer);
      await train(folder, longer);
      expectLike(folder, at("long"), changes);
      rmSync(folder, { recursive: true });
    }
    expect(readRun(at("long"))?.results).toMatchObject({ steps: 6 });
  }, 240_000);

  it("and nothing of its user's", async () => {
    const mine = { "README.md": "mine", "log.jsonl": "mine", "notes.txt": "mine" };
    for (let changes = 0; changes < 60; changes += 6) {
      const folder = at(`mine-${changes}`);
      copyFolder(at("short"), folder);
      rmSync(join(folder, "log.jsonl"));
      for (const [name, text] of Object.entries(mine)) writeFileSync(join(folder, name), text);
      await killedAfter(changes, folder, { overwriteOutputDir: true, resume: false });
      await train(folder, { overwriteOutputDir: true, resume: false });
      for (const [name, text] of Object.entries(mine)) expect(readFileSync(join(folder, name), "utf8")).toBe(text);
      rmSync(folder, { recursive: true });
    }
  }, 120_000);
});
