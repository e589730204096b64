import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { getTask, type TaskOptions } from "../../src/tasks/index.ts";
import { RULE } from "../../src/tasks/options/training.ts";
import { readToLearn, readToMeasure, readToPredict } from "../../src/tasks/reading.ts";
import { tableReader } from "../../src/tasks/tabular/data.ts";
import { metricsOf } from "../../src/train/index.ts";
import { LEARNER_ARGUMENTS } from "../../src/train/learner.ts";
import { filesIn, temporaryFolder } from "../folder.ts";

const root = temporaryFolder();
const file = filesIn(root);
const write = (name: string, header: string, rows: readonly string[]) =>
  file(name, `${[header, ...rows].filter((line) => line !== "").join("\n")}\n`);
const list = (n: number, row: (i: number) => string) => Array.from({ length: n }, (_, i) => row(i));

const HEADER = "size,colour,price,kind";
const rowOf = (i: number) => `${i},${i % 3 ? "red" : "blue"},${i * 2 + 0.5},${i % 4 ? "low" : "high"}`;
const one = write("one/table.csv", HEADER, list(40, rowOf));
const folderOf = (name: string, parts: readonly string[]) => {
  for (const [p, part] of parts.entries())
    write(
      `${name}/${part}.csv`,
      HEADER,
      list(20 - 4 * p, (i) => rowOf(100 * p + i)),
    );
  return join(root, name);
};
const whole = folderOf("whole", ["train", "dev", "test"]);
const onlyDev = folderOf("only-dev", ["dev"]);

const [classes, numbers] = [tableReader("classes"), tableReader("numbers")];
const learn = (given: Partial<TaskOptions>, reader = classes) =>
  readToLearn(reader, { data: one, output: "", labelColumn: reader === numbers ? "price" : "kind", ...given });
const sizes = async (given: Partial<TaskOptions>, reader = classes) => {
  const { train, validation } = await learn(given, reader);
  const held = new Set(validation.examples.map((row) => `${row.path} ${row.line}`));
  expect(train.examples.some((row) => held.has(`${row.path} ${row.line}`))).toBe(false);
  return [train.examples.length, validation.examples.length];
};

describe("what is learned from a table, and what is held out", () => {
  test.each<[string, Partial<TaskOptions>, [number, number]]>([
    ["a tenth of a file, of each class", { data: one }, [36, 4]],
    ["a share", { data: one, validation: "0.3" }, [28, 12]],
    ["none", { data: one, validation: "none" }, [40, 0]],
    ["another file", { data: one, validation: join(whole, "dev.csv") }, [40, 16]],
    ["another source's validation part", { data: one, validation: whole }, [40, 16]],
    ["a folder's own validation part", { data: whole }, [20, 16]],
    ["a share of a folder that has one", { data: whole, validation: "0.2" }, [16, 4]],
    ["a folder of one part", { data: onlyDev }, [17, 3]],
    ["a range", { data: one, range: "4:24" }, [17, 3]],
  ])("%s", async (_name, given, wanted) => expect(await sizes(given)).toEqual(wanted));

  it("says that a folder's only part is trained on", async () => {
    const said: string[] = [];
    await learn({ data: onlyDev, say: (line) => said.push(line) });
    expect(said.join()).toMatch(/no training part: its validation part/);
  });

  it("holds out a tenth of 300 different numbers", async () => {
    const data = write(
      "distinct.csv",
      "a,price",
      list(300, (i) => `${i},${i + 0.25}`),
    );
    expect(await sizes({ data }, numbers)).toEqual([270, 30]);
    const asClasses = getTask("tabular-classification");
    await expect(asClasses.train({ data, output: join(root, "x"), args: { quiet: true } })).rejects.toThrow(
      /every row has a price of its own/,
    );
  });

  it("classes keep their proportion, also where their names are fractions", async () => {
    const data = write(
      "stars.csv",
      "a,stars",
      list(24, (i) => `${i},${[0.5, 1, 1.5][i % 3]}`),
    );
    const { validation } = await learn({ data, labelColumn: "stars" });
    expect(validation.examples.map((row) => row.target).sort()).toEqual(["0.5", "1", "1.5"]);
  });

  it("leaves out rows without a value, that a range counts", async () => {
    const data = write(
      "missing.csv",
      HEADER,
      list(20, (i) => rowOf(i).replace(/\w+$/, (kind) => ["?", "", "NA"][i] ?? kind)),
    );
    const said: string[] = [];
    expect(await sizes({ data, validation: "none", say: (text) => said.push(text) })).toEqual([17, 0]);
    expect(said).toEqual([expect.stringMatching(/missing.csv: 3 of 20 rows .* left out/)]);
    expect(await sizes({ data, validation: "none", range: "2:10" })).toEqual([7, 0]);
    expect(await sizes({ data: one, validation: data })).toEqual([40, 17]);
    const nothing = write("nothing.csv", HEADER, ["1,red,2,?"]);
    await expect(sizes({ data: one, validation: nothing })).rejects.toThrow(/nothing.csv: no rows to validate on/);
    await expect(sizes({ data: one, range: "60:70" })).rejects.toThrow(/no rows in the range 60:70; there are 40/);
  });
});

