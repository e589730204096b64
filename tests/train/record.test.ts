import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { ArrayDataset, dataRecord, resolveSource } from "../../src/data/index.ts";
import { backend, manualSeed } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import {
  modelAbout,
  type RunAbout,
  RunFolder,
  readHistory,
  readLog,
  readRun,
  saveWeights,
  Trainer,
  type TrainerCallbacks,
} from "../../src/train/index.ts";
import { folderIn, temporaryFolder } from "../folder.ts";

const home = temporaryFolder();
let root: string;
beforeEach(() => {
  root = folderIn(home);
});
const at = (name = "run") => join(root, name);

const rows = (n: number) =>
  new ArrayDataset(Array.from({ length: n }, (_, i) => ({ x: [Math.sin(i), Math.cos(i)], y: [Math.sin(2 * i)] })));
interface More {
  run?: RunAbout;
  callbacks?: TrainerCallbacks[];
  savesModel?: boolean;
  fingerprint?: string;
  examples?: number;
}
function make(args: Record<string, unknown> = {}, { examples = 12, ...more }: More = {}) {
  manualSeed(1);
  const model = new nn.Linear(2, 1);
  const data = rows(examples);
  const trainer = new Trainer({
    ...{ model, trainDataset: data, evalDataset: data, loss: nn.mseLoss },
    args: { outputDir: at(), learningRate: 0.1, numTrainEpochs: 3, loadBestModelAtEnd: true, quiet: true, ...args },
    ...more,
  });
  return { model, trainer, weights: () => [...model.stateDict().values()].map((t) => [...t.data()]) };
}
const record = (folder = at()) => JSON.parse(readFileSync(join(folder, "run.json"), "utf8"));
const stopAt = (at: number, how: "fail" | "stop"): TrainerCallbacks => ({
  onStepEnd({ step }) {
    if (step !== at) return undefined;
    if (how === "fail") throw new Error("the power failed");
    return "stop";
  },
});
/** All files of a folder with their contents. */
function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    names.flatMap((name) => {
      try {
        return [[name, readFileSync(join(folder, name)).toString("latin1")]];
      } catch {
        return [];
      }
    }),
  );
}
const about = (settings: object = {}, data: RunAbout["data"] = {}): RunAbout => ({
  ...{ task: "tabular-regression", model: "linear", settings: { hiddenSize: 8, ...settings }, data },
});

