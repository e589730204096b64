import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { parquetWriteFile } from "hyparquet-writer";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DataError, GLUE_TASKS, type GluePart, glueTask, readGlue, writeGlueSubmission } from "../../src/data/index.ts";
import { temporaryFolder } from "../folder.ts";

const base = temporaryFolder();
afterEach(() => vi.unstubAllEnvs());
let count = 0;
/** A folder with files of lines of cells. */
function folder(files: Record<string, string[][]>): string {
  const dir = join(base, String(count++));
  mkdirSync(dir, { recursive: true });
  for (const [name, rows] of Object.entries(files)) {
    writeFileSync(join(dir, name), `${rows.map((row) => row.join("\t")).join("\n")}\n`);
  }
  return dir;
}
const example = (sentence1: string, sentence2?: string, label?: number) => ({ sentence1, sentence2, label });

describe("tasks", () => {
  it("are the nine and the diagnostic set, under both names", () => {
    expect(GLUE_TASKS.map(({ name }) => name)).toEqual([
      "cola",
      "sst2",
      "mrpc",
      "qqp",
      "stsb",
      "mnli",
      "qnli",
      "rte",
      "wnli",
      "ax",
    ]);
    for (const task of GLUE_TASKS) expect([glueTask(task.name), glueTask(task.folder)]).toEqual([task, task]);
    expect(glueTask("SST").name).toBe("sst2");
    expect(glueTask("diagnostic").name).toBe("ax");
    expect(() => glueTask("squad")).toThrow(/glue:squad: unknown GLUE task/);
  });

  // datasets.load_dataset_builder("nyu-mll/glue", task).info.features["label"].names
  it.each([
    ["cola", ["unacceptable", "acceptable"]],
    ["sst2", ["negative", "positive"]],
    ["mrpc", ["not_equivalent", "equivalent"]],
    ["qqp", ["not_duplicate", "duplicate"]],
    ["mnli", ["entailment", "neutral", "contradiction"]],
    ["qnli", ["entailment", "not_entailment"]],
    ["rte", ["entailment", "not_entailment"]],
    ["wnli", ["not_entailment", "entailment"]],
    ["ax", ["entailment", "neutral", "contradiction"]],
    ["stsb", undefined],
  ])("%s has Hugging Face's labels", (name, labels) => {
    expect(glueTask(name).labels).toEqual(labels);
    expect(glueTask(name).regression).toBe(name === "stsb");
  });
});

