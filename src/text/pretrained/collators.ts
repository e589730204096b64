import { maximum } from "../../backend/arrays.ts";
import { checkOptions, type Known } from "../../backend/options.ts";
import { DataError } from "../../data/lines.ts";
import { type Tensor, tensor } from "../../tensor/index.ts";
import { batchTensors, type EncodeOptions, type TextInputs } from "./batch.ts";
import type { PreTrainedTokenizer } from "./pretrained-tokenizer.ts";

/** A text as a model takes it and its answer: a class from 0 on, or any number for a regression. */
export interface LabelledText extends TextInputs {
  label?: number;
}
/** A text as a model takes it and a class for each of its tokens; −100 where none counts. */
export interface LabelledTokens extends TextInputs {
  labels?: readonly number[];
}
/** A text as a model takes it and the ids of the text that it is to write. */
export interface TextPairInputs extends TextInputs {
  labels?: readonly number[];
}
export type CollatorOptions = Pick<EncodeOptions, "padding" | "maxLength" | "padToMultipleOf">;

/** int32 [batch, tokens]; `labels` where the examples have any. */
export type CollatedTexts = ReturnType<typeof batchTensors> & { labels?: Tensor };

const KNOWN: Known<CollatorOptions> = { padding: true, maxLength: true, padToMultipleOf: true };
/** What Transformers' collators have besides. */
const COLLATORS = {
  returnTensors: "Batches are tensors.",
  labelPadTokenId: "Labels are filled up with −100, which does not count.",
  model: "What the decoder reads follows from the labels.",
};

/**
 * Makes batches of encoded texts, as Transformers' `DataCollatorWithPadding`: filled up to the longest of each batch, `label` as
 * `labels` [batch], int32, or float32 where a number is not whole. For `collate` of a DataLoader or Trainer.
 * @throws DataError (the function) where some examples of a batch have a label and others none
 */
export function dataCollatorWithPadding(
  tokenizer: PreTrainedTokenizer,
  options: CollatorOptions = {},
): (examples: readonly LabelledText[]) => CollatedTexts {
  checkOptions("dataCollatorWithPadding", options, KNOWN, COLLATORS);
  return padded<LabelledText, number>(
    tokenizer,
    options,
    ({ label }) => label,
    (labels) => {
      const whole = labels.every((label) => Number.isInteger(label));
      return tensor(whole ? Int32Array.from(labels) : Float32Array.from(labels));
    },
  );
}

/**
 * The same for a class per token, as Transformers' `DataCollatorForTokenClassification`: `labels` [batch, tokens], −100 on padding.
 * @throws DataError (the function) where an example has not one label for each of its tokens
 */
export function dataCollatorForTokenClassification(
  tokenizer: PreTrainedTokenizer,
  options: CollatorOptions = {},
): (examples: readonly LabelledTokens[]) => CollatedTexts {
  checkOptions("dataCollatorForTokenClassification", options, KNOWN, COLLATORS);
  return padded<LabelledTokens, readonly number[]>(
    tokenizer,
    options,
    (e) => e.labels,
    (labels, examples, [rows, length]) => {
      const all = new Int32Array(rows * length).fill(-100);
      labels.forEach((row, i) => {
        const tokens = examples[i].inputIds.length;
        if (row.length !== tokens) throw new DataError(`example ${i}: ${row.length} labels for ${tokens} tokens`);
        all.set(row, i * length + (tokenizer.paddingSide === "left" ? length - tokens : 0));
      });
      return tensor(all, [rows, length]);
    },
  );
}

/**
 * The same for a text that is to be written, as Transformers' `DataCollatorForSeq2Seq`: `labels` [batch, longest], filled up with
 * −100 on the side where the tokenizer pads.
 * @throws DataError (the function) where some examples of a batch have labels and others none
 */
export function dataCollatorForSeq2Seq(
  tokenizer: PreTrainedTokenizer,
  options: CollatorOptions = {},
): (examples: readonly TextPairInputs[]) => CollatedTexts {
  checkOptions("dataCollatorForSeq2Seq", options, KNOWN, COLLATORS);
  return padded<TextPairInputs, readonly number[]>(
    tokenizer,
    options,
    (e) => e.labels,
    (labels) => {
      const length = maximum(labels.map((row) => row.length));
      const all = new Int32Array(labels.length * length).fill(-100);
      const before = (row: readonly number[]) => (tokenizer.paddingSide === "left" ? length - row.length : 0);
      labels.forEach((row, i) => void all.set(row, i * length + before(row)));
      return tensor(all, [labels.length, length]);
    },
  );
}

/** Fills texts up, and puts what `make` makes of their answers beside them, where they have any. */
const padded =
  <E extends TextInputs, A>(
    tokenizer: PreTrainedTokenizer,
    options: CollatorOptions,
    answer: (example: E) => A | undefined,
    make: (answers: A[], examples: readonly E[], shape: readonly number[]) => Tensor,
  ) =>
  (examples: readonly E[]): CollatedTexts => {
    const inputs = batchTensors(tokenizer.pad(examples, options));
    const labels = answers(examples.map(answer));
    return labels === undefined ? inputs : { ...inputs, labels: make(labels, examples, inputs.inputIds.shape) };
  };

/** All of them, or none. */
function answers<T>(all: readonly (T | undefined)[]): T[] | undefined {
  const without = all.indexOf(undefined);
  if (without < 0) return all as T[];
  if (all.every((answer) => answer === undefined)) return undefined;
  throw new DataError(`example ${without} of the batch has no label, others have`);
}
