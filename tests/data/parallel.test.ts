import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import {
  DataError,
  fetchSource,
  type PairOptions,
  type Part,
  readPairs,
  resolveSource,
  type SentencePair,
  splitPairs,
} from "../../src/data/index.ts";
import { temporaryFolder } from "../folder.ts";
import { useMirror } from "../hub/use-mirror.ts";

const shared = process.env.SHOSHIN_DATA ?? fileURLToPath(new URL("../../../shared/data", import.meta.url));
const { mirror } = useMirror();
const root = temporaryFolder();
let count = 0;
type Files = Record<string, string | Uint8Array>;
function folder(files: Files): string {
  const path = join(root, String(count++));
  mkdirSync(path);
  for (const [name, contents] of Object.entries(files)) writeFileSync(join(path, name), contents);
  return path;
}
const read = (path: string, options?: PairOptions, part: Part = "train") =>
  readPairs(resolveSource(path, "pairs"), part, options);
const readFile = (name: string, contents: string | Uint8Array, options?: PairOptions) =>
  read(join(folder({ [name]: contents }), name), options);
const two = ({ pairs }: { pairs: SentencePair[] }) => pairs.map(({ source, target }) => [source, target]);

const en = "A dog runs.\nTwo boats.\n";
const de = "Ein Hund läuft.\nZwei Boote.\n";
const pairs = [
  ["A dog runs.", "Ein Hund läuft."],
  ["Two boats.", "Zwei Boote."],
];
const back = pairs.map(([a, b]) => [b, a]);

