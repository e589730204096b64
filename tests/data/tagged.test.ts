import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { parquetWriteFile } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { DataError, readTagged, resolveSource } from "../../src/data/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
let files = 0;
function file(name: string, contents: string | Uint8Array): string {
  const path = join(folder, `${files++}-${name}`);
  writeFileSync(path, contents);
  return path;
}
const read = async (name: string, contents: string | Uint8Array, options = {}, needsTags = true) =>
  (await readTagged(file(name, contents), options, needsTags)).sentences;

const row = (id: string, form: string, upos: string, xpos = "_") =>
  `${id}\t${form}\t_\t${upos}\t${xpos}\t_\t_\t_\t_\t_`;
const treebank = `# sent_id = 1
# text = I don't # it
${row("1", "I", "PRON", "PRP")}
${row("2-3", "don't", "_")}
${row("2", "do", "AUX", "VBP")}
${row("3", "n't", "PART", "RB")}
${row("4", "#", "SYM", "NN")}
${row("4.1", "like", "VERB")}
${row("5", "it", "PRON", "PRP")}

# sent_id = 2
${row("1", "Go", "VERB", "VB")}
`;

describe("CoNLL-U", () => {
  const tokens = ["I", "do", "n't", "#", "it"];
  it("reads words and UPOS without ranges, empty nodes and comments, gzipped too", async () => {
    const want = [
      { tokens, tags: ["PRON", "AUX", "PART", "SYM", "PRON"], line: 3 },
      { tokens: ["Go"], tags: ["VERB"], line: 12 },
    ];
    expect(await read("a.conllu", treebank)).toEqual(want);
    expect(await read("a.conllu.gz", gzipSync(treebank.replaceAll("\n", "\r\n")))).toEqual(want);
    // By its contents, whatever it is called.
    expect(await read("a.conll", treebank)).toEqual(want);
  });
  it("reads the column that is named", async () => {
    expect((await read("a.conllu", treebank, { labelColumn: "XPOS" }))[0].tags).toEqual([
      "PRP",
      "VBP",
      "RB",
      "NN",
      "PRP",
    ]);
    await expect(read("a.conllu", treebank, { labelColumn: "ner" })).rejects.toThrow(/no column ner/);
  });
  it("takes _ everywhere as no annotation", async () => {
    const bare = `${row("1", "Go", "_")}\n`;
    expect(await read("a.conllu", bare, {}, false)).toEqual([{ tokens: ["Go"], tags: undefined, line: 1 }]);
    await expect(read("a.conllu", bare)).rejects.toThrow(/line 1: words without tags/);
  });
});

describe("columns", () => {
  it("reads words and tags, separators with a tab on them, words with a hash", async () => {
    expect(await read("a.conll", "#tag\tO\n#\tO\nRome\tB-location\n\t\n\n\nok\tO")).toEqual([
      { tokens: ["#tag", "#", "Rome"], tags: ["O", "O", "B-location"], line: 1 },
      { tokens: ["ok"], tags: ["O"], line: 7 },
    ]);
  });
  it("reads CoNLL-2003: four columns, spaces, document lines; and comments", async () => {
    const text = "-DOCSTART- -X- O O\n\n# id 7\nEU NNP I-NP B-ORG\nrejects VBZ I-VP O\n";
    expect(await read("eng.testa", text)).toEqual([{ tokens: ["EU", "rejects"], tags: ["B-ORG", "O"], line: 4 }]);
    expect((await read("eng.train", text, { labelColumn: "1" }))[0].tags).toEqual(["NNP", "VBZ"]);
    await expect(read("eng.train", text, { labelColumn: "4" })).rejects.toThrow(/no column 4/);
    await expect(read("eng.train", text, { labelColumn: "ner" })).rejects.toThrow(/no column ner/);
  });
  it("reads words without tags to predict", async () => {
    expect(await read("a.txt", "one\ntwo\n\nthree\n", {}, false)).toEqual([
      { tokens: ["one", "two"], tags: undefined, line: 1 },
      { tokens: ["three"], tags: undefined, line: 4 },
    ]);
  });
});

describe("records", () => {
  it.each(["tags", "ner_tags", "labels"])("reads lists of words and %s", async (name) => {
    const text = `${JSON.stringify({ id: 1, tokens: ["a", "b"], [name]: ["X", "Y"] })}\n`;
    expect(await read("a.jsonl", text)).toEqual([{ tokens: ["a", "b"], tags: ["X", "Y"], line: 1 }]);
  });
  it("reads numbers as tags, and Parquet's lists", async () => {
    expect((await read("a.jsonl", '{"words":["a","b"],"ner_tags":[0,3]}\n'))[0].tags).toEqual(["0", "3"]);
    const path = join(folder, "a.parquet");
    parquetWriteFile({
      filename: path,
      columnData: [
        { name: "tokens", data: [["a", "b"], ["c"]], type: "JSON" },
        { name: "ner_tags", data: [[0, 1], [2]], type: "JSON" },
      ],
    });
    expect((await readTagged(path)).sentences).toEqual([
      { tokens: ["a", "b"], tags: ["0", "1"], line: 1 },
      { tokens: ["c"], tags: ["2"], line: 2 },
    ]);
  });
});

