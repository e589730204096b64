import { philox } from "../backend/philox.ts";
import {
  DataError,
  fetchSource,
  type Part,
  parseRange,
  readLines,
  readRecords,
  resolveSource,
  type Source,
  textExamples,
} from "../data/index.ts";
import { formatOf } from "../data/records.ts";
import { tensor } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Tokenizer, type TokenizerKind, trainTokenizer } from "../text/index.ts";
import { downloads } from "./downloads.ts";
import type { EvaluateOptions } from "./settings.ts";

/** The end of a line as a token, in vocabularies of words. */
export const EOS = "<eos>";

/** What reads the texts of a part: {@link readPartTexts} or {@link readPartLines}. */
type ReadPart = (source: Source, part: Part, textColumn?: string) => Promise<string[]>;

/** Texts of a part: lines of text without their ends, or the text column of rows. */
export const readPartTexts: ReadPart = async (source, part, textColumn) => {
  const texts: string[] = [];
  for (const path of source.parts[part] ?? []) {
    if (formatOf(path) === "text") for await (const { text } of readLines(path)) texts.push(text);
    else {
      const { examples } = textExamples(await readRecords(path), { textColumn }, false);
      // WikiText's rows on the hub are lines with their ends.
      for (const { text } of examples) texts.push(text.replace(/\r?\n$/, ""));
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
  return read(source, source.parts.train ? "train" : "test", textColumn);
}

/** The texts of a source to measure on, those of `--range`: of its test part, else of validation, else all. */
export async function readToMeasure(options: EvaluateOptions, read: ReadPart): Promise<string[]> {
  const [from, to] = parseRange(options.range);
  const source = await fetchSource(options.data, "rows", downloads(options));
  const part = source.parts.test ? "test" : source.parts.validation ? "validation" : "train";
  return (await read(source, part, options.textColumn)).slice(from, to);
}

/** Files of the corpora that the literature measures words on. */
const WORD_CORPORA = /(^|[/\\])(ptb\.(train|valid|test)\.txt|wiki\.(train|valid|test)\.tokens)(\.gz)?$/;

export interface Corpus {
  train: string[];
  validation: string[];
  /** Whether it is a published corpus that has been cut into words. */
  words: boolean;
}

/** Lines to learn from and to validate on: the source's own parts, else the last tenth (or another share) held out in order. */
export async function readCorpus(
  options: {
    data: string;
    validation?: string;
    textColumn?: string;
    args?: { quiet?: boolean };
    say?: (line: string) => void;
  },
  read: ReadPart = readPartLines,
): Promise<Corpus> {
  const { data, validation, textColumn, say } = options;
  const source = await fetchSource(data, "rows", downloads(options));
  const part = source.parts.train ? "train" : source.parts.validation ? "validation" : "test";
  if (part !== "train") say?.(`${data} has no training part: its ${part} part is trained on`);
  const lines = await read(source, part, textColumn);
  if (lines.every((line) => line === "")) throw new DataError(`${data}: no text`);
  const files = Object.values(source.parts).flat();
  const words = /(^|[/\\:])(ptb|wikitext)/i.test(data) || files.some((file) => WORD_CORPORA.test(file));
  const share = validation === undefined ? 0.1 : Number(validation);
  if (validation === "none") return { train: lines, validation: [], words };
  let held: string[] | undefined;
  if (validation !== undefined && !(share > 0 && share < 1)) {
    const other = await fetchSource(validation, "rows", downloads(options));
    const own = other.parts.validation ? "validation" : other.parts.test ? "test" : "train";
    held = await read(other, own, textColumn);
  } else if (validation === undefined && source.parts.train && source.parts.validation) {
    held = await read(source, "validation", textColumn);
  }
  if (held?.every((line) => line === "")) throw new DataError(`${validation ?? data}: no text to validate on`);
  return held === undefined ? { ...cutEnd(lines, share), words } : { train: lines, validation: held, words };
}

/** The last `share` by characters, from a line's end on; a text of one line is cut inside it. */
function cutEnd(lines: readonly string[], share: number): { train: string[]; validation: string[] } {
  const total = lines.reduce((n, line) => n + line.length + 1, 0);
  let at = 0;
  let i = 0;
  while (i < lines.length && at + lines[i].length + 1 <= total * (1 - share)) at += lines[i++].length + 1;
  if (i > 0) return { train: lines.slice(0, i), validation: lines.slice(i) };
  const cut = Math.floor(lines[0].length * (1 - share));
  return { train: [lines[0].slice(0, cut)], validation: [lines[0].slice(cut), ...lines.slice(1)] };
}

/** Words that are kept unless another number is asked for. */
export const MOST_WORDS = 50_000;

/** A tokenizer for a language model of these lines: trained, or read from a folder. */
export async function makeTokenizer(kind: string, lines: readonly string[], vocabSize?: number): Promise<Tokenizer> {
  switch (kind) {
    case "character":
      return trainTokenizer("character", withEnds(lines), {
        vocabSize: vocabSize ?? 10_000,
        specialTokens: ["<unk>", EOS],
      });
    case "word":
      // The literature's corpora are cut into words already; their <unk> is ours.
      return trainTokenizer("word", lines, {
        vocabSize: vocabSize ?? MOST_WORDS,
        specialTokens: ["<unk>", EOS],
        splitPunctuation: false,
      });
    case "bpe":
    case "unigram":
    case "wordpiece":
      return trainTokenizer(kind as TokenizerKind, withEnds(lines), { vocabSize: vocabSize ?? 8_000 });
    default:
      return Tokenizer.fromFile(kind);
  }
}

function* withEnds(lines: readonly string[]): Generator<string> {
  for (const line of lines) yield `${line}\n`;
}

/** The token that stands before a text: an end of line, or of text. */
export function startToken(tokenizer: Tokenizer): number {
  for (const name of [EOS, "<|endoftext|>", "</s>", "[SEP]"]) {
    const id = tokenizer.tokenToId(name);
    if (id !== undefined) return id;
  }
  return 0;
}

/** Lines as one stream of ids. Words: an end-of-sentence token for each line's end; else the line end itself is text. */
export function encodeStream(tokenizer: Tokenizer, lines: readonly string[]): Int32Array {
  const word = tokenizer.kind === "word";
  const eos = startToken(tokenizer);
  return joined(
    lines.map((line) => {
      const { ids } = tokenizer.encode(word ? line : `${line}\n`, { addSpecialTokens: false });
      if (word) ids.push(eos);
      return ids;
    }),
  );
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

export interface StreamBatch {
  /** int32 [T, batch]; of {@link BlockWindows} [batch, T] */
  x: Tensor;
  /** The tokens that follow, int32 [T · batch]; −100 where there is none. */
  y: Tensor;
  /** Predictions that count. */
  count: number;
  /** Of a stream: which of its columns the first one is. */
  column?: number;
}

/**
 * A stream cut into `streams` parts that lie side by side, read in windows of `block` steps: column b of window w goes on
 * where column b of window w − 1 ended, so that state can be carried. Every token is predicted once, the first from `start`.
 */
export class StreamWindows {
  readonly length: number;
  readonly windows: number;
  readonly #ids: Int32Array;
  readonly #per: number;
  readonly #streams: number;
  readonly #block: number;
  readonly #start: number;

  constructor(ids: Int32Array, { streams, block, start }: { streams: number; block: number; start: number }) {
    this.#ids = ids;
    this.#streams = streams;
    this.#block = block;
    this.#start = start;
    this.#per = Math.ceil(ids.length / streams);
    this.windows = Math.ceil(this.#per / block);
    this.length = this.windows * streams;
  }

  /** These examples, one after another; each is one column of one window. */
  batch(indices: Int32Array): StreamBatch {
    return this.window(Math.floor(indices[0] / this.#streams), indices[0] % this.#streams, indices.length);
  }
  /** @param first the first of so many columns; all of them */
  window(w: number, first = 0, streams = this.#streams): StreamBatch {
    const per = this.#per;
    const from = w * this.#block;
    const steps = Math.min(this.#block, per - from);
    const x = new Int32Array(steps * streams).fill(this.#start);
    const y = new Int32Array(steps * streams).fill(-100);
    let count = 0;
    for (let b = 0; b < streams; b++) {
      for (let t = 0; t < steps; t++) {
        const at = (first + b) * per + from + t;
        if (at >= Math.min(this.#ids.length, (first + b + 1) * per)) break;
        x[t * streams + b] = at === 0 ? this.#start : this.#ids[at - 1];
        y[t * streams + b] = this.#ids[at];
        count++;
      }
    }
    return { x: tensor(x, [steps, streams]), y: tensor(y, [steps * streams]), count, column: first };
  }
}

const SHIFT = 0xb10c;

/** Blocks of a stream without state between them, for models that look back; where they begin changes from epoch to epoch. */
export class BlockWindows {
  readonly length: number;
  readonly #ids: Int32Array;
  readonly #block: number;
  readonly #seed: number;
  #shift = 0;

  /** @param ids at least block + 1 of them */
  constructor(ids: Int32Array, { block, seed }: { block: number; seed: number }) {
    this.#ids = ids;
    this.#block = block;
    this.#seed = seed;
    this.length = Math.max(1, Math.floor(ids.length / block) - 1);
  }
  setEpoch(epoch: number): void {
    const words = new Uint32Array(4);
    philox(epoch, 0, this.#seed >>> 0, SHIFT, words, 0);
    const room = this.#ids.length - 1 - this.length * this.#block;
    this.#shift = words[0] % (Math.min(this.#block, room) + 1);
  }
  batch(indices: Int32Array): StreamBatch {
    const [block, n] = [this.#block, indices.length];
    const [x, y] = [new Int32Array(n * block), new Int32Array(n * block)];
    indices.forEach((index, i) => {
      const from = this.#shift + index * block;
      x.set(this.#ids.subarray(from, from + block), i * block);
      y.set(this.#ids.subarray(from + 1, from + 1 + block), i * block);
    });
    return { x: tensor(x, [n, block]), y: tensor(y), count: n * block };
  }
}

/**
 * The whole stream in blocks side by side, every token predicted once, the first from `start`; the last block is filled up.
 * x is [batch, T].
 */
export function* blocksOf(
  ids: Int32Array,
  { block, start, batch }: { block: number; start: number; batch: number },
): Generator<StreamBatch> {
  const total = Math.ceil(ids.length / block);
  for (let b = 0; b < total; b += batch) {
    const n = Math.min(batch, total - b);
    const x = new Int32Array(n * block).fill(start);
    const y = new Int32Array(n * block).fill(-100);
    const from = b * block;
    const part = ids.subarray(from, Math.min(ids.length, from + n * block));
    y.set(part);
    x[0] = from === 0 ? start : ids[from - 1];
    x.set(part.subarray(0, Math.min(part.length, n * block - 1)), 1);
    yield { x: tensor(x, [n, block]), y: tensor(y), count: part.length };
  }
}
