// node tokenizer-train.mjs FILE MERGES: trains byte-level BPE on the file's lines and prints what it took.
import { readLines } from "../dist/data/index.js";
import { trainTokenizer } from "../dist/text/index.js";

const [, , path, merges] = process.argv;
async function* lines() {
  for await (const { text } of readLines(path)) yield text;
}
const begin = performance.now();
const tokenizer = await trainTokenizer("bpe", lines(), { vocabSize: 256 + Number(merges), specialTokens: [] });
const seconds = (performance.now() - begin) / 1000;
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
console.log(
  JSON.stringify({
    seconds,
    rss: maxRSS / 1000,
    cpu: (userCPUTime + systemCPUTime) / 1e6,
    vocabulary: tokenizer.vocabSize,
  }),
);
