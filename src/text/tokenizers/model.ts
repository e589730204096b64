import { DataError } from "../../data/lines.ts";
import { MAX_ID, type ModelJson } from "./schema.ts";

/** The tokens of one piece of text: ids, and the UTF-16 range of each within the piece. */
export interface Piece {
  ids: number[];
  starts: number[];
  ends: number[];
}

/** Cuts the pieces that a pre-tokenizer makes into tokens. */
export interface Model {
  readonly type: ModelJson["type"];
  readonly vocabulary: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
  tokenize(piece: string): Piece;
  /** The text of an unknown token where the model reports that (Unigram) instead of the unknown token's name. */
  readonly unknownKeepsText?: number;
  toJSON(): ModelJson;
}

/** Encodings of words seen before: in natural text most words are. Long pieces are rare and not kept. */
export class WordCache {
  #map = new Map<string, Piece>();

  get(word: string, make: () => Piece): Piece {
    let piece = this.#map.get(word);
    if (piece !== undefined) return piece;
    piece = make();
    if (word.length <= 64) {
      if (this.#map.size >= 1 << 16) this.#map.clear();
      this.#map.set(word, piece);
    }
    return piece;
  }
}

/** Tokens by id; published vocabularies have gaps. Throws {@link DataError} unless the ids are whole numbers, each there once. */
export function vocabularyOf(
  vocab: Readonly<Record<string, number>>,
  where: string,
): { tokens: string[]; ids: Map<string, number> } {
  const ids = new Map(Object.entries(vocab));
  const tokens = new Array<string>(ids.size);
  for (const [token, id] of ids) {
    if (!Number.isInteger(id) || id < 0 || id > MAX_ID) {
      throw new DataError(
        `${where}: the id of ${JSON.stringify(token)} is ${JSON.stringify(id)}, expected a whole number from 0 to ${MAX_ID}`,
      );
    }
    if (tokens[id] !== undefined) {
      throw new DataError(
        `${where}: ${JSON.stringify(tokens[id])} and ${JSON.stringify(token)} have the same id ${id}`,
        "Every token has an id of its own.",
      );
    }
    tokens[id] = token;
  }
  return { tokens, ids };
}

/** The id of the unknown token. Throws {@link DataError} when the vocabulary lacks it. */
export function unknownId(ids: ReadonlyMap<string, number>, token: string, source: string): number {
  const id = ids.get(token);
  if (id === undefined) {
    throw new DataError(`${source}: model.unk_token: ${JSON.stringify(token)} is not in the vocabulary`);
  }
  return id;
}
