import { OptionError, ones, ShapeError, type Tensor, tensor, zeros } from "shoshin";
import * as nn from "shoshin/nn";
import { describe, expect, it } from "vitest";

type Options = Record<string, unknown> & never;
const x = ones([2, 4]);
const classes = tensor(new Int32Array([0, 1]));
const layer = { dimFeedforward: 8 };

/** Every door of shoshin/nn that takes options: how it is called with some, and one that it knows, misspelt. */
const DOORS: Record<string, [call: (options: Options) => unknown, misspelt: string, meant: string]> = {
  Linear: [(o) => new nn.Linear(3, 4, o), "baias", "bias"],
  Embedding: [(o) => new nn.Embedding(3, 4, o), "padding_idx", "paddingIdx"],
  "Embedding.fromPretrained": [(o) => nn.Embedding.fromPretrained(x, o), "freze", "freeze"],
  EmbeddingBag: [(o) => new nn.EmbeddingBag(3, 4, o), "moode", "mode"],
  LayerNorm: [(o) => new nn.LayerNorm(4, o), "elementwise_affine", "elementwiseAffine"],
  RMSNorm: [(o) => new nn.RMSNorm(4, o), "epss", "eps"],
  GELU: [(o) => new nn.GELU(o), "aproximate", "approximate"],
  Softplus: [(o) => new nn.Softplus(o), "treshold", "threshold"],
  SwiGLU: [(o) => new nn.SwiGLU(2, 4, o), "bias_", "bias"],
  RNN: [(o) => new nn.RNN(3, 4, o), "nonLinearity", "nonlinearity"],
  GRU: [(o) => new nn.GRU(3, 4, o), "bi_directional", "bidirectional"],
  LSTM: [(o) => new nn.LSTM(3, 4, o), "dropuot", "dropout"],
  "LSTM.forward": [(o) => new nn.LSTM(4, 4)(x, undefined, o), "length", "lengths"],
  MultiheadAttention: [(o) => new nn.MultiheadAttention(4, 2, o), "batch_first", "batchFirst"],
  "MultiheadAttention.forward": [
    (o) => new nn.MultiheadAttention(4, 2)(ones([2, 1, 4]), ones([2, 1, 4]), ones([2, 1, 4]), o),
    "is_causal",
    "isCausal",
  ],
  TransformerEncoderLayer: [(o) => new nn.TransformerEncoderLayer(4, 2, o), "normfirst", "normFirst"],
  TransformerDecoderLayer: [(o) => new nn.TransformerDecoderLayer(4, 2, o), "dim_feedforward", "dimFeedforward"],
  "TransformerEncoderLayer.forward": [
    (o) => new nn.TransformerEncoderLayer(4, 2, layer)(ones([2, 1, 4]), o),
    "srcKeyPaddingMask",
    "keyPaddingMask",
  ],
  "TransformerDecoderLayer.forward": [
    (o) => new nn.TransformerDecoderLayer(4, 2, layer)(ones([2, 1, 4]), ones([2, 1, 4]), o),
    "memroy",
    "memory",
  ],
  Transformer: [
    (o) =>
      new nn.Transformer({ dModel: 4, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, ...layer, ...(o as object) }),
    "numEncoderLayer",
    "numEncoderLayers",
  ],
  RotaryEmbedding: [(o) => new nn.RotaryEmbedding(4, 8, o), "interleave", "interleaved"],
  mseLoss: [(o) => nn.mseLoss(x, x, o), "reducton", "reduction"],
  l1Loss: [(o) => nn.l1Loss(x, x, o), "Reduction", "reduction"],
  huberLoss: [(o) => nn.huberLoss(x, x, o), "deltaa", "delta"],
  smoothL1Loss: [(o) => nn.smoothL1Loss(x, x, o), "betta", "beta"],
  crossEntropy: [(o) => nn.crossEntropy(x, classes, o), "label_smoothing", "labelSmoothing"],
  bceWithLogitsLoss: [(o) => nn.bceWithLogitsLoss(x, x, o), "pos_weight", "posWeight"],
  nllLoss: [(o) => nn.nllLoss(x, classes, o), "ignore_index", "ignoreIndex"],
  klDivLoss: [(o) => nn.klDivLoss(x, x, o), "log_target", "logTarget"],
  kaimingUniform_: [(o) => nn.init.kaimingUniform_(zeros([2, 2]), o), "non_linearity", "nonlinearity"],
  kaimingNormal_: [(o) => nn.init.kaimingNormal_(zeros([2, 2]), o), "moode", "mode"],
  summary: [(o) => nn.summary(new nn.Linear(1, 1), o), "batchsize", "batchSize"],
  estimateMemory: [(o) => nn.estimateMemory(new nn.Linear(1, 1), o), "optimiser", "optimizer"],
  parameterCount: [(o) => new nn.Linear(1, 1).parameterCount(o), "trainabel", "trainable"],
  loadStateDict: [(o) => new nn.Identity().loadStateDict(new Map(), o), "stirct", "strict"],
  registerBuffer: [(o) => new nn.Identity().registerBuffer("b", ones([1]), o), "persistant", "persistent"],
};
/** Modules whose only option is one of PyTorch's that means nothing here. */
const PLAIN = {
  ReLU: nn.ReLU,
  Tanh: nn.Tanh,
  Sigmoid: nn.Sigmoid,
  SiLU: nn.SiLU,
} as unknown as Record<string, new (o: unknown) => nn.Module>;

