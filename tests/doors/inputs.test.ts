import { describe, expect, it } from "vitest";
import { OptionError } from "../../src/backend/options.ts";
import { ArrayDataset } from "../../src/data/index.ts";
import * as shoshin from "../../src/index.ts";
import {
  BertForSequenceClassification,
  BertModel,
  bertConfig,
  GPT2ForSequenceClassification,
  GPT2LMHeadModel,
  gpt2Config,
  type LabelledDecoderInputs,
} from "../../src/models/index.ts";
import { inputNamesOf, takenInputs } from "../../src/models/pretrained/check-inputs.ts";
import { AutoTokenizer } from "../../src/text/index.ts";
import { Trainer } from "../../src/train/index.ts";

const { tensor, noGrad } = shoshin;
const BERT = { vocabSize: 12, hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 8 };
const GPT2 = { vocabSize: 12, nPositions: 8, nEmbd: 8, nLayer: 1, nHead: 2, padTokenId: 0 };
const ids = () => tensor(Int32Array.of(1, 2), [1, 2]);
const call = (model: { forward(x: never): unknown }, inputs: unknown) => noGrad(() => model.forward(inputs as never));
const thrown = (run: () => unknown): OptionError => {
  try {
    run();
  } catch (error) {
    return error as OptionError;
  }
  throw new Error("nothing was thrown");
};

