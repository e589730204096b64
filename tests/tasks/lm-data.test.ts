import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { resolveSource } from "../../src/data/index.ts";
import { encodeStream, makeTokenizer, readCorpus, readPartLines } from "../../src/tasks/lm-data.ts";

const root = mkdtempSync(join(tmpdir(), "shoshin-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());
function folder(name: string, files: Record<string, string | Uint8Array>): string {
  const dir = join(root, name);
  mkdirSync(dir, { recursive: true });
  for (const [file, contents] of Object.entries(files)) writeFileSync(join(dir, file), contents);
  return dir;
}
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
    expect(await readCorpus({ data: "ptb" })).toEqual({
      train: [" no it was n't <unk> ", " a b "],
      validation: [" c d "],
      words: true,
    });
    expect(await readPartLines(resolveSource("ptb"), "test")).toEqual([" e "]);
    expect((await readCorpus({ data: folder("characters", characters) })).train).toEqual(["n o _ i t"]);
  });

  it("WikiText as .tokens, packed, and raw", async () => {
    const lines = " \n = Title = \n \n A <unk> was born . \n";
    const parts = { "wiki.train.tokens": lines, "wiki.valid.tokens.gz": gzipSync(lines), "wiki.test.tokens": " x \n" };
    folder("wikitext-103", parts);
    vi.stubEnv("SHOSHIN_DATA", root);
    const corpus = await readCorpus({ data: "wikitext:103" });
    expect(corpus).toEqual({ train: corpus.validation, validation: lines.split("\n").slice(0, -1), words: true });
    const raw = folder("raw", { "wiki.train.raw": "A man . \n", "wiki.valid.raw": "B \n" });
    expect(await readCorpus({ data: raw })).toEqual({ train: ["A man . "], validation: ["B "], words: false });
  });

  it("rows of the hub's WikiText are lines with their ends", async () => {
    const rows = ["", " = Title = \n", "", " A <unk> . \n"].map((text) => `${JSON.stringify({ text })}\n`).join("");
    const { train } = await readCorpus({ data: folder("rows", { "train.jsonl": rows }), validation: "none" });
    expect(train).toEqual(["", " = Title = ", "", " A <unk> . "]);
  });

  it("folders of files, some packed, in the order of their names", async () => {
    const dir = folder("texts", { "b.txt.gz": gzipSync("three\nfour\n"), "a.txt": "one\ntwo", LICENSE: "mine" });
    expect((await readCorpus({ data: dir, validation: "none" })).train).toEqual(["one", "two", "three", "four"]);
  });

  it("say so when there is no training part", async () => {
    const said: string[] = [];
    const dir = folder("two-parts", { "valid.txt": `${"a b\n".repeat(20)}`, "test.txt": "c\n" });
    const corpus = await readCorpus({ data: dir, say: (line) => said.push(line) });
    expect([corpus.train.length, corpus.validation.length]).toEqual([18, 2]);
    expect(said).toEqual([`${dir} has no training part: its validation part is trained on`]);
  });

  it.each([
    ["nothing", { "a.txt": "" }, undefined, /no text/],
    ["empty lines", { "a.txt": "\n\n" }, undefined, /no text/],
    ["an empty validation part", { "train.txt": "a\n", "valid.txt": "" }, undefined, /no text to validate on/],
    ["a share of 1", { "a.txt": "a\n" }, "1", /1: no such file/],
  ])("of %s are refused", async (name, files, validation, message) => {
    await expect(readCorpus({ data: folder(name, files), validation })).rejects.toThrow(message);
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