it.each([
  ["empty.conllu", "", /empty/],
  ["blank.conll", "\n\n\t\n", /empty/],
  ["comments.conllu", "# only\n", /empty/],
  ["short.conllu", `${row("1", "a", "X")}\n2\tb\t_\tX\n`, /line 2: 4 columns, where 10/],
  ["spaces.conllu", "1 a _ X\n", /line 1: 4 columns, where 10/],
  ["number.conllu", row("one", "a", "X"), /line 1: expected the number of a word, found "one"/],
  ["ragged.conll", "a\tO\nb\n", /line 2: 1 columns, where 2/],
  ["wide.conll", "a\tO\nb\tO\tO\n", /line 2: 3 columns, where 2/],
  ["bare.conll", "a\tO\nb\t\n", /line 2: no tag for b/],
  ["lost.conll", "a\tO\n\tO\n", /line 2: a tag without a word/],
  ["words.txt", "a\nb\n", /words without tags/],
  ["uneven.jsonl", '{"tokens":["a","b"],"tags":["X"]}\n', /record 1: 1 tags for 2 words/],
  ["other.jsonl", '{"text":"a b"}\n', /record 1: no words/],
  ["text.jsonl", '{"tokens":"a b","tags":["X"]}\n', /expected a list of texts in tokens/],
  ["null.jsonl", '{"tokens":["a",null],"tags":["X","Y"]}\n', /expected a list of texts in tokens/],
  ["half.jsonl", '{"tokens":["a"]}\n', /words without tags/],
  ["a.csv", "a,O\n", /CSV holds no sentences/],
  ["latin1.conll", Buffer.from([0xe9, 0x09, 0x4f, 0x0a]), /not UTF-8/],
])("refuses %s", async (name, contents, message) => {
  await expect(read(name, contents)).rejects.toThrow(DataError);
  await expect(read(name, contents)).rejects.toThrow(message);
});

it("finds the parts of published folders", () => {
  const parts = (name: string, names: string[]) => {
    const dir = join(folder, name);
    mkdirSync(dir);
    for (const n of names) writeFileSync(join(dir, n), "a\tO\n");
    const found = resolveSource(dir, "tagged").parts;
    return Object.fromEntries(Object.entries(found).map(([part, list]) => [part, list.map((path) => basename(path))]));
  };
  const ud = (part: string) => [`xx-ud-${part}.conllu`, `xx-ud-${part}.txt`];
  expect(parts("ud", [...ud("train"), ...ud("dev"), ...ud("test"), "LICENSE.txt", "README.md", "stats.xml"])).toEqual({
    train: ["xx-ud-train.conllu"],
    validation: ["xx-ud-dev.conllu"],
    test: ["xx-ud-test.conllu"],
  });
  expect(
    parts("wnut", [
      "wnut17train.conll",
      "emerging.dev.conll",
      "emerging.test.conll",
      "emerging.test.annotated",
      "README_original.txt",
      "SOURCE.txt",
    ]),
  ).toEqual({
    train: ["wnut17train.conll"],
    validation: ["emerging.dev.conll"],
    test: ["emerging.test.annotated"],
  });
  expect(parts("conll2003", ["eng.train", "eng.testa", "eng.testb"])).toEqual({
    train: ["eng.train"],
    validation: ["eng.testa"],
    test: ["eng.testb"],
  });
  expect(parts("plain", ["train.txt", "valid.txt", "test.txt"])).toEqual({
    train: ["train.txt"],
    validation: ["valid.txt"],
    test: ["test.txt"],
  });
  mkdirSync(join(folder, "none"));
  writeFileSync(join(folder, "none", "a.csv"), "");
  expect(() => resolveSource(join(folder, "none"), "tagged")).toThrow(/no data files/);
});

const shared = process.env.SHOSHIN_DATA ?? fileURLToPath(new URL("../../../shared/data", import.meta.url));
// grep -c '^# sent_id' and grep -cE '^[0-9]+\t' of the treebank's files; grep -cE '^.+\t.' of WNUT-17's, sentences as published.
describe.each([
  ["ud_english_ewt", { train: [12544, 204577], validation: [2001, 25147] }],
  ["ner_wnut17", { train: [3394, 62730], validation: [1009, 15733] }],
])("published data: %s", (name, sizes) => {
  it.skipIf(!existsSync(join(shared, name)))("has the sentences and words that it should", async () => {
    const { parts } = resolveSource(join(shared, name), "tagged");
    for (const [part, [sentences, words]] of Object.entries(sizes)) {
      const [path] = parts[part as "train"] ?? [];
      const list = (await readTagged(path)).sentences;
      expect([list.length, list.reduce((n, s) => n + s.tokens.length, 0)]).toEqual([sentences, words]);
    }
  });
});
