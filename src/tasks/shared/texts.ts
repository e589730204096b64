import {
  builtinPart,
  fetchSource,
  type Part,
  readLines,
  readRecords,
  resolveSource,
  type Source,
  textExamples,
} from "../../data/index.ts";
import { formatOf } from "../../data/records.ts";
import { downloads } from "../downloads.ts";
import { partToPredict, type Reader } from "../reading.ts";

/** What reads the texts of a part: {@link readPartTexts} or {@link readPartLines}. */
export type ReadPart = (source: Source, part: Part, textColumn?: string) => Promise<string[]>;

/** Texts of a part: lines of text without their ends, or the text column of rows. */
export const readPartTexts: ReadPart = async (source, part, textColumn) => {
  const texts: string[] = [];
  for (const path of source.parts[part] ?? []) {
    if (formatOf(path) === "text") for await (const { text } of readLines(path)) texts.push(text);
    else {
      const { examples } = textExamples(await readRecords(path), { textColumn }, false);
      // WikiText's rows on the hub are lines with their ends.
      examples.forEach(({ text }, i) => {
        if (!source.builtin || builtinPart(i) === part) texts.push(text.replace(/\r?\n$/, ""));
      });
    }
  }
  return texts;
};

/** The same, cut into lines. */
export const readPartLines: ReadPart = async (source, part, textColumn) =>
  (await readPartTexts(source, part, textColumn)).flatMap((text) => text.split("\n"));

/** The texts of a file to predict on. */
export async function readInputs(path: string, textColumn: string | undefined, read: ReadPart): Promise<string[]> {
  const source = resolveSource(path);
  return read(source, partToPredict(source), textColumn);
}

/** Whether there is nothing but empty texts. */
export const areBlank = (texts: readonly string[]): boolean => texts.every((text) => text === "");

/** Texts that are learned from as they are, one after another: the end of them is held out. */
export const plainTexts = (readPart: ReadPart): Reader<string> => ({
  called: "texts",
  async find(name, options) {
    const source = await fetchSource(name, "rows", downloads(options));
    const reads = (part: Part) => async () => {
      const examples = await readPart(source, part, options.textColumn);
      return { examples: areBlank(examples) ? [] : examples, about: undefined };
    };
    const parts = Object.keys(source.parts) as Part[];
    return { files: source.parts, parts: Object.fromEntries(parts.map((part) => [part, reads(part)])) };
  },
  split: cutEnd,
});

/** The last `share` by characters, from a text's end on; a single text is cut inside it. */
export function cutEnd(texts: readonly string[], share: number): { train: string[]; held: string[] } {
  const total = texts.reduce((n, text) => n + text.length + 1, 0);
  let at = 0;
  let i = 0;
  while (i < texts.length && at + texts[i].length + 1 <= total * (1 - share)) at += texts[i++].length + 1;
  if (i > 0) return { train: texts.slice(0, i), held: texts.slice(i) };
  const cut = Math.floor(texts[0].length * (1 - share));
  return { train: [texts[0].slice(0, cut)], held: [texts[0].slice(cut), ...texts.slice(1)] };
}

/** Lists of ids one after another. */
export function joined(parts: readonly ArrayLike<number>[]): Int32Array {
  const out = new Int32Array(parts.reduce((n, ids) => n + ids.length, 0));
  let at = 0;
  for (const ids of parts) {
    out.set(ids, at);
    at += ids.length;
  }
  return out;
}
