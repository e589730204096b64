import { afterEach, describe, expect, it, vi } from "vitest";
import { stringify } from "yaml";
import { type AnyOption, fits, flagOf, type Table } from "../../src/options/index.ts";
import { DECLARATIONS } from "../../src/tasks/declarations.ts";
import { getTask, type TaskOptions } from "../../src/tasks/index.ts";
import { type Hearing, hearing } from "../../src/tasks/options/check.ts";
import { ALL } from "../../src/tasks/options/index.ts";
import { TRAINING } from "../../src/tasks/options/training.ts";
import type { runTask } from "../../src/tasks/run.ts";
import { filesIn, temporaryFolder } from "../folder.ts";
import { run as command } from "../run.ts";

const folder = temporaryFolder();
const file = filesIn(folder);
const run = (...words: string[]) => command(words);

const TRAINED = DECLARATIONS.filter((t) => t.pretrained !== undefined || Object.keys(t.presets).length > 0);
/** Every model of every task that is trained: presets, and one that stands for the pretrained ones. */
const MODELS = TRAINED.flatMap((task) =>
  [...Object.keys(task.presets), ...(task.pretrained === undefined ? [] : ["./some/model"])].map(
    (model) => [task.name, model, hearing(task, model)] as const,
  ),
);
/** Rows whose values were tried already: many models share them. */
const tried = new Set<AnyOption>();
const misspelt = new Set<string>();
const written = ([, { kind }]: [string, AnyOption]) => kind.type !== "handed";
const heardBy = ({ options, arguments: list }: Hearing): [string, AnyOption][] =>
  Object.entries({ ...options, ...list }).filter(written);
const EVERY: [string, AnyOption][] = Object.entries({ ...ALL, ...TRAINING } as Table).filter(written);

/** A value that an option takes and that is not its default. */
function sampleOf(name: string, option: AnyOption): unknown {
  const { kind, default: usual } = option;
  if (kind.type === "number") return [3, 0.5, 0.25, 1].find((x) => x !== usual && fits(option, x));
  if (kind.type === "boolean") return usual !== true;
  if (kind.type === "choice") return kind.choices.find((choice) => choice !== usual);
  if (kind.type === "object") return { numCycles: 2, minLr: 0.5 };
  return kind.type === "text" && kind.list ? "1,2.5" : `some-${name}`;
}
const flagFor = (name: string, option: AnyOption, value: unknown): string[] => {
  if (option.kind.type === "boolean" && option.kind.switch) return [value ? flagOf(name) : flagOf(`no-${name}`)];
  return [flagOf(name), typeof value === "object" ? JSON.stringify(value) : String(value)];
};

const watching = vi.hoisted(() => ({ train: undefined as typeof runTask | undefined }));
vi.mock("../../src/tasks/run.ts", async (original) => {
  const real = await original<{ runTask: typeof runTask }>();
  return { runTask: (...given: Parameters<typeof runTask>) => (watching.train ?? real.runTask)(...given) };
});
/** Stands for the training: what a task was given. */
function watch(name: string): () => unknown {
  let seen: TaskOptions | undefined;
  watching.train = async (task, options) => {
    expect(task.name).toBe(name);
    seen = options;
    return {} as never;
  };
  return () => {
    const { say: _, ...rest } = seen as TaskOptions;
    return rest;
  };
}
afterEach(() => {
  watching.train = undefined;
});

const SPELLINGS: Record<string, (name: string) => string> = {
  camelCase: (name) => name,
  hyphens: (name) => flagOf(name).slice(2),
  underscores: (name) => flagOf(name).slice(2).replaceAll("-", "_"),
};

