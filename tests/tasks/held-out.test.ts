import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Part } from "../../src/data/index.ts";
import { imageReader } from "../../src/tasks/image-classification/data.ts";
import { getTask } from "../../src/tasks/index.ts";
import { type Corpus, type Reader, readToLearn, readToMeasure, readToPredict } from "../../src/tasks/reading.ts";
import { plainTexts, readInputs, readPartTexts } from "../../src/tasks/shared/texts.ts";
import { tableReader } from "../../src/tasks/tabular/data.ts";
import { readTexts, textReader } from "../../src/tasks/text-classification/data.ts";
import { languageReader } from "../../src/tasks/text-generation/data.ts";
import { taggedReader } from "../../src/tasks/token-classification/data.ts";
import { pairReader } from "../../src/tasks/translation/data.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
let folders = 0;

type Sizes = Partial<Record<Part, number>>;
type Options = Parameters<typeof readToLearn>[1];
const SIZES = { train: 40, validation: 20, test: 20 };
/** So many parts of the usual sizes. */
const sized = (...parts: Part[]): Sizes => Object.fromEntries(parts.map((part) => [part, SIZES[part]]));
const number = (id: string) => Number(id.split(" ")[1]);
const countByPart = (ids: readonly string[]): Sizes => {
  const counts: Sizes = {};
  for (const id of ids) counts[id.split(" ")[0] as Part] = (counts[id.split(" ")[0] as Part] ?? 0) + 1;
  return counts;
};

/** What is learned and held out, as names `PART NUMBER`; no name is on both sides. */
async function learn<E>(reader: Reader<E>, idOf: (example: E) => string, data: string, options: Partial<Options> = {}) {
  const lines: string[] = [];
  const read = () =>
    readToLearn(reader, { data, output: "", say: (line: string) => lines.push(line), args: { seed: 7 }, ...options });
  const { train, validation } = await read();
  const [learned, held] = [train, validation].map(({ examples }) => examples.map(idOf));
  expect(new Set([...learned, ...held]).size).toBe(learned.length + held.length);
  const again = await read();
  expect(again.validation.examples.map(idOf)).toEqual(held);
  return { learned, held, said: lines.slice(0, lines.length / 2).join("\n") };
}

/** Folders of parts: what is learned (part, count), what is held out, what is told. */
const FOLDERS: [title: string, parts: Part[], learned: Sizes, held: Sizes, measured: Sizes, said: RegExp][] = [
  ["train alone", ["train"], { train: 36 }, { train: 4 }, { train: 40 }, /^$/],
  [
    "dev alone",
    ["validation"],
    { validation: 18 },
    { validation: 2 },
    { validation: 20 },
    /no training part.*validation/,
  ],
  ["test alone", ["test"], { test: 18 }, { test: 2 }, { test: 20 }, /no training part: its test part is trained on/],
  ["dev and test", ["validation", "test"], { validation: 18 }, { validation: 2 }, { test: 20 }, /its validation part/],
  ["train and test", ["train", "test"], { train: 36 }, { train: 4 }, { test: 20 }, /^$/],
  ["train and dev", ["train", "validation"], { train: 40 }, { validation: 20 }, { validation: 20 }, /^$/],
  ["all three", ["train", "validation", "test"], { train: 40 }, { validation: 20 }, { test: 20 }, /^$/],
];
/** What the options say of it, where there are all three parts; and of another folder that has `other`. */
const SAID: [title: string, options: Partial<Options>, learned: Sizes, held: Sizes, other?: Part[]][] = [
  ["a share", { validation: "0.2" }, { train: 32 }, { train: 8 }],
  ["a large share", { validation: "0.75" }, { train: 10 }, { train: 30 }],
  ["none", { validation: "none" }, { train: 40 }, {}],
  ["a range, and the own part", { range: "10:30" }, { train: 20 }, { validation: 20 }],
  ["a range and a share", { range: "10:30", validation: "0.2" }, { train: 16 }, { train: 4 }],
  ["a range from the start and none", { range: ":7", validation: "none" }, { train: 7 }, {}],
  ["another source's validation part", {}, { train: 40 }, { validation: 20 }, ["train", "validation", "test"]],
  ["another source's test part", {}, { train: 40 }, { test: 20 }, ["train", "test"]],
  ["all of another source", { range: "0:5" }, { train: 5 }, { train: 40 }, ["train"]],
];

