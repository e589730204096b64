import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readWordVectors, writeWord2vec } from "../../src/formats/index.ts";
import { KeyedVectors, WordVectorsError } from "../../src/text/index.ts";
import { pearson, spearman } from "../../src/train/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
const path = join(folder, "vectors");
const write = (...parts: (string | Uint8Array)[]) => {
  writeFileSync(path, Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array))));
  return path;
};
const floats = (...list: number[]) => new Uint8Array(Float32Array.from(list).buffer);
const ints = (...list: number[]) => new Uint8Array(Int32Array.from(list).buffer);
const longs = (...list: number[]) => new Uint8Array(BigInt64Array.from(list.map(BigInt)).buffer);

describe("word2vec and GloVe", () => {
  it("reads text with a header, without one, packed, with tabs and spaces at the ends", async () => {
    for (const text of [
      "2 3\nlove 1 -2.5 3e-2\n爱 .5 0 7\n",
      "love 1 -2.5 3e-2\n爱 .5 0 7",
      "2 3\r\nlove\t1\t-2.5\t3e-2 \r\n爱 .5 0 7 \r\n",
    ]) {
      for (const bytes of [Buffer.from(text), gzipSync(text)]) {
        const vectors = await readWordVectors(write(bytes));
        expect(vectors.words).toEqual(["love", "爱"]);
        expect([...vectors.vectors]).toEqual([1, -2.5, 3e-2, 0.5, 0, 7].map(Math.fround));
      }
    }
  });

  it("reads binary with and without line ends, packed too", async () => {
    for (const end of ["", "\n"]) {
      const parts = ["2 2\n", "love ", floats(1, 2), end, "爱 ", floats(3, 1e-9), end];
      for (const file of [write(...parts), write(gzipSync(readFileSync(path)))]) {
        const vectors = await readWordVectors(file);
        expect([vectors.words, [...vectors.vectors]]).toEqual([
          ["love", "爱"],
          [1, 2, 3, Math.fround(1e-9)],
        ]);
      }
    }
  });

  it("reads GloVe's words with spaces, and takes the first of a word that comes twice", async () => {
    const vectors = await readWordVectors(write("at 1 2\n. . . 3 4\nat 5 6\n"));
    expect(vectors.words).toEqual(["at", ". . ."]);
    expect([...vectors.vector("at")]).toEqual([1, 2]);
  });

  it("keeps to a vocabulary and a limit", async () => {
    const vocabulary = new Set(["c", "a", "z"]);
    for (const file of [["a 1 2\nb 3 4\nc 5 6\n"], ["3 2\na ", floats(1, 2), "b ", floats(3, 4), "c ", floats(5, 6)]]) {
      const kept = await readWordVectors(write(...file), { vocabulary });
      expect([kept.words, [...kept.vectors]]).toEqual([
        ["a", "c"],
        [1, 2, 5, 6],
      ]);
      expect((await readWordVectors(path, { limit: 2 })).words).toEqual(["a", "b"]);
      expect((await readWordVectors(path, { vocabulary: new Set(["none"]) })).length).toBe(0);
    }
  });

  it("gives back what it writes, to the bit", async () => {
    const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }).filter((w) => !/[\s\0\ufeff]/.test(w));
    const entry = fc.tuple(
      word,
      fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(entry, { selector: ([w]) => w, minLength: 1 }),
        fc.boolean(),
        async (list, binary) => {
          const vectors = new KeyedVectors(
            list.map(([w]) => w),
            Float32Array.from(list.flatMap(([, v]) => v)),
            3,
          );
          writeWord2vec(path, vectors, { binary });
          const back = await readWordVectors(path);
          expect(back.words).toEqual(vectors.words);
          expect([...back.vectors].map((x) => x + 0)).toEqual([...vectors.vectors].map((x) => x + 0));
        },
      ),
    );
  });

  it.each<[string, (string | Uint8Array)[], string]>([
    ["an empty file", [""], "the file is empty"],
    ["other text", ["To be, or not to be\n"], 'the first line is "To be, or not to be"'],
    ["text cut off", ["3 2\na 1 2\nb 3 4\n"], "the header claims 3 words, the file has 2"],
    ["a line too many", ["1 2\na 1 2\nb 3 4\n"], "line 3: the header claims 1 words"],
    ["an uneven line", ["a 1 2\nb 3\n"], 'line 2: 1 numbers after "b", expected 2'],
    ["a wrong size", ["2 3\na 1 2\nb 3 4\n"], 'line 2: 2 numbers after "a", expected 3'],
    ["what is no number", ["a 1 2\nb 3 four\n"], 'line 2: "four" is no number'],
    ["infinity", ["a 1 2\nb 3 inf\n"], '"inf" is no number'],
    ["no words", ["0 5\n"], "claims 0 words"],
    ["giant vectors", ["1 9999999999\n"], "9999999999 numbers"],
    [
      "binary cut off inside a vector",
      ["2 2\na ", floats(1, 2), "b ", floats(3)],
      "ends inside a vector (word 2 of the 2",
    ],
    ["binary cut off between words", ["9 2\na ", floats(1, 2)], "the file ends (word 2 of the 9"],
    ["binary that goes on", ["1 2\na ", floats(1, 2), "b ", floats(3, 4)], "goes on after the last word"],
    ["binary of another size", ["2 1\na ", floats(1, 2), "b ", floats(3, 4)], "word 2 of the 2"],
    ["numbers that are none", ["1 2\na ", floats(1, Number.NaN)], 'the vector of "a" has no finite number at 1'],
    ["a million words claimed", ["4000000000 300\na ", floats(1, 2)], "the file ends"],
    ["a pickle", [Uint8Array.of(0x80, 4, 0x95, 0)], "a pickle, as Gensim's save() writes"],
    ["a zip archive", ["PK\x03\x04glove"], "a zip archive"],
    ["bytes that are no text", [Uint8Array.of(0xff, 0xfe, 65), " 1 2\n"], "not UTF-8"],
  ])("refuses %s", async (_, parts, message) => {
    const file = write(...parts);
    await expect(readWordVectors(file)).rejects.toThrow(message);
    await expect(readWordVectors(file)).rejects.toThrow(file);
  });

  it("refuses to write words with spaces", () => {
    expect(() => writeWord2vec(path, new KeyedVectors(["a b"], new Float32Array(1), 1))).toThrow(WordVectorsError);
  });
});

