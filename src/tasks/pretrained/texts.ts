import { maximum } from "../../backend/arrays.ts";
import { tensor } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PreTrainedTokenizer } from "../../text/index.ts";

/** A text, or a pair of texts, as a pretrained model reads it. */
export interface EncodedText {
  inputIds: number[];
  tokenTypeIds?: number[];
}
export interface TextBatch {
  inputIds: Tensor;
  attentionMask?: Tensor;
  tokenTypeIds?: Tensor;
}

/** Tokens of texts, cut to a length and padded to the longest of their batch. */
export class PretrainedTexts {
  readonly tokenizer: PreTrainedTokenizer;
  readonly maxLength: number;
  constructor(tokenizer: PreTrainedTokenizer, maxLength: number) {
    this.tokenizer = tokenizer;
    this.maxLength = maxLength;
  }

  encode([text, pair]: readonly string[]): EncodedText {
    const { inputIds, tokenTypeIds } = this.tokenizer.encode(text, pair, {
      truncation: true,
      maxLength: this.maxLength,
    });
    return { inputIds, tokenTypeIds };
  }

  /** Tokens of padding before a text of `length` tokens in a batch whose longest text has `longest`. */
  before(length: number, longest: number): number {
    return this.tokenizer.paddingSide === "left" ? longest - length : 0;
  }

  /** Batches of texts of like length, each row with its text's place in the list. */
  *batches<E extends EncodedText>(
    encoded: readonly E[],
    size = 32,
  ): Generator<{ rows: (E & { i: number })[]; batch: TextBatch }> {
    const sorted = encoded.map((e, i) => ({ ...e, i })).sort((a, b) => a.inputIds.length - b.inputIds.length);
    for (let at = 0; at < sorted.length; at += size) {
      const rows = sorted.slice(at, at + size);
      yield { rows, batch: this.collate(rows) };
    }
  }

  /** int32 [batch, longest]; no mask where all are equally long. */
  collate(examples: readonly EncodedText[]): TextBatch {
    const longest = maximum(examples.map((e) => e.inputIds.length));
    const make = (row: (e: EncodedText) => ArrayLike<number>, filling: number) => {
      const out = new Int32Array(examples.length * longest).fill(filling);
      examples.forEach((e, i) => {
        const values = row(e);
        out.set(values, i * longest + this.before(values.length, longest));
      });
      return tensor(out, [examples.length, longest]);
    };
    const ragged = examples.some((e) => e.inputIds.length < longest);
    return {
      inputIds: make((e) => e.inputIds, this.tokenizer.padTokenId ?? 0),
      attentionMask: ragged ? make((e) => new Int32Array(e.inputIds.length).fill(1), 0) : undefined,
      tokenTypeIds: examples[0].tokenTypeIds && make((e) => e.tokenTypeIds ?? [], 0),
    };
  }
}
