import { BYTE_CHARACTERS } from "./bpe.ts";
import type { DecoderJson } from "./schema.ts";

const BYTE_OF = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

/** Hugging Face's repair of the spaces that BERT's pre-tokenizer put before marks. */
const CLEANUP: readonly [string, string][] = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" do not", " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

function decodeBytes(tokens: readonly string[]): string {
  const encoder = new TextEncoder();
  const all: number[] = [];
  for (const token of tokens) {
    const bytes = Array.from(token, (character) => BYTE_OF.get(character));
    // A token with characters that stand for no byte was added as it is.
    for (const byte of bytes.includes(undefined) ? encoder.encode(token) : (bytes as number[])) all.push(byte);
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(all));
}

/** The text of a list of tokens, as the `decoder` of tokenizer.json describes; without one they are joined by spaces. */
export function decodeTokens(tokens: readonly string[], decoder: DecoderJson | null): string {
  if (decoder === null) return tokens.join(" ");
  switch (decoder.type) {
    case "Fuse":
      return tokens.join("");
    case "ByteLevel":
      return decodeBytes(tokens);
    case "WordPiece":
      return tokens
        .map((token, i) => {
          let text = token;
          if (i > 0) text = token.startsWith(decoder.prefix) ? token.slice(decoder.prefix.length) : ` ${token}`;
          return decoder.cleanup ? CLEANUP.reduce((t, [from, to]) => t.replaceAll(from, to), text) : text;
        })
        .join("");
    case "Metaspace":
      return tokens
        .map((token, i) =>
          token.replaceAll(decoder.replacement, i === 0 && decoder.prepend_scheme !== "never" ? "" : " "),
        )
        .join("");
  }
}
