import { expect, test } from "vitest";
import type { Tensor } from "../../../src/index.ts";
import {
  dataCollatorForSeq2Seq,
  dataCollatorForTokenClassification,
  dataCollatorWithPadding,
  PreTrainedTokenizer,
  trainTokenizer,
} from "../../../src/text/index.ts";

// Shapes and fillings as Transformers' DataCollatorWithPadding(tokenizer) and DataCollatorForTokenClassification(tokenizer):
// batch = collator([{"input_ids": [2, 7, 3], "attention_mask": [1, 1, 1], "label": 1}, {"input_ids": [2, 3], "attention_mask": [1, 1], "label": 0}])
const backend = await trainTokenizer("wordpiece", ["a b c d", "a b"], { vocabSize: 40 });
const right = new PreTrainedTokenizer(backend);
const left = new PreTrainedTokenizer(backend, { paddingSide: "left" });
const texts = ["a b c", "a"];

test("texts are filled up to the longest, labels become a tensor", () => {
  for (const [tokenizer, side] of [
    [right, "right"],
    [left, "left"],
  ] as const) {
    const encoded = texts.map((text, i) => ({ ...tokenizer.encode(text), label: 1 - i }));
    const batch = dataCollatorWithPadding(tokenizer)(encoded);
    const [long, short] = encoded.map((e) => e.inputIds.length);
    expect(batch.inputIds.shape).toEqual([2, long]);
    const gap = new Array(long - short).fill(0);
    const ones = new Array(short).fill(1);
    expect(batch.attentionMask.toArray()).toEqual([
      new Array(long).fill(1),
      side === "right" ? [...ones, ...gap] : [...gap, ...ones],
    ]);
    expect(batch.labels?.dtype).toBe("int32");
    expect(batch.labels?.toArray()).toEqual([1, 0]);
  }
  const whole = texts.map((text) => ({ ...right.encode(text), label: 2.5 }));
  expect(dataCollatorWithPadding(right)(whole).labels?.dtype).toBe("float32");
  const padded = dataCollatorWithPadding(right, { padToMultipleOf: 8 })(texts.map((text) => right.encode(text)));
  expect(padded.inputIds.shape).toEqual([2, 8]);
  expect(padded.labels).toBeUndefined();
});

test("a label per token, minus 100 on padding", () => {
  for (const tokenizer of [right, left]) {
    const encoded = texts.map((text) => tokenizer.encode(text));
    const examples = encoded.map((e) => ({ ...e, labels: e.inputIds.map((_, k) => k) }));
    const { labels, attentionMask } = dataCollatorForTokenClassification(tokenizer)(examples);
    const rows = (labels as Tensor).toArray() as number[][];
    expect(rows.map((row) => row.filter((v) => v !== -100))).toEqual(examples.map((e) => e.labels));
    expect(rows.map((row) => row.map((v) => (v === -100 ? 0 : 1)))).toEqual(attentionMask.toArray());
  }
});

test("what does not fit is refused", () => {
  const [a, b] = texts.map((text) => right.encode(text));
  expect(() => dataCollatorWithPadding(right)([{ ...a, label: 1 }, b])).toThrow("example 1 of the batch has no label");
  expect(() => dataCollatorForTokenClassification(right)([{ ...a, labels: [1] }])).toThrow(/1 labels for \d tokens/);
});

// DataCollatorForSeq2Seq(tokenizer)([{"input_ids": [2, 7, 3], "attention_mask": [1, 1, 1], "labels": [5]}, {…, "labels": [6, 7, 3]}]):
// labels [[5, -100, -100], [6, 7, 3]]; [[-100, -100, 5], [6, 7, 3]] where the tokenizer pads on the left
test("texts to be written are filled up with -100 to the longest of them", () => {
  for (const [tokenizer, first] of [
    [right, [5, -100, -100]],
    [left, [-100, -100, 5]],
  ] as const) {
    const labels = [[5], [6, 7, 3]];
    const collate = dataCollatorForSeq2Seq(tokenizer);
    const encoded = texts.map((text, i) => ({ ...tokenizer.encode(text), labels: labels[i] }));
    const batch = collate(encoded);
    expect(batch.inputIds.shape[0]).toBe(2);
    expect((batch.labels as Tensor).dtype).toBe("int32");
    expect((batch.labels as Tensor).toArray()).toEqual([[...first], [6, 7, 3]]);
    expect(collate(texts.map((text) => tokenizer.encode(text))).labels).toBeUndefined();
    expect(() => collate([encoded[0], tokenizer.encode("a")])).toThrow(/example 1 of the batch has no label/);
  }
});
