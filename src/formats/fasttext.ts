import { makeDecoder } from "../data/lines.ts";
import { KeyedVectors, WordVectorsError } from "../text/keyed-vectors.ts";
import type { ByteReader } from "./byte-reader.ts";
import { decodeWord, isUtf8, MAX_SIZE, type WordVectorsOptions } from "./word2vec.ts";

/** First number of fastText's binary files since version 11; older ones begin with the vectors' size. */
export const FASTTEXT_MAGIC = 793_712_314;
const NEWEST = 12;
/** Longest word in bytes. */
const MAX_WORD = 65_536;
/** The end of a sentence is a word without subwords, since version 11. */
const EOS = "</s>";

const encoder = new TextEncoder();
/** FNV-1a in 32 bits; fastText widens each byte with its sign, which tells for every script but ASCII. */
function hash(bytes: Uint8Array): number {
  let h = 0x811c9dc5;
  for (const byte of bytes) h = Math.imul(h ^ ((byte << 24) >> 24), 0x01000193);
  return h >>> 0;
}

interface Subwords {
  minn: number;
  maxn: number;
  buckets: number;
}
/**
 * Buckets of a word's runs of `minn` to `maxn` characters, `<` and `>` around it (Bojanowski et al., 2017). Characters are told
 * by their first bytes, as fastText does, also where the bytes are no UTF-8.
 */
function subwordsOf(word: Uint8Array, { minn, maxn, buckets }: Subwords): number[] {
  const found: number[] = [];
  if (buckets === 0) return found;
  const bytes = new Uint8Array(word.length + 2);
  bytes[0] = 60;
  bytes.set(word, 1);
  bytes[word.length + 1] = 62;
  const inside = (at: number) => at < bytes.length && (bytes[at] & 0xc0) === 0x80;
  for (let from = 0; from < bytes.length; from++) {
    if (inside(from)) continue;
    for (let n = 1, to = from; n <= maxn && to < bytes.length; n++) {
      do to++;
      while (inside(to));
      // The marks alone are no runs.
      if (n < minn || (n === 1 && (from === 0 || to === bytes.length))) continue;
      found.push(hash(bytes.subarray(from, to)) % buckets);
    }
  }
  return found;
}

/**
 * fastText's binary model (`.bin`, unsupervised or supervised, not quantised): input vectors of words and of subwords. A word's
 * vector is the mean of its own and its subwords', an unknown word's that of its subwords.
 * @param fileBytes size of the file, or infinity if it is packed
 */