describe("the rule of held-out data", () => {
  /** An example is `PART NUMBER` and its class. */
  const fake = (sizes: Record<string, Sizes>, label?: (i: number) => string): Reader<[id: string, label: string]> => ({
    called: "things",
    async find(source) {
      if (sizes[source] === undefined) throw new Error(`no source ${source}`);
      const reads = (part: string, n: number) => async () => ({
        examples: Array.from({ length: n }, (_, i): [string, string] => [
          `${source === "data" ? "" : "other-"}${part} ${i}`,
          label?.(i) ?? "",
        ]),
        about: undefined,
      });
      const parts = Object.fromEntries(Object.entries(sizes[source]).map(([part, n]) => [part, reads(part, n)]));
      return { parts, files: {} } as Corpus<[string, string]>;
    },
    ...(label && { stratum: ([, name]: [string, string]) => name }),
  });
  const idOf = ([id]: [string, string]) => id;

  it.each(FOLDERS)("knows a source of %s", async (_, parts, learned, held, measured, said) => {
    const reader = fake({ data: sized(...parts) });
    const got = await learn(reader, idOf, "data");
    expect(countByPart(got.learned)).toEqual(learned);
    expect(countByPart(got.held)).toEqual(held);
    expect(got.said).toMatch(said);
    const { examples } = await readToMeasure(reader, { data: "data" });
    expect(countByPart(examples.map(idOf))).toEqual(measured);
  });
  it.each(SAID)("does as it is told: %s", async (_, options, learned, held, other) => {
    const reader = fake({ data: sized("train", "validation", "test"), there: sized(...(other ?? [])) });
    const got = await learn(reader, idOf, "data", { ...options, ...(other && { validation: "there" }) });
    expect(countByPart(got.learned)).toEqual(learned);
    const named = Object.fromEntries(Object.entries(held).map(([part, n]) => [other ? `other-${part}` : part, n]));
    expect(countByPart(got.held)).toEqual(named);
    const [from, to] = (options.range ?? ":").split(":");
    for (const id of [...got.learned, ...(other ? [] : got.held)].filter((id) => id.startsWith("train"))) {
      expect(number(id)).toBeGreaterThanOrEqual(Number(from));
      expect(number(id)).toBeLessThan(to === "" ? 40 : Number(to));
    }
  });

  const counts = (ids: readonly string[], label: (i: number) => string) => {
    const by = new Map<string, number>();
    for (const id of ids) by.set(label(number(id)), (by.get(label(number(id))) ?? 0) + 1);
    return by;
  };
  it.each<[string, number, (i: number) => string, [from: number, to: number], { share?: string; each?: number }]>([
    ["two classes of unequal size", 200, (i) => (i % 10 === 0 ? "rare" : "common"), [20, 20], {}],
    ["a class of three", 203, (i) => (i < 3 ? "rare" : `class ${i % 2}`), [21, 21], { each: 1 }],
    ["three hundred real numbers, all different", 300, (i) => String(i + 0.5), [30, 30], {}],
    ["the same in words of exponents", 300, (i) => `${i + 1}.25e-3`, [30, 30], {}],
    ["real numbers of which some come twice", 300, (i) => String(Math.floor(i / 2) / 8), [30, 30], {}],
    ["scores in steps, on thirty each", 330, (i) => String((i % 11) / 2), [33, 33], { each: 3 }],
    ["classes that are numbers", 300, (i) => String(1 + (i % 5)), [30, 30], { each: 6 }],
    ["two of each of two classes", 4, (i) => String(i % 2), [2, 2], { each: 1 }],
    ["two of each of fifty", 100, (i) => `class ${i % 50}`, [10, 10], {}],
    ["two of each of fifty, a half", 100, (i) => `class ${i % 50}`, [50, 50], { share: "0.5", each: 1 }],
    ["three of each of fifty", 150, (i) => `class ${i % 50}`, [50, 50], { each: 1 }],
    ["eight of two classes", 8, (i) => String(i % 2), [2, 2], { each: 1 }],
    ["classes with one example each besides one", 100, (i) => (i < 40 ? "common" : `only ${i}`), [4, 4], {}],
    ["one class", 50, () => "same", [5, 5], {}],
    ["a single example", 1, () => "same", [0, 0], {}],
    ["nothing but examples of their own class", 20, (i) => `only ${i}`, [0, 0], {}],
    ["the same in Chinese", 20, (i) => `类${String.fromCodePoint(0x4e00 + i)}`, [0, 0], {}],
  ])("holds out of %s", async (_, n, label, [least, most], { share, each }) => {
    const got = await learn(fake({ data: { train: n } }, label), idOf, "data", { validation: share });
    expect(got.held.length).toBeGreaterThanOrEqual(least);
    expect(got.held.length).toBeLessThanOrEqual(most);
    expect(got.learned.length + got.held.length).toBe(n);
    if (got.held.length === 0) expect(got.said).toMatch(/nothing can be held out/);
    const [learned, held] = [counts(got.learned, label), counts(got.held, label)];
    // Classes that are held out are known; every class that comes often enough is held out.
    const scores = Array.from({ length: n }, (_, i) => label(i)).some((name) => /\.\d/.test(name));
    if (!scores) for (const name of held.keys()) expect(learned.get(name)).toBeGreaterThan(0);
    if (each !== undefined) for (const name of learned.keys()) expect(held.get(name)).toBeGreaterThanOrEqual(each);
  });
  it("holds out in proportion, and another seed others", async () => {
    const reader = fake({ data: { train: 1000 } }, (i) => (i < 100 ? "rare" : "common"));
    const { held } = await learn(reader, idOf, "data");
    expect(counts(held, (i) => (i < 100 ? "rare" : "common"))).toEqual(
      new Map([
        ["rare", 10],
        ["common", 90],
      ]),
    );
    expect((await learn(reader, idOf, "data", { args: { seed: 8 } })).held).not.toEqual(held);
  });
  it.each([
    [{ validation: "1" }, /--validation 1: expected a share above 0 and below 1, a source, or none/],
    [{ validation: "0" }, /--validation 0: expected a share/],
    [{ validation: "-0.1" }, /--validation -0.1: expected a share/],
    [{ validation: "15" }, /--validation 15: expected a share/],
    [{ validation: "nowhere" }, /no source nowhere/],
    [{ range: "50:60" }, /no things in the range 50:60; there are 40/],
    [{ range: "5:5" }, /--range 5:5 is empty/],
    [{ range: "a:b" }, /expected A:B/],
  ])("refuses %o", async (options, message) => {
    await expect(learn(fake({ data: sized("train") }), idOf, "data", options)).rejects.toThrow(message);
  });
  it("refuses a source without examples, and one that holds out nothing", async () => {
    await expect(learn(fake({ data: { train: 0 } }), idOf, "data")).rejects.toThrow("data: no things");
    const empty = { data: { train: 5, validation: 0 }, there: { test: 0 } };
    await expect(learn(fake(empty), idOf, "data")).rejects.toThrow("data: no things");
    await expect(learn(fake(empty), idOf, "data", { validation: "there" })).rejects.toThrow("there: no things");
  });
});