describe.each(MODELS)("%s, %s", (task, model, heard) => {
  const options = heardBy(heard).filter(([name]) => name !== "model");
  const values = options.map(([name, option]) => [name, option, sampleOf(name, option)] as const);

  it("takes every option that it hears, as a flag and in a file, to the same settings", async () => {
    const seen = watch(task);
    const flags = values.flatMap(([name, option, value]) => flagFor(name, option, value));
    expect(await run("train", task, "--model", model, ...flags, "--json"), flags.join(" ")).toMatchObject({
      status: 0,
    });
    const want = seen() as TaskOptions;
    const names = Object.keys({ ...want, ...want.args }).sort();
    expect(names).toEqual(["args", "model", ...options.map(([name]) => name)].sort());
    for (const [kind, spell] of Object.entries(SPELLINGS)) {
      const given = Object.fromEntries(values.map(([name, , value]) => [spell(name), value]));
      const path = file(`${kind}.yaml`, stringify({ ...given, model }));
      expect(await run("train", task, "--config", path, "--json")).toMatchObject({ status: 0 });
      expect(seen()).toEqual(want);
      const texts = Object.entries(given).map(([name, value]) => [
        name,
        typeof value === "object" ? value : String(value),
      ]);
      const quoted = file(`${kind}.json`, JSON.stringify({ ...Object.fromEntries(texts), model }));
      expect(await run("train", task, "--config", quoted, "--json")).toMatchObject({ status: 0 });
      expect(seen()).toEqual(want);
    }
  });

  it("refuses every option that it does not hear, before it reads any data, and says whose it is", async () => {
    const command = ["train", task, "--model", model, "--data", "/nowhere", "--output", "/nowhere/too"];
    const own = new Set(heardBy(heard).map(([name]) => name));
    for (const [name, option] of EVERY.filter(([name]) => !own.has(name))) {
      const value = sampleOf(name, option);
      const config = file("refused.yaml", stringify({ [flagOf(name).slice(2)]: value }));
      for (const more of [flagFor(name, option, value), ["--config", config]]) {
        const { status, stderr: err } = await run(...command, ...more);
        expect(status, `${name}: ${err}`).toBe(2);
        expect(err).toContain(`error: ${task}: ${flagOf(name)} (${name}) is not for `);
        const whose = /hint: It is for (.+?)\. /.exec(err)?.[1] ?? "";
        const others = TRAINED.filter((other) => whose.split(", ").includes(other.name)).map((other) => other.name);
        const mine = MODELS.filter(([t, m]) => t === task && whose.includes(m)).map(([, , hears]) => hears);
        const tuned = whose.includes("pretrained models") ? [hearing(getAbout(task), "./some/model")] : [];
        const hearers = [...mine, ...tuned, ...MODELS.filter(([t]) => others.includes(t)).map(([, , hears]) => hears)];
        expect(
          hearers.some((hears) => heardBy(hears).some(([other]) => other === name)),
          `${name}: ${err}`,
        ).toBe(true);
      }
      await expect(getTask(task).train({ data: "x", output: "y", model, ...asGiven(name, value) })).rejects.toThrow(
        /is not for/,
      );
    }
  });

  it("refuses every option that is misspelt by a letter, and knows the right one", async () => {
    const command = ["train", task, "--model", model, "--data", "/nowhere", "--output", "/nowhere/too"];
    for (const [name, option] of heardBy(heard)) {
      if (misspelt.has(name)) continue;
      misspelt.add(name);
      const wrong = `${name.slice(0, 2)}${name.slice(1)}`;
      const [, ...value] = flagFor(name, option, sampleOf(name, option));
      const { status, stderr: err } = await run(...command, flagOf(wrong), ...value);
      expect(status).toBe(2);
      expect(err).toContain(`error: unknown option ${flagOf(wrong)}\nhint: Did you mean ${flagOf(name)}?`);
      const config = file("misspelt.yaml", stringify({ [wrong]: sampleOf(name, option) }));
      const inFile = await run(...command, "--config", config);
      expect(inFile.status).toBe(2);
      expect(inFile.stderr).toContain(`unknown option ${wrong}\nhint: Did you mean ${flagOf(name).slice(2)}?`);
    }
  });

  it("refuses values out of range and of another kind, before it reads any data", async () => {
    const command = ["train", task, "--model", model, "--data", "/nowhere", "--output", "/nowhere/too"];
    for (const [name, option] of heardBy(heard)) {
      const { kind } = option;
      if (kind.type === "text" || tried.has(option)) continue;
      tried.add(option);
      const bad = [
        ...(kind.type === "boolean" && kind.switch ? [] : ["what?"]),
        ...(kind.type === "number" && (kind.from ?? kind.above) !== undefined ? ["-7"] : []),
        ...(kind.type === "number" && (kind.to ?? kind.below) !== undefined ? ["1.5"] : []),
        ...(kind.type === "number" && kind.whole ? ["2.5"] : []),
      ];
      for (const value of bad) {
        const { status, stderr: err } = await run(...command, flagOf(name), value);
        expect(status, `${name} ${value}: ${err}`).toBe(2);
        expect(err).not.toContain("no such file");
      }
      const config = file("wrong.yaml", stringify({ [name]: [["what?"]] }));
      const { status, stderr: err } = await run(...command, "--config", config);
      expect(status, `${name}: ${err}`).toBe(2);
    }
  });

  it("shows in its help what it hears, and nothing else, with its defaults", async () => {
    const { status, stdout: out } = await run("train", task, "--help", "--model", model);
    expect(status).toBe(0);
    const shown = Array.from(out.matchAll(/^ {2}(?:-h, )?(--[\w-]+)/gm), ([, name]) => name);
    const want = heardBy(heard).filter(([, { hidden }]) => !hidden);
    const always = ["--config", "--backend", "--threads", "--precision", "--json", "--debug"];
    expect(shown.sort()).toEqual([...want.map(([name]) => flagOf(name)), ...always].sort());
    const blocks = new Map(
      Array.from(out.replaceAll(/\n {3,}/g, " ").matchAll(/^ {2}(--[\w-]+)(.*)$/gm), ([, name, rest]) => [name, rest]),
    );
    for (const [name, value] of Object.entries(heard.defaults)) {
      const says = blocks.get(flagOf(name));
      if (says === undefined || typeof value === "object") continue;
      const number = typeof value === "number" && value !== 0 && value < 1e-3 ? value.toExponential() : String(value);
      expect(says, name).toMatch(value === true && says.includes("off: ") ? /default; off/ : `default: ${number}`);
    }
  });
});

