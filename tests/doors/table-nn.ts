import * as shoshin from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import { beside, type Entries } from "./entry.ts";

const { tensor, zeros } = shoshin;
const ids = () => tensor(Int32Array.of(0, 1));
const linear = () => new nn.Linear(2, 2);
const weights = () => [new nn.Parameter(zeros([2]))];
const sgd = () => new optim.SGD(weights(), { lr: 0.1 });

/** Of the root: what makes tensors, and operations on them. */
const TENSORS: Entries = {
  tensor: { call: (o) => tensor([1, 2], [2], o) },
  "tensor(data, options)": { call: (o) => tensor([1, 2], o), options: ["dtype", "requiresGrad"] },
  full: { call: (o) => shoshin.full([2], 1, o) },
  empty: { call: (o) => shoshin.empty([2], o) },
  eye: { call: (o) => shoshin.eye(2, 2, o) },
  arange: { call: (o) => shoshin.arange(0, 2, 1, o) },
  linspace: { call: (o) => shoshin.linspace(0, 1, 2, o) },
  randint: { call: (o) => shoshin.randint(0, 2, [2], o) },
  zeros: { call: (o) => zeros([2], o) },
  ones: { call: (o) => shoshin.ones([2], o) },
  rand: { call: (o) => shoshin.rand([2], o) },
  randn: { call: (o) => shoshin.randn([2], o) },
  variance: { call: (o) => shoshin.variance(zeros([2]), 0, o) },
  setPrintOptions: { call: (o) => shoshin.setPrintOptions(o) },
  crossEntropy: { call: (o) => shoshin.crossEntropy(zeros([2, 2]), ids(), o) },
  embeddingBag: { call: (o) => shoshin.embeddingBag(ids(), tensor(Int32Array.of(0)), zeros([2, 1]), o) },
};

const LOSSES: Entries = {
  "nn.bceWithLogitsLoss": { call: (o) => nn.bceWithLogitsLoss(zeros([2]), zeros([2]), o) },
  "nn.crossEntropy": { call: (o) => nn.crossEntropy(zeros([2, 2]), ids(), o) },
  "nn.huberLoss": { call: (o) => nn.huberLoss(zeros([2]), zeros([2]), o) },
  "nn.klDivLoss": { call: (o) => nn.klDivLoss(zeros([2]), zeros([2]), o) },
  "nn.l1Loss": { call: (o) => nn.l1Loss(zeros([2]), zeros([2]), o) },
  "nn.mseLoss": { call: (o) => nn.mseLoss(zeros([2]), zeros([2]), o) },
  "nn.nllLoss": { call: (o) => nn.nllLoss(zeros([2, 2]), ids(), o) },
  "nn.smoothL1Loss": { call: (o) => nn.smoothL1Loss(zeros([2]), zeros([2]), o) },
};

const x = () => zeros([1, 2, 4]);
const transformer = () =>
  new nn.Transformer({ dModel: 4, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 4 });