/** A task's reader, and how its files are written: rows named `PART NUMBER`, of two classes. */
interface Kind {
  // biome-ignore lint/suspicious/noExplicitAny: every task has examples of its own
  reader: Reader<any, any>;
  idOf(example: never): string;
  write(into: string, part: string, ids: readonly string[]): void;
}
const lines = (list: readonly string[]) => `${list.join("\n")}\n`;
const classOf = (id: string) => (number(id) % 2 === 0 ? "even" : "odd");
/** A row of three cells. */
const table =
  (target: (id: string) => string | number): Kind["write"] =>
  (into, part, ids) =>
    writeFileSync(
      join(into, `${part}.csv`),
      lines(["名字,size,target", ...ids.map((id) => `${id},${number(id) * 2},${target(id)}`)]),
    );
const PARTS = ["train", "validation", "test"];
/** Lines as long as one another: what is held out of a text is its end. */
const even = (id: string) => `${id.split(" ")[0]} ${String(number(id)).padStart(2, "0")}`;
const KINDS: Record<string, Kind> = {
  "text-generation, lines": {
    reader: languageReader,
    idOf: (line: string) => line,
    write: (into, part, ids) => writeFileSync(join(into, `${part}.txt`), lines(ids.map(even))),
  },
  "text-generation, conversations": {
    reader: languageReader,
    idOf: ({ messages }: { messages: { content: string }[] }) => messages[0].content,
    write: (into, part, ids) =>
      writeFileSync(
        join(into, `${part}.jsonl`),
        lines(
          ids.map((content) =>
            JSON.stringify({
              messages: [
                { role: "user", content },
                { role: "assistant", content: "好" },
              ],
            }),
          ),
        ),
      ),
  },
  "fill-mask": {
    reader: plainTexts(readPartTexts),
    idOf: (text: string) => text,
    write: (into, part, ids) =>
      writeFileSync(join(into, `${part}.csv`), lines(["text,other", ...ids.map((id) => `${even(id)},x`)])),
  },
  "text-classification": {
    reader: textReader,
    idOf: ({ text }: { text: string }) => text.slice(2),
    write: (into, part, ids) =>
      writeFileSync(join(into, `${part}.tsv`), lines(["text\tlabel", ...ids.map((id) => `文本${id}\t${classOf(id)}`)])),
  },
  "token-classification": {
    reader: taggedReader,
    idOf: ({ tokens }: { tokens: string[] }) => tokens.slice(0, 2).join(" "),
    write: (into, part, ids) =>
      writeFileSync(
        join(into, `${part}.conll`),
        lines(ids.map((id) => `${id.split(" ").join("\tO\n")}\tO\n${classOf(id)}\tB-X\n`)),
      ),
  },
  translation: {
    reader: pairReader,
    idOf: ({ source }: { source: string }) => source,
    write(into, part, ids) {
      writeFileSync(join(into, `${part}.en`), lines(ids));
      writeFileSync(join(into, `${part}.zh`), lines(ids.map((id) => `译文${id}`)));
    },
  },
  "tabular-classification": {
    reader: tableReader("classes"),
    idOf: ({ cells }: { cells: string[] }) => cells[0],
    write: table(classOf),
  },
  "tabular-regression": {
    reader: tableReader("numbers"),
    idOf: ({ cells }: { cells: string[] }) => cells[0],
    write: table((id) => number(id) / 7),
  },
  "image-classification": {
    reader: imageReader,
    idOf: ({ pixels }: { pixels: Uint8Array }) => `${PARTS[pixels[0]]} ${pixels[1]}`,
    write(into, part, ids) {
      const pixels = ids.flatMap((id) => [PARTS.indexOf(id.split(" ")[0]), number(id), 0, 0]);
      const name = join(into, part === "test" ? "t10k" : part);
      writeFileSync(
        `${name}-images-idx3-ubyte`,
        Buffer.from([0, 0, 8, 3, 0, 0, 0, ids.length, 0, 0, 0, 2, 0, 0, 0, 2, ...pixels]),
      );
      writeFileSync(
        `${name}-labels-idx1-ubyte`,
        Buffer.from([0, 0, 8, 1, 0, 0, 0, ids.length, ...ids.map((id) => number(id) % 2)]),
      );
    },
  },
};