describe("run.json", () => {
  it("tells what was trained, on what, with which settings, and what came of it", async () => {
    const data = { train: { source: "rows.tsv", files: [{ name: "rows.tsv", size: 3, digest: "sha256:ab" }] } };
    const result = await make({ saveTotalLimit: 2 }, { run: about({ labelColumn: "y" }, data) }).trainer.train();
    const { name, instructionSet, threads } = backend();
    expect(record()).toMatchObject({
      ...{ version: 3, id: expect.stringMatching(/^\d{8}T\d{6}-\w{6}$/), task: "tabular-regression", model: "linear" },
      ...{ status: "finished", started: expect.any(String), finished: expect.any(String) },
      settings: { hiddenSize: 8, labelColumn: "y", learningRate: 0.1, adamBeta1: 0.9, seed: 42, saveTotalLimit: 2 },
      data: { train: { ...data.train, examples: 12 }, validation: { examples: 12 } },
      environment: {
        ...{ shoshin: packageJson.version, node: process.version, backend: name, instructionSet, threads },
        ...{ platform: process.platform, arch: process.arch },
      },
      best: { step: 2, metric: "loss", value: result.metrics?.loss },
      results: { steps: 6, epochs: 3, loss: result.loss, metrics: result.metrics },
    });
    // Where it lies and how it was called is no part of what it is.
    for (const name of ["outputDir", "quiet", "resume", "overwriteOutputDir"])
      expect(record().settings).not.toHaveProperty(name);
    expect(record().owner).toBeUndefined();
    const { files, owner, fingerprint, ...told } = record();
    expect(JSON.parse(JSON.stringify(readRun(at())))).toEqual({ ...told, saved: false });
    expect(modelAbout(at())).toMatchObject({ task: "tabular-regression", settings: { labelColumn: "y" } });
    expect(readRun(at("none"))).toBeUndefined();
    expect(readRun(root)).toBeUndefined();
  });

  it("says how a run ended: by an error, by its user, or without a word", async () => {
    await expect(make({}, { callbacks: [stopAt(3, "fail")] }).trainer.train()).rejects.toThrow("the power failed");
    expect(readRun(at())).toMatchObject({ status: "failed", error: "the power failed" });
    await make({ outputDir: at("stopped") }, { callbacks: [stopAt(3, "stop")] }).trainer.train();
    expect(readRun(at("stopped"))).toMatchObject({ status: "interrupted", results: { steps: 3 } });
    // Stopped with the last step: there is nothing left to do.
    await make({ outputDir: at("end") }, { callbacks: [stopAt(6, "stop")] }).trainer.train();
    expect(readRun(at("end"))?.status).toBe("finished");
    const early = {
      outputDir: at("early"),
      learningRate: 1e-9,
      earlyStoppingPatience: 1,
      evalSteps: 1,
      maxGradNorm: 0,
    };
    await make(early).trainer.train();
    expect(readRun(at("early"))?.status).toBe("finished");

    const running = (owner: string | undefined) => {
      writeFileSync(
        join(at(), "run.json"),
        JSON.stringify({ ...record(), status: "running", error: undefined, owner }),
      );
      return readRun(at())?.status;
    };
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    expect(running(`${pid} ${hostname()} x`)).toBe("interrupted");
    expect(running(`${process.ppid} ${hostname()} x`)).toBe("running");
    expect(running(`${pid} another-machine x`)).toBe("running");
    expect(running(undefined)).toBe("interrupted");
    expect((await make({ resume: true }).trainer.train()).steps).toBe(6);
    expect(record()).toMatchObject({ status: "finished" });
    expect(record().error).toBeUndefined();
  });

  it("keeps its name when it goes on, and gets another when it begins anew", async () => {
    await expect(make({}, { callbacks: [stopAt(3, "fail")] }).trainer.train()).rejects.toThrow();
    const { id, started } = record();
    await make({ resume: true }).trainer.train();
    expect(record()).toMatchObject({ id, started, status: "finished" });
    await make({ overwriteOutputDir: true }).trainer.train();
    expect(record().id).not.toBe(id);
  });
});

describe("log.jsonl", () => {
  const events = () =>
    readHistory(join(at(), "log.jsonl"))
      .filter((entry) => "event" in entry)
      .map(({ time, id, ...entry }) => entry);

  it("is the run's history, and its points are those of an undisturbed run", async () => {
    await make({ outputDir: at("whole") }).trainer.train();
    await expect(make({}, { callbacks: [stopAt(5, "fail")] }).trainer.train()).rejects.toThrow();
    appendFileSync(join(at(), "log.jsonl"), '{"step":6,"train/lo');
    // As a process leaves it that was killed while it wrote.
    const killed = record();
    Object.assign(killed, { status: "running", files: { ...killed.files, "log.jsonl": { grows: true } } });
    writeFileSync(join(at(), "run.json"), JSON.stringify(killed));
    expect(readLog(join(at(), "log.jsonl")).at(-1)?.step).toBeGreaterThanOrEqual(4);
    await make({ resume: true }).trainer.train();
    expect(events()).toEqual([
      { event: "begin", step: 0 },
      { event: "checkpoint", step: 2 },
      { event: "checkpoint", step: 4 },
      { event: "end", step: expect.any(Number), status: "failed", error: "the power failed" },
      { event: "resumed", step: 4 },
      { event: "checkpoint", step: 6 },
      { event: "end", step: 6, status: "finished" },
    ]);
    expect(readLog(join(at(), "log.jsonl"))).toEqual(readLog(join(at("whole"), "log.jsonl")));
    for (const line of readFileSync(join(at(), "log.jsonl"), "utf8").trim().split("\n")) JSON.parse(line);
    expect(readHistory(join(at(), "log.jsonl"))[0]).toMatchObject({ id: record().id });
    expect(readHistory(at("none"))).toEqual([]);
  });
});