export async function readFastText(
  reader: ByteReader,
  path: string,
  fileBytes: number,
  options: WordVectorsOptions,
): Promise<KeyedVectors> {
  const refuse = (what: string, hint = "The file is cut off or damaged: copy or download it again."): never => {
    throw new WordVectorsError(`${path}: ${what}`, hint);
  };
  const take = async (bytes: number): Promise<DataView> => {
    if (!(await reader.fill(bytes))) refuse(`the file ends at byte ${reader.position + reader.ready}`);
    const part = reader.take(bytes);
    return new DataView(part.buffer, part.byteOffset, bytes);
  };
  const int32 = async () => (await take(4)).getInt32(0, true);
  const int64 = async () => Number((await take(8)).getBigInt64(0, true));

  const first = await int32();
  const modern = first === FASTTEXT_MAGIC;
  if (modern) {
    const version = await int32();
    if (version > NEWEST) refuse(`fastText's format ${version}; known are those up to ${NEWEST}`, "Use an older file.");
  }
  const dim = modern ? await int32() : first;
  const rest = await take(4 * 11 + 8);
  const setting = (i: number) => rest.getInt32(4 * i, true);
  const [buckets, minn, maxn] = [setting(7), setting(8), setting(9)];
  const words = { all: await int32(), words: await int32(), labels: await int32() };
  const tokens = await int64();
  const fits = dim > 0 && dim <= MAX_SIZE && words.words > 0 && words.labels >= 0 && tokens >= 0 && buckets >= 0;
  if (!fits || words.all !== words.words + words.labels || words.all * 10 > fileBytes || minn < 0 || maxn > 1000) {
    refuse(`its header makes no sense: ${dim} numbers, ${words.words} words and ${words.labels} labels`);
  }
  const pruned = modern ? await int64() : -1;

  const decoder = makeDecoder(path, options.encoding ?? "utf-8");
  const names: string[] = [];
  /** Bytes of the words that are written otherwise than in UTF-8. */
  const written = new Map<string, Uint8Array>();
  for (let i = 0; i < words.all; i++) {
    const bytes = await reader.until(0, MAX_WORD);
    if (bytes === undefined) return refuse(`the file ends inside the dictionary (word ${i + 1} of ${words.all})`);
    // Labels of a supervised model come after the words.
    if (i < words.words) {
      const word = decodeWord(decoder, bytes);
      if (!isUtf8(bytes)) written.set(word, bytes.slice());
      names.push(word);
    }
    await take(9);
  }
  const quantised = modern && (await take(1)).getUint8(0) !== 0;
  if (pruned > 0 || quantised) {
    refuse("a quantised fastText model (.ftz) keeps no vectors as they were", "Use the .bin or .vec file.");
  }
  const [rows, columns] = [await int64(), await int64()];
  if (columns !== dim || rows < words.words || rows > words.words + buckets || rows * dim * 4 > fileBytes) {
    refuse(`its table claims ${rows} × ${columns} numbers; the header says ${words.words} + ${buckets} × ${dim}`);
  }
  const subwords: Subwords = { minn, maxn, buckets: rows - words.words };
  const rowsOf = (word: string, row: number | undefined): number[] => [
    ...(row === undefined ? [] : [row]),
    ...(modern && row !== undefined && word === EOS
      ? []
      : subwordsOf(written.get(word) ?? encoder.encode(word), subwords).map((bucket) => words.words + bucket)),
  ];

  // Of a word list only the rows that it needs are kept.
  const { vocabulary, limit = Number.POSITIVE_INFINITY } = options;
  const rowOf = new Map(names.map((word, i) => [word, i]));
  const listed = names.slice(0, limit).filter((word, i) => rowOf.get(word) === i && (vocabulary?.has(word) ?? true));
  const wanted = vocabulary && [...listed, ...[...vocabulary].filter((word) => !rowOf.has(word) && word !== "")];
  const slots = wanted && new Map<number, number>();
  for (const word of wanted ?? []) {
    for (const row of rowsOf(word, rowOf.get(word))) if (!slots?.has(row)) slots?.set(row, slots.size);
  }
  const table = new Float32Array((slots?.size ?? rows) * dim);
  for (let row = 0; row < rows; row++) {
    const part = await take(4 * dim);
    const slot = slots === undefined ? row : slots.get(row);
    if (slot === undefined) continue;
    for (let k = 0; k < dim; k++) table[slot * dim + k] = part.getFloat32(4 * k, true);
  }

  const compose = (word: string, row = rowOf.get(word)): Float32Array | undefined => {
    const list = rowsOf(word, row);
    if (list.length === 0) return undefined;
    const sum = new Float64Array(dim);
    for (const at of list) {
      const slot = slots === undefined ? at : slots.get(at);
      if (slot === undefined) return undefined;
      for (let k = 0; k < dim; k++) sum[k] += table[slot * dim + k];
    }
    return Float32Array.from(sum, (x) => x / list.length);
  };
  const made = (wanted ?? listed).map((word) => [word, compose(word)] as const).filter(([, v]) => v !== undefined);
  const vectors = new Float32Array(made.length * dim);
  made.forEach(([, vector], i) => {
    vectors.set(vector as Float32Array, i * dim);
  });
  return new KeyedVectors(
    made.map(([word]) => word),
    vectors,
    dim,
    slots === undefined ? (word) => compose(word) : undefined,
  );
}