const getAbout = (name: string) => DECLARATIONS.find((task) => task.name === name) as (typeof DECLARATIONS)[number];
const asGiven = (name: string, value: unknown) => (name in TRAINING ? { args: { [name]: value } } : { [name]: value });

describe("a command line", () => {
  const command = ["train", "sentiment", "--data", "/nowhere", "--output", "/nowhere/too"];
  it.each<[string[], RegExp]>([
    [["--epochs", "2", "--num-train-epochs", "3"], /--num-train-epochs and --epochs are the same option/],
    [["--l", "2"], /unknown option --l\b/],
    [["--learning", "2"], /unknown option --learning\nhint: Did you mean --learning-rate\?/],
    [["--fp16"], /--fp16 is not supported\nhint: .*bf16/],
    [["--per-device-eval-batch-size", "3"], /--per-device-eval-batch-size is not supported\nhint: .*of their own/],
    [["--output-dir", "x"], /--output-dir is not supported\nhint: Give --output\./],
    [["--label-smoothing", "0.1"], /Did you mean --label-smoothing-factor\?/],
    [["--learning-rate"], /argument missing/],
    [["more"], /too many arguments/],
    [["--config", "/nowhere.yaml"], /--config \/nowhere\.yaml: /],
    [["--threads", "0"], /--threads is 0; expected a whole number from 1 to 256/],
    [["--lr-scheduler-kwargs", "{num_cycle: 1}"], /--lr-scheduler-kwargs \{num_cycle: 1\}: /],
    [["--lr-scheduler-kwargs", '{"num_cycle": 1}'], /unknown option numCycle\nhint: Did you mean numCycles\?/],
    [["--optim", "adafactor"], /unknown optimizer adafactor\nhint: There are: sgd/],
  ])("that is wrong is refused: %j", async (more, message) => {
    const { status, stderr: err } = await run(...command, ...more);
    expect(err).toMatch(message);
    expect(status).toBe(2);
  });

  it.each<[string, RegExp]>([
    ["learning_rate: 0.1\nlearning-rate: 0.2\n", /learning_rate and learning-rate are the same option/],
    ["epochs: 1\nepochs: 2\n", /unique/],
    ["- a\n", /expected names and values/],
    ["fp16: true\n", /fp16 is not supported/],
    ["config: other.yaml\n", /unknown option config/],
    ["lr_scheduler_kwargs: {min_rl: 1}\n", /unknown option minRl\nhint: Did you mean minLr\?/],
  ])("is not saved by a wrong file: %j", async (text, message) => {
    const { status, stderr: err } = await run(...command, "--config", file("wrong.yaml", text));
    expect(err).toMatch(message);
    expect(status).toBe(2);
  });

  it("may leave data and output to a file; flags win, in any name of an option", async () => {
    const seen = watch("text-classification");
    const config = file(
      "all.yaml",
      "data: here.tsv\noutput: out\nmodel: lstm\nepochs: 2\nfp16: false\nlr_scheduler_kwargs:\n  num_cycles: '2'\nclass_weights: [1, 2.5]\nseed: null\n",
    );
    expect(await run("train", "sentiment", "--config", config, "--num-train-epochs", "5", "--json")).toMatchObject({
      status: 0,
    });
    expect(seen()).toEqual({
      ...{ data: "here.tsv", output: "out", model: "lstm", classWeights: "1,2.5" },
      args: { numTrainEpochs: 5, lrSchedulerKwargs: { numCycles: 2 } },
    });
    const none = await run("train", "sentiment", "--output", "x");
    expect(none).toMatchObject({ status: 2, stderr: expect.stringContaining("--data is missing") });
  });

  it("switches off what a preset switches on", async () => {
    const seen = watch("translation");
    await run("train", "translation", "--data", "x", "--output", "y", "--no-group-by-length", "--json");
    expect(seen()).toMatchObject({ args: { groupByLength: false } });
  });

  it("shows help on terminals of 60 columns, and for every command", async () => {
    const { columns } = process.stdout;
    Object.assign(process.stdout, { columns: 60, isTTY: true });
    try {
      for (const [task, model] of MODELS) {
        const { stdout: out } = await run("train", task, "--model", model, "--help");
        expect(out.split("\n").filter((line) => line.length > 60 && !line.startsWith("  shoshin "))).toEqual([]);
      }
      const commands = ["train", "evaluate", "predict", "generate", "doctor", "tokenize", "export", "convert"];
      for (const name of [...commands, "tokenizer"]) {
        const { status, stdout: out } = await run(...[name, ...(name === "tokenizer" ? ["train"] : []), "--help"]);
        expect(status).toBe(0);
        expect(out).toContain("Example");
      }
    } finally {
      Object.assign(process.stdout, { columns, isTTY: undefined });
    }
  });
});

it("predict shows whose each option is", async () => {
  const { stdout: out } = await run("predict", "--help");
  expect(out).toMatch(/^Of text-generation, translation:\n[\s\S]*--num-beams/m);
  expect(out).toMatch(/^Of token-classification:\n {2}--ignore-labels/m);
  const shown = Array.from(out.matchAll(/^ {2}(--[\w-]+)/gm), ([, name]) => name);
  expect(new Set(shown).size).toBe(shown.length);
});