describe("resume", () => {
  const files = (digest: string, name = "train.tsv") => [{ name, size: 3, digest: `sha256:${digest}` }];
  const begun = async (run: RunAbout, more: Record<string, unknown> = {}) => {
    rmSync(at(), { recursive: true, force: true });
    await expect(make(more, { run, callbacks: [stopAt(5, "fail")] }).trainer.train()).rejects.toThrow("power");
  };
  const again = async (run: RunAbout, args: Record<string, unknown> = {}, more: More = {}) => {
    const before = contents(at());
    try {
      return await make({ resume: true, ...args }, { run, ...more }).trainer.train();
    } catch (error) {
      expect(contents(at())).toEqual(before);
      return (error as Error).message.split("other settings or data: ")[1].split("; ");
    }
  };

  it("names every field that differs, and changes nothing then", async () => {
    const data = {
      train: { source: "a", files: files("aa") },
      validation: { source: "b", files: files("bb", "dev.tsv") },
    };
    await begun(about({ dropout: 0.1 }, data));
    expect(
      await again(
        about(
          { dropout: 0.2, layers: 2 },
          { train: { files: files("cc") }, validation: { files: files("bb", "dev.tsv") } },
        ),
        { learningRate: 0.2, optim: "sgd", momentum: 0.9 },
      ),
    ).toEqual([
      "learningRate was 0.1, is now 0.2",
      "optim was adamw, is now sgd",
      "momentum was 0, is now 0.9",
      "dropout was 0.1, is now 0.2",
      "layers was not given, is now 2",
      "data: train.tsv has other content",
    ]);
    expect(await again({ ...about({ dropout: 0.1 }, data), model: "mlp" })).toEqual(["model was linear, is now mlp"]);
    expect(await again({ ...about({ dropout: 0.1 }, data), task: "x" })).toEqual([
      "task was tabular-regression, is now x",
    ]);
    const folder = RunFolder.existing(at()) as RunFolder;
    const settings = folder.settings as Record<string, unknown>;
    const { train } = data;
    expect(folder.differences({ ...about(settings, { train, test: train }) })).toEqual([
      {
        ...{ field: "data.validation", was: expect.objectContaining(data.validation), now: undefined },
        text: "validation data: there was some, now there is none",
      },
      { field: "data.test", was: undefined, now: train, text: "test data: there was none, now there is some" },
    ]);
    const two = [...files("aa"), ...files("dd", "more.tsv")];
    expect(await again(about({ dropout: 0.1 }, { ...data, train: { files: two } }))).toEqual(["data: more.tsv is new"]);
    expect(await again(about({ dropout: 0.1 }, data), { numTrainEpochs: 2 })).toEqual([
      "numTrainEpochs was 3, is now 2, and a run may only grow",
    ]);
    expect(await again(about({ dropout: 0.1 }, data), {}, { examples: 10 })).toEqual([
      "data: there were 12 examples, now there are 10",
      "validation data: there were 12 examples, now there are 10",
    ]);
  });

  it("does not mind where data lies, what is saved and logged, nor on what it is computed", async () => {
    const whole = make({ outputDir: at("whole") });
    await whole.trainer.train();
    await begun(about({ threads: 1, backend: "native", data: "a" }, { train: { source: "a", files: files("aa") } }));
    const moved = about(
      { threads: 2, backend: "wasm", data: "b" },
      { train: { source: "b", files: files("aa", "b.tsv") } },
    );
    const args = { saveSteps: 1, saveTotalLimit: 1, loggingSteps: 2, loggingFirstStep: true, quiet: true };
    expect(await again(moved, args)).toMatchObject({ steps: 6, alreadyFinished: false });
  });

  it("does not mind where data lies of which a part is held out", async () => {
    const cut = (source: string) => about({}, { train: { source, files: files("aa") }, validation: { source } });
    await begun(cut("a"));
    const other = { train: { source: "b", files: files("aa") }, validation: { source: "c" } };
    expect(await again(about({}, other))).toEqual(["validation data: was a, is now c"]);
    expect(await again(cut("b"))).toMatchObject({ steps: 6, alreadyFinished: false });
  });

  it("tells what a caller's own text holds", async () => {
    const text = (size: number, data: string) => JSON.stringify([{ hidden_size: size, id2label: { 0: "a" } }, data]);
    const first = make({}, { fingerprint: text(8, "x"), callbacks: [stopAt(3, "fail")] });
    await expect(first.trainer.train()).rejects.toThrow("power");
    const resumed = (fingerprint?: string) => make({ resume: true }, { fingerprint }).trainer.train();
    await expect(resumed(text(16, "x"))).rejects.toThrow("data: hidden_size was 8, is now 16");
    await expect(resumed(text(8, "y"))).rejects.toThrow("fingerprint.1 was x, is now y");
    await expect(resumed("other")).rejects.toThrow("is now other");
    await expect(resumed()).rejects.toThrow("is now not given");
    expect((await resumed(text(8, "x"))).steps).toBe(6);
  });

  it("of a finished run does nothing unless it grows; grown, it goes on from its last step", async () => {
    await make().trainer.train();
    const before = contents(at());
    for (const args of [{}, { numTrainEpochs: 2 }, { maxSteps: 6 }, { maxSteps: 4 }, { saveSteps: 1, loggingSteps: 3 }])
      expect((await make({ resume: true, ...args }).trainer.train()).alreadyFinished).toBe(true);
    await expect(make({ resume: true, seed: 7 }).trainer.train()).rejects.toThrow("seed was 42, is now 7");
    expect(contents(at())).toEqual(before);
    const { id } = record();
    const grown = make({ resume: true, numTrainEpochs: 5 });
    expect(await grown.trainer.train()).toMatchObject({ steps: 10, epochs: 5, alreadyFinished: false });
    expect(record()).toMatchObject({ id, status: "finished", settings: { numTrainEpochs: 5 }, results: { steps: 10 } });
    expect(await make({ resume: true, maxSteps: 11 }).trainer.train()).toMatchObject({ steps: 11 });
    const points = readLog(join(at(), "log.jsonl")).filter((point) => "train/loss" in point);
    expect(points.map(({ step }) => step)).toEqual(Array.from({ length: 11 }, (_, i) => i + 1));
  });

  it("of a run that its user stopped goes on to the same bits", async () => {
    const whole = make({ outputDir: at("whole") });
    await whole.trainer.train();
    await make({}, { callbacks: [stopAt(3, "stop")] }).trainer.train();
    const again = make({ resume: true });
    expect(await again.trainer.train()).toMatchObject({ steps: 6, alreadyFinished: false });
    expect(again.weights()).toEqual(whole.weights());
  });
});

