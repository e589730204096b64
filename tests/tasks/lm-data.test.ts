import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { resolveSource } from "../../src/data/index.ts";
import { readToLearn, readToMeasure } from "../../src/tasks/reading.ts";
import type { TaskOptions } from "../../src/tasks/settings.ts";
import { plainTexts, readPartLines, readPartTexts } from "../../src/tasks/shared/texts.ts";
import { languageReader } from "../../src/tasks/text-generation/data.ts";
import { encodeStream, makeTokenizer } from "../../src/tasks/text-generation/tokens.ts";
import { temporaryFolder } from "../folder.ts";

const root = temporaryFolder();
afterEach(() => vi.unstubAllEnvs());
function folder(name: string, files: Record<string, string | Uint8Array>): string {
  const dir = join(root, name);
  mkdirSync(dir, { recursive: true });
  for (const [file, contents] of Object.entries(files)) writeFileSync(join(dir, file), contents);
  return dir;
}
type Given = Partial<TaskOptions> & { data: string };
const lessons = async (options: Given) => {
  const { train, validation } = await readToLearn(languageReader, { output: "", model: "lstm", ...options });
  return { train: train.examples, validation: validation.examples, words: train.about.words };
};
const ptb = {
  "ptb.train.txt": " no it was n't <unk> \n a b \n",
  "ptb.valid.txt": " c d \n",
  "ptb.test.txt": " e \n",
};

describe("corpora", () => {
  it("are found in their published layouts: Penn Treebank, its characters set aside", async () => {
    const characters = { "ptb.char.train.txt": "n o _ i t\n", "ptb.char.valid.txt": "c\n", README: "x" };
    folder("simple-examples/data", { ...ptb, ...characters });
    vi.stubEnv("SHOSHIN_DATA", root);
    expect(await lessons({ data: "ptb" })).toEqual({
      train: [" no it was n't <unk> ", " a b "],
      validation: [" c d "],
      words: true,
    });
    expect(await readPartLines(resolveSource("ptb"), "test")).toEqual([" e "]);
    expect((await lessons({ data: folder("characters", characters) })).train).toEqual(["n o _ i t"]);
  });

  it("WikiText as .tokens, packed, and raw", async () => {
    const lines = " \n = Title = \n \n A <unk> was born . \n";
    const parts = { "wiki.train.tokens": lines, "wiki.valid.tokens.gz": gzipSync(lines), "wiki.test.tokens": " x \n" };
    folder("wikitext-103", parts);
    vi.stubEnv("SHOSHIN_DATA", root);
    const corpus = await lessons({ data: "wikitext:103" });
    expect(corpus).toEqual({ train: corpus.validation, validation: lines.split("\n").slice(0, -1), words: true });
    const raw = folder("raw", { "wiki.train.raw": "A man . \n", "wiki.valid.raw": "B \n" });
    expect(await lessons({ data: raw })).toEqual({ train: ["A man . "], validation: ["B "], words: false });
  });

  it("rows of the hub's WikiText are lines with their ends", async () => {
    const rows = ["", " = Title = \n", "", " A <unk> . \n"].map((text) => `${JSON.stringify({ text })}\n`).join("");
    const { train } = await lessons({ data: folder("rows", { "train.jsonl": rows }), validation: "none" });
    expect(train).toEqual(["", " = Title = ", "", " A <unk> . "]);
  });

  it("folders of files, some packed, in the order of their names", async () => {
    const dir = folder("texts", { "b.txt.gz": gzipSync("three\nfour\n"), "a.txt": "one\ntwo", LICENSE: "mine" });
    expect((await lessons({ data: dir, validation: "none" })).train).toEqual(["one", "two", "three", "four"]);
  });

  it("say so when there is no training part", async () => {
    const said: string[] = [];
    const dir = folder("two-parts", { "valid.txt": `${"a b\n".repeat(20)}`, "test.txt": "c\n" });
    const corpus = await lessons({ data: dir, say: (line) => said.push(line) });
    expect([corpus.train.length, corpus.validation.length]).toEqual([18, 2]);
    expect(said).toEqual([`${dir} has no training part: its validation part is trained on`]);
  });

  it.each([
    ["nothing", { "a.txt": "" }, undefined, /no text/],
    ["empty lines", { "a.txt": "\n\n" }, undefined, /no text/],
    ["an empty validation part", { "train.txt": "a\n", "valid.txt": "" }, undefined, /no texts/],
    ["a share of 1", { "a.txt": "a\n" }, "1", /expected a share above 0 and below 1/],
  ])("of %s are refused", async (name, files, validation, message) => {
    await expect(lessons({ data: folder(name, files), validation })).rejects.toThrow(message);
  });
});

const PATHS = "./model";
const rowsOf = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const chat = (n: number) => ({
  messages: [
    { role: "user", content: `${n}?` },
    { role: "assistant", content: `${n}!` },
  ],
});
const chats = (n: number, from = 0) => Array.from({ length: n }, (_, i) => chat(from + i));
const numbered = (n: number, name = "line") => Array.from({ length: n }, (_, i) => `${name} ${i}`);
const textOf = (lines: readonly string[]) => `${lines.join("\n")}\n`;

