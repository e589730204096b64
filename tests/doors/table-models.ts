import { bert } from "../../src/models/bert/index.ts";
import { distilbert } from "../../src/models/distilbert/index.ts";
import { electra } from "../../src/models/electra/index.ts";
import { gpt2 } from "../../src/models/gpt2/index.ts";
import * as models from "../../src/models/index.ts";
import { llama, mistral, qwen2 } from "../../src/models/llama/index.ts";
import { marian } from "../../src/models/marian/index.ts";
import type { Family, ModelClass } from "../../src/models/pretrained/auto.ts";
import { lstmAttention } from "../../src/models/rnn-seq2seq/index.ts";
import { roberta, xlmRoberta } from "../../src/models/roberta/index.ts";
import { mt5, t5 } from "../../src/models/t5/index.ts";
import type { Module } from "../../src/nn/index.ts";
import { type Tensor, tensor, zeros } from "../../src/tensor/index.ts";
import { beside, type Entries, type Entry } from "./entry.ts";

const BERT = { vocabSize: 12, hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 8 };
const DISTILBERT = { vocabSize: 12, dim: 8, nLayers: 1, nHeads: 2, hiddenDim: 8 };
const GPT2 = { vocabSize: 12, nPositions: 8, nEmbd: 8, nLayer: 1, nHead: 2 };
const T5 = { vocabSize: 12, dModel: 8, dKv: 4, dFf: 8, numLayers: 1, numHeads: 2, decoderStartTokenId: 0 };
const MARIAN = {
  ...{
    vocabSize: 12,
    dModel: 8,
    encoderLayers: 1,
    decoderLayers: 1,
    encoderAttentionHeads: 2,
    decoderAttentionHeads: 2,
  },
  ...{ encoderFfnDim: 8, decoderFfnDim: 8, padTokenId: 0, decoderStartTokenId: 0, eosTokenId: 1, bosTokenId: 1 },
};
const FAMILIES: readonly (readonly [Family, object])[] = [
  [bert, BERT],
  [roberta, { ...BERT, maxPositionEmbeddings: 16 }],
  [xlmRoberta, { ...BERT, maxPositionEmbeddings: 16 }],
  [distilbert, DISTILBERT],
  [electra, { ...BERT, embeddingSize: 4 }],
  [gpt2, GPT2],
  [llama, { ...BERT, numKeyValueHeads: 2 }],
  [qwen2, { ...BERT, numKeyValueHeads: 2 }],
  [mistral, { ...BERT, numKeyValueHeads: 2 }],
  [t5, T5],
  [mt5, T5],
  [marian, MARIAN],
  [lstmAttention, { vocabSize: 12, embeddingSize: 4, hiddenSize: 4, numHiddenLayers: 1 }],
];
type Model = Module & models.PreTrainedModel;
const make = ([family, sizes]: (typeof FAMILIES)[number], Class: ModelClass) =>
  new Class(family.config.make(sizes)) as Model;

const ids = () => tensor(Int32Array.of(1, 2), [1, 2]);

/** What every model of every family computes with, and what it is told besides. */
const FORWARD: Record<string, Entry> = {};
for (const each of FAMILIES) {
  for (const [head, Class] of Object.entries(each[0].heads)) {
    const name = `models.${Class.architecture}#forward`;
    const model = () => make(each, Class);
    const seq2seq = head === "seq2seqLm";
    FORWARD[name] = {
      call: (o) => model().forward(beside({ inputIds: ids() }, o)),
      options: ["inputIds", seq2seq ? "decoderInputIds" : "attentionMask"],
    };
    if (seq2seq) {
      FORWARD[`models.${Class.architecture}#encode`] = {
        call: (o) => (model() as unknown as models.Seq2SeqLm).encode(beside({ inputIds: ids() }, o)),
        options: ["attentionMask"],
      };
    }
    if (head === "base") {
      FORWARD[`${name}(inputs, options)`] = {
        call: (o) => model().forward({ inputIds: ids() }, o as never),
        options: ["outputHiddenStates"],
      };
    }
  }
}

