import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteFile } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import {
  builtinPart,
  DataError,
  parseRange,
  readIdx,
  readImages,
  readLines,
  readRecords,
  resolveSource,
  shuffled,
  stratifiedSplit,
  TabularEncoder,
  textExamples,
} from "../../src/data/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
let files = 0;
function file(name: string, contents: string | Uint8Array): string {
  const path = join(folder, `${files++}-${name}`);
  writeFileSync(path, contents);
  return path;
}
const examples = async (name: string, contents: string | Uint8Array, options = {}) =>
  textExamples(await readRecords(file(name, contents)), options);

describe("records", () => {
  const want = [
    ["text", "label"],
    ["a, b", "x"],
    ['say "hi"', "y"],
  ];
  it("reads CSV with quotes, CRLF and a byte-order mark", async () => {
    const { rows } = await readRecords(file("a.csv", '\ufefftext,label\r\n"a, b",x\r\n"say ""hi""",y\r\n'));
    expect(rows).toEqual(want);
  });
  it("reads TSV without quoting, gzipped under any name", async () => {
    const { rows } = await readRecords(file("a.tsv", gzipSync('text\tlabel\na, b\tx\nsay "hi"\ty')));
    expect(rows).toEqual(want);
  });
  it("reads JSONL, text and Parquet", async () => {
    const jsonl = await readRecords(file("a.jsonl", '{"text":"a","label":1}\n\n{"text":"b","label":0,"more":[1]}\n'));
    expect(jsonl).toMatchObject({
      names: ["text", "label", "more"],
      rows: [
        ["a", "1", ""],
        ["b", "0", "[1]"],
      ],
    });
    expect(await readRecords(file("a.txt", "one\ntwo\n"))).toMatchObject({ names: ["text"], rows: [["one"], ["two"]] });
    const path = join(folder, "a.parquet");
    parquetWriteFile({
      filename: path,
      columnData: [
        { name: "text", data: ["p", "q"] },
        { name: "label", data: [1, 0] },
      ],
    });
    expect(await readRecords(path)).toMatchObject({
      names: ["text", "label"],
      rows: [
        ["p", "1"],
        ["q", "0"],
      ],
    });
  });
  it.each([
    ["empty.csv", "", /empty/],
    ["empty.tsv", "", /empty/],
    ["ragged.csv", "a,b\n1,2\n3\n", /line 3: 1 columns/],
    ["ragged.tsv", "a\tb\n1\t2\t3\n", /line 2: 3 columns/],
    ["quote.csv", 'a,b\n"x,2\n', /Quote|quote/],
    ["bad.jsonl", '{"a":1}\n{oops\n', /line 2: no JSON/],
    ["list.jsonl", "[1]\n", /expected an object/],
    ["latin1.tsv", Buffer.from([0x61, 0x09, 0xe9, 0x0a]), /not UTF-8/],
    ["cut.tsv", gzipSync("a\tb\n".repeat(2000)).subarray(0, 40), /gzip|end of file|cut off/],
    ["noise.bin", "x", /unknown kind/],
    ["noise.parquet", "PAR1 no", /parquet/],
  ])("refuses %s", async (name, contents, message) => {
    const path = file(name, contents);
    await expect(readRecords(path)).rejects.toThrow(DataError);
    await expect(readRecords(path)).rejects.toThrow(message);
  });
  it("names a file that is not there, and takes a line of 10 MB", async () => {
    await expect(readRecords(join(folder, "none.csv"))).rejects.toThrow(/none.csv: no such file/);
    const lines: number[] = [];
    for await (const { text } of readLines(file("long.txt", `${"x".repeat(10_000_000)}\nshort`)))
      lines.push(text.length);
    expect(lines).toEqual([10_000_000, 5]);
  });
});

describe("columns", () => {
  const two = [
    { text: "good one", texts: ["good one"], label: "1" },
    { text: "bad one", texts: ["bad one"], label: "0" },
    { text: "so so", texts: ["so so"], label: "1" },
  ];
  it.each([
    ["no header, text first", "good one\t1\nbad one\t0\nso so\t1\n"],
    ["no header, label first", "1\tgood one\n0\tbad one\n1\tso so\n"],
    ["header", "sentence\tlabel\ngood one\t1\nbad one\t0\nso so\t1\n"],
    ["header with more", "label\trating\tid\ttext\n1\t9\t7\tgood one\n0\t2\t8\tbad one\n1\t5\t9\tso so\n"],
  ])("%s", async (_name, contents) => {
    expect((await examples("a.tsv", contents)).examples).toEqual(two);
  });
  it("joins the texts behind a class column and pairs of sentences", async () => {
    const news = await examples(
      "a.csv",
      '"3","Title one","Body one"\n"4","Title two","Body two"\n"3","Title three","Body"\n"4","Last","Body"\n"3","x","y"\n"3","v","w"\n',
    );
    expect(news.examples[0]).toEqual({
      text: "Title one Body one",
      texts: ["Title one", "Body one"],
      label: "3",
    });
    const pairs = await examples("a.tsv", "sentence1\tsentence2\tlabel\na\tb\t1\n");
    expect(pairs.examples[0]).toEqual({ text: "a b", texts: ["a", "b"], label: "1" });
  });
  it("takes named columns and refuses those that are not there", async () => {
    const csv = "what,verdict,other\nfine,good,1\nawful,bad,2\n";
    expect((await examples("a.csv", csv, { textColumn: "what", labelColumn: "verdict" })).examples[0]).toEqual({
      text: "fine",
      texts: ["fine"],
      label: "good",
    });
    await expect(examples("a.csv", csv, { textColumn: "nope" })).rejects.toThrow(/no column nope/);
    await expect(examples("a.csv", "text,other\nq,1\nr,2\n", { labelColumn: "nope" })).rejects.toThrow(
      /It has|no column/,
    );
  });
});

