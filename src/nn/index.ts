export {
  ELU,
  Flatten,
  GELU,
  Identity,
  LeakyReLU,
  LogSoftmax,
  ReLU,
  Sigmoid,
  SiLU,
  Softmax,
  Softplus,
  Tanh,
} from "./activation.ts";
export {
  type Attended,
  type AttentionMasks,
  BahdanauAttention,
  LuongAttention,
  MultiheadAttention,
} from "./attention.ts";
export { ModuleDict, ModuleList, ParameterDict, ParameterList } from "./containers.ts";
export { Dropout } from "./dropout.ts";
export { Embedding, EmbeddingBag } from "./embedding.ts";
export * as init from "./init.ts";
export { Linear } from "./linear.ts";
export {
  bceWithLogitsLoss,
  crossEntropy,
  huberLoss,
  klDivLoss,
  type LossOptions,
  l1Loss,
  mseLoss,
  nllLoss,
  smoothL1Loss,
} from "./loss.ts";
export { Module, Parameter, type StateDict, StateDictError } from "./module.ts";
export { Perceptron, ReluNeuron, SigmoidNeuron } from "./neuron.ts";
export { LayerNorm, RMSNorm } from "./norm.ts";
export { type Angles, RotaryEmbedding, sinusoidalPositions } from "./positions.ts";
export { GRU, LSTM, type RecurrentForwardOptions, type RecurrentModuleOptions, RNN } from "./recurrent.ts";
export { Sequential } from "./sequential.ts";
export { estimateMemory, formatBytes, type LayerSummary, layers, type MemoryEstimate, summary } from "./summary.ts";
export { SwiGLU } from "./swiglu.ts";
export {
  type DecoderMasks,
  Transformer,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from "./transformer.ts";