describe("a model that is saved", () => {
  /** As a task does it: the model's files after training. */
  async function saved(args: Record<string, unknown> = {}, files: (model: nn.Module, folder: string) => void = save) {
    const { model, trainer, weights } = make(args, { savesModel: true });
    const result = await trainer.train();
    const run = RunFolder.existing(at()) as RunFolder;
    if (!(result.alreadyFinished && run.saved)) {
      files(model, at());
      run.describe({ task: "tabular-regression", model: "linear", settings: { labelColumn: "y" } });
      run.markSaved();
    }
    return { result, weights };
  }
  const save = (model: nn.Module, folder: string) => {
    saveWeights(model, join(folder, "model.safetensors"));
    writeFileSync(join(folder, "config.json"), "{}");
  };
  const WORSE = { evalSteps: 1, saveStrategy: "steps", saveSteps: 1, learningRate: 3, optim: "sgd", maxGradNorm: 0 };

  it("is there once: best.safetensors goes, and the best is found again when the run grows", async () => {
    const best = await saved(WORSE);
    expect(existsSync(join(at(), "best.safetensors"))).toBe(false);
    expect(record().best.step).toBeLessThan(6);
    expect(record()).toMatchObject({ modelFiles: "saved", best: { weights: "model.safetensors" } });
    const before = contents(at());
    const again = await saved({ ...WORSE, resume: true });
    expect(again.result.alreadyFinished).toBe(true);
    expect(again.weights()).toEqual(best.weights());
    expect(contents(at())).toEqual(before);
    // Nothing better comes: the longer run ends with the weights of the shorter one's best.
    const grown = await saved({ ...WORSE, resume: true, numTrainEpochs: 4 });
    expect(grown.result).toMatchObject({ steps: 8, alreadyFinished: false });
    expect(grown.weights()).toEqual(best.weights());
    expect(existsSync(join(at(), "best.safetensors"))).toBe(false);
    expect(modelAbout(at())).toMatchObject({ task: "tabular-regression", settings: { labelColumn: "y" } });
  });

  it("with other weights than were trained (a merged adapter) leaves the best to its checkpoint", async () => {
    const merged = (model: nn.Module, folder: string) => {
      const other = new nn.Linear(2, 1);
      other.loadStateDict(model.stateDict());
      other.weight.detach().add_(1);
      save(other, folder);
    };
    const best = await saved(WORSE, merged);
    expect(existsSync(join(at(), "best.safetensors"))).toBe(false);
    const { step, weights } = record().best;
    expect(weights).toBe(`checkpoint-${step}/model.safetensors`);
    const grown = await saved({ ...WORSE, resume: true, numTrainEpochs: 4 }, merged);
    expect(grown.weights()).toEqual(best.weights());
    // No checkpoint holds it: what is needed to go on stays.
    rmSync(at(), { recursive: true });
    await saved({ ...WORSE, saveSteps: 5 }, merged);
    expect(record().best.step).not.toBe(5);
    expect(existsSync(join(at(), "best.safetensors"))).toBe(true);
    // Nothing can go on: nothing but the model is kept.
    rmSync(at(), { recursive: true });
    await saved({ ...WORSE, saveStrategy: "no" }, merged);
    expect(existsSync(join(at(), "best.safetensors"))).toBe(false);
    expect((await saved({ ...WORSE, saveStrategy: "no", resume: true }, merged)).result.alreadyFinished).toBe(true);
  });

  it("keeps what its user has made of best.safetensors, and says that the best is gone", async () => {
    await saved({ ...WORSE });
    writeFileSync(join(at(), "best.safetensors"), "mine");
    writeFileSync(join(at(), "model.safetensors"), "mine");
    await expect(saved({ ...WORSE, resume: true, numTrainEpochs: 4 })).rejects.toThrow(
      /model.safetensors is in the way/,
    );
    expect(readFileSync(join(at(), "best.safetensors"), "utf8")).toBe("mine");
    expect(readFileSync(join(at(), "model.safetensors"), "utf8")).toBe("mine");
  });

  it("stays described while another run begins anew in its folder", async () => {
    await saved();
    const run = { ...about({ labelColumn: "z" }), task: "text-classification", model: "mlp" };
    const other = make({ overwriteOutputDir: true }, { run, savesModel: true, callbacks: [stopAt(3, "fail")] });
    await expect(other.trainer.train()).rejects.toThrow("power");
    expect(readRun(at())).toMatchObject({ task: "text-classification", status: "failed", saved: false });
    expect(modelAbout(at())).toMatchObject({ task: "tabular-regression", settings: { labelColumn: "y" } });
    await make({ resume: true }, { run, savesModel: true }).trainer.train();
    RunFolder.existing(at())?.markSaved();
    expect(modelAbout(at())).toMatchObject({ task: "text-classification", settings: { labelColumn: "z" } });
  });
});