describe("sources", () => {
  it("sorts a published folder into parts and leaves notes out", () => {
    const dir = join(folder, "published");
    mkdirSync(dir);
    for (const name of ["train.tsv", "dev.tsv", "test.tsv", "README.md", "SOURCE.txt", "LICENSE.txt"])
      writeFileSync(join(dir, name), "a\tb\n");
    expect(resolveSource(dir).parts).toEqual({
      train: [join(dir, "train.tsv")],
      validation: [join(dir, "dev.tsv")],
      test: [join(dir, "test.tsv")],
    });
    expect(resolveSource("builtin").parts.train).toHaveLength(2);
    expect(() => resolveSource("nowhere.csv")).toThrow(/no such file or folder/);
    expect(() => resolveSource("glue:none")).toThrow(/unknown GLUE task/);
    expect(() => resolveSource("hub:a/b")).toThrow(/only files that are here/);
  });
  it("reads ranges", () => {
    expect(parseRange("3:9")).toEqual([3, 9]);
    expect(parseRange(":9")).toEqual([0, 9]);
    expect(() => parseRange("9:3")).toThrow(/empty/);
    expect(() => parseRange("x")).toThrow(/expected A:B/);
  });
  it("keeps the shipped reviews balanced, distinct and in every part", async () => {
    for (const path of resolveSource("builtin").parts.train ?? []) {
      const { examples: all } = textExamples(await readRecords(path));
      expect(all.length).toBeGreaterThanOrEqual(600);
      expect(new Set(all.map((e) => e.text.toLowerCase())).size).toBe(all.length);
      for (const part of ["train", "validation", "test"]) {
        const labels = all.filter((_, i) => builtinPart(i) === part).map((e) => e.label);
        const share = labels.filter((l) => l === "positive").length / labels.length;
        expect(labels.length).toBeGreaterThan(50);
        expect(share).toBeGreaterThan(0.35);
        expect(share).toBeLessThan(0.65);
      }
    }
  });
});

describe("IDX", () => {
  const idx = (shape: number[], type = 8, cut = 0) => {
    const head = Buffer.alloc(4 + 4 * shape.length);
    head[2] = type;
    head[3] = shape.length;
    shape.forEach((s, d) => {
      head.writeUInt32BE(s, 4 + 4 * d);
    });
    return Buffer.concat([head, Buffer.alloc(shape.reduce((n, s) => n * s, 1) - cut, 7)]);
  };
  it("reads images with labels, gzipped too", async () => {
    const images = file("images-idx3-ubyte.gz", gzipSync(idx([2, 3, 4])));
    expect(await readImages(images, file("labels-idx1-ubyte", idx([2])))).toMatchObject({ count: 2, rows: 3, cols: 4 });
    await expect(readImages(images, file("labels-idx1-ubyte", idx([5])))).rejects.toThrow(/labels \[5\] for 2 images/);
  });
  it("refuses damage", async () => {
    await expect(readIdx(file("x", idx([2, 3], 8, 1)))).rejects.toThrow(/needs 6 bytes/);
    await expect(readIdx(file("x", idx([2], 9)))).rejects.toThrow(/type 9/);
    await expect(readIdx(file("x", "abc"))).rejects.toThrow(/no IDX/);
    await expect(readIdx(file("x", Buffer.from([0, 0, 8, 3, 0])))).rejects.toThrow(/cut off/);
  });
});

describe("order and tables", () => {
  it("shuffles by seed and epoch alone", () => {
    expect([...shuffled(50, 3, 1)]).toEqual([...shuffled(50, 3, 1)]);
    expect([...shuffled(50, 3, 1)]).not.toEqual([...shuffled(50, 3, 2)]);
    expect([...shuffled(50, 3, 1)].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });
  it("splits every class alike", () => {
    const classes = Array.from({ length: 100 }, (_, i) => (i % 10 === 0 ? "rare" : "common"));
    const { train, held } = stratifiedSplit(100, 0.2, 1, classes);
    expect(held.filter((i) => classes[i] === "rare")).toHaveLength(2);
    expect(train.length + held.length).toBe(100);
  });
  it("encodes numbers, words and what is missing, and comes back from JSON", () => {
    const names = ["n", "kind", "target"];
    const rows = [
      ["1", "a", "x"],
      ["3", "b", "y"],
      ["NA", "", "x"],
    ];
    const encoder = TabularEncoder.fit(names, rows, [2]);
    expect(encoder.features).toBe(4);
    const again = TabularEncoder.fromJSON(JSON.parse(JSON.stringify(encoder)));
    expect([...again.transform(names, rows, "t")]).toEqual([-1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0]);
    expect([...again.transform(names, [["2", "new", ""]], "t")]).toEqual([0, 0, 0, 0]);
    expect(() => again.transform(["kind"], [["a"]], "t")).toThrow(/needs a column n/);
    expect(() => again.transform(names, [["oops", "a", ""]], "t")).toThrow(/expected a number/);
    expect(() => TabularEncoder.fromJSON({ version: 2 })).toThrow(DataError);
  });
});
