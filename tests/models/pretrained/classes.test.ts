import { expect, it } from "vitest";
import { bert } from "../../../src/models/bert/index.ts";
import { gpt2 } from "../../../src/models/gpt2/index.ts";
import type { Family, Head } from "../../../src/models/index.ts";
import { llama, mistral, qwen2 } from "../../../src/models/llama/index.ts";
import { roberta, xlmRoberta } from "../../../src/models/roberta/index.ts";
import { mt5 } from "../../../src/models/t5/index.ts";

const names = (family: Family) => Object.entries(family.heads).map(([head, Model]) => [head, Model.architecture]);

it("classes have Transformers' names, kin their own", () => {
  const encoder = (family: string) => [
    ["base", `${family}Model`],
    ["sequenceClassification", `${family}ForSequenceClassification`],
    ["tokenClassification", `${family}ForTokenClassification`],
    ["questionAnswering", `${family}ForQuestionAnswering`],
    ["maskedLm", `${family}ForMaskedLM`],
  ];
  const decoder = (family: string) => [
    ["base", `${family}Model`],
    ["causalLm", `${family}ForCausalLM`],
    ["sequenceClassification", `${family}ForSequenceClassification`],
    ["tokenClassification", `${family}ForTokenClassification`],
  ];
  expect(names(bert)).toEqual(encoder("Bert"));
  expect(names(roberta)).toEqual(encoder("Roberta"));
  expect(names(xlmRoberta)).toEqual(encoder("XLMRoberta"));
  expect(names(llama)).toEqual(decoder("Llama"));
  expect(names(qwen2)).toEqual(decoder("Qwen2"));
  expect(names(mistral)).toEqual(decoder("Mistral"));
  expect(names(gpt2).map(([, name]) => name)).toEqual([
    ...["GPT2Model", "GPT2LMHeadModel", "GPT2ForSequenceClassification", "GPT2ForTokenClassification"],
  ]);
  expect(names(mt5).map(([, name]) => name)).toEqual(["MT5EncoderModel", "MT5ForConditionalGeneration"]);
});

// The state of an optimizer in a checkpoint is by number.
it("parameters keep their order", () => {
  const ends = (family: Family, head: Head, shape: object) => {
    const Model = family.heads[head] as NonNullable<Family["heads"][Head]>;
    const all = Array.from(new Model(family.config.make(shape)).namedParameters(), ([name]) => name);
    return [all[0], all.at(-1)];
  };
  const small = { vocabSize: 8, hiddenSize: 4, numHiddenLayers: 1, numAttentionHeads: 1, intermediateSize: 4 };
  const words = "bert.embeddings.word_embeddings.weight";
  expect(ends(bert, "sequenceClassification", small)).toEqual([words, "classifier.bias"]);
  expect(ends(bert, "tokenClassification", small)).toEqual([
    "classifier.weight",
    "bert.encoder.layer.0.output.LayerNorm.bias",
  ]);
  expect(ends(bert, "questionAnswering", small)[0]).toBe("qa_outputs.weight");
  expect(ends(bert, "maskedLm", small)[0]).toBe(words);
  const tiny = { vocabSize: 8, nEmbd: 4, nLayer: 1, nHead: 1, nPositions: 4 };
  expect(ends(gpt2, "causalLm", tiny)).toEqual(["transformer.wte.weight", "transformer.ln_f.bias"]);
  expect(ends(gpt2, "tokenClassification", tiny)).toEqual(["transformer.wte.weight", "classifier.bias"]);
  expect(ends(llama, "causalLm", small)).toEqual(["model.embed_tokens.weight", "lm_head.weight"]);
});
