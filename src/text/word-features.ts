/** FNV-1a over UTF-16 units, in 32 bits. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/** Capitals as X, other letters as x, digits as d, all else as it is. */
const shapeOf = (word: string): string =>
  word
    .replace(/\p{Lu}/gu, "X")
    .replace(/(?!X)\p{L}/gu, "x")
    .replace(/\p{N}/gu, "d");

const LONGEST = 4;

/**
 * What a word looks like, for words that were never seen: its beginnings and ends of up to four characters and its runs of
 * three (in lower case), its shape (`Xxxx`, `dd.dd`) and the shape without repetitions; each hashed to one of `buckets` numbers (the
 * hashing trick, Weinberger et al. 2009). Of words over 40 characters the runs in the middle are left out.
 * @returns int32, at least 4 of them, 0 … buckets − 1; several may be equal.
 */
export function wordFeatures(word: string, buckets: number): Int32Array {
  const characters = Array.from(word.toLowerCase());
  const features: string[] = [];
  for (let n = 1; n <= Math.min(LONGEST, characters.length); n++) {
    features.push(`^${characters.slice(0, n).join("")}`, `${characters.slice(-n).join("")}$`);
  }
  if (characters.length <= 40) {
    for (let i = 0; i + 3 <= characters.length; i++) features.push(characters.slice(i, i + 3).join(""));
  }
  const shape = shapeOf(word.length <= 40 ? word : word.slice(0, 40));
  features.push(`~${shape}`, `=${shape.replace(/(.)\1+/gu, "$1")}`);
  return Int32Array.from(features, (feature) => hash(feature) % buckets);
}