describe("the folder of an older version", () => {
  /** What versions 2 and 0.1.0 wrote in the place of what is written now. */
  async function old(version: 1 | 2, stop?: number) {
    const callbacks = stop === undefined ? [] : [stopAt(stop, "fail")];
    const { model, trainer } = make({}, { savesModel: true, callbacks });
    await trainer.train().catch(() => {});
    const { settings, results } = record();
    const text = JSON.stringify([
      { ...settings, notAnyMore: 1, precision: undefined },
      12,
      '[{"hidden_size":8},"data.csv"]',
    ]);
    for (const name of readdirSync(at()).filter((n) => n.startsWith("checkpoint-"))) {
      const path = join(at(), name, "trainer_state.json");
      const { savesModel, ...state } = JSON.parse(readFileSync(path, "utf8"));
      writeFileSync(path, JSON.stringify({ ...state, fingerprint: text }));
    }
    const points = readLog(join(at(), "log.jsonl"));
    writeFileSync(join(at(), "log.jsonl"), points.map((point) => `${JSON.stringify(point)}\n`).join(""));
    rmSync(join(at(), "run.json"));
    if (stop === undefined) {
      saveWeights(model, join(at(), "best.safetensors"));
      saveWeights(model, join(at(), "model.safetensors"));
      writeFileSync(join(at(), "config.json"), "{}");
      writeFileSync(join(at(), "shoshin.json"), JSON.stringify(SHOSHIN));
    }
    const finished = stop === undefined;
    const files = Object.fromEntries(
      Object.entries(contents(at())).map(([name, text]) => {
        const digest = createHash("sha256").update(Buffer.from(text, "latin1")).digest("hex");
        return [name, { size: text.length, digest: `sha256:${digest}` }];
      }),
    );
    const two = {
      version: 2,
      status: finished ? "finished" : "running",
      model: finished ? "saved" : "reserved",
      files,
    };
    const value = { fingerprint: text, result: results, ...(version === 2 ? two : {}) };
    if (version === 2 || finished) writeFileSync(join(at(), "run.json"), JSON.stringify(value));
  }
  const SHOSHIN = {
    ...{ version: "0.1.0", task: "tabular-regression", preset: "linear", data: "data.csv" },
    ...{ settings: { data: "data.csv", labelColumn: "y", args: { seed: 42 } }, metrics: { loss: 0.5 } },
  };

  it.each([1, 2] as const)("(%i) is read, finished", async (version) => {
    await old(version);
    expect(readRun(at())).toMatchObject({
      ...{ task: "tabular-regression", model: "linear", status: "finished", saved: true, results: { steps: 6 } },
      settings: { labelColumn: "y", learningRate: 0.1, seed: 42 },
      data: { train: { source: "data.csv", examples: 12 } },
    });
    expect(modelAbout(at())).toMatchObject({ task: "tabular-regression", settings: { labelColumn: "y" } });
    const before = contents(at());
    const now = { savesModel: true, fingerprint: '[{"hidden_size":8,"layers":1}]' };
    expect((await make({ resume: true }, now).trainer.train()).alreadyFinished).toBe(true);
    expect(RunFolder.existing(at())?.saved).toBe(true);
    await expect(make({ resume: true, learningRate: 1 }, now).trainer.train()).rejects.toThrow(
      "learningRate was 0.1, is now 1",
    );
    await expect(make({ resume: true }, { ...now, examples: 9 }).trainer.train()).rejects.toThrow("12 examples");
    await expect(make({ resume: true }, { fingerprint: '[{"hidden_size":9}]' }).trainer.train()).rejects.toThrow(
      "hidden_size was 8",
    );
    await expect(make({}, now).trainer.train()).rejects.toThrow(/older version|has finished/);
    expect(contents(at())).toEqual(before);
  });

  it.each([1, 2] as const)("(%i) grows, and gets a record of its own", async (version) => {
    await old(version);
    const { trainer, model } = make({ resume: true, numTrainEpochs: 4 }, { savesModel: true, run: about() });
    expect(await trainer.train()).toMatchObject({ steps: 8, alreadyFinished: false });
    saveWeights(model, join(at(), "model.safetensors"));
    RunFolder.existing(at())?.markSaved();
    expect(record()).toMatchObject({
      version: 3,
      task: "tabular-regression",
      modelFiles: "saved",
      best: { weights: "model.safetensors" },
    });
    expect(existsSync(join(at(), "shoshin.json"))).toBe(false);
    expect(existsSync(join(at(), "best.safetensors"))).toBe(false);
  });

  it.each([1, 2] as const)("(%i) goes on to the same bits", async (version) => {
    const whole = make({ outputDir: at("whole") });
    await whole.trainer.train();
    await old(version, 5);
    const again = make({ resume: true }, { savesModel: true });
    expect((await again.trainer.train()).steps).toBe(6);
    expect(again.weights()).toEqual(whole.weights());
    expect(readLog(join(at(), "log.jsonl"))).toEqual(readLog(join(at("whole"), "log.jsonl")));
  });

  it("may be a model's alone, without a run", async () => {
    await old(1);
    const folder = at("copied");
    mkdirSync(folder);
    for (const name of ["config.json", "model.safetensors", "shoshin.json"])
      copyFileSync(join(at(), name), join(folder, name));
    expect(modelAbout(folder)).toMatchObject({
      task: "tabular-regression",
      model: "linear",
      settings: { labelColumn: "y" },
    });
    writeFileSync(join(folder, "shoshin.json"), "{ torn");
    expect(modelAbout(folder)).toBeUndefined();
  });

  it("is known for its own where a run has lost its record", async () => {
    await make({}, { savesModel: true, run: about() }).trainer.train();
    writeFileSync(join(at(), "config.json"), "{}");
    rmSync(join(at(), "run.json"));
    const again = make({ resume: true, numTrainEpochs: 4 }, { savesModel: true, run: about() });
    expect(await again.trainer.train()).toMatchObject({ steps: 8 });
    expect(record()).toMatchObject({ task: "tabular-regression", status: "finished" });
  });
});