describe("GLUE's own files", () => {
  it("MNLI: both halves, and no quoting", async () => {
    const parse = [
      "index",
      "promptID",
      "pairID",
      "genre",
      "sentence1_binary_parse",
      "sentence2_binary_parse",
      "sentence1_parse",
      "sentence2_parse",
    ];
    const text = (a: string, b: string) => ["0", "1", "1e", "fiction", "( a )", "( b )", "(ROOT a)", "(ROOT b)", a, b];
    const header = [...parse, "sentence1", "sentence2"];
    const dev = [...header, "label1", "label2", "label3", "label4", "label5", "gold_label"];
    const votes = ["neutral", "neutral", "neutral", "neutral", "neutral"];
    const from = folder({
      "train.tsv": [
        [...header, "label1", "gold_label"],
        [...text('He said "no', "He agreed"), "neutral", "contradiction"],
        [...text("a", 'b"'), "neutral", "entailment"],
      ],
      "dev_matched.tsv": [dev, [...text("c", "d"), ...votes, "neutral"]],
      "dev_mismatched.tsv": [dev, [...text("e", "f"), ...votes, "entailment"]],
      "test_matched.tsv": [header, text("g", "h")],
      "test_mismatched.tsv": [header, text("i", "j")],
    });
    expect(await readGlue("mnli", "train", { from })).toEqual([
      example('He said "no', "He agreed", 2),
      example("a", 'b"', 0),
    ]);
    expect(await readGlue("mnli", "validation_matched", { from })).toEqual([example("c", "d", 1)]);
    expect(await readGlue("mnli", "validation", { from })).toEqual([example("c", "d", 1)]);
    expect(await readGlue("mnli", "validation_mismatched", { from })).toEqual([example("e", "f", 0)]);
    expect(await readGlue("mnli", "test", { from })).toEqual([example("g", "h")]);
    expect(await readGlue("mnli", "test_mismatched", { from })).toEqual([example("i", "j")]);
  });

  it("QQP: rows that are broken in the published file are left out", async () => {
    const header = ["id", "qid1", "qid2", "question1", "question2", "is_duplicate"];
    const from = folder({
      "train.tsv": [
        header,
        ["1", "2", "3", "Why?", "How?", "0"],
        ["4", "5", "6", "Why"],
        ["7", "8", "9", "a", "b", "1"],
      ],
      "dev.tsv": [header, ["1", "2", "3", "c", "d", "1"]],
      "test.tsv": [
        ["id", "question1", "question2"],
        ["0", "e", "f"],
      ],
    });
    expect(await readGlue("qqp", "train", { from })).toEqual([example("Why?", "How?", 0), example("a", "b", 1)]);
    expect(await readGlue("qqp", "validation", { from })).toEqual([example("c", "d", 1)]);
    expect(await readGlue("qqp", "test", { from })).toEqual([example("e", "f")]);
  });

  it("QNLI: the train part, and damage by line", async () => {
    const header = ["index", "question", "sentence", "label"];
    const from = folder({
      "train.tsv": [header, ["0", "What?", 'The "half of it.', "not_entailment"], ["1", "Who?", "He.", "entailment"]],
      "dev.tsv": [header, ["0", "What?", "That.", "perhaps"]],
      "test.tsv": [
        ["index", "question"],
        ["0", "What?"],
      ],
    });
    expect(await readGlue("qnli", "train", { from })).toEqual([
      example("What?", 'The "half of it.', 1),
      example("Who?", "He.", 0),
    ]);
    await expect(readGlue("qnli", "validation", { from })).rejects.toThrow(/dev.tsv, line 2: unknown label perhaps/);
    await expect(readGlue("qnli", "test", { from })).rejects.toThrow(
      /test.tsv, line 2: expected the columns question, sentence$/,
    );
    await expect(readGlue("qnli", "test_matched", { from })).rejects.toThrow(/has no part test_matched/);
    await expect(readGlue("qnli", "train", { from: folder({ "x.tsv": [header] }) })).rejects.toThrow(
      /no file of the part train/,
    );
  });

  it("MRPC: cut from the published file where that is there", async () => {
    const header = ["\ufeffQuality", "#1 ID", "#2 ID", "#1 String", "#2 String"];
    const [a, b, c] = [
      ["1", "10", "11", '" a', 'b "'],
      ["0", "12", "13", "c", "d"],
      ["1", "14", "15", "e", "f"],
    ];
    const files = { "train.tsv": [header, a], "dev.tsv": [header, b], "test.tsv": [["index", ...header.slice(1)], a] };
    const copy = folder(files);
    expect(await readGlue("mrpc", "train", { from: copy })).toEqual([example('" a', 'b "', 1)]);
    expect(await readGlue("mrpc", "test", { from: copy })).toEqual([example('" a', 'b "')]);
    const from = folder({ ...files, "msr_paraphrase_train.txt": [header, a, b, c], "dev_ids.tsv": [["12", "13"]] });
    expect(await readGlue("mrpc", "train", { from })).toEqual([example('" a', 'b "', 1), example("e", "f", 1)]);
    expect(await readGlue("mrpc", "validation", { from })).toEqual([example("c", "d", 0)]);
  });

  it("STS-B's numbers", async () => {
    const header = ["index", "sentence1", "sentence2", "score"];
    const from = folder({
      "train.tsv": [header, ["0", "a", "b", "3.250"]],
      "dev.tsv": [header, ["0", "a", "b", "5.2"]],
    });
    expect(await readGlue("stsb", "train", { from })).toEqual([example("a", "b", 3.25)]);
    await expect(readGlue("stsb", "validation", { from })).rejects.toThrow(/from 0 to 5, found 5.2/);
  });

  it("never anything but examples or a DataError", async () => {
    const cell = fc.oneof(
      fc.constantFrom("index", "question", "sentence", "label", "entailment", "0", "-1"),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("cola", "qnli", "qqp", "stsb", "mrpc"),
        fc.array(fc.array(cell)),
        async (name, rows) => {
          const from = folder({ "dev.tsv": rows });
          try {
            for (const { sentence1 } of await readGlue(name, "validation", { from }))
              expect(typeof sentence1).toBe("string");
          } catch (error) {
            expect(error).toBeInstanceOf(DataError);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

it("reads the hub's Parquet files", async () => {
  const from = join(base, "parquet");
  mkdirSync(from);
  const write = (part: string, columns: Record<string, (string | number)[]>) =>
    parquetWriteFile({
      filename: join(from, `${part}-00000-of-00001.parquet`),
      columnData: Object.entries(columns).map(([name, data]) => ({
        name,
        data,
        type: typeof data[0] === "string" ? "STRING" : "INT32",
      })),
    });
  write("train", { premise: ["a", "b"], hypothesis: ["c", ""], label: [2, 0], idx: [0, 1] });
  write("validation_matched", { premise: ["d"], hypothesis: ["e"], label: [1], idx: [0] });
  write("validation_mismatched", { premise: ["f"], hypothesis: ["g"], label: [0], idx: [0] });
  write("test_matched", { premise: ["h"], hypothesis: ["i"], label: [-1], idx: [0] });
  expect(await readGlue("mnli", "train", { from })).toEqual([example("a", "c", 2), example("b", "", 0)]);
  expect(await readGlue("mnli", "validation_mismatched", { from })).toEqual([example("f", "g", 0)]);
  expect(await readGlue("mnli", "validation", { from })).toEqual([example("d", "e", 1)]);
  expect(await readGlue("mnli", "test", { from })).toEqual([example("h", "i")]);
});

describe("submissions", () => {
  const write = (name: string, predictions: number[], part?: GluePart) => {
    const path = writeGlueSubmission(name, base, predictions, part);
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    return [path.slice(base.length + 1), lines.length, ...lines.slice(0, 4)];
  };
  const ids = (rows: number, classes: number) => Array.from({ length: rows }, (_, i) => i % classes);

  it.each([
    ["cola", undefined, 1063, 2, "CoLA.tsv", ["0\t0", "1\t1"]],
    ["sst2", undefined, 1821, 2, "SST-2.tsv", ["0\t0", "1\t1"]],
    ["mrpc", undefined, 1725, 2, "MRPC.tsv", ["0\t0", "1\t1"]],
    ["qqp", undefined, 390965, 2, "QQP.tsv", ["0\t0", "1\t1"]],
    ["wnli", undefined, 146, 2, "WNLI.tsv", ["0\t0", "1\t1"]],
    ["qnli", undefined, 5463, 2, "QNLI.tsv", ["0\tentailment", "1\tnot_entailment"]],
    ["rte", undefined, 3000, 2, "RTE.tsv", ["0\tentailment", "1\tnot_entailment"]],
    ["mnli", undefined, 9796, 3, "MNLI-m.tsv", ["0\tentailment", "1\tneutral"]],
    ["mnli", "test_mismatched", 9847, 3, "MNLI-mm.tsv", ["0\tentailment", "1\tneutral"]],
    ["ax", undefined, 1104, 3, "AX.tsv", ["0\tentailment", "1\tneutral"]],
  ] as const)("%s (%s)", (name, part, rows, classes, file, first) => {
    expect(write(name, ids(rows, classes), part).slice(0, 5)).toEqual([file, rows + 1, "index\tprediction", ...first]);
    expect(() => write(name, ids(rows - 1, classes), part)).toThrow(`${rows - 1} predictions, where`);
    expect(() => write(name, new Array(rows).fill(classes), part)).toThrow(/no label's id/);
    expect(() => write(name, new Array(rows).fill(0.5), part)).toThrow(/no label's id/);
  });

  it("stsb: numbers in the range that the site takes", () => {
    const values = new Array<number>(1379).fill(2.34567);
    values[1] = 5.2;
    values[2] = -0.3;
    expect(write("stsb", values)).toEqual(["STS-B.tsv", 1380, "index\tprediction", "0\t2.346", "1\t5.000", "2\t0.000"]);
    values[0] = Number.NaN;
    expect(() => write("stsb", values)).toThrow(/prediction 0 is no number/);
    expect(() => writeGlueSubmission("stsb", base, values, "train")).toThrow(/train is no test part/);
  });
});

const shared = process.env.SHOSHIN_DATA ?? fileURLToPath(new URL("../../../shared/data", import.meta.url));
const sha = (lines: string[]) => createHash("sha1").update(lines.join("\n")).digest("hex").slice(0, 12);
// csv.DictReader(open(path, encoding="utf-8-sig", newline="\n"), delimiter="\t", quoting=csv.QUOTE_NONE), as Hugging Face's glue.py:
// rows, and hashlib.sha1("\n".join(…).encode()).hexdigest()[:12] of the texts (joined by tabs) and of the labels' ids ("%.3f" for STS-B).
describe.skipIf(!existsSync(join(shared, "glue")))("the published files", () => {
  it.each([
    ["CoLA", "train", 8551, "1e8a917194fa", "19916a051fc7"],
    ["SST-2", "train", 67349, "2b9ea30fcc36", "596591799360"],
    ["STS-B", "train", 5749, "3f4856a1c2b2", "5fd8f970b859"],
    ["RTE", "train", 2490, "c6e92ea3212d", "f765f63f5331"],
    ["WNLI", "train", 635, "955c25d65ee3", "9c01e9822eff"],
    ["CoLA", "validation", 1043, "a001c0d51d1e", "d8ee92c2563d"],
    ["SST-2", "validation", 872, "b405c4b6e1a5", "41e660488ba7"],
    ["STS-B", "validation", 1500, "17a98ea7295f", "23240f7723cf"],
    ["RTE", "validation", 277, "24241df4ca7c", "38ed41bde2b1"],
    ["WNLI", "validation", 71, "2f92363dfa51", "56b2a5991a5f"],
    ["QNLI", "validation", 5463, "e8e1a6189da0", "97a20ffe982d"],
    ["CoLA", "test", 1063, "610cf5562266", "-"],
    ["SST-2", "test", 1821, "11e297d18b9c", "-"],
    ["STS-B", "test", 1379, "7f96c758bd1b", "-"],
    ["RTE", "test", 3000, "43b7248ab1b3", "-"],
    ["WNLI", "test", 146, "ea3563830b4a", "-"],
    ["QNLI", "test", 5463, "2299a894e76a", "-"],
    ["MRPC", "train", 3668, "e98387570fba", "3c0b0485a0c9"],
    ["MRPC", "validation", 408, "c698949f7e9e", "1cd62b79b3df"],
    ["MRPC", "test", 1725, "d29a98b2922c", "-"],
    ["ax", "test", 1104, "c066158824d4", "-"],
  ] as const)("%s, %s: %d examples", async (name, part, rows, texts, labels) => {
    vi.stubEnv("SHOSHIN_DATA", shared);
    const task = glueTask(name);
    const read = await readGlue(name, part);
    expect(read).toHaveLength(rows);
    expect(task.parts[part]?.rows).toBe(rows);
    expect(sha(read.map((e) => (e.sentence2 === undefined ? e.sentence1 : `${e.sentence1}\t${e.sentence2}`)))).toBe(
      texts,
    );
    const known = read
      .filter(({ label }) => label !== undefined)
      .map(({ label }) => (task.regression ? Number(label).toFixed(3) : String(label)));
    expect(known.length === 0 ? "-" : sha(known)).toBe(labels);
  });
});