describe("fastText's binary files", () => {
  // Two words, one bucket for all runs of three characters: dim 2.
  const header = (buckets: number) => [ints(2, 5, 5, 1, 5, 1, 2, 2, buckets, 3, 3, 100), longs(0)];
  const dictionary = [ints(2, 2, 0), longs(9), longs(-1), "ab\0", longs(5), "\0", "</s>\0", longs(4), "\0"];
  const table = (rows: number, ...list: number[]) => ["\0", longs(rows, 2), floats(...list)];
  const whole = [ints(793712314, 12), ...header(1), ...dictionary, ...table(3, 1, 2, 5, 6, 10, 20)];

  it("is the mean of a word and its subwords; unknown words are their subwords; </s> has none", async () => {
    const vectors = await readWordVectors(write(...whole));
    expect(vectors.words).toEqual(["ab", "</s>"]);
    // <ab and ab>
    expect([...vectors.vector("ab")]).toEqual([7, 14]);
    expect([...vectors.vector("</s>")]).toEqual([5, 6]);
    expect([...vectors.vector("x")]).toEqual([10, 20]);
    expect([vectors.indexOf("x"), vectors.has("x"), vectors.has("")]).toEqual([undefined, true, false]);
    const kept = await readWordVectors(path, { vocabulary: new Set(["x", "ab"]) });
    expect([kept.words, [...kept.vectors]]).toEqual([
      ["ab", "x"],
      [7, 14, 10, 20],
    ]);
  });

  // Written as Python does with errors="backslashreplace"; the means are worked out by hand from the runs of the bytes.
  it("keeps words that are no UTF-8 apart, with the vectors of their bytes", async () => {
    const names = [
      Uint8Array.of(97, 0xe9, 0xff, 98),
      "\0",
      longs(5),
      "\0",
      Uint8Array.of(97, 0xe8),
      "\0",
      longs(4),
      "\0",
    ];
    const numbers = table(3, 1, 2, 5, 6, 10, 20);
    const vectors = await readWordVectors(
      write(ints(793712314, 12), ...header(1), ints(2, 2, 0), longs(9), longs(-1), ...names, ...numbers),
    );
    expect(vectors.words).toEqual(["a\\xe9\\xffb", "a\\xe8"]);
    // <a., a.., ..b and .b> of one bucket; <a. and a.>
    expect([...vectors.vector("a\\xe9\\xffb")]).toEqual([(1 + 4 * 10) / 5, (2 + 4 * 20) / 5].map(Math.fround));
    expect([...vectors.vector("a\\xe8")]).toEqual([(5 + 2 * 10) / 3, (6 + 2 * 20) / 3].map(Math.fround));
    const lines = await readWordVectors(write("a 1 2\n", Uint8Array.of(98, 0xe9, 32), "3 4\n初 5 6\n"));
    expect(lines.words).toEqual(["a", "b\\xe9", "初"]);
    expect([...lines.vector("b\\xe9")]).toEqual([3, 4]);
  });

  it.each<[string, (string | Uint8Array)[], string]>([
    ["one cut off in the header", whole.slice(0, 2), "the file ends"],
    ["one cut off in the dictionary", whole.slice(0, 7), "the file ends"],
    ["one cut off in the table", [...whole.slice(0, -1), floats(1, 2)], "the file ends"],
    ["a newer version", [ints(793712314, 13)], "format 13"],
    [
      "a table of another size",
      [...whole.slice(0, -3), ...table(9, ...new Array(18).fill(0))],
      "its table claims 9 × 2",
    ],
    ["quantised models", [...whole.slice(0, -3), "\x01", longs(3, 2)], "quantised"],
    [
      "nonsense",
      [ints(793712314, 12), ints(...new Array(12).fill(-1)), longs(0), ints(0, 0, 0), longs(0, 0)],
      "makes no sense",
    ],
  ])("refuses %s", async (_, parts, message) => {
    await expect(readWordVectors(write(...parts))).rejects.toThrow(message);
  });
});

