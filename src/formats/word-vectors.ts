import { statSync } from "#platform";
import { checkOptions, type Known } from "../backend/options.ts";
import { fileError, isGzip, openBytes, unpackedLimit } from "../data/lines.ts";
import { type KeyedVectors, WordVectorsError } from "../text/keyed-vectors.ts";
import { ByteReader } from "./byte-reader.ts";
import { FASTTEXT_MAGIC, readFastText } from "./fasttext.ts";
import {
  isTextLine,
  MAX_SIZE,
  parseHeader,
  readWord2vecBinary,
  readWordVectorsText,
  type WordVectorsOptions,
} from "./word2vec.ts";

const KNOWN: Known<WordVectorsOptions> = { vocabulary: true, limit: true, encoding: true };

/** What else is called word vectors: how files begin, what they are, what to do. */
const OTHERS: readonly [bytes: readonly number[], what: string, hint: string][] = [
  [
    [0x80],
    "a pickle, as Gensim's save() writes",
    "Save it with Gensim's save_word2vec_format: that opens without running foreign code.",
  ],
  [[0x50, 0x4b, 3, 4], "a zip archive", "Unpack it first."],
  [[0xff, 0xfe], "text that is not UTF-8 but UTF-16", "Convert it first, e.g. iconv -f utf-16 -t utf-8."],
  [[0xfe, 0xff], "text that is not UTF-8 but UTF-16", "Convert it first, e.g. iconv -f utf-16 -t utf-8."],
  [[0x93, 0x4e, 0x55, 0x4d], "a NumPy array", "Save the vectors with Gensim's save_word2vec_format."],
];

/** Lines are looked at in so many bytes at the most. */
const BEGINNING = 1 << 20;

/**
 * Reads word vectors of any usual kind, told by the content: word2vec text and binary (also what Gensim's
 * `save_word2vec_format` writes), GloVe, fastText `.vec` and `.bin`; packed with gzip or not. The file is read as a stream; with
 * `vocabulary` memory grows with what is kept.
 * @throws WordVectorsError for anything else, for cut off files, uneven lines and headers that do not tell the truth;
 * DataError for files that cannot be read
 */
export async function readWordVectors(path: string, options: WordVectorsOptions = {}): Promise<KeyedVectors> {
  checkOptions("readWordVectors", options, KNOWN);
  const reader = new ByteReader(openBytes(path));
  try {
    await reader.fill(8);
    const start = reader.peek(8);
    if (start.length === 0) throw new WordVectorsError(`${path}: the file is empty`);
    const other = OTHERS.find(([bytes]) => bytes.every((byte, i) => start[i] === byte));
    if (other !== undefined) throw new WordVectorsError(`${path}: ${other[1]}, no word vectors`, other[2]);
    const { size: onDisk } = statSync(path);
    // A packed file may hold many times its size.
    const packed = isGzip(path);
    const whole = packed ? unpackedLimit(onDisk, {}) : onDisk;
    const number = start.length < 4 ? 0 : new DataView(start.buffer, start.byteOffset).getInt32(0, true);
    // Before version 11 fastText began with the size, a small number.
    if (number === FASTTEXT_MAGIC || (number > 0 && number <= MAX_SIZE))
      return await readFastText(reader, path, whole, options);

    const line = await lineOf(reader);
    if (line === undefined) {
      throw new WordVectorsError(
        `${path}: no line ends within ${BEGINNING} bytes`,
        "Known: word2vec, GloVe and fastText.",
      );
    }
    const header = parseHeader(line, path);
    const bytes = packed ? 4 * onDisk : onDisk;
    if (header !== undefined) {
      const next = await lineOf(reader, false);
      if (next === undefined || !isTextLine(next)) {
        return await readWord2vecBinary(reader, header, path, bytes, options);
      }
    } else if (!isTextLine(line)) {
      throw new WordVectorsError(
        `${path}: no word vectors: the first line is ${JSON.stringify(line.slice(0, 60))}`,
        "Known: word2vec (text, binary), GloVe, fastText (.vec, .bin), also as .gz.",
      );
    }
    return await readWordVectorsText(path, header, bytes, options);
  } catch (error) {
    throw error instanceof WordVectorsError ? error : fileError(path, error);
  } finally {
    await reader.close();
  }
}

/** The next line, whatever bytes it has; it stays ready unless it is taken. A last line needs no end. */
async function lineOf(reader: ByteReader, taken = true): Promise<string | undefined> {
  for (let looked = 0; looked <= BEGINNING; ) {
    const ready = reader.peek(BEGINNING);
    const end = ready.indexOf(10, looked);
    if (end >= 0 || ready.length === looked) {
      if (end < 0 && ready.length === BEGINNING) return undefined;
      const line = new TextDecoder("latin1").decode(ready.subarray(0, end < 0 ? ready.length : end));
      if (taken) reader.take(end < 0 ? ready.length : end + 1);
      return line;
    }
    looked = ready.length;
    await reader.fill(Math.min(BEGINNING, looked + 1));
  }
  return undefined;
}