describe("a file for each language", () => {
  it("is read line by line, packed or not, English first", async () => {
    const path = folder({
      "train.de.gz": gzipSync(de),
      "train.en.gz": gzipSync(en.replaceAll("\n", "\r\n")),
      "val.de": "Ja.",
      "val.en": "Yes.\n",
      "README.md": "x",
      "train.ids": "1\n2\n",
      "tool.sh": "x",
    });
    const train = await read(path);
    expect(two(train)).toEqual(pairs);
    expect(train).toMatchObject({
      chosen: "source: train.en.gz, target: train.de.gz",
      sourceLanguage: "en",
      targetLanguage: "de",
    });
    expect(two(await read(path, {}, "validation"))).toEqual([["Yes.", "Ja."]]);
    expect(two(await read(path, { sourceLanguage: "de" }))).toEqual(back);
    expect(two(await read(path, { targetLanguage: "en" }))).toEqual(back);
    await expect(read(path, {}, "test")).rejects.toThrow(/there is no test part/);
    await expect(read(path, { sourceLanguage: "fr" })).rejects.toMatchObject({
      message: `${basename(path)}: there is no text in fr`,
      hint: "It has: de, en.",
    });
    await expect(read(path, { sourceColumn: "0" })).rejects.toThrow(/no column 0/);
    await expect(read(path, { sourceLanguage: "de", targetLanguage: "de" })).rejects.toThrow(/both the source and/);
  });

  it("has the languages named where there are more than two", async () => {
    const path = folder({ "train.cs": "Pes.\n", "train.de": "Hund.\n", "train.en": "Dog.\n" });
    await expect(read(path)).rejects.toMatchObject({
      message: `${basename(path)}: which of cs, de, en are meant?`,
      hint: "Name them: --source-language en --target-language cs.",
    });
    await expect(read(path, { targetLanguage: "en" })).rejects.toMatchObject({
      hint: "Name them: --source-language cs --target-language en.",
    });
    expect(two(await read(path, { sourceLanguage: "cs", targetLanguage: "de" }))).toEqual([["Pes.", "Hund."]]);
    // In another spelling.
    const named = await read(path, { sourceLanguage: "eng", targetLanguage: "German" });
    expect(two(named)).toEqual([["Dog.", "Hund."]]);
    expect(named).toMatchObject({ sourceLanguage: "eng", targetLanguage: "German" });
  });

  it("takes all of a part whose stems have both languages, in the order of their names", async () => {
    const path = folder({
      "train.fr": "a\n",
      "train.cs": "b\n",
      "test_2017.fr": "2017\n",
      "test_2017.cs": "2017 cs\n",
      "test_2016.fr": "2016\n",
      "test_2016.cs": "2016 cs\n",
      "test_2018.fr": "2018\n",
    });
    const test = await read(path, {}, "test");
    expect(two(test)).toEqual([
      ["2016 cs", "2016"],
      ["2017 cs", "2017"],
    ]);
    expect(test.chosen).toBe("source: test_2016.cs + test_2017.cs, target: test_2016.fr + test_2017.fr");
  });

  it("knows the names of Moses, WMT and IWSLT, and regions", async () => {
    const path = folder({
      "Some.de-en.en": en,
      "Some.de-en.de": de,
      "newsdev2016.en": "dev\n",
      "newsdev2016.de": "de\n",
      "newstest2014.en": "test\n",
      "newstest2014.de": "te\n",
      "train.de-en.en": "c\n",
      "train.de-en.de": "d\n",
      "tst2013.en": "tst\n",
      "tst2013.de": "ts\n",
    });
    expect(two(await read(path))).toEqual([["c", "d"]]);
    expect(two(await read(path, {}, "validation"))).toEqual([["dev", "de"]]);
    expect(two(await read(path, {}, "test"))).toHaveLength(2);
    expect(two(await read(folder({ "Some.de-en.en": en, "Some.de-en.de": de })))).toEqual(pairs);
    const regions = folder({ "train.pt_BR": "Oi.\n", "train.en-GB": "Hi.\n" });
    expect(await read(regions)).toMatchObject({ sourceLanguage: "en-GB", targetLanguage: "pt_BR" });
    expect(two(await read(regions, { sourceLanguage: "pt" }))).toEqual([["Oi.", "Hi."]]);
    const sides = await read(folder({ "train.src": "a\n", "train.tgt": "b\n" }));
    expect(sides).toEqual({ pairs: [{ source: "a", target: "b" }], chosen: "source: train.src, target: train.tgt" });
  });

  it("leaves out pairs with an empty side and says of how many only one is", async () => {
    const path = folder({ "train.en": " a \n\n\nb\n\u3000\n", "train.de": "A\n\nC\n \nE\n" });
    const got = await read(path);
    expect(two(got)).toEqual([["a", "A"]]);
    expect(got.chosen).toBe("source: train.en, target: train.de; left out with an empty side: 3");
  });

  it.each<[string, Files, string | undefined, RegExp, RegExp]>([
    [
      "counts of lines",
      { "train.en": "a\nb\n", "train.de": "a\n" },
      undefined,
      /train\.en has 2 lines, .*train\.de 1$/,
      /Line i/,
    ],
    [
      "a file alone",
      { "train.en": "a\n", "train.de": "a\n" },
      "train.en",
      /train\.en: holds sentences in en only/,
      /name the folder/,
    ],
    ["a language alone", { "train.en": "a\n", "test.en": "a\n" }, undefined, /in en only/, /name the folder/],
    [
      "a part without one",
      { "test.en": "a\n", "test.de": "a\n", "train.en": "a\n" },
      undefined,
      /no train file in en has one in de/,
      /train\.en/,
    ],
    ["empty files", { "train.en": "", "train.de": "" }, undefined, /the train part holds no pairs/, /^$/],
    ["blank files", { "train.en": "\n \n", "train.de": "\n\n" }, undefined, /the train part holds no pairs/, /^$/],
    ["no files", { README: "x" }, undefined, /no data files in this folder/, /^$/],
    [
      "cut gzip",
      { "train.en.gz": gzipSync(en).subarray(0, 20), "train.de": de },
      undefined,
      /train\.en\.gz/,
      /cut off/,
    ],
  ])("refuses %s", async (_, files, name, message, hint) => {
    const path = folder(files);
    const error = await (async () => read(name === undefined ? path : join(path, name)))().catch((e) => e);
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(message);
    expect(error.hint ?? "").toMatch(hint);
  });
});