/** A folder of parts; the validation part has one of its names. */
function write(kind: Kind, sizes: Sizes, validation = "dev"): string {
  const into = join(folder, String(folders++));
  mkdirSync(into);
  for (const [part, n] of Object.entries(sizes)) {
    const ids = Array.from({ length: n }, (_, i) => `${part} ${i}`);
    kind.write(into, part === "validation" ? validation : part, ids);
  }
  return into;
}

describe.each(Object.entries(KINDS))("held-out data of %s", (_, kind) => {
  const { reader } = kind;
  const idOf = kind.idOf as (example: unknown) => string;
  it.each(FOLDERS)("knows a folder of %s", async (_, parts, learned, held, measured, said) => {
    for (const name of ["dev", "valid", "validation", "val"]) {
      const data = write(kind, sized(...parts), name);
      const got = await learn(reader, idOf, data);
      expect(countByPart(got.learned)).toEqual(learned);
      expect(countByPart(got.held)).toEqual(held);
      expect(got.said).toMatch(said);
      for (const { examples } of [await readToMeasure(reader, { data }), await readToPredict(reader, data)])
        expect(countByPart(examples.map(idOf))).toEqual(measured);
    }
  });
  it.each(SAID)("does as it is told: %s", async (_, options, learned, held, other) => {
    const data = write(kind, sized("train", "validation", "test"));
    const validation = other ? write(kind, sized(...other)) : options.validation;
    // The other folder has the same names.
    const read = readToLearn(reader, { data, output: "", ...options, validation });
    const [train, out] = [(await read).train, (await read).validation].map((part) => part.examples.map(idOf));
    expect(countByPart(train)).toEqual(learned);
    expect(countByPart(out)).toEqual(held);
  });
  it("takes a file for the training part, and says when it is validated on what it learns", async () => {
    const data = write(kind, sized("validation"));
    const said: string[] = [];
    const options = { data, output: "", say: (line: string) => said.push(line) };
    const { train, validation } = await readToLearn(reader, { ...options, validation: data });
    expect([train.examples.length, validation.examples.length]).toEqual([20, 20]);
    expect(said.join("\n")).toMatch(/what is trained on is validated on too/);
  });
});

