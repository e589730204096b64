import { GgufError } from "./gguf.ts";

/** A part of tokenizer.json's `pre_tokenizer`. */
export type PreTokenizerJson = Readonly<Record<string, unknown>> | null | undefined;

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const TAIL = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const CASED =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+@|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*@";
const SLASHED = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** GPT-2's own pattern, which a ByteLevel part applies by itself. */
const GPT2 = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** llama.cpp's names by the patterns that text is split by before ByteLevel (`llama_vocab::impl::load`, `get_vocab_base_pre`). */
const BY_PATTERN: Readonly<Record<string, string>> = {
  [GPT2]: "gpt-2",
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+": "gpt-2",
  [`${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|${TAIL}`]: "llama-bpe",
  [`${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|${TAIL}`]: "qwen2",
  [`${CASED.replaceAll("@", "")}|\\p{N}|${SLASHED}`]: "tekken",
  [`${CASED.replaceAll("@", `${CONTRACTIONS}?`)}|\\p{N}{1,3}|${SLASHED}`]: "gpt-4o",
};
const SPELLED = /\(\?:'\[sS\]\|'\[tT\]\|'\[rR\]\[eE\]\|'\[vV\]\[eE\]\|'\[mM\]\|'\[lL\]\[lL\]\|'\[dD\]\)/g;

/** One line of a pre-tokenizer for a message. */
const shown = (pre: PreTokenizerJson) => JSON.stringify(pre).slice(0, 160);

/**
 * llama.cpp's name of a byte-level tokenizer's way to split text, by its `pre_tokenizer`; `default` where there is none.
 * @throws GgufError for one that llama.cpp has no name for here.
 */
export function ggufPre(pre: PreTokenizerJson): string {
  if (pre == null) return "default";
  const parts = pre.type === "Sequence" ? ((pre.pretokenizers ?? []) as NonNullable<PreTokenizerJson>[]) : [pre];
  const last = parts.at(-1);
  const before = parts.slice(0, -1);
  if (last?.type === "ByteLevel" && last.add_prefix_space !== true) {
    const own = last.use_regex !== false;
    if (before.length === 0 && own) return "gpt-2";
    if (before.length === 1) {
      const [first] = before;
      // Every digit alone, then GPT-2's pattern.
      if (own && first.type === "Digits" && first.individual_digits === true) return "smollm";
      const pattern = (first.pattern as { Regex?: string } | undefined)?.Regex;
      const plain = first.type === "Split" && first.behavior === "Isolated" && first.invert !== true;
      const name = plain && pattern !== undefined ? BY_PATTERN[pattern.replace(SPELLED, CONTRACTIONS)] : undefined;
      // A pattern that keeps pieces of GPT-2's apart is not changed by it; others are.
      if (name !== undefined && (!own || name === "gpt-2")) return name;
    }
  }
  throw new GgufError(
    `tokenizer.json: llama.cpp has no name here for its pre_tokenizer ${shown(pre)}`,
    `Known are those of ${["gpt-2", "llama-bpe", "qwen2", "smollm", "tekken", "gpt-4o"].join(", ")}. Without tokenizer.json beside it, the model is written without a tokenizer.`,
  );
}
