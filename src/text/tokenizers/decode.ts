import { BYTE_CHARACTERS } from "./bpe.ts";
import { compilePattern } from "./patterns.ts";
import { prependScheme } from "./pre-tokenize.ts";
import type { DecoderJson } from "./schema.ts";

/** Tokens to the text of each; joined they are the text. */
export type Decoder = (tokens: string[]) => string[];

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

const repaired = (text: string): string => CLEANUP.reduce((t, [from, to]) => t.replaceAll(from, to), text);

/** Transformers' `clean_up_tokenization`: the same repair for a whole text, without "do not". */
export function cleanUp(text: string): string {
  return CLEANUP.reduce((t, [from, to]) => (from === " do not" ? t : t.replaceAll(from, to)), text);
}

const utf8 = new TextEncoder();

function decodeBytes(tokens: readonly string[]): string {
  const all: number[] = [];
  for (const token of tokens) {
    const bytes = Array.from(token, (character) => BYTE_OF.get(character));
    // A token with characters that stand for no byte was added as it is.
    for (const byte of bytes.includes(undefined) ? utf8.encode(token) : (bytes as number[])) all.push(byte);
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(all));
}

/** Runs of tokens like `<0x61>` as the characters of their bytes; each byte of a run that is no UTF-8 as �. */
function decodeFallback(tokens: readonly string[]): string[] {
  const out: string[] = [];
  let bytes: number[] = [];
  const close = (): void => {
    if (bytes.length === 0) return;
    try {
      out.push(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes)));
    } catch {
      for (const _ of bytes) out.push("\ufffd");
    }
    bytes = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9a-f]{2})>$/i.exec(token);
    if (byte) bytes.push(Number.parseInt(byte[1], 16));
    else {
      close();
      out.push(token);
    }
  }
  close();
  return out;
}

function strip(token: string, content: string, start: number, stop: number): string {
  const characters = [...token];
  let from = 0;
  while (from < start && characters[from] === content) from++;
  let to = characters.length;
  while (to > from && characters.length - to < stop && characters[to - 1] === content) to--;
  return characters.slice(from, to).join("");
}

/**
 * The function that the `decoder` of tokenizer.json describes; without one tokens are joined by spaces.
 * Throws {@link DataError}; `where` names the field.
 */
export function decoder(json: DecoderJson | null, where: string): Decoder {
  if (json === null) return (tokens) => [tokens.join(" ")];
  switch (json.type) {
    case "Sequence": {
      const steps = json.decoders.map((step, i) => decoder(step, `${where}.decoders.${i}`));
      return (tokens) => steps.reduce((done, step) => step(done), tokens);
    }
    case "Fuse":
      return (tokens) => [tokens.join("")];
    case "ByteLevel":
      return (tokens) => [decodeBytes(tokens)];
    case "ByteFallback":
      return decodeFallback;
    case "BPEDecoder":
      return (tokens) => tokens.map((token, i) => token.replaceAll(json.suffix, i === tokens.length - 1 ? "" : " "));
    case "Strip":
      return (tokens) => tokens.map((token) => strip(token, json.content, json.start, json.stop));
    case "Replace": {
      const pattern = compilePattern(json.pattern, `${where}.pattern`);
      return (tokens) => tokens.map((token) => token.replace(pattern, () => json.content));
    }
    case "CTC":
      return (tokens) =>
        tokens
          .filter((token, i) => i === 0 || token !== tokens[i - 1])
          .map((token) => {
            const text = token.replaceAll(json.pad_token, "");
            return json.cleanup ? repaired(text).replaceAll(json.word_delimiter_token, " ") : text;
          })
          .filter((text) => text !== "");
    case "WordPiece":
      return (tokens) =>
        tokens.map((token, i) => {
          let text = token;
          if (i > 0) text = token.startsWith(json.prefix) ? token.slice(json.prefix.length) : ` ${token}`;
          return json.cleanup ? repaired(text) : text;
        });
    case "Metaspace": {
      const { replacement } = json;
      const drops = prependScheme(json) !== "never";
      return (tokens) => tokens.map((token, i) => token.replaceAll(replacement, i === 0 && drops ? "" : " "));
    }
  }
}