const data = join(
  process.env.SHOSHIN_DATA ?? fileURLToPath(new URL("../../../shared/data", import.meta.url)),
  "word_vectors_gensim",
);
describe.skipIf(!existsSync(data))("published files (skipped without data)", () => {
  const open = (name: string, options = {}) => readWordVectors(join(data, name), options);
  const pairs = (name: string, vectors: KeyedVectors) =>
    readFileSync(join(data, name), "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.split("\t"))
      .map(([a, b, score]) => ({ a: a.toLowerCase(), b: b.toLowerCase(), score: Number(score) }))
      .filter(({ a, b }) => vectors.has(a) && vectors.has(b));

  // from gensim.models import KeyedVectors                                    # 4.4.0
  // e = KeyedVectors.load_word2vec_format("euclidean_vectors.bin", binary=True)
  // e.most_similar("war", topn=5); e.similarity("war", "conflict")
  // e.most_similar(positive=["war", "australian"], negative=["conflict"], topn=3)
  // e.evaluate_word_pairs("wordsim353.tsv"); e.evaluate_word_pairs("simlex999.txt")
  it("gives Gensim's neighbours and correlations", async () => {
    const e = await open("euclidean_vectors.bin");
    const named = (list: { word: string; score: number }[]) =>
      Object.fromEntries(list.map(({ word, score }) => [word, score.toFixed(6)]));
    expect(named(e.mostSimilar({ positive: ["war"], topn: 5 }))).toEqual({
      conflict: "0.933054",
      administration: "0.923550",
      terrorism: "0.916921",
      call: "0.899590",
      israel: "0.884735",
    });
    for (const [file, r, rho] of [
      ["wordsim353.tsv", 0.24425010544844747, 0.2736024134516744],
      ["simlex999.txt", 0.03686367486682885, 0.03895806385298121],
    ] as const) {
      const list = pairs(file, e);
      const [mine, theirs] = [list.map(({ a, b }) => e.similarity(a, b)), list.map(({ score }) => score)];
      expect(pearson(mine, theirs)).toBeCloseTo(r, 6);
      expect(spearman(mine, theirs)).toBeCloseTo(rho, 3);
    }
  });

  it("writes the bytes that Gensim wrote", async () => {
    writeWord2vec(path, await open("euclidean_vectors.bin"), { binary: true });
    expect(readFileSync(path).equals(readFileSync(join(data, "euclidean_vectors.bin")))).toBe(true);
  });

  it("reads GloVe's file", async () => {
    const glove = await open("test_glove.txt");
    expect([glove.length, glove.vectorSize]).toEqual([76, 50]);
    expect(glove.mostSimilar("the")[0]).toMatchObject({ word: "which", score: expect.closeTo(0.9221876, 6) });
  });

  it.each([
    ["crime-and-punishment", "utf-8"],
    ["lee_fasttext", "utf-8"],
    ["pang_lee_polarity_fasttext", "latin1"] /* supervised */,
  ])("%s: the binary model gives the vectors of its .vec file", async (name, encoding) => {
    const [model, text] = [await open(`${name}.bin`, { encoding }), await open(`${name}.vec`, { encoding })];
    expect(model.words).toHaveLength(text.length);
    let worst = 0;
    text.vectors.forEach((x, i) => {
      worst = Math.max(worst, Math.abs(model.vectors[i] - x) / (1e-3 + Math.abs(x)));
    });
    expect(worst).toBeLessThan(1e-4);
  });

  // from gensim.models.fasttext import load_facebook_vectors
  // load_facebook_vectors(file)["zzzunknownwörd猫"][:4]
  it.each([
    ["lee_fasttext.bin", [-0.8267216, -0.3677068, 0.14893621, -0.7809712]],
    ["lee_fasttext_new.bin", [-0.30855682, -0.17791846, 0.18292138, -1.0472168]],
    ["non_ascii_fasttext.bin", [-0.10966619, 0.13458177]],
    ["crime-and-punishment.bin", [-0.0072878, 0.02679235, 0.02118398, 0.11848019]],
  ])("%s: unknown words as Gensim makes them", async (name, want) => {
    const made = (await open(name)).vector("zzzunknownwörd猫");
    want.forEach((x, i) => {
      expect(made[i]).toBeCloseTo(x, 6);
    });
  });
});