describe("the columns of a table", () => {
  const turned = write(
    "turned.csv",
    "kind,price,size,colour",
    list(8, (i) => `${i % 4 ? "low" : "high"},${i * 2 + 0.5},${i},${i % 3 ? "red" : "blue"}`),
  );
  const targets = async (reader: typeof classes, labelColumn: string | undefined, data: string, like?: string) => {
    const { train } = await learn({ data: like ?? one, labelColumn }, reader);
    const { examples } = await readToMeasure(reader, { data }, train.about);
    return examples.slice(0, 2).map((row) => row.target);
  };

  it("the one that is predicted is chosen on the training part, and found by name in the others", async () => {
    expect(await targets(classes, undefined, turned)).toEqual(["0.5", "2.5"]);
    expect(await targets(classes, "kind", turned)).toEqual(["high", "low"]);
    const { train, validation } = await learn({ validation: turned });
    expect([train.about.names[train.about.at], validation.about.names[validation.about.at]]).toEqual(["kind", "kind"]);
    expect(validation.about.at).toBe(0);
    const { validation: asNumbers } = await learn({ validation: turned, labelColumn: undefined }, numbers);
    expect(asNumbers.about.names[asNumbers.about.at]).toBe("price");
  });

  it("lie in the order of the first of several files", async () => {
    write("two/train-1.csv", HEADER, list(5, rowOf));
    write("two/train-2.csv", "kind,price,size,colour", ["low,7,3,red"]);
    const { train } = await learn({ data: join(root, "two"), validation: "none" });
    expect(train.examples.at(-1)).toMatchObject({ cells: ["3", "red", "7", "low"], target: "low", line: 2 });
    write("two/train-3.csv", "kind,price,colour", ["low,7,red"]);
    await expect(learn({ data: join(root, "two") })).rejects.toThrow(/train-3.csv: there is no column size/);
  });

  it.each([
    ["numbers in the first row are no header", "", ["1.5,2,0", "3,4,1"], "2", ["0", "1"]],
    ["also where one is the column's number", "", ["5,2,0", "3,4,1"], "2", ["0", "1"]],
    ["counted columns are one", "0,1,2", ["5,6,7", "8,9,0"], "1", ["6", "9"]],
    ["a year is a name", "id,2019,2020", ["1,6,7", "2,9,0"], "2020", ["7", "0"]],
  ])("%s", async (name, header, rows, labelColumn, wanted) => {
    const data = write(`${name.replaceAll(" ", "-")}.csv`, header, rows);
    expect(await targets(classes, labelColumn, data, data)).toEqual(wanted);
  });

  it("an unknown one is refused with those that there are", async () => {
    await expect(learn({ labelColumn: "cost" })).rejects.toThrow(/no column cost/);
    const { train } = await learn({});
    const other = write("other.csv", "a,b", ["1,2"]);
    await expect(readToMeasure(classes, { data: other }, train.about)).rejects.toThrow(/no column kind/);
    await expect(learn({ validation: other })).rejects.toThrow(/no column kind/);
  });

  it("the one that is predicted may be missing where rows are predicted, and in a test part, which isn't measured then", async () => {
    const { train } = await learn({});
    const secret = join(root, "secret");
    for (const part of ["train", "dev"]) write(`secret/${part}.csv`, HEADER, list(6, rowOf));
    write("secret/test.csv", "size,colour,price", ["1,red,2", "2,blue,4"]);
    const found = await readToPredict(classes, secret, train.about);
    expect(found.examples.map((row) => row.cells)).toEqual([
      ["1", "red", "2"],
      ["2", "blue", "4"],
    ]);
    const measured = await readToMeasure(classes, { data: secret }, train.about);
    expect(measured.about.path).toMatch(/dev.csv/);
    expect(measured.examples.length).toBe(6);
  });
});

describe("a model of a table", () => {
  const regression = getTask("tabular-regression");
  const output = join(root, "model");
  it("learns, is opened, measures and predicts whatever the order of the columns", async () => {
    const reports = await regression.train({
      ...{ data: one, output, labelColumn: "price", validation: "0.2" },
      args: { numTrainEpochs: 60, quiet: true },
    });
    const reported = Object.keys(reports.validation ?? {});
    expect(reported.slice(0, 4)).toEqual(["loss", "rmse", "mae", "r2"]);
    expect(reported).toEqual(expect.arrayContaining(metricsOf("numbers").flatMap(({ names }) => names)));
    const model = await regression.load(output);
    const straight = await model.evaluate({ data: one });
    const turned = write(
      "turned-all.csv",
      "kind,price,size,colour",
      list(40, (i) => rowOf(i).replace(/^(.*?),(.*?),(.*?),(.*)$/, "$4,$3,$1,$2")),
    );
    expect((await model.evaluate({ data: turned })).metrics).toEqual(straight.metrics);
    expect(await model.evaluate({ data: one, range: "0:30" })).toMatchObject({ examples: 30 });
    const values = (await model.predictFile(turned, {})) as { value: number }[];
    expect(values).toEqual(await model.predictFile(one, {}));
    const [{ value }] = (await model.predict(["7,red,low"])) as { value: number }[];
    expect(value).toBeCloseTo(values[7].value, 4);
    await expect(model.predict(["7,red"])).rejects.toThrow(/expected 3 values/);
    await expect(model.predictFile(one, { textColumn: "a" })).rejects.toThrow(/text-column/);
    const words = write("words.csv", "size,colour,price,kind", ["1,red,dear,low"]);
    await expect(model.evaluate({ data: words })).rejects.toThrow(/line 2: the value to predict is dear, no number/);
  });

  it("learns the same again", async () => {
    const again = join(root, "again");
    await regression.train({
      ...{ data: one, output: again, labelColumn: "price", validation: "0.2" },
      args: { numTrainEpochs: 60, quiet: true },
    });
    const weights = (folder: string) => readFileSync(join(folder, "model.safetensors"));
    expect(weights(again)).toEqual(weights(output));
    expect(JSON.parse(readFileSync(join(again, "config.json"), "utf8"))).toMatchObject({ target_column: "price" });
  });
});