describe("options of shoshin/nn", () => {
  it.each(Object.entries(DOORS))(
    "%s refuses what it does not know, and names what was meant",
    (name, [call, bad, good]) => {
      for (const unknown of ["notAnOption", bad]) {
        let error: unknown;
        try {
          call({ [unknown]: 1 } as Options);
        } catch (e) {
          error = e;
        }
        expect(error, `${name} ${unknown}`).toBeInstanceOf(OptionError);
        expect((error as OptionError).message).toContain(unknown);
        if (unknown === bad) expect((error as OptionError).hint).toContain(`Did you mean ${good}?`);
      }
      expect(() => call({ [bad]: undefined } as Options)).not.toThrow();
    },
  );

  it.each(Object.entries(PLAIN))("%s", (_name, Class) => {
    expect(() => new Class({ inplace: true })).toThrow(/inplace is not supported/);
    expect(() => new Class({ dim: 1 })).toThrow(OptionError);
    expect(() => new Class(3)).toThrow(/expected an object of options/);
  });

  it("covers every class and function of the floor that takes options", () => {
    const rest = new Set([
      ...["Module", "Parameter", "StateDictError", "init", "formatBytes", "layers", "sinusoidalPositions"],
      ...["Perceptron", "SigmoidNeuron", "ReluNeuron", "BahdanauAttention", "LuongAttention", "Identity"],
      ...["Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"],
      ...["Softmax", "LogSoftmax", "Flatten", "TransformerEncoder", "TransformerDecoder"],
      ...["Dropout", "LeakyReLU", "ELU"],
    ]);
    const missing = Object.keys(nn).filter((name) => !(name in DOORS) && !(name in PLAIN) && !rest.has(name));
    expect(missing).toEqual([]);
  });

  it("of PyTorch that are not done say what to do", () => {
    const refused: [() => unknown, RegExp][] = [
      [() => new nn.LSTM(3, 4, { projSize: 2 } as Options), /projSize/],
      [() => new nn.MultiheadAttention(4, 2, { addBiasKv: true } as Options), /addBiasKv/],
      [() => new nn.Embedding(3, 4, { maxNorm: 1 } as Options), /maxNorm/],
      [() => new nn.Linear(3, 4, { dtype: "float64" } as Options), /dtype/],
      [() => nn.crossEntropy(x, classes, { sizeAverage: true } as Options), /sizeAverage/],
      [() => nn.mseLoss(x, x, { weight: x } as Options), /weight/],
      [() => new nn.Dropout(0.5, { inplace: true } as Options), /inplace/],
    ];
    for (const [call, name] of refused) {
      expect(call).toThrow(name);
      expect(call).toThrow(expect.objectContaining({ hint: expect.stringMatching(/\w/) }));
    }
  });

  it("and arguments of another kind are errors by name", () => {
    const any = <T>(value: unknown) => value as T;
    const wrong: [() => unknown, RegExp][] = [
      [() => new nn.Linear(any("3"), 4), /Linear: inFeatures is "3"; expected a whole number of at least 0/],
      [() => new nn.Linear(3.5, 4), /inFeatures.*3.5/],
      [() => new nn.Linear(3, any(undefined)), /outFeatures.*undefined/],
      [() => new nn.Linear(3, Number.NaN), /outFeatures.*NaN/],
      [() => new nn.Dropout(2), /Dropout: probability 2 is outside/],
      [() => new nn.Dropout(any({ p: 0.1 })), /probability must be a number, found an object/],
      [() => new nn.Embedding(-1, 3), /numEmbeddings/],
      [() => new nn.Embedding(3, 3, { paddingIdx: 3 }), /paddingIdx 3 is no row of 3/],
      [() => new nn.EmbeddingBag(3, 3, { mode: any("max") }), /unknown mode max/],
      [() => new nn.LayerNorm(any("4")), /normalizedShape/],
      [() => new nn.LayerNorm([]), /empty/],
      [() => new nn.GELU({ approximate: any("Tanh") }), /unknown approximate Tanh/],
      [() => new nn.LSTM(3, 4, any(2)), /expected an object of options, found number/],
      [() => new nn.LSTM(3, 0), /hiddenSize/],
      [() => new nn.RNN(3, 4, { nonlinearity: any("sigmoid") }), /nonlinearity/],
      [() => new nn.MultiheadAttention(4, 3), ShapeError as unknown as RegExp],
      [() => new nn.TransformerEncoder(any(new nn.TransformerEncoderLayer(4, 2)), 2), /function that makes/],
      [() => new nn.TransformerEncoderLayer(4, 2, { activation: any("tanh") }), /unknown activation/],
      [() => nn.mseLoss(x, x, { reduction: any("batchmean") }), /unknown reduction/],
      [() => nn.init.calculateGain(any("leaky_relu")), /calculateGain: unknown nonlinearity/],
      [() => nn.init.kaimingUniform_(zeros([2, 2]), { mode: any("fan_in") }), /unknown mode/],
      [() => nn.init.uniform_(zeros([2]), any({ low: 1 })), /low must be a number/],
      [() => nn.init.normal_(any([1])), /expected a tensor/],
      [() => nn.summary(new nn.Identity(), { optimizer: any("adam2") }), /unknown optimizer/],
      [() => new nn.Softmax(any("1")), /dim/],
      [() => new nn.RotaryEmbedding(3, 8), /even/],
      [() => new nn.Perceptron(any({})), /inFeatures/],
    ];
    for (const [call, message] of wrong) expect(call).toThrow(message);
    expect(new nn.Embedding(5, 2, { paddingIdx: -1 }).paddingIdx).toBe(4);
    expect(new nn.Flatten(0, 1)(ones([2, 3, 4])).shape).toEqual([6, 4]);
    expect(new nn.Linear(3, 4, { bias: undefined }).bias?.shape).toEqual([4]);
  });

  // m = nn.MultiheadAttention(4, 2, kdim=3, vdim=5, batch_first=True); the i-th of the sorted state dict and of q, k, v (from 10 on)
  // is sin(i + position): m(q, k, v)[0].flatten()
  it("kdim and vdim give PyTorch's names and result", () => {
    const net = new nn.MultiheadAttention(4, 2, { kdim: 3, vdim: 5, batchFirst: true });
    expect([...net.stateDict().keys()].sort()).toEqual([
      "in_proj_bias",
      "k_proj_weight",
      "out_proj.bias",
      "out_proj.weight",
      "q_proj_weight",
      "v_proj_weight",
    ]);
    const wave = (t: Tensor, k: number) => t.copy_(Float32Array.from({ length: t.numel }, (_, i) => Math.sin(k + i)));
    const state = [...net.stateDict()].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [i, [, t]] of state.entries()) wave(t.detach(), i);
    const [q, k, v] = [zeros([1, 2, 4]), zeros([1, 3, 3]), zeros([1, 3, 5])].map((t, i) => wave(t, 10 + i));
    const { output } = net(q, k, v);
    for (const [i, want] of KDIM.entries()) expect(output.data()[i]).toBeCloseTo(want, 5);
  });
});

const KDIM = [0.577534, 5.950467, -8.019524, 2.726192, 1.898665, 3.678425, -6.370444, 2.842413];