const LAYERS: Entries = {
  "nn.GELU": { call: (o) => new nn.GELU(o) },
  "nn.Softplus": { call: (o) => new nn.Softplus(o) },
  "nn.MultiheadAttention": { call: (o) => new nn.MultiheadAttention(4, 2, o) },
  "nn.MultiheadAttention#forward": { call: (o) => new nn.MultiheadAttention(4, 2).forward(x(), x(), x(), o) },
  "nn.Embedding": { call: (o) => new nn.Embedding(2, 2, o) },
  "nn.Embedding.fromPretrained": { call: (o) => nn.Embedding.fromPretrained(zeros([2, 2]), o) },
  "nn.EmbeddingBag": { call: (o) => new nn.EmbeddingBag(2, 2, o) },
  "nn.init.kaimingUniform_": { call: (o) => nn.init.kaimingUniform_(zeros([2, 2]), o) },
  "nn.init.kaimingNormal_": { call: (o) => nn.init.kaimingNormal_(zeros([2, 2]), o) },
  "nn.Linear": { call: (o) => new nn.Linear(2, 2, o) },
  "nn.Module#registerBuffer": { call: (o) => linear().registerBuffer("some", zeros([1]), o) },
  "nn.Module#parameterCount": { call: (o) => linear().parameterCount(o) },
  "nn.Module#checkStateDict": { call: (o) => linear().checkStateDict(linear().stateDict(), o) },
  "nn.Module#loadStateDict": { call: (o) => linear().loadStateDict(linear().stateDict(), o) },
  "nn.LayerNorm": { call: (o) => new nn.LayerNorm(2, o) },
  "nn.RMSNorm": { call: (o) => new nn.RMSNorm(2, o) },
  "nn.RotaryEmbedding": { call: (o) => new nn.RotaryEmbedding(2, 2, o) },
  "nn.GRU": { call: (o) => new nn.GRU(4, 2, o) },
  "nn.GRU#forward": { call: (o) => new nn.GRU(4, 2).forward(x(), undefined, o) },
  "nn.LSTM": { call: (o) => new nn.LSTM(4, 2, o) },
  "nn.LSTM#forward": { call: (o) => new nn.LSTM(4, 2).forward(x(), undefined, o) },
  "nn.RNN": { call: (o) => new nn.RNN(4, 2, o) },
  "nn.RNN#forward": { call: (o) => new nn.RNN(4, 2).forward(x(), undefined, o) },
  "nn.estimateMemory": { call: (o) => nn.estimateMemory(linear(), o) },
  "nn.summary": { call: (o) => nn.summary(linear(), o) },
  "nn.SwiGLU": { call: (o) => new nn.SwiGLU(2, 2, o) },
  "nn.Transformer": { call: (o) => new nn.Transformer(o) },
  "nn.Transformer#forward": { call: (o) => transformer().forward(x(), x(), o) },
  "nn.TransformerDecoder#forward": {
    call: (o) => new nn.TransformerDecoder(() => new nn.TransformerDecoderLayer(4, 2), 1).forward(x(), x(), o),
  },
  "nn.TransformerDecoderLayer": { call: (o) => new nn.TransformerDecoderLayer(4, 2, o) },
  "nn.TransformerDecoderLayer#forward": { call: (o) => new nn.TransformerDecoderLayer(4, 2).forward(x(), x(), o) },
  "nn.TransformerEncoder#forward": {
    call: (o) => new nn.TransformerEncoder(() => new nn.TransformerEncoderLayer(4, 2), 1).forward(x(), o),
  },
  "nn.TransformerEncoderLayer": { call: (o) => new nn.TransformerEncoderLayer(4, 2, o) },
  "nn.TransformerEncoderLayer#forward": { call: (o) => new nn.TransformerEncoderLayer(4, 2).forward(x(), o) },
};

const OPTIM: Entries = {
  ...Object.fromEntries(
    [optim.Adagrad, optim.Adam, optim.AdamW, optim.RMSprop, optim.SGD].map((Kind) => [
      `optim.${Kind.name}`,
      { call: (o: never) => new Kind(weights(), o) },
    ]),
  ),
  "optim.Optimizer#addParamGroup": {
    call: (o) => sgd().addParamGroup(beside({ params: weights() }, o)),
    options: ["weightDecay"],
  },
  "optim.clipGradNorm": { call: (o) => optim.clipGradNorm(weights(), 1, o) },
  "optim.getScheduler": { call: (o) => optim.getScheduler("linear", sgd(), o) },
  "optim.ReduceLROnPlateau": { call: (o) => new optim.ReduceLROnPlateau(sgd(), o) },
  "optim.scheduleFactor": { call: (o) => optim.scheduleFactor("linear", 1, o) },
};

export const NN_DOORS: Entries = { ...TENSORS, ...LOSSES, ...LAYERS, ...OPTIM };