const RNN = {
  modelType: "lstm",
  vocabSize: 12,
  embeddingSize: 4,
  hiddenSize: 4,
  numHiddenLayers: 1,
  dropout: 0,
} as const;
const TAGGER = { ...RNN, numLabels: 2, padTokenId: 0, featureBuckets: 4, featureSize: 2 };
const ENCODER = {
  ...{ vocabSize: 12, numLabels: 2, embeddingSize: 4, hiddenSize: 4, numHiddenLayers: 1, dropout: 0, padTokenId: 0 },
  ...{ maxPositionEmbeddings: 8, numAttentionHeads: 2, intermediateSize: 4, featureBuckets: 4, featureSize: 2 },
};
const rnnLm = () => new models.RnnForCausalLM({ ...RNN, tieWordEmbeddings: false });
const column = () => tensor(Int32Array.of(1, 2), [2, 1]);
const lengths = () => tensor(Int32Array.of(2));
const words = () => ({ ids: column(), lengths: lengths() });
const tagged = () => ({ ...words(), features: tensor(Int32Array.of(1)), offsets: tensor(Int32Array.of(0, 1)) });
const sparse = () => ({ ids: tensor(Int32Array.of(1)), offsets: tensor(Int32Array.of(0)), weights: zeros([1]) });
/** Of the models that are trained here. */
const OWN: Entries = Object.fromEntries(
  (
    [
      ["RnnForSequenceClassification", () => new models.RnnForSequenceClassification(TAGGER), words],
      ["TransformerForSequenceClassification", () => new models.TransformerForSequenceClassification(ENCODER), words],
      ["RnnForTokenClassification", () => new models.RnnForTokenClassification(TAGGER), tagged],
      ["TransformerForTokenClassification", () => new models.TransformerForTokenClassification(ENCODER), tagged],
      ["BagOfWordsForSequenceClassification", () => new models.BagOfWordsForSequenceClassification(ENCODER), sparse],
      ["MlpForSequenceClassification", () => new models.MlpForSequenceClassification(ENCODER), sparse],
    ] as readonly [string, () => Module, () => Record<string, Tensor>][]
  ).map(([name, model, batch]) => [
    `models.${name}#forward`,
    { call: (o: unknown) => model().forward(beside(batch(), o)), options: Object.keys(batch()) } satisfies Entry,
  ]),
);

const AUTO = Object.entries(models).filter(([name]) => /^AutoModel(For|$)/.test(name));
const bertModel = () => make(FAMILIES[0], models.BertModel);
const weights = { path: "x", names: () => [] } as never;

export const MODEL_DOORS: Entries = {
  ...FORWARD,
  ...OWN,
  ...Object.fromEntries(
    AUTO.map(([name, Auto]) => [
      `models.${name}.fromPretrained`,
      {
        call: (o: never, { folder }) => (Auto as typeof models.AutoModel).fromPretrained(folder, o),
      } satisfies Entry,
    ]),
  ),
  "models.AutoConfig.fromPretrained": { call: (o, { folder }) => models.AutoConfig.fromPretrained(folder, o) },
  "models.AutoModels#load": { call: (o, { folder }) => new models.AutoModels([bert]).load(folder, "base", o) },
  "models.PreTrainedModel#loadPretrained": { call: (o) => bertModel().loadPretrained(weights, o) },
  "models.PreTrainedModel#savePretrained": { call: (o, { folder }) => bertModel().savePretrained(folder, o) },
  "models.BertModel": { call: (o) => new models.BertModel(models.bertConfig.make(BERT), o) },
  "models.RobertaModel": {
    call: (o) => new models.RobertaModel(models.robertaConfig.make({ ...BERT, maxPositionEmbeddings: 16 }), o),
  },
  "models.RnnForCausalLM#forward": { call: (o) => rnnLm().forward(column(), undefined, o) },
  "models.RnnForCausalLM#rnn": { call: (o) => rnnLm().rnn(zeros([2, 1, 4]), undefined, o) },
  "models.RnnForSequenceClassification#rnn": {
    call: (o) => new models.RnnForSequenceClassification(TAGGER).rnn(zeros([2, 1, 4]), undefined, o),
  },
  "models.RnnForTokenClassification#rnn": {
    call: (o) => new models.RnnForTokenClassification(TAGGER).rnn(zeros([2, 1, 6]), undefined, o),
  },
};