describe("held-out data", () => {
  it("of the reviews that ship is their own part", async () => {
    const options = { data: "builtin", output: "" };
    const { train, validation } = await readToLearn(textReader, options);
    const { examples } = await readToMeasure(textReader, options);
    const all = train.examples.length + validation.examples.length + examples.length;
    expect(train.examples.length / all).toBeCloseTo(0.7, 2);
    expect(validation.examples.length / all).toBeCloseTo(0.1, 2);
    const held = new Set(validation.examples.map((e) => e.text));
    expect(train.examples.filter((e) => held.has(e.text))).toHaveLength(0);
    const share = await readToLearn(textReader, { ...options, validation: "0.2", range: "0:100" });
    expect([share.train.examples.length, share.validation.examples.length]).toEqual([80, 20]);
  });
  it("of numbers is a tenth, whether they are all different or not", async () => {
    for (const [name, value] of [
      ["distinct", (i: number) => i / 7],
      ["steps", (i: number) => (i % 11) / 2],
    ] as const) {
      const data = join(folder, `${name}.csv`);
      writeFileSync(data, lines(["text,label", ...Array.from({ length: 300 }, (_, i) => `t ${i},${value(i)}`)]));
      const { validation } = await readToLearn(textReader, { data, output: "" });
      expect(Math.abs(validation.examples.length - 30)).toBeLessThanOrEqual(3);
    }
  });
  it("of translations has no text that is learned, and every pair stays one", async () => {
    // Each sentence comes three times, with two translations of which others have one too.
    const pairs = Array.from({ length: 300 }, (_, i) => [`sentence ${i % 100}`, `句子 ${(i % 100) + 100 * (i % 2)}`]);
    const data = join(folder, "pairs.tsv");
    writeFileSync(data, lines(pairs.map((pair) => pair.join("\t"))));
    for (const validation of [undefined, "0.3"]) {
      const lessons = await readToLearn(pairReader, { data, output: "", validation });
      const [train, held] = [lessons.train.examples, lessons.validation.examples];
      expect(train.length + held.length).toBe(300);
      expect(held.length / 300).toBeCloseTo(Number(validation ?? 0.1), 1);
      for (const side of ["source", "target"] as const) {
        const learned = new Set(train.map((pair) => pair[side]));
        expect(held.filter((pair) => learned.has(pair[side]))).toEqual([]);
      }
      const known = new Set(pairs.map((pair) => pair.join("\t")));
      for (const { source, target } of [...train, ...held]) expect(known).toContain(`${source}\t${target}`);
    }
  });
  it("of translations is read in the languages and columns of the training", async () => {
    const into = join(folder, "languages");
    mkdirSync(into);
    for (const [part, n] of [
      ["train", 30],
      ["val", 6],
    ] as const)
      for (const language of ["en", "zh"])
        writeFileSync(
          join(into, `${part}.${language}`),
          lines(Array.from({ length: n }, (_, i) => `${language} ${part} ${i}`)),
        );
    const turned = await readToLearn(pairReader, { data: into, output: "", sourceLanguage: "zh" });
    expect(turned.train.about).toMatchObject({ sourceLanguage: "zh", targetLanguage: "en" });
    expect(turned.validation.examples[2]).toEqual({ source: "zh val 2", target: "en val 2" });
    // A file that has a third language: what the training chose decides.
    const more = join(folder, "more.jsonl");
    writeFileSync(more, `${JSON.stringify({ translation: { de: "ein", en: "a", zh: "一" } })}\n`);
    const other = await readToLearn(pairReader, { data: into, output: "", sourceLanguage: "zh", validation: more });
    expect(other.validation.examples).toEqual([{ source: "一", target: "a" }]);
    const columns = join(folder, "columns.tsv");
    writeFileSync(columns, "id\tfrom here\tto there\n1\ta\t一\n2\tb\t二\n");
    const asked = { sourceColumn: "to there", targetColumn: "from here" };
    const named = await readToLearn(pairReader, { data: columns, output: "", ...asked, validation: columns });
    expect(named.validation.examples).toEqual(named.train.examples);
    // Remembered ones are for files that have them.
    const like = { chosen: "", columns: asked };
    expect((await readToMeasure(pairReader, { data: columns }, like)).examples[1].source).toBe("二");
    expect((await readToMeasure(pairReader, { data: into }, like)).examples).toHaveLength(6);
  });
});

