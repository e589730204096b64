export { cleanTemporary, WriteError, writeFileAtomic, writeFolderAtomic } from "./atomic.ts";
export { FileError } from "./bytes.ts";
export { type ConvertOptions, type ConvertReport, convertWeights, isWeightsFile } from "./convert.ts";
export { DTypeError, type SafetensorsDType, type TensorData, type TensorSource } from "./dtype.ts";
export { GgufError, GgufFile, writeGguf } from "./gguf.ts";
export { readGgufConfig } from "./gguf-config.ts";
export { ggufArchitecture, ggufModelValues, ggufTokenizerValues, type TokenizerJson } from "./gguf-header.ts";
export {
  fromGgufName,
  type GgufArchitecture,
  type GgufHeads,
  GgufWeights,
  ggufTensors,
  permuteHeads,
  toGgufName,
} from "./gguf-names.ts";
export type { GgufValue } from "./gguf-types.ts";
export { Llama2cError } from "./llama2c.ts";
export { type WeightsDType, weightsOf } from "./module-weights.ts";
export { NpyError, NpzFile, readNpy, writeNpy, writeNpz } from "./npy.ts";
export { type OnnxAttribute, type OnnxAxis, OnnxError, OnnxGraph } from "./onnx.ts";
export { SafetensorsError, SafetensorsFile, writeSafetensors } from "./safetensors.ts";
export { writeShardedSafetensors } from "./sharded.ts";
export { EventWriter, scalarEvent } from "./tensorboard.ts";
export { type PickledValue, PyTorchError, PyTorchFile, type PyTorchOptions, readPickle } from "./torch-file.ts";
export type { TorchTensor, UnreadableTensor } from "./torch-tensor.ts";
export { writePyTorch } from "./torch-write.ts";
export { openWeights, type WeightsOptions } from "./weights.ts";
export { readInto, readIntoTensor, WeightsError, type WeightsFile } from "./weights-file.ts";
export { readWordVectors } from "./word-vectors.ts";
export { type WordVectorsOptions, writeWord2vec } from "./word2vec.ts";
