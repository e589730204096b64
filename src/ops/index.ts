import "./in-place.ts";

export { add, sub } from "./add.ts";
export { amax, amin, argmax, argmin } from "./amax.ts";
export { all, any } from "./any.ts";
export {
  type AttentionOptions,
  alibiSlopes,
  attentionPacked,
  scaledDotProductAttention,
} from "./attention.ts";
export { attentionWeights } from "./attention-weights.ts";
export { binaryCrossEntropyWithLogits } from "./binary-cross-entropy.ts";
export { to } from "./cast.ts";
export { eq, ge, gt, le, logicalAnd, logicalNot, logicalOr, logicalXor, lt, ne } from "./compare.ts";
export { concat, stack } from "./concat.ts";
export { type CrossEntropyOptions, crossEntropy, type Reduction } from "./cross-entropy.ts";
export { dropout } from "./dropout.ts";
export { elu, selu } from "./elu.ts";
export { embedding } from "./embedding.ts";
export { type EmbeddingBagOptions, embeddingBag } from "./embedding-bag.ts";
export { exp, expm1, log, log1p } from "./exponential.ts";
export { maximum, minimum } from "./extremum.ts";
export { floorDivide, remainder } from "./floor-divide.ts";
export { gatherLast } from "./gather.ts";
export { gelu } from "./gelu.ts";
export { gru } from "./gru.ts";
export { hardsigmoid, hardswish } from "./hard-sigmoid.ts";
export { leakyRelu } from "./leaky-relu.ts";
export { affine, linear } from "./linear.ts";
export { lockedDropout } from "./locked-dropout.ts";
export { lora } from "./lora.ts";
export { lstm } from "./lstm.ts";
export { abs, clamp, neg, sign, step } from "./magnitude.ts";
export { matmul } from "./matmul.ts";
export { div, mul, pow } from "./mul.ts";
export { layerNorm, rmsNorm } from "./norm.ts";
export { reciprocal, rsqrt, sqrt, square } from "./power.ts";
export { prod } from "./prod.ts";
export type { RecurrentOptions, RecurrentWeights } from "./recurrent.ts";
export { relu } from "./relu.ts";
export { contiguous, expand, flatten, permute, reshape, squeeze, transpose, unsqueeze } from "./reshape.ts";
export { rnn } from "./rnn.ts";
export { rotary } from "./rotary.ts";
export { sigmoid } from "./sigmoid.ts";
export { silu } from "./silu.ts";
export { select, slice, split } from "./slice.ts";
export { logSoftmax, softmax } from "./softmax.ts";
export { softplus } from "./softplus.ts";
export { softsign } from "./softsign.ts";
export { mean, sum, variance } from "./sum.ts";
export { tanh } from "./tanh.ts";
export { tril, triu } from "./triangle.ts";
export { cos, sin } from "./trigonometric.ts";
export { maskedFill, where } from "./where.ts";
