import { type Known, OptionError } from "../../backend/options.ts";
import { DataError } from "../../data/lines.ts";
import { type Tensor, tensor } from "../../tensor/index.ts";
import { checkList, checkOneOf, checkWhole } from "../check.ts";
import type { Encoding, Sequence } from "../tokenizers/post-process.ts";

export type PaddingStrategy = boolean | "longest" | "max_length";
export type TruncationStrategy = boolean | "longest_first" | "only_first" | "only_second";
export type Side = "left" | "right";

/** How texts become inputs; the names are those of Transformers. */
export interface EncodeOptions {
  /** What the model's template puts around texts, as `[CLS]` and `[SEP]`; true by default. */
  addSpecialTokens?: boolean;
  /** Cut texts to `maxLength` tokens: true is `longest_first`. Without it a `maxLength` alone cuts too. */
  truncation?: TruncationStrategy;
  /** Tokens in all, special ones included; the model's own limit by default. */
  maxLength?: number;
  /** Fill up to the longest of the batch (true, `longest`) or to `maxLength`. */
  padding?: PaddingStrategy;
  padToMultipleOf?: number;
  paddingSide?: Side;
  truncationSide?: Side;
  returnTokenTypeIds?: boolean;
  returnOffsetsMapping?: boolean;
  returnSpecialTokensMask?: boolean;
  /** MarianMT: the texts are translations. */
  asTarget?: boolean;
}

export const ENCODE: Known<EncodeOptions> = {
  ...{ addSpecialTokens: true, truncation: true, maxLength: true, padding: true, padToMultipleOf: true },
  ...{ paddingSide: true, truncationSide: true, returnTokenTypeIds: true, returnOffsetsMapping: true },
  ...{ returnSpecialTokensMask: true, asTarget: true },
};
/** What Transformers' tokenizers have besides. */
export const NOT_ENCODED = {
  returnTensors: "batchTensors makes tensors of what encodeBatch gives.",
  returnAttentionMask: "It is always given.",
  returnLength: "It is inputIds.length.",
  returnOverflowingTokens: "Encode the parts of a long text one by one.",
  stride: "Encode the parts of a long text one by one.",
  isSplitIntoWords: "Join the words with spaces.",
  textTarget: "asTarget: true encodes a translation.",
};

/** A text, or a pair, as a model takes it; the lists are equally long. */
export interface TextInputs {
  inputIds: number[];
  /** 1 for tokens, 0 for padding. */
  attentionMask: number[];
  /** The number of the text, 0 or 1, for models that take it. */
  tokenTypeIds?: number[];
  /** 1 for tokens that were put around the texts, padding too. */
  specialTokensMask?: number[];
  /** UTF-16 units from and to in the text that the token is of; `[0, 0]` for special tokens. */
  offsetMapping?: [number, number][];
}

/** Several of them, list by list. */
export type BatchEncoding = { [K in keyof TextInputs]: NonNullable<TextInputs[K]>[] } & {
  inputIds: number[][];
  attentionMask: number[][];
};

/** Most tokens that padding makes of a text; longer rows would only fill the memory. */
const LONGEST = 2 ** 24;

/** Throws {@link OptionError} for values that options of this kind do not take. */
export function checkEncode(options: EncodeOptions): void {
  const { truncation, padding, maxLength, padToMultipleOf, paddingSide, truncationSide } = options;
  checkOneOf("truncation", truncation, [true, false, "longest_first", "only_first", "only_second"]);
  checkOneOf("padding", padding, [true, false, "longest", "max_length"]);
  checkOneOf("paddingSide", paddingSide, ["left", "right"]);
  checkOneOf("truncationSide", truncationSide, ["left", "right"]);
  if (maxLength !== undefined) checkWhole("maxLength", maxLength, 0, padding === "max_length" ? LONGEST : undefined);
  if (padToMultipleOf !== undefined) checkWhole("padToMultipleOf", padToMultipleOf, 1, LONGEST);
}

