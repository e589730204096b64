import { checkOptions } from "../backend/options.ts";
import { fileError, makeDecoder, openBytes } from "../data/lines.ts";
import { KeyedVectors, WordVectorsError } from "../text/keyed-vectors.ts";
import { writeFileAtomic } from "./atomic.ts";
import { ByteReader } from "./byte-reader.ts";

export interface WordVectorsOptions {
  /**
   * Only these words: what is left out takes no memory, and its numbers are not looked at. Of a fastText binary also those that
   * are made of subwords.
   */
  vocabulary?: ReadonlySet<string>;
  /** Only the first so many words of the file. */
  limit?: number;
  /**
   * How words are written, as TextDecoder calls it; utf-8 by default. Bytes that are none of it are written `\\xe9`, as Gensim
   * and Python do with "backslashreplace".
   */
  encoding?: string;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
export function isUtf8(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

type Decoder = ReturnType<typeof makeDecoder>;
/**
 * A word's text. Where its bytes are none of the encoding, published files have such words, those that are none are written as
 * `\xe9`, so that words stay apart.
 */
export function decodeWord(decoder: Decoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    // The longest run that is sound, then a byte that is not.
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      let length = Math.min(4, bytes.length - at);
      for (; length > 0 && !isUtf8(bytes.subarray(at, at + length)); ) length--;
      text +=
        length > 0 ? strict.decode(bytes.subarray(at, at + length)) : `\\x${bytes[at].toString(16).padStart(2, "0")}`;
      at += Math.max(1, length);
    }
    return text;
  }
}

/** Lines of a file, each decoded for itself so that a bad word spoils no other. */
async function* wordLines(path: string, encoding: string): AsyncGenerator<{ line: number; text: string }> {
  makeDecoder(path, encoding);
  // A byte-order mark begins the file, not a line.
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  const reader = new ByteReader(openBytes(path));
  try {
    for (let line = 1; ; line++) {
      const bytes = await reader.until(10, MAX_TEXT_LINE);
      const last = bytes === undefined ? reader.take(reader.ready) : bytes;
      if (last.length > MAX_TEXT_LINE) {
        throw new WordVectorsError(
          `${path}, line ${line}: longer than ${MAX_TEXT_LINE} bytes`,
          "Lines are: word v1 v2 …, as word2vec, GloVe and fastText write them.",
        );
      }
      if (bytes === undefined && last.length === 0) return;
      const text = decodeWord(decoder, last);
      const start = line === 1 && text.startsWith("\ufeff") ? 1 : 0;
      yield { line, text: text.slice(start, text.endsWith("\r") ? -1 : undefined) };
      if (bytes === undefined) return;
    }
  } catch (error) {
    throw error instanceof WordVectorsError ? error : fileError(path, error);
  } finally {
    await reader.close();
  }
}

/** First line of word2vec's files and of fastText's `.vec`: number of words and size. */
export interface Header {
  words: number;
  size: number;
}
/** Vectors are at most so long, words at most so many bytes: what is longer is no word vector. */
export const MAX_SIZE = 65_535;
const MAX_WORD = 4_096;
/** So many bytes hold a word and numbers of any precision. */
const MAX_TEXT_LINE = MAX_WORD + 32 * MAX_SIZE;

export function parseHeader(line: string, path: string): Header | undefined {
  const match = /^(\d+)[ \t]+(\d+)[ \t]*\r?$/.exec(line);
  if (match === null) return undefined;
  const [words, size] = [Number(match[1]), Number(match[2])];
  if (words < 1 || size < 1 || size > MAX_SIZE) {
    throw new WordVectorsError(`${path}: the header claims ${words} words of ${size} numbers`);
  }
  return { words, size };
}

/** Words and vectors as they come; of a word that comes twice the first counts. Memory grows with what is there. */
class Collector {
  readonly words: string[] = [];
  readonly #seen = new Set<string>();
  readonly #size: number;
  #data: Float32Array;

