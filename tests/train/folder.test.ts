import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ArrayDataset } from "../../src/data/index.ts";
import { manualSeed } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { Trainer } from "../../src/train/index.ts";
import { temporaryFolder } from "../folder.ts";

const root = temporaryFolder();

const examples = Array.from({ length: 12 }, (_, i) => ({ x: [Math.sin(i), Math.cos(i)], y: i % 2 }));
const data = new ArrayDataset(examples.map(({ x, y }) => ({ x, y: [y] })));
function trainer(folder: string, args: object = {}, more: object = {}) {
  manualSeed(1);
  return new Trainer({
    model: new nn.Linear(2, 1),
    trainDataset: data,
    evalDataset: data,
    loss: nn.mseLoss,
    args: { outputDir: folder, learningRate: 0.1, loadBestModelAtEnd: true, quiet: true, ...args },
    ...more,
  });
}
let n = 0;
const fresh = (files: Record<string, string> = {}) => {
  const folder = join(root, String(n++));
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
};
const read = (folder: string, files: Record<string, string>) =>
  Object.fromEntries(Object.keys(files).map((name) => [name, readFileSync(join(folder, name), "utf8")]));

const MINE = {
  "README.md": "mine",
  "run.json": '{"mine": true}',
  "best.safetensors": "mine",
  "log.jsonl": "mine",
  "checkpoint-2/notes.txt": "mine",
  "checkpoint-4": "a file",
  "checkpoint-old/model.safetensors": "mine",
  "src/index.ts": "mine",
};

describe("a folder with things of the user's", () => {
  it("is refused, and nothing in it changes", async () => {
    const folder = fresh(MINE);
    const before = readdirSync(folder);
    await expect(trainer(folder).train()).rejects.toThrow(/is not empty: it holds/);
    await expect(trainer(folder, { resume: true }).train()).rejects.toThrow(/is not empty/);
    expect(readdirSync(folder)).toEqual(before);
    expect(read(folder, MINE)).toEqual(MINE);
  });
  it("with overwriteOutputDir keeps them, run after run", async () => {
    const folder = fresh(MINE);
    await trainer(folder, { overwriteOutputDir: true }).train();
    expect(read(folder, MINE)).toEqual(MINE);
    const first = readdirSync(folder).filter((name) => !name.startsWith("events."));
    expect(first).toContain("run-2.json");
    expect(first).toContain("checkpoint-6");
    await expect(trainer(folder).train()).rejects.toThrow(/holds a run that has finished/);
    expect((await trainer(folder, { resume: true }).train()).alreadyFinished).toBe(true);
    await trainer(folder, { overwriteOutputDir: true }).train();
    expect(read(folder, MINE)).toEqual(MINE);
    expect(readdirSync(folder).filter((name) => !name.startsWith("events."))).toEqual(first);
    await trainer(folder, { overwriteOutputDir: true, maxSteps: 3 }).train();
    expect(read(folder, MINE)).toEqual(MINE);
    expect(existsSync(join(folder, "checkpoint-6"))).toBe(false);
  });
  it("that the system left there is none", async () => {
    const folder = fresh({ ".DS_Store": "", "Thumbs.db": "" });
    await trainer(folder).train();
    expect(readFileSync(join(folder, ".DS_Store"), "utf8")).toBe("");
  });
  it("a repository is one", async () => {
    await expect(trainer(fresh({ ".git/HEAD": "ref" })).train()).rejects.toThrow(/holds .git/);
  });
  it("or a file is none to train into", async () => {
    const folder = fresh({ file: "" });
    await expect(trainer(join(folder, "file")).train()).rejects.toThrow(/cannot write/);
    await expect(trainer(join(folder, "file"), { overwriteOutputDir: true }).train()).rejects.toThrow(/cannot write/);
    expect(readFileSync(join(folder, "file"), "utf8")).toBe("");
  });
});

