import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { pushAll } from "../../backend/arrays.ts";
import { DataError } from "../../data/lines.ts";

/** What a piece is: SentencePiece's `Type`. */
export const PieceType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** A SentencePiece `.model`, as far as encoding and decoding need it. */
export interface SentencePieceModel {
  type: "unigram" | "bpe" | "char";
  pieces: { piece: string; score: number; type: number }[];
  unkId: number;
  /** −1 for those that the model does without. */
  bosId: number;
  eosId: number;
  padId: number;
  /** Unknown characters become the pieces of their bytes. */
  byteFallback: boolean;
  /** A space is put before each text, or behind it with `whitespaceAsSuffix`. */
  addDummyPrefix: boolean;
  whitespaceAsSuffix: boolean;
  /** Spaces at both ends are left out, and runs of them become one. */
  removeExtraWhitespaces: boolean;
  /** Spaces are written as ▁. */
  escapeWhitespaces: boolean;
  /** Bytes of the double-array trie with its texts; empty when texts are taken as they are. */
  charsMap: Uint8Array;
}

type Fields = Record<number, (reader: BinaryReader) => void>;

/** Reads the named fields of a message and skips the others. */
function readMessage(bytes: Uint8Array, fields: Record<number, [wire: WireType, read: Fields[number]]>): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    const field = fields[number];
    if (field === undefined) reader.skip(wire, number);
    else if (wire !== field[0]) throw new Error(`field ${number} has the wire type ${wire}`);
    else field[1](reader);
  }
}

const { LengthDelimited, Varint, Bit32 } = WireType;

/** Throws {@link DataError} that names the file and the part that is damaged. */
export function readSentencePiece(bytes: Uint8Array, source: string): SentencePieceModel {
  const model: SentencePieceModel = {
    type: "unigram",
    pieces: [],
    unkId: 0,
    bosId: 1,
    eosId: 2,
    padId: -1,
    byteFallback: false,
    addDummyPrefix: true,
    whitespaceAsSuffix: false,
    removeExtraWhitespaces: true,
    escapeWhitespaces: true,
    charsMap: new Uint8Array(),
  };
  let kind = 1;
  let part = "the model";
  const inside = (name: string, read: Fields[number]): Fields[number] => {
    return (reader) => {
      part = name;
      read(reader);
      part = "the model";
    };
  };
  try {
    readMessage(bytes, {
      1: [
        LengthDelimited,
        (reader) => {
          part = `pieces.${model.pieces.length}`;
          const piece = { piece: "", score: 0, type: PieceType.normal as number };
          readMessage(reader.bytes(), {
            1: [LengthDelimited, (r) => (piece.piece = r.string())],
            2: [Bit32, (r) => (piece.score = r.float())],
            3: [Varint, (r) => (piece.type = r.int32())],
          });
          model.pieces.push(piece);
          part = "the model";
        },
      ],
      2: [
        LengthDelimited,
        inside("trainer_spec", (reader) =>
          readMessage(reader.bytes(), {
            3: [Varint, (r) => (kind = r.int32())],
            24: [Varint, (r) => (model.whitespaceAsSuffix = r.bool())],
            35: [Varint, (r) => (model.byteFallback = r.bool())],
            40: [Varint, (r) => (model.unkId = r.int32())],
            41: [Varint, (r) => (model.bosId = r.int32())],
            42: [Varint, (r) => (model.eosId = r.int32())],
            43: [Varint, (r) => (model.padId = r.int32())],
          }),
        ),
      ],
      3: [
        LengthDelimited,
        inside("normalizer_spec", (reader) =>
          readMessage(reader.bytes(), {
            2: [LengthDelimited, (r) => (model.charsMap = r.bytes())],
            3: [Varint, (r) => (model.addDummyPrefix = r.bool())],
            4: [Varint, (r) => (model.removeExtraWhitespaces = r.bool())],
            5: [Varint, (r) => (model.escapeWhitespaces = r.bool())],
          }),
        ),
      ],
    });
  } catch (error) {
    throw new DataError(
      `${source}: no SentencePiece model, or damaged in ${part}: ${(error as Error).message}`,
      "Copy or download the file again.",
    );
  }
  if (model.pieces.length === 0) throw new DataError(`${source}: no SentencePiece model: it has no pieces`);
  if (kind !== 1 && kind !== 2 && kind !== 4) {
    throw new DataError(
      `${source}: trainer_spec.model_type is ${kind}${kind === 3 ? " (word)" : ""}; known are 1 (unigram), 2 (bpe) and 4 (char)`,
      kind === 3 ? "Train a word tokenizer of texts with trainTokenizer, or save this one as a tokenizer.json." : "",
    );
  }
  if (model.unkId < 0 || model.unkId >= model.pieces.length)
    throw new DataError(
      `${source}: trainer_spec.unk_id is ${model.unkId}, but there are ${model.pieces.length} pieces`,
    );
  model.pieces.forEach(({ piece, score }, i) => {
    if (piece === "" || !Number.isFinite(score))
      throw new DataError(`${source}: pieces.${i}: ${piece === "" ? "empty" : `the score is ${score}`}`);
  });
  model.type = kind === 1 ? "unigram" : kind === 2 ? "bpe" : "char";
  return model;
}

/**
 * The merges that a BPE model's pieces stand for: every way to cut a piece in two pieces, best score first.
 */
export function mergesOf(
  vocab: ReadonlyMap<string, number>,
  scores: readonly [piece: string, score: number][],
): [string, string][] {
  const all: { pair: [string, string]; score: number; lengths: [number, number] }[] = [];
  // As in a map, the last score of equal pieces counts, in the place of the first.
  for (const [piece, score] of new Map(scores)) {
    const characters = [...piece];
    const local: { pair: [string, string]; score: number; lengths: [number, number] }[] = [];
    let at = 0;
    for (let i = 1; i < characters.length; i++) {
      at += characters[i - 1].length;
      const pair: [string, string] = [piece.slice(0, at), piece.slice(at)];
      if (vocab.has(pair[0]) && vocab.has(pair[1])) local.push({ pair, score, lengths: [i, characters.length - i] });
    }
    const id = (token: string) => vocab.get(token) as number;
    local.sort((x, y) => id(x.pair[0]) - id(y.pair[0]) || id(x.pair[1]) - id(y.pair[1]));
    pushAll(all, local);
  }
  all.sort((x, y) => y.score - x.score || y.lengths[0] - x.lengths[0] || y.lengths[1] - x.lengths[1]);
  return all.map(({ pair }) => pair);
}