  /** @param expected words, if the file's header is right */
  constructor(size: number, expected: number, { vocabulary, limit }: WordVectorsOptions) {
    this.#size = size;
    const words = Math.min(expected, vocabulary?.size ?? expected, limit ?? expected);
    this.#data = new Float32Array(Math.max(1, words) * size);
  }
  /** Room for the vector of a word, to be filled; undefined if the word was there before. */
  add(word: string): Float32Array | undefined {
    if (this.#seen.has(word)) return undefined;
    this.#seen.add(word);
    const from = this.words.push(word) * this.#size - this.#size;
    if (from + this.#size > this.#data.length) {
      const more = new Float32Array(2 * this.#data.length);
      more.set(this.#data);
      this.#data = more;
    }
    return this.#data.subarray(from, from + this.#size);
  }
  finish(): KeyedVectors {
    return new KeyedVectors(this.words, this.#data.slice(0, this.words.length * this.#size), this.#size);
  }
}

/** Rows that a file of so many bytes can hold at most, each of `least` bytes; a guess for packed files. */
const plausible = (header: number, bytes: number, least: number): number =>
  Math.min(header, Math.floor(bytes / least) + 1);

/** Binary word2vec after its header: word, space, float32 numbers, and perhaps a line's end. */
export async function readWord2vecBinary(
  reader: ByteReader,
  { words, size }: Header,
  path: string,
  fileBytes: number,
  options: WordVectorsOptions,
): Promise<KeyedVectors> {
  const decoder = makeDecoder(path, options.encoding ?? "utf-8");
  const kept = new Collector(size, plausible(words, fileBytes, 4 * size + 1), options);
  const total = Math.min(words, options.limit ?? words);
  const damaged = (i: number, what: string): never => {
    throw new WordVectorsError(
      `${path}: ${what} (word ${i + 1} of the ${words} that the header claims, byte ${reader.position})`,
      "The file is cut off or damaged, or its header is wrong: copy or download it again.",
    );
  };
  const numbers = new Uint8Array(4 * size);
  const view = new DataView(numbers.buffer);
  for (let i = 0; i < total; i++) {
    while ((await reader.fill(1)) && reader.peek(1)[0] === 10) reader.take(1);
    const bytes = await reader.until(32, MAX_WORD);
    if (bytes === undefined) damaged(i, reader.ready > MAX_WORD ? "no word where one should begin" : "the file ends");
    const word = decodeWord(decoder, bytes as Uint8Array);
    if (!(await reader.fill(4 * size))) damaged(i, "the file ends inside a vector");
    numbers.set(reader.take(4 * size));
    if (options.vocabulary !== undefined && !options.vocabulary.has(word)) continue;
    const into = kept.add(word);
    for (let k = 0; into !== undefined && k < size; k++) {
      into[k] = view.getFloat32(4 * k, true);
      if (!Number.isFinite(into[k])) damaged(i, `the vector of ${JSON.stringify(word)} has no finite number at ${k}`);
    }
  }
  if (total === words) {
    while ((await reader.fill(1)) && reader.peek(1)[0] === 10) reader.take(1);
    if (reader.ready > 0) damaged(words - 1, "the file goes on after the last word");
  }
  return kept.finish();
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** Fields of a line of text: what stands before the last `size` numbers is the word (GloVe has words with spaces in them). */
function parseLine(text: string, size: number | undefined): { word: string; numbers: string[] } {
  const fields = text.replace(/[ \t]+$/, "").split(/[ \t]/);
  const first = size === undefined ? 1 : Math.max(1, fields.length - size);
  return { word: fields.slice(0, first).join(" "), numbers: fields.slice(first) };
}

/** Whether a line, read byte by byte, looks like a word and numbers, if with mistakes: what tells text from binary. */
export function isTextLine(line: string): boolean {
  const { numbers } = parseLine(line.replace(/\r$/, ""), undefined);
  const good = numbers.filter((field) => NUMBER.test(field)).length;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what no text has
  return good > 0 && 2 * good >= numbers.length && !/[\0-\x08\x0b-\x1f]/.test(line.replace(/\r$/, ""));
}

/**
 * Text: word2vec's and fastText's `.vec` with a header, GloVe without one. Numbers are separated by a space or a tab.
 * @throws WordVectorsError naming the line for another count of numbers than in the others, something that is no number, and
 * other counts of words than the header claims
 */
export async function readWordVectorsText(
  path: string,
  header: Header | undefined,
  fileBytes: number,
  options: WordVectorsOptions,
): Promise<KeyedVectors> {
  const { vocabulary, limit = Number.POSITIVE_INFINITY } = options;
  let size = header?.size;
  let kept: Collector | undefined;
  let rows = 0;
  for await (const { line, text } of wordLines(path, options.encoding ?? "utf-8")) {
    if (line === 1 && header !== undefined) continue;
    if (text === "") continue;
    if (rows >= limit) break;
    rows++;
    if (header !== undefined && rows > header.words) {
      throw new WordVectorsError(`${path}, line ${line}: the header claims ${header.words} words, here comes another`);
    }
    const space = text.search(/[ \t]/);
    if (size !== undefined && vocabulary !== undefined && !vocabulary.has(text.slice(0, space))) continue;
    const { word, numbers } = parseLine(text, size);
    size ??= numbers.length;
    if (size < 1 || size > MAX_SIZE) throw new WordVectorsError(`${path}, line ${line}: ${size} numbers`);
    kept ??= new Collector(size, plausible(header?.words ?? 1024, fileBytes, 2 * size + 1), options);
    const bad = numbers.findIndex((field) => !NUMBER.test(field));
    if (numbers.length !== size || bad >= 0) {
      throw new WordVectorsError(
        numbers.length !== size
          ? `${path}, line ${line}: ${numbers.length} numbers after ${JSON.stringify(word)}, expected ${size}`
          : `${path}, line ${line}: ${JSON.stringify(numbers[bad].slice(0, 40))} is no number (expected a word and ${size} numbers)`,
        "Lines are: word v1 v2 …, with the same count of numbers everywhere.",
      );
    }
    if (vocabulary !== undefined && !vocabulary.has(word)) continue;
    kept.add(word)?.set(numbers.map(Number));
  }
  if (header !== undefined && rows < Math.min(header.words, limit)) {
    throw new WordVectorsError(
      `${path}: the header claims ${header.words} words, the file has ${rows}`,
      "The file is cut off: copy or download it again.",
    );
  }
  if (size === undefined) throw new WordVectorsError(`${path}: there are no word vectors in it`);
  return (kept ?? new Collector(size, 1, options)).finish();
}

/** The shortest decimal that is read as the same float32. */
function shortest(x: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = x.toPrecision(digits);
    if (Math.fround(Number(text)) === x) return String(Number(text));
  }
  return String(Number(x.toPrecision(9)));
}

function* textLines({ words, vectors, vectorSize }: KeyedVectors): Generator<string> {
  yield `${words.length} ${vectorSize}\n`;
  for (let w = 0; w < words.length; w++) {
    const row = vectors.subarray(w * vectorSize, (w + 1) * vectorSize);
    yield `${words[w]} ${Array.from(row, shortest).join(" ")}\n`;
  }
}

function* binaryRows({ words, vectors, vectorSize }: KeyedVectors): Generator<string | Uint8Array> {
  yield `${words.length} ${vectorSize}\n`;
  for (let w = 0; w < words.length; w++) {
    yield `${words[w]} `;
    yield new Uint8Array(vectors.buffer, vectors.byteOffset + 4 * w * vectorSize, 4 * vectorSize);
  }
}

/**
 * Writes word2vec's format, text (every float32 is read back as it was) or binary, with the bytes that Gensim's
 * `save_word2vec_format` writes there.
 * @throws WordVectorsError for a word with a space or a line's end in it
 */
export function writeWord2vec(path: string, vectors: KeyedVectors, options: { binary?: boolean } = {}): void {
  checkOptions("writeWord2vec", options, { binary: true });
  const { binary = false } = options;
  const bad = vectors.words.find((word) => word === "" || /[ \t\n\r]/.test(word));
  if (bad !== undefined) {
    throw new WordVectorsError(`${path}: the format has no way to write the word ${JSON.stringify(bad)}`);
  }
  writeFileAtomic(path, binary ? binaryRows(vectors) : textLines(vectors));
}