describe("a run's own folder", () => {
  const stopped = async () => {
    const folder = fresh();
    const onStepEnd = ({ step }: { step: number }) => {
      if (step === 5) throw new Error("the power failed");
    };
    await expect(trainer(folder, {}, { callbacks: [{ onStepEnd }] }).train()).rejects.toThrow("the power failed");
    return folder;
  };
  it("that has not finished is gone on with, or overwritten", async () => {
    const folder = await stopped();
    await expect(trainer(folder).train()).rejects.toThrow(/has not finished/);
    expect(JSON.parse(readFileSync(join(folder, "run.json"), "utf8"))).toMatchObject({
      ...{ status: "failed", error: "the power failed", started: expect.any(String), finished: expect.any(String) },
    });
    expect((await trainer(folder, { resume: true }).train()).steps).toBe(6);
    const again = await stopped();
    await trainer(again, { overwriteOutputDir: true }).train();
    expect(JSON.parse(readFileSync(join(again, "run.json"), "utf8")).status).toBe("finished");
  });
  it("keeps what the user put there or changed", async () => {
    const folder = fresh();
    await trainer(folder).train();
    const changes = {
      "notes.md": "mine",
      "best.safetensors": "changed",
      "checkpoint-2/notes.txt": "mine",
      "checkpoint-4/trainer_state.json": "{}",
    };
    for (const [name, text] of Object.entries(changes)) writeFileSync(join(folder, name), text);
    await trainer(folder, { overwriteOutputDir: true, learningRate: 0.05 }).train();
    expect(read(folder, changes)).toEqual(changes);
    expect(existsSync(join(folder, "checkpoint-2", "model.safetensors"))).toBe(false);
    expect(existsSync(join(folder, "best-2.safetensors"))).toBe(true);
    const result = await trainer(folder, { resume: true, learningRate: 0.05 }).train();
    expect(result.alreadyFinished).toBe(true);
  });
  it("saveTotalLimit removes the run's checkpoints only", async () => {
    const folder = fresh({ "checkpoint-1/model.safetensors": "mine" });
    await trainer(folder, { overwriteOutputDir: true, saveSteps: 1, saveTotalLimit: 1 }).train();
    expect(readFileSync(join(folder, "checkpoint-1/model.safetensors"), "utf8")).toBe("mine");
    expect(readdirSync(folder).filter((name) => name.startsWith("checkpoint-")).length).toBeLessThanOrEqual(3);
  });
  it("a second train() of the same trainer begins anew", async () => {
    const folder = fresh();
    const t = trainer(folder);
    await t.train();
    expect((await t.train()).alreadyFinished).toBe(false);
  });
  it("never follows a link out of it", async ({ skip }) => {
    const elsewhere = fresh({ "model.safetensors": "mine", "log.jsonl": "mine" });
    const folder = fresh();
    await trainer(folder).train();
    const checkpoint = join(folder, "checkpoint-2");
    rmSync(checkpoint, { recursive: true });
    rmSync(join(folder, "log.jsonl"));
    try {
      symlinkSync(elsewhere, checkpoint);
    } catch {
      skip("no links here");
    }
    symlinkSync(join(elsewhere, "log.jsonl"), join(folder, "log.jsonl"));
    await trainer(folder, { overwriteOutputDir: true }).train();
    expect(readFileSync(join(elsewhere, "model.safetensors"), "utf8")).toBe("mine");
    expect(readFileSync(join(elsewhere, "log.jsonl"), "utf8")).toBe("mine");
    expect(existsSync(join(folder, "log-2.jsonl"))).toBe(true);
  });
  it("of version 0.1.0 is known by what it wrote", async () => {
    const old = {
      "run.json": JSON.stringify({ fingerprint: "[]", result: { steps: 1 } }),
      "best.safetensors": "old",
      "README.md": "---\nlibrary_name: shoshin\n---\n",
      "checkpoint-3/trainer_state.json": JSON.stringify({ version: 1, globalStep: 3, fingerprint: "[]" }),
      "checkpoint-3/model.safetensors": "old",
      "notes.txt": "mine",
      "checkpoint-9/notes.txt": "mine",
    };
    const folder = fresh(old);
    await expect(trainer(folder).train()).rejects.toThrow(/holds a run of an older version/);
    expect(read(folder, old)).toEqual(old);
    await trainer(folder, { overwriteOutputDir: true }).train();
    expect(existsSync(join(folder, "checkpoint-3"))).toBe(false);
    expect(readFileSync(join(folder, "notes.txt"), "utf8")).toBe("mine");
    expect(readFileSync(join(folder, "checkpoint-9/notes.txt"), "utf8")).toBe("mine");
    expect(JSON.parse(readFileSync(join(folder, "run.json"), "utf8")).status).toBe("finished");
  });
  it("refuses at once where a model's files are in the way", async () => {
    const folder = fresh({ "config.json": "{}", "model.safetensors": "mine" });
    const saving = trainer(folder, { overwriteOutputDir: true }, { savesModel: true });
    await expect(saving.train()).rejects.toThrow(/config.json, model.safetensors are in the way/);
    expect(readdirSync(folder).sort()).toEqual(["config.json", "model.safetensors"]);
  });
});