describe("what is learned from and what is held out", () => {
  const train = numbered(40);
  const [whole, parts, other] = [
    () => folder("whole", { "a.txt": textOf(train) }),
    () => folder("parts", { "train.txt": textOf(train), "valid.txt": "v\n", "test.txt": "t\n" }),
    () => folder("other", { "train.txt": "x\n", "dev.txt": "d\n" }),
  ];
  it.each<[string, () => Given, readonly string[], readonly string[]]>([
    ["the end of a single file", () => ({ data: whole() }), train.slice(0, 36), train.slice(36)],
    ["a share", () => ({ data: parts(), validation: "0.5" }), train.slice(0, 20), train.slice(20)],
    ["the source's own part", () => ({ data: parts() }), train, ["v"]],
    ["another source's part", () => ({ data: parts(), validation: other() }), train, ["d"]],
    ["nothing", () => ({ data: parts(), validation: "none" }), train, []],
    [
      "nothing of the rows outside a range",
      () => ({ data: whole(), range: "0:20" }),
      train.slice(0, 18),
      train.slice(18, 20),
    ],
    [
      "a part of the only part",
      () => ({ data: folder("dev", { "dev.txt": textOf(train) }) }),
      train.slice(0, 36),
      train.slice(36),
    ],
    ["the end of a single line", () => ({ data: folder("line", { "a.txt": "0123456789\n" }) }), ["012345678"], ["9"]],
  ])("%s", async (_name, given, learned, held) => {
    const found = await lessons(given());
    expect([found.train, found.validation]).toEqual([learned, held]);
  });

  it("of plain texts of rows too, which stay whole", async () => {
    const rows = Array.from({ length: 20 }, (_, i) => ({ text: `one ${i}\ntwo` }));
    const data = folder("rows-of-texts", { "train.jsonl": rowsOf(rows) });
    const { train, validation } = await readToLearn(plainTexts(readPartTexts), { data, output: "" });
    expect([...train.examples, ...validation.examples]).toEqual(rows.map(({ text }) => text));
    expect(validation.examples.length).toBe(2);
    expect((await lessons({ data, validation: "none" })).train).toHaveLength(40);
  });

  it("never the built-in rows that are learned from", async () => {
    const { train, validation } = await lessons({ data: "builtin" });
    const { examples } = await readToMeasure(languageReader, { data: "builtin" });
    expect(validation.length).toBeGreaterThan(10);
    for (const held of [validation, examples]) expect(held.filter((line) => train.includes(line))).toEqual([]);
  });
});

describe("conversations", () => {
  it("are found by their first row, and held out in order", async () => {
    const data = folder("chats", { "a.jsonl": rowsOf(chats(25)) });
    const { train, validation } = await readToLearn(languageReader, { data, output: "", model: PATHS });
    expect(train.about.kind).toBe("conversations");
    expect([train.examples, validation.examples]).toEqual([chats(23), chats(2, 23)]);
    const few = await readToLearn(languageReader, { data, output: "", model: PATHS, range: "4:9" });
    expect([few.train.examples, few.validation.examples]).toEqual([chats(5, 4), []]);
    const half = await readToLearn(languageReader, { data, output: "", model: PATHS, validation: "0.2" });
    expect([half.train.examples.length, half.validation.examples.length]).toEqual([20, 5]);
  });

  it("have parts of their own, and are measured on the test part", async () => {
    const files = { "train.jsonl": chats(3), "validation.jsonl": chats(2, 3), "test.jsonl": chats(1, 9) };
    const data = folder("chat-parts", Object.fromEntries(Object.entries(files).map(([n, rows]) => [n, rowsOf(rows)])));
    const own = await readToLearn(languageReader, { data, output: "", model: PATHS });
    expect([own.train.examples, own.validation.examples]).toEqual([chats(3), chats(2, 3)]);
    const measured = await readToMeasure(languageReader, { data });
    expect([measured.about.kind, measured.examples]).toEqual(["conversations", chats(1, 9)]);
  });

  it("are held out of conversations only, and are rows for presets", async () => {
    const data = folder("chats-and-texts", { "a.jsonl": rowsOf(chats(3)) });
    const texts = folder("texts-for-chats", { "a.txt": "one\ntwo\n" });
    const learn = (given: Given) => readToLearn(languageReader, { output: "", model: PATHS, ...given });
    await expect(learn({ data, validation: texts })).rejects.toThrow(`${texts}: no conversations`);
    const lines = await learn({ data: texts, validation: data, textColumn: "messages" });
    expect(lines.validation.about.kind).toBe("lines");
    await expect(learn({ data: folder("no-chats", { "a.jsonl": "" }) })).rejects.toThrow(/no-chats.*the file is empty/);
    const preset = await learn({ data, model: "gpt", validation: "none", textColumn: "messages" });
    expect([preset.train.about.kind, preset.train.examples.length]).toEqual(["lines", 3]);
  });
});

const shared = process.env.SHOSHIN_DATA ?? fileURLToPath(new URL("../../../shared/data", import.meta.url));
describe.skipIf(!existsSync(join(shared, "ptb")))("published counts (skipped without data)", () => {
  it.each([
    ["ptb", "train", 929_589, 10_000],
    ["ptb", "validation", 73_760, undefined],
    ["ptb", "test", 82_430, undefined],
    ["wikitext2", "validation", 217_646, undefined],
    ["wikitext2", "test", 245_569, undefined],
  ] as const)("%s, %s part: %d tokens with the ends of sentences", async (name, part, count, types) => {
    const source = resolveSource(join(shared, name));
    if (source.parts[part] === undefined) return;
    const lines = await readPartLines(source, part);
    const tokenizer = await makeTokenizer("word", lines);
    expect(encodeStream(tokenizer, lines)).toHaveLength(count);
    if (types !== undefined) expect(tokenizer.vocabSize).toBe(types);
  });
});
