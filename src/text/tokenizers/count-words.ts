import { checkText } from "../check.ts";
import type { Pipeline } from "./pipeline.ts";

/** The distinct pieces of a corpus and how often each occurs. */
export interface WordCounts {
  words: string[];
  counts: Float64Array;
}

/** Progress of a training: texts counted, merges learned, or pieces left to prune. */
export type OnTokenizerProgress = (progress: { stage: "count" | "learn"; done: number; total?: number }) => void;

// A long slice of a string keeps the whole text alive: such words are copied.
const [encoder, decoder] = [new TextEncoder(), new TextDecoder("utf-8", { ignoreBOM: true })];
const copied = (word: string): string => (word.length < 13 ? word : decoder.decode(encoder.encode(word)));

/** Cuts the texts as encoding would, special tokens left out, and counts the pieces. */
export async function countWords(
  texts: Iterable<string> | AsyncIterable<string>,
  pipeline: Pipeline,
  onProgress?: OnTokenizerProgress,
): Promise<WordCounts> {
  const ids = new Map<string, number>();
  const words: string[] = [];
  const counts: number[] = [];
  let done = 0;
  for await (const text of texts) {
    checkText(`text ${done}`, text);
    for (const piece of pipeline.pieces(text)) {
      if (piece.special !== undefined) continue;
      const word = piece.span.text;
      const id = ids.get(word);
      if (id !== undefined) counts[id]++;
      else {
        const own = copied(word);
        ids.set(own, words.length);
        words.push(own);
        counts.push(1);
      }
    }
    onProgress?.({ stage: "count", done: ++done });
  }
  return { words, counts: Float64Array.from(counts) };
}

/** Order of strings by code points, as of their UTF-8 bytes; JavaScript's own puts surrogates before U+E000. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return (a.codePointAt(i) as number) - (b.codePointAt(i) as number);
  }
  return a.length - b.length;
}