describe("the perceptron rule", () => {
  const task = getTask("tabular-classification");
  const mixed = write(
    "mixed.csv",
    "a,b,label",
    list(60, (i) => `${(i * 7) % 11},${(i * 5) % 13},${((i * 7) % 11) + ((i * 3) % 5) > 8 ? "x" : "y"}`),
  );
  const train = (name: string, args: TaskOptions["args"], more: Partial<TaskOptions> = {}) =>
    task.train({
      ...{ data: mixed, output: join(root, name), model: "perceptron", validation: "0.2" },
      ...more,
      args: { numTrainEpochs: 6, quiet: true, ...args },
    });
  const weights = (name: string) => readFileSync(join(root, name, "model.safetensors"));
  const record = (name: string) => JSON.parse(readFileSync(join(root, name, "run.json"), "utf8"));

  it("tells of its passes, and is measured after each", async () => {
    const seen: string[] = [];
    const callbacks: TaskOptions["callbacks"] = [
      {
        onTrainBegin: () => void seen.push("begin"),
        onStepEnd: ({ step, loss }) => void seen.push(`step ${step} ${loss >= 0 && loss <= 1}`),
        onEvaluate: ({ step, metrics }) => void seen.push(`evaluate ${step} ${Object.keys(metrics).slice(0, 3)}`),
        onEpochEnd: ({ epoch }) => void seen.push(`epoch ${epoch}`),
        onTrainEnd: ({ status }) => void seen.push(String(status)),
      },
    ];
    const report = await train("told", { numTrainEpochs: 2 }, { callbacks });
    const pass = (n: number) => [`step ${48 * n} true`, `epoch ${n}`, `evaluate ${48 * n} loss,accuracy,f1`];
    expect(seen).toEqual(["begin", ...pass(1), ...pass(2), "finished"]);
    expect(report).toMatchObject({ epochs: 2, steps: 96, validation: { accuracy: expect.any(Number) } });
    expect(record("told")).toMatchObject({ status: "finished" });
    expect(readFileSync(join(root, "told", "log.jsonl"), "utf8")).toMatch(/train\/loss[\s\S]*eval\/accuracy/);
  });

  it("ends when nothing is wrong any more", async () => {
    const apart = write(
      "apart.csv",
      "a,label",
      list(20, (i) => `${i},${i < 10 ? "low" : "high"}`),
    );
    const report = await train("apart", { numTrainEpochs: 500 }, { data: apart });
    expect(report.train.loss).toBe(0);
    expect(report.epochs).toBeLessThan(500);
    expect(record("apart")).toMatchObject({ status: "finished" });
  });

  it("stops where it is told, and goes on to the same bits", async () => {
    await train("straight", { saveStrategy: "epoch" });
    const callbacks: TaskOptions["callbacks"] = [{ onEpochEnd: ({ epoch }) => (epoch === 2 ? "stop" : undefined) }];
    expect(await train("halves", { saveStrategy: "epoch" }, { callbacks })).toMatchObject({ epochs: 2 });
    expect(record("halves")).toMatchObject({ status: "interrupted" });
    expect(weights("halves")).not.toEqual(weights("straight"));
    expect(await train("halves", { saveStrategy: "epoch", resume: true })).toMatchObject({ epochs: 6 });
    expect(weights("halves")).toEqual(weights("straight"));
  });

  it("hears every argument that is offered for it", () => {
    const unheard = Object.keys(RULE).filter((name) => !(LEARNER_ARGUMENTS as readonly string[]).includes(name));
    expect(unheard).toEqual([]);
  });

  it("refuses what it would not hear", async () => {
    await expect(train("deaf", { learningRate: 0.1 })).rejects.toThrow(/learning-rate/);
    await expect(train("deaf", {}, { classWeights: "balanced" })).rejects.toThrow(/class-weights/);
    const three = write(
      "three.csv",
      "a,label",
      list(30, (i) => `${i},${"xyz"[i % 3]}`),
    );
    await expect(train("deaf", {}, { data: three })).rejects.toThrow(/tells two classes apart; there are 3/);
  });
});