it("a folder is predicted on where it is measured, also where it has a validation part alone", async () => {
  const text = KINDS["text-classification"];
  for (const [parts, part] of [
    [["train", "validation"], "validation"],
    [["validation"], "validation"],
    [["train", "test"], "test"],
  ] as [Part[], Part][]) {
    const examples = await readTexts(write(text, sized(...parts)), {});
    expect(countByPart(examples.map((e) => text.idOf(e as never)))).toEqual(sized(part));
    const lines = await readInputs(write(KINDS["text-generation, lines"], sized(...parts)), undefined, readPartTexts);
    expect(countByPart(lines)).toEqual(sized(part));
  }
});

it("numbers that a preset takes for classes are learned and measured, and it says so", async () => {
  const data = join(folder, "numbers.tsv");
  writeFileSync(data, lines(["text\tlabel", ...Array.from({ length: 300 }, (_, i) => `词 ${i}\t${i / 7}`)]));
  const said: string[] = [];
  const report = await getTask("text-classification").train({
    ...{ data, output: join(folder, "numbers"), say: (line) => said.push(line) },
    args: { maxSteps: 2, quiet: true },
  });
  expect(said.join("\n")).toMatch(/270 examples to train on, 30 to validate/);
  expect(said.join("\n")).toMatch(/numbers, taken for classes/);
  expect(report.validation?.accuracy).toBe(0);
});
