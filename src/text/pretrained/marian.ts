import { DataError } from "../../data/lines.ts";
import { checkText } from "../check.ts";
import { vocabularyOf } from "../tokenizers/model.ts";
import type { Sequence } from "../tokenizers/post-process.ts";
import type { TokenizerJson } from "../tokenizers/schema.ts";
import { Tokenizer } from "../tokenizers/tokenizer.ts";
import { fromSentencePiece, sentencePieceNormalizer } from "./convert-spm.ts";
import type { Backend } from "./pretrained-tokenizer.ts";
import { PieceType, type SentencePieceModel } from "./sentencepiece.ts";

const SIGN = "▁";
/**
 * The score of a piece that the source's model does not have: worse than any others that have its characters, better than its own
 * characters one by one if no others have them.
 */
const lastScore = (piece: string): number => -1e4 * [...piece].length + [...piece].length - 1;

/** A SentencePiece model that cuts as SentencePiece itself does. */
function splitter(spm: SentencePieceModel, special: readonly string[], source: string): Tokenizer {
  // Control pieces are never found in a text: noncharacters keep them out.
  const pieces = spm.pieces.map(({ piece, score, type }) => {
    const found = type !== PieceType.control && type !== PieceType.unknown;
    return { piece: found ? piece : `\ufdd0${piece}`, score, type: found ? type : PieceType.unused };
  });
  const options = { config: {}, tokens: {}, className: "MarianTokenizer" };
  const json = fromSentencePiece({ ...spm, pieces }, options, source);
  const ids = new Map(pieces.map(({ piece }, id) => [piece, id]));
  let next = pieces.length;
  const added = special.map((content) => {
    return { id: ids.get(content) ?? next++, content, special: true, normalized: false };
  });
  return Tokenizer.fromJSON(
    {
      ...json,
      added_tokens: added,
      normalizer: sentencePieceNormalizer(spm, true),
    },
    source,
  );
}

/**
 * MarianMT: pieces by source.spm or target.spm, ids by name from vocab.json, `</s>` at the end. A language code such as `>>fr<<`
 * at the beginning is a token of its own.
 */
export class MarianBackend implements Backend {
  readonly #vocab: ReadonlyMap<string, number>;
  readonly #tokens: readonly string[];
  readonly #source: Tokenizer;
  readonly #target: Tokenizer;
  readonly #special: ReadonlySet<string>;
  readonly #unk: number;
  readonly #eos: number;
  readonly #json: () => TokenizerJson;

  /** @throws DataError when vocab.json lacks the unknown token or the end */
  constructor(
    vocab: Record<string, number>,
    spm: { source: SentencePieceModel; target: SentencePieceModel },
    tokens: Readonly<Record<string, string>>,
    where: string,
  ) {
    const { tokens: names, ids } = vocabularyOf(vocab, `${where}: vocab.json`);
    if (names.length > 2 * ids.size + 1000)
      throw new DataError(`${where}: vocab.json: ids up to ${names.length - 1}, but there are ${ids.size} tokens`);
    this.#vocab = ids;
    this.#tokens = names;
    const special = [...new Set(Object.values(tokens))];
    this.#special = new Set(special);
    this.#source = splitter(spm.source, special, `${where}: source.spm`);
    this.#target = splitter(spm.target, special, `${where}: target.spm`);
    const id = (token: string) => {
      const known = this.#vocab.get(token);
      if (known === undefined) throw new DataError(`${where}: vocab.json has no ${JSON.stringify(token)}`);
      return known;
    };
    this.#unk = id(tokens.unk_token);
    this.#eos = id(tokens.eos_token);
    this.#json = () => {
      const scores = new Map(spm.source.pieces.map(({ piece, score }) => [piece, score]));
      const pieces = Array.from(this.#tokens, (token, id) => {
        const type = this.#special.has(token) ? PieceType.control : PieceType.normal;
        return { piece: token ?? `\ufdd0${id}`, score: scores.get(token) ?? lastScore(token ?? ""), type };
      });
      const model = { ...spm.source, pieces, unkId: this.#unk };
      // T5's conventions but for the extra tokens: the end after each text.
      return fromSentencePiece(model, { config: { extra_ids: 0 }, tokens, className: "T5Tokenizer" }, where);
    };
  }
  /**
   * For programs that know one tokenizer.json and no more, as transformers.js: vocab.json's ids, the source's pieces. Texts are cut
   * as by {@link cut} but for language codes, which such programs cut off themselves; pieces of the source that vocab.json lacks,
   * in whose place shorter ones stand; and runs of characters that the source does not know, each of which SentencePiece takes
   * whole.
   */
  toJSON(): TokenizerJson {
    return this.#json();
  }

  get vocabSize(): number {
    return this.#tokens.length;
  }
  tokenToId(token: string): number | undefined {
    return this.#vocab.get(token);
  }
  idToToken(id: number): string | undefined {
    return this.#tokens[id];
  }
  get specialIds(): ReadonlySet<number> {
    return new Set([...this.#special].flatMap((token) => this.#vocab.get(token) ?? []));
  }
  numSpecialTokensToAdd(): number {
    return 1;
  }

  cut(text: string, asTarget = false): Sequence {
    checkText("encode", text);
    const code = /^>>.*?<</s.exec(text)?.[0] ?? "";
    const { tokens, offsets } = (asTarget ? this.#target : this.#source).cut(text.slice(code.length));
    const names = code === "" ? tokens : [code, ...tokens];
    return {
      ids: names.map((token) => this.#vocab.get(token) ?? this.#unk),
      tokens: names,
      offsets: [
        ...(code === "" ? [] : [[0, code.length] as [number, number]]),
        ...offsets.map(([from, to]): [number, number] => [from + code.length, to + code.length]),
      ],
    };
  }

  assemble(texts: readonly Sequence[], addSpecialTokens = true): ReturnType<Backend["assemble"]> {
    const end = addSpecialTokens ? 1 : 0;
    const eos = <T>(value: T): T[] => (end ? [value] : []);
    const ids = texts.flatMap((text) => text.ids);
    return {
      ids: [...ids, ...eos(this.#eos)],
      tokens: [...texts.flatMap((text) => text.tokens), ...eos(this.#tokens[this.#eos])],
      offsets: [...texts.flatMap((text) => text.offsets), ...eos<[number, number]>([0, 0])],
      typeIds: ids.map(() => 0).concat(eos(0)),
      specialTokensMask: ids.map(() => 0).concat(eos(1)),
      sequenceIds: [...texts.flatMap((text, i) => text.ids.map(() => i)), ...eos(null)],
    };
  }

  decode(ids: Iterable<number>, { skipSpecialTokens = true }: { skipSpecialTokens?: boolean } = {}): string {
    let out = "";
    let pieces: string[] = [];
    // The space that was put before a text goes again, if the target's model knows the piece.
    const close = (): void => {
      const text = pieces.join("").replaceAll(SIGN, " ");
      out += pieces.length > 0 && this.#target.tokenToId(pieces[0]) !== undefined ? text.replace(/^ /, "") : text;
      pieces = [];
    };
    for (const id of ids) {
      const token = this.#tokens[id];
      if (!Number.isInteger(id) || id < 0) throw new DataError(`decode: ${id} is no id: expected whole numbers from 0`);
      if (token === undefined) continue;
      if (!this.#special.has(token)) pieces.push(token);
      else if (!skipSpecialTokens) {
        close();
        out += `${token} `;
      }
    }
    close();
    return out.trim();
  }
}
