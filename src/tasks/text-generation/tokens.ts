import { Tokenizer, type TokenizerKind, trainTokenizer } from "../../text/index.ts";
import { joined } from "../shared/texts.ts";
import { VOCABULARY } from "./options.ts";

/** The end of a line as a token, in vocabularies of words. */
const EOS = "<eos>";

/** A tokenizer for a language model of these lines: trained, or read from a folder. */
export async function makeTokenizer(kind: string, lines: readonly string[], vocabSize?: number): Promise<Tokenizer> {
  switch (kind) {
    case "character":
      return trainTokenizer("character", withEnds(lines), {
        vocabSize: vocabSize ?? VOCABULARY.character,
        specialTokens: ["<unk>", EOS],
      });
    case "word":
      // The literature's corpora are cut into words already; their <unk> is ours.
      return trainTokenizer("word", lines, {
        vocabSize: vocabSize ?? VOCABULARY.word,
        specialTokens: ["<unk>", EOS],
        splitPunctuation: false,
      });
    case "bpe":
    case "unigram":
    case "wordpiece":
      return trainTokenizer(kind as TokenizerKind, withEnds(lines), { vocabSize: vocabSize ?? VOCABULARY.pieces });
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