it("refuses the reviews that ship with the package", async () => {
  await expect(read("builtin")).rejects.toThrow(/no parallel texts/);
});

/** A column `translation` of objects, as Hugging Face's `Translation` feature is stored. */
const parquet = (translation: Record<string, string | null>[]) =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: [{ name: "translation", data: translation }],
      schema: [
        { name: "root", num_children: 1 },
        { name: "translation", num_children: 2, repetition_type: "OPTIONAL" },
        ...Object.keys(translation[0]).map(
          (name) => ({ name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" }) as const,
        ),
      ],
    }),
  );

describe("objects of translations", () => {
  const rows = pairs.map(([a, b], id) => `${JSON.stringify({ id, translation: { de: b, en: a } })}\n`).join("");
  it("are read by language", async () => {
    const got = await readFile("a.jsonl", rows);
    expect(two(got)).toEqual(pairs);
    expect(got).toMatchObject({
      chosen: "source: translation.en, target: translation.de",
      sourceLanguage: "en",
      targetLanguage: "de",
    });
    expect(two(await readFile("a.jsonl.gz", gzipSync(rows), { sourceLanguage: "de" }))).toEqual(back);
    const three = '{"translation":{"en":"a","de":"b","fr":null}}\n{"translation":{"en":"c","de":"d","fr":"e"}}\n';
    await expect(readFile("a.jsonl", three)).rejects.toThrow(/which of de, en, fr/);
    const french = await readFile("a.jsonl", three, { sourceLanguage: "fr", targetLanguage: "de" });
    expect(two(french)).toEqual([["e", "d"]]);
    expect(french.chosen).toMatch(/left out with an empty side: 1$/);
  });
  it("lie in folders, a file or more for each part", async () => {
    const path = folder({
      "train-00000-of-00002.parquet": parquet([{ de: pairs[0][1], en: pairs[0][0] }]),
      "train-00001-of-00002.parquet": parquet([
        { de: pairs[1][1], en: pairs[1][0] },
        { de: null, en: "x" },
      ]),
      "test.jsonl": '{"translation":{"en":"a","de":"b"}}\n',
    });
    const train = await read(path);
    expect(two(train)).toEqual(pairs);
    expect(train.chosen).toBe("source: translation.en, target: translation.de; left out with an empty side: 1");
    expect(two(await read(path, {}, "test"))).toEqual([["a", "b"]]);
    const mixed = folder({ "train-0.csv": "en,de\na,b\n", "train-1.csv": "fr,en\nc,d\n" });
    await expect(read(mixed)).rejects.toThrow(/its train files are in de and fr/);
    expect(two(await read(folder({ "_about.txt": "From here.\n", "fra.txt": "Go.\tVa !\tby A\n" })))).toEqual([
      ["Go.", "Va !"],
    ]);
  });
  it("come from the hub, by configuration", async () => {
    const files = {
      "de-en/train-00000-of-00001.parquet": parquet(pairs.map(([a, b]) => ({ de: b, en: a }))),
      "cs-en/train-00000-of-00001.parquet": parquet([{ cs: "Pes.", en: "Dog." }]),
    };
    mirror.add("o/news", { kind: "dataset", files });
    expect(two(await readPairs(await fetchSource("hub:o/news:de-en", "pairs"), "train"))).toEqual(pairs);
    await expect(fetchSource("hub:o/news", "pairs")).rejects.toThrow(/which of its configurations/);
  });
});