describe("what a model computes with", () => {
  const model = new BertForSequenceClassification(bertConfig.make(BERT));
  it.each<[string, unknown, RegExp, RegExp]>([
    ["lower case", { inputIds: ids(), attentionmask: ids() }, /input attentionmask/, /Did you mean attentionMask\?/],
    ["Python's name", { inputIds: ids(), attention_mask: ids() }, /input attention_mask/, /mean attentionMask\?/],
    ["one letter less", { inputIds: ids(), label: ids() }, /input label$/, /mean labels\?/],
    ["a sibling's", { inputIds: ids(), decoderInputIds: ids() }, /decoderInputIds/, /There are: inputIds/],
    ["embedded", { inputsEmbeds: ids() }, /inputsEmbeds is not supported/, /read inputIds/],
    ["what comes out", { inputIds: ids(), outputHiddenStates: true }, /not supported/, /without a head/],
    ["a tensor", ids(), /found a tensor/, /Call forward\(\{ inputIds, … \}\)/],
    ["nothing", undefined, /found nothing/, /Call forward/],
    ["no ids", { attentionMask: ids() }, /inputIds is missing/, /Call forward/],
    ["arrays", { inputIds: [[1, 2]] }, /inputIds: expected a tensor, found an array/, /tensor\(inputIds/],
    ["null", { inputIds: ids(), attentionMask: null }, /attentionMask: expected a tensor, found null/, /^$/],
  ])("is refused by name: %s", (_, inputs, message, hint) => {
    const error = thrown(() => call(model, inputs));
    expect(error).toBeInstanceOf(OptionError);
    expect(error.message).toMatch(/^BertForSequenceClassification\.forward: /);
    expect(error.message.split("\n")[0]).toMatch(message);
    expect(error.hint ?? "").toMatch(hint);
  });

  it("is as before where all is known, undefined being nothing", () => {
    const inputs = { inputIds: ids(), attentionMask: undefined, labels: undefined, other: undefined };
    expect(call(model, inputs)).toMatchObject({ logits: { shape: [1, 2] } });
  });

  it("is not what stands beside it", () => {
    const bare = new BertModel(bertConfig.make(BERT));
    const error = thrown(() => bare.forward({ inputIds: ids() }, { outputAttentions: true } as never));
    expect(error.message).toMatch(/outputAttentions is not supported/);
    expect(noGrad(() => bare.forward({ inputIds: ids() }, { outputHiddenStates: true })).hiddenStates).toHaveLength(2);
  });

  it("is chosen from what a tokenizer gives, for a model that takes less", () => {
    const gpt2 = new GPT2LMHeadModel(gpt2Config.make(GPT2));
    const batch = { inputIds: ids(), tokenTypeIds: ids() };
    expect(thrown(() => call(gpt2, batch)).message).toMatch(/unknown input tokenTypeIds/);
    expect(Object.keys(takenInputs(gpt2, batch))).toEqual(["inputIds"]);
    expect(Object.keys(takenInputs(model, batch))).toEqual(["inputIds", "tokenTypeIds"]);
  });
});

describe("a Trainer's batches", () => {
  const row = { inputIds: [1, 2, 3], label: 1, idx: 7, sentence: "a b c" };
  const collate = (extra: object) => (rows: (typeof row)[]) => ({
    inputIds: tensor(Int32Array.from(rows.flatMap((r) => r.inputIds)), [rows.length, 3]),
    labels: tensor(Int32Array.from(rows, (r) => r.label)),
    ...extra,
  });
  const train = (extra: object, args: object = {}, model = new GPT2ForSequenceClassification(gpt2Config.make(GPT2))) =>
    new Trainer({
      model,
      trainDataset: new ArrayDataset([row, row]),
      collate: collate(extra),
      args: { maxSteps: 1, quiet: true, ...args } as never,
    }).train();

  it("may hold columns that a model does not take", async () => {
    expect(Number.isFinite((await train({ idx: tensor([7, 7]), sentence: ["a", "b"] })).loss)).toBe(true);
  });
  it("are refused where they hold an input's name, misspelt, or all is to be handed on", async () => {
    await expect(train({ attentionmask: ids() })).rejects.toThrow(/unknown input attentionmask/);
    await expect(train({ idx: ids() }, { removeUnusedColumns: false })).rejects.toThrow(/unknown input idx/);
  });
  it("go as they are to a class that has a forward of its own", async () => {
    const seen: string[][] = [];
    class Mine extends GPT2ForSequenceClassification {
      override forward({ inputIds, labels, ...rest }: LabelledDecoderInputs) {
        seen.push(Object.keys(rest));
        return super.forward({ inputIds, labels });
      }
    }
    const mine = new Mine(gpt2Config.make(GPT2));
    expect(inputNamesOf(mine)).toBeUndefined();
    await train({ idx: tensor([7, 7]) }, {}, mine);
    expect(seen).toEqual([["idx"]]);
  });
});

describe("what tensors are made with", () => {
  const makers: Record<string, (o: object) => unknown> = {
    tensor: (o) => tensor([1], o),
    "tensor with a shape": (o) => tensor([1], [1], o),
    zeros: (o) => shoshin.zeros([1], o),
    full: (o) => shoshin.full([1], 1, o),
    arange: (o) => shoshin.arange(0, 2, 1, o),
    randn: (o) => shoshin.randn([1], o),
    randint: (o) => shoshin.randint(0, 2, [1], o),
  };
  it.each(Object.keys(makers))("%s: known by name, and by kind", (name) => {
    const make = makers[name];
    expect(() => make({ dtype: "float16" })).toThrow(/"float16" is no dtype/);
    expect(() => make({ dtype: 7 })).toThrow(/7 is no dtype/);
    expect(() => make({ requiresGrad: "yes" })).toThrow(/requiresGrad: expected true or false, found the string "yes"/);
    expect(() => make({ requires_grad: true })).toThrow(/unknown option requires_grad/);
    expect(() => make({ device: "cuda" })).toThrow(/device is not supported/);
    expect(() => make({ dtype: "int32", requiresGrad: true })).toThrow(/int32 has no gradient|randn: no int32/);
  });
});

it("AutoTokenizer refuses what it does not do", async () => {
  await expect(AutoTokenizer.fromPretrained("x", { revison: "main" } as never)).rejects.toThrow(/revison/);
  await expect(AutoTokenizer.fromPretrained("x", { use_fast: true } as never)).rejects.toThrow(
    /use_fast is not supported/,
  );
});