/** Tokens of one text or two, cut to `maxLength` in all. Throws {@link OptionError} where that cannot be. */
export function truncate(
  texts: readonly Sequence[],
  { maxLength, strategy, side }: { maxLength: number; strategy: Exclude<TruncationStrategy, boolean>; side: Side },
): Sequence[] {
  const lengths = texts.map(({ ids }) => ids.length);
  const total = lengths.reduce((a, b) => a + b, 0);
  const over = total - maxLength;
  if (over <= 0) return [...texts];
  const keep = (sequence: Sequence, n: number): Sequence => {
    const [from, to] = side === "right" ? [0, n] : [sequence.ids.length - n, sequence.ids.length];
    return {
      ids: sequence.ids.slice(from, to),
      tokens: sequence.tokens.slice(from, to),
      offsets: sequence.offsets.slice(from, to),
    };
  };
  if (strategy === "longest_first") {
    if (texts.length === 1) return [keep(texts[0], maxLength)];
    // The shorter text stays whole while it has at most half of the room; else the second of equals has the odd token.
    const [short, long] = lengths[0] > lengths[1] ? [1, 0] : [0, 1];
    const now = [...lengths];
    now[long] = now[short] > maxLength ? now[short] : Math.max(now[short], maxLength - now[short]);
    if (now[0] + now[1] > maxLength) {
      now[short] = Math.floor(maxLength / 2);
      now[long] = now[short] + (maxLength % 2);
    }
    return texts.map((text, i) => keep(text, now[i]));
  }
  const at = strategy === "only_first" ? 0 : 1;
  if (at >= texts.length) throw new OptionError(`truncation "only_second" needs a second text`);
  if (lengths[at] <= over)
    throw new OptionError(
      `truncation "${strategy}": ${over} tokens are too many, but that text has ${lengths[at]} only; maxLength is too small`,
    );
  return texts.map((text, i) => (i === at ? keep(text, lengths[at] - over) : text));
}

/** An encoding under the names of model inputs. */
export function inputsOf(encoding: Encoding, options: EncodeOptions): TextInputs {
  return {
    inputIds: encoding.ids,
    attentionMask: encoding.ids.map(() => 1),
    ...(options.returnTokenTypeIds && { tokenTypeIds: encoding.typeIds }),
    ...(options.returnSpecialTokensMask && { specialTokensMask: encoding.specialTokensMask }),
    ...(options.returnOffsetsMapping && { offsetMapping: encoding.offsets }),
  };
}

/** Fills inputs up to `length` tokens. */
export function pad(inputs: TextInputs, length: number, padId: number, padTypeId: number, side: Side): TextInputs {
  const missing = length - inputs.inputIds.length;
  if (missing <= 0) return inputs;
  const filled = <T>(list: T[], make: () => T): T[] => {
    const filling = Array.from({ length: missing }, make);
    return side === "right" ? [...list, ...filling] : [...filling, ...list];
  };
  const { tokenTypeIds, specialTokensMask, offsetMapping } = inputs;
  return {
    inputIds: filled(inputs.inputIds, () => padId),
    attentionMask: filled(inputs.attentionMask, () => 0),
    ...(tokenTypeIds && { tokenTypeIds: filled(tokenTypeIds, () => padTypeId) }),
    ...(specialTokensMask && { specialTokensMask: filled(specialTokensMask, () => 1) }),
    ...(offsetMapping && { offsetMapping: filled(offsetMapping, (): [number, number] => [0, 0]) }),
  };
}

/** Inputs one by one as lists of each. */
export function collect(all: readonly TextInputs[]): BatchEncoding {
  const first = all[0];
  const list = <K extends keyof TextInputs>(key: K) => all.map((inputs) => inputs[key] as NonNullable<TextInputs[K]>);
  return {
    inputIds: list("inputIds"),
    attentionMask: list("attentionMask"),
    ...(first?.tokenTypeIds && { tokenTypeIds: list("tokenTypeIds") }),
    ...(first?.specialTokensMask && { specialTokensMask: list("specialTokensMask") }),
    ...(first?.offsetMapping && { offsetMapping: list("offsetMapping") }),
  };
}

/**
 * A batch of equally long rows as int32 tensors [batch, tokens].
 * @throws DataError when the rows differ in length: pad them
 */
export function batchTensors(batch: BatchEncoding): {
  inputIds: Tensor;
  attentionMask: Tensor;
  tokenTypeIds?: Tensor;
} {
  checkList("batchTensors: inputIds", batch?.inputIds, "rows");
  const rows = batch.inputIds.length;
  const length = batch.inputIds[0]?.length ?? 0;
  batch.inputIds.forEach((row, i) => {
    if (row.length !== length)
      throw new DataError(`row ${i} has ${row.length} tokens, the first ${length}: encode with padding: true`);
  });
  const made = (list: number[][]) => tensor(Int32Array.from(list.flat()), [rows, length]);
  return {
    inputIds: made(batch.inputIds),
    attentionMask: made(batch.attentionMask),
    ...(batch.tokenTypeIds && { tokenTypeIds: made(batch.tokenTypeIds) }),
  };
}
