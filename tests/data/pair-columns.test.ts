import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DataError, type PairOptions, readPairs, resolveSource, type SentencePair } from "../../src/data/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
let files = 0;
async function readFile(name: string, contents: string | Uint8Array, options?: PairOptions) {
  const path = join(folder, `${files++}-${name}`);
  writeFileSync(path, contents);
  return readPairs(resolveSource(path, "pairs"), "train", options);
}
const two = ({ pairs }: { pairs: SentencePair[] }) => pairs.map(({ source, target }) => [source, target]);

describe("columns", () => {
  const tabs = "\uFEFFHi.\t嗨。\tby A\nI won.\t我赢了。\tby B\n";
  it("without a header are the first two, or those of the languages' scripts", async () => {
    const straight = await readFile("cmn.txt", tabs);
    expect(straight).toEqual({
      pairs: [
        { source: "Hi.", target: "嗨。" },
        { source: "I won.", target: "我赢了。" },
      ],
      chosen: "source: column 0, target: column 1 (no header)",
    });
    const chinese = await readFile("cmn.txt.gz", gzipSync(tabs), { sourceLanguage: "zh", targetLanguage: "en" });
    expect(chinese.pairs[0]).toEqual({ source: "嗨。", target: "Hi." });
    expect(chinese).toMatchObject({ chosen: "source: column 1, target: column 0 (no header)", sourceLanguage: "zh" });
    expect(two(await readFile("cmn.tsv", tabs, { targetLanguage: "en" }))[0]).toEqual(["嗨。", "Hi."]);
    expect(two(await readFile("cmn.tsv", tabs, { sourceLanguage: "en", targetLanguage: "zh_CN" }))[0][0]).toBe("Hi.");
    expect(two(await readFile("cmn.tsv", tabs, { sourceColumn: "1" }))[0]).toEqual(["嗨。", "Hi."]);
    expect(two(await readFile("cmn.tsv", tabs, { sourceColumn: "1", targetColumn: "2" }))[0]).toEqual(["嗨。", "by A"]);
    // One script: the order of the columns.
    expect(two(await readFile("a.tsv", "Ja.\tYes.\n", { sourceLanguage: "en", targetLanguage: "de" }))[0][0]).toBe(
      "Ja.",
    );
  });
  it.each([
    ["ru", "Привет.", "en", "Hi."],
    ["ja", "やあ、元気？", "zh", "你好。"],
    ["zh", "你好。", "ja", "やあ、元気？"],
    ["ko", "안녕.", "ja", "やあ。"],
    ["sr", "Здраво.", "hr", "Zdravo."],
    ["hy", "Ողջույն։", "el", "Γεια."],
    ["Hindi", "नमस्ते।", "English", "Hello."],
  ])("by the letters of %s", async (sourceLanguage, source, targetLanguage, target) => {
    const options = { sourceLanguage, targetLanguage };
    expect(two(await readFile("a.csv", `${source},${target}\n`, options))).toEqual([[source, target]]);
    expect(two(await readFile("a.csv", `${target},${source}\n`, options))).toEqual([[source, target]]);
  });

  it.each<[string, PairOptions | undefined, string, string | undefined]>([
    ["source,target,id", undefined, "source: source, target: target", undefined],
    ["text,translation,id", undefined, "source: text, target: translation", undefined],
    ["SRC,Tgt,id", undefined, "source: SRC, target: Tgt", undefined],
    ["input,output,text", undefined, "source: input, target: output", undefined],
    ["en,de,id", undefined, "source: en, target: de", "en"],
    ["de,en,id", undefined, "source: en, target: de", "en"],
    ["fr,de,id", undefined, "source: de, target: fr", "de"],
    ["pt-br,zh-CN,source", undefined, "source: pt-br, target: zh-CN", "pt-br"],
    ["English,German,id", undefined, "source: English, target: German", "en"],
    ["de,en,id", { sourceLanguage: "de" }, "source: de, target: en", "de"],
    ["German,English,id", { sourceLanguage: "de", targetLanguage: "en" }, "source: German, target: English", "de"],
    ["de,en,fr", { sourceLanguage: "fr", targetLanguage: "de" }, "source: fr, target: de", "fr"],
    ["de,en,x", { sourceColumn: "de" }, "source: de, target: en", "de"],
    ["x,y,z", { sourceColumn: "z", targetColumn: "x" }, "source: z, target: x", undefined],
    ["x,target,z", { sourceColumn: "z" }, "source: z, target: target", undefined],
  ])("%s with %j", async (header, options, chosen, language) => {
    const names = header.split(",");
    const want = [names.indexOf(chosen.split(/[ ,]+/)[1]), names.indexOf(chosen.split(/[ ,]+/)[3])];
    const cells = ["eins", "zwei", "drei"];
    const objects = `${JSON.stringify(Object.fromEntries(names.map((name, i) => [name, cells[i]])))}\n`;
    for (const [name, contents] of [
      ["a.csv", `${header}\n${cells}\n`],
      ["a.tsv", `${header.replaceAll(",", "\t")}\n${cells.join("\t")}\n`],
      ["a.jsonl", objects],
    ]) {
      const got = await readFile(name, contents, options);
      expect(got.chosen).toBe(chosen);
      expect(two(got)).toEqual([[cells[want[0]], cells[want[1]]]]);
      expect(got.sourceLanguage).toBe(language);
    }
  });
  it("have a header only where it is one", async () => {
    expect(two(await readFile("a.tsv", "sentence_en\tsentence_de\na\tb\n"))).toHaveLength(2);
    expect(two(await readFile("a.tsv", "Hi\tText\nNo\tNo\n"))).toHaveLength(2);
    expect((await readFile("a.csv", '"Well, yes.","Na ja, ""doch""."\n')).pairs[0].target).toBe('Na ja, "doch".');
  });

  it.each<[string, string | Uint8Array, PairOptions | undefined, RegExp]>([
    ["empty.tsv", "", undefined, /the file is empty/],
    ["empty.jsonl", "\n", undefined, /the file is empty/],
    ["header.tsv", "en\tde\n", undefined, /a header and nothing below it/],
    ["one.txt", "A dog.\nA cat.\n", undefined, /one column/],
    ["one.csv", "en\nA cat.\n", undefined, /one column/],
    ["ragged.tsv", "a\tb\nc\n", undefined, /line 2: 1 columns, where the first row has 2/],
    ["broken.jsonl", '{"en":"a","de":"b"}\n{"en":\n', undefined, /line 2: no JSON/],
    ["list.jsonl", "[1]\n", undefined, /line 1: expected an object/],
    ["names.jsonl", '{"a":"x","b":"y"}\n', undefined, /which of a, b are source and target/],
    ["gone.jsonl", '{"en":"a","de":"b"}\n{"en":"a"}\n', undefined, /record 2: expected a text in de, found nothing/],
    ["deep.jsonl", '{"en":"a","de":["b"]}\n', undefined, /record 1: expected a text in de, found a list/],
    ["three.csv", "en,de,fr\na,b,c\n", undefined, /which of de, en, fr are meant/],
    ["fr.csv", "en,de\na,b\n", { sourceLanguage: "fr" }, /there is no text in fr/],
    ["same.csv", "en,de\na,b\n", { sourceColumn: "en", targetColumn: "en" }, /en is both source and target/],
    ["absent.csv", "en,de\na,b\n", { sourceColumn: "x", targetColumn: "de" }, /no column x/],
    ["absent.tsv", "Hi.\tHallo.\n", { sourceColumn: "x" }, /no column x/],
    ["position.csv", "en,de\na,b\n", { sourceColumn: "0", targetColumn: "1" }, /no column 0/],
    ["position.tsv", "a.\tb.\n", { sourceColumn: "0", targetColumn: "2" }, /no column 2/],
    ["twice.tsv", "a.\tb.\n", { sourceColumn: "0", targetColumn: "0" }, /column 0 is both/],
    ["half.tsv", "a.\tb.\tc.\n", { sourceColumn: "2" }, /which columns/],
    ["bare.tsv", "\tb\na\t\n", undefined, /holds no pairs/],
    [
      "cell.jsonl",
      '{"translation":"a"}\n',
      undefined,
      /record 1: expected an object of texts in translation, found "a"/,
    ],
    ["null.jsonl", '{"id":1,"translation":null}\n', undefined, /in translation, found nothing/],
    ["later.jsonl", '{"translation":{"en":"a","de":"b"}}\n{"translation":[]}\n', undefined, /record 2: .*found a list/],
    ["single.jsonl", '{"translation":{"en":"a"}}\n', undefined, /holds text in en only/],
    ["other.jsonl", '{"translation":{"en":"a","de":"b"}}\n', { targetLanguage: "fr" }, /no text in fr/],
    [
      "lacks.jsonl",
      '{"translation":{"en":"a","de":"b"}}\n{"translation":{"en":"a"}}\n',
      undefined,
      /a text in de, found nothing/,
    ],
    ["unknown.xyz1", "a\tb\n", undefined, /unknown kind of file/],
    ["latin.tsv", new Uint8Array([0x61, 9, 0xe4, 10]), undefined, /not UTF-8/],
  ])("refuses %s", async (name, contents, options, message) => {
    const error = await readFile(name, contents, options).catch((e) => e);
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(message);
  });
});
