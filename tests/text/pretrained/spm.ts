import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** A SentencePiece model of a few pieces: unigram (1) or BPE (2); a piece is normal (1), unknown (2) or control (3). */
export function spm(type: 1 | 2, pieces: [string, number, number][]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [piece, score, kind] of pieces) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(piece);
    writer.tag(2, WireType.Bit32).float(score);
    writer.tag(3, WireType.Varint).int32(kind).join();
  }
  writer.tag(2, WireType.LengthDelimited).fork().tag(3, WireType.Varint).int32(type).join();
  return writer.finish();
}

/** MarianMT's files; the source knows no 9, and vocab.json not every piece of the source. */
export const MARIAN: Record<string, Uint8Array | string> = {
  "source.spm": spm(1, [
    ["<unk>", 0, 2],
    ["<s>", 0, 3],
    ["</s>", 0, 3],
    ["▁cat", -3, 1],
    ["▁", -4, 1],
    ["s", -5, 1],
    ["c", -6, 1],
    ["at", -6, 1],
    ["a", -7, 1],
    ["t", -7, 1],
  ]),
  "target.spm": spm(1, [
    ["<unk>", 0, 2],
    ["▁9", -1, 1],
    ["9", -2, 1],
    ["99", -2, 1],
    ["▁chat", -3, 1],
  ]),
  "vocab.json": JSON.stringify(
    Object.fromEntries(
      ["</s>", "<unk>", "▁cat", "▁9", "9", "▁", "s", "▁chat", "99", "c", "at", "a", "t", ">>fr<<", "<pad>"].map(
        (piece, id) => [piece, id],
      ),
    ),
  ),
  "tokenizer_config.json": JSON.stringify({ tokenizer_class: "MarianTokenizer" }),
};
