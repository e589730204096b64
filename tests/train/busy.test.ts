import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { ArrayDataset } from "../../src/data/index.ts";
import { manualSeed } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { RunFolderError, Trainer, type TrainerCallbacks } from "../../src/train/index.ts";
import { folderIn, temporaryFolder } from "../folder.ts";

const root = temporaryFolder();
let folder: string;
beforeEach(() => {
  folder = folderIn(root);
});

const data = new ArrayDataset(Array.from({ length: 12 }, (_, i) => ({ x: [Math.sin(i), 1], y: [Math.sin(2 * i)] })));
function train(args: object, ...callbacks: TrainerCallbacks[]) {
  manualSeed(1);
  const model = new nn.Linear(2, 1);
  const all = { outputDir: join(folder, "run"), quiet: true, maxSteps: 6, saveSteps: 2, ...args };
  return new Trainer({ model, trainDataset: data, loss: nn.mseLoss, callbacks, args: all }).train();
}
const failAt = (at: number): TrainerCallbacks => ({
  onStepEnd: ({ step }) => {
    if (step === at) throw new Error("mine");
  },
});

test("a folder in which a run is under way is refused to others, whatever they ask for", async () => {
  let others: Promise<PromiseSettledResult<unknown>[]> | undefined;
  await train(
    {},
    {
      onStepEnd: () => {
        others ??= Promise.allSettled([train({ overwriteOutputDir: true }), train({ resume: true })]);
      },
    },
  );
  for (const other of (await others) ?? [])
    expect(other).toMatchObject({ status: "rejected", reason: expect.any(RunFolderError) });
  expect((await train({ overwriteOutputDir: true })).steps).toBe(6);
});

test("a run that failed lets go of its folder", async () => {
  await expect(train({}, failAt(3))).rejects.toThrow("mine");
  expect(JSON.parse(readFileSync(join(folder, "run", "run.json"), "utf8")).owner).toBeUndefined();
  expect((await train({ resume: true })).steps).toBe(6);
});

test("another process is asked for by its number; one that ended holds nothing", async () => {
  await expect(train({}, failAt(3))).rejects.toThrow("mine");
  const path = join(folder, "run", "run.json");
  const ownedBy = (owner: string) =>
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), owner }));
  ownedBy(`${process.ppid} ${hostname()} x`);
  await expect(train({ resume: true })).rejects.toThrow(`process ${process.ppid} is training there`);
  await expect(train({ overwriteOutputDir: true })).rejects.toThrow(RunFolderError);
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  ownedBy(`${pid} ${hostname()} x`);
  expect((await train({ resume: true })).steps).toBe(6);
});

test("a run is not resumed, nor written over, with another model", async () => {
  await expect(train({}, failAt(3))).rejects.toThrow("mine");
  const before = readFileSync(join(folder, "run", "checkpoint-2", "model.safetensors"));
  const args = { outputDir: join(folder, "run"), quiet: true, maxSteps: 6, saveSteps: 2, resume: true };
  const other = new Trainer({
    model: new nn.Sequential(new nn.Linear(2, 3), new nn.Linear(3, 1)),
    ...{ trainDataset: data, loss: nn.mseLoss, args },
  });
  await expect(other.train()).rejects.toThrow("is of another model");
  expect(readFileSync(join(folder, "run", "checkpoint-2", "model.safetensors"))).toEqual(before);
  expect((await train({ resume: true })).steps).toBe(6);
});

test("entries of a record that are none, or lead outside the folder, are nobody's", async () => {
  await train({});
  const path = join(folder, "run", "run.json");
  writeFileSync(join(folder, "mine"), "");
  const record = JSON.parse(readFileSync(path, "utf8"));
  const outside = { "../mine": { writing: true }, a: null, b: 3, c: {} };
  writeFileSync(path, JSON.stringify({ ...record, files: { ...record.files, ...outside } }));
  expect((await train({ overwriteOutputDir: true })).steps).toBe(6);
  expect(readFileSync(join(folder, "mine"), "utf8")).toBe("");
});