describe("splitPairs", () => {
  const sentence = fc.integer({ min: 0, max: 40 }).map(String);
  const anyPairs = fc.array(fc.record({ source: sentence, target: sentence }), { maxLength: 120 });
  it("keeps all pairs, leaks no sentence and is the same every time", () => {
    fc.assert(
      fc.property(anyPairs, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(), (list, share, seed) => {
        const { train, held } = splitPairs(list, share, seed);
        expect(train.length + held.length).toBe(list.length);
        const out = new Set(held);
        expect(list.filter((pair) => !out.has(pair))).toEqual(train);
        expect(list.filter((pair) => out.has(pair))).toEqual(held);
        for (const side of ["source", "target"] as const) {
          const there = new Set(train.map((pair) => pair[side]));
          expect(held.filter((pair) => there.has(pair[side]))).toEqual([]);
        }
        expect(splitPairs(list, share, seed)).toEqual({ train, held });
      }),
    );
  });
  it("meets the share where groups are small", () => {
    const group = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(
        fc.array(group, { minLength: 20, maxLength: 60 }),
        fc.double({ min: 0.1, max: 0.5, noNaN: true }),
        fc.nat(),
        (sizes, share, seed) => {
          const list = sizes.flatMap((size, g) =>
            Array.from({ length: size }, (_, i) =>
              g % 2 ? { source: `${g}`, target: `${g}:${i}` } : { source: `${g}:${i}`, target: `${g}` },
            ),
          );
          const { held } = splitPairs(list, share, seed);
          expect(Math.abs(held.length - share * list.length)).toBeLessThanOrEqual(4);
        },
      ),
    );
  });
  it("joins what others connect, depends on the seed, and takes a share of 0 to 1", () => {
    const list = Array.from({ length: 100 }, (_, i) => ({ source: `${i}`, target: `${i}` }));
    expect(splitPairs(list, 0.1, 1).held).toHaveLength(10);
    expect(splitPairs(list, 0.1, 1)).not.toEqual(splitPairs(list, 0.1, 2));
    expect(splitPairs(list, 0, 1).train).toEqual(list);
    expect(splitPairs(list, 1, 1).held).toEqual(list);
    // 0 and 1 share a target, 1 and 2 a source, …
    const chain = list.map((_, i) => ({ source: `${Math.ceil(i / 2)}`, target: `${Math.floor(i / 2)}` }));
    expect(splitPairs(chain, 0.5, 1).train).toEqual(chain);
    const large = { source: "alone", target: "alone" };
    expect(splitPairs([...chain, large], 0.001, 1).held).toEqual([large]);
    expect(splitPairs([], 0.5, 1)).toEqual({ train: [], held: [] });
    expect(() => splitPairs(list, 1.5, 1)).toThrow(DataError);
    expect(() => splitPairs(list, Number.NaN, 1)).toThrow(DataError);
  });
});

describe.skipIf(!existsSync(join(shared, "multi30k")))("Multi30k (skipped without data)", () => {
  it.each([
    ["train", 29_000],
    ["validation", 1014],
    ["test", 1000],
  ] as const)("%s: %d pairs", async (part, rows) => {
    const german = { sourceLanguage: "en", targetLanguage: "de" };
    const got = await read(join(shared, "multi30k"), german, part);
    expect(got.pairs).toHaveLength(rows);
    if (part === "train")
      expect(got.pairs[0]).toEqual({
        source: "Two young, White males are outside near many bushes.",
        target: "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.",
      });
    await expect(read(join(shared, "multi30k"), {}, part)).rejects.toThrow(/which of cs, de, en, fr are meant/);
  });
});

describe.skipIf(!existsSync(join(shared, "tatoeba_zh_en")))("Tatoeba (skipped without data)", () => {
  it("Chinese to English: 29,155 pairs on as many lines, a tenth held out without leaks", async () => {
    const options = { sourceLanguage: "zh", targetLanguage: "en" };
    const { pairs, chosen } = await read(join(shared, "tatoeba_zh_en"), options);
    expect(chosen).toBe("source: column 1, target: column 0 (no header)");
    expect(pairs).toHaveLength(29_155);
    expect(pairs[0]).toEqual({ source: "嗨。", target: "Hi." });
    const { train, held } = splitPairs(pairs, 0.1, 1);
    expect(held).toHaveLength(2916);
    for (const side of ["source", "target"] as const) {
      const there = new Set(train.map((pair) => pair[side]));
      expect(held.some((pair) => there.has(pair[side]))).toBe(false);
    }
  });
});