describe("dataRecord", () => {
  it("tells the files of a source by their content", async () => {
    const folder = at("data");
    const write = (name: string, text: string) => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, name), text);
    };
    write("train.tsv", "a\tx\n");
    write("dev.tsv", "b\ty\n");
    const source = () => resolveSource(folder);
    const train = await dataRecord(source(), { parts: "train", name: folder, examples: 1 });
    // sha256sum: printf 'a\tx\n'
    const digest = "sha256:d90081846a82464321aca1346aac2f7711addd72b50c0ea381972c73d463ff45";
    expect(train).toEqual({ source: folder, examples: 1, files: [{ name: "train.tsv", size: 4, digest }] });
    expect((await dataRecord(source())).files?.map(({ name }) => name)).toEqual(["dev.tsv", "train.tsv"]);
    write("train.tsv", "a\tz\n");
    expect((await dataRecord(source(), { parts: ["train"] })).files?.[0].digest).not.toBe(digest);
    const inFolders = {
      name: "hub",
      builtin: false,
      parts: { train: [join(folder, "train.tsv"), join(root, "other.tsv")] },
    };
    writeFileSync(join(root, "other.tsv"), "");
    expect((await dataRecord(inFolders)).files?.map(({ name }) => name)).toEqual(["data/train.tsv", "other.tsv"]);
    await expect(dataRecord({ ...inFolders, parts: { train: [join(root, "gone.tsv")] } })).rejects.toThrow(
      /gone.tsv: cannot be read/,
    );
  });
});
