export { cleanTemporary, WriteError, writeFileAtomic, writeFolderAtomic } from "./atomic.ts";
export {
  type SafetensorsDType,
  SafetensorsError,
  SafetensorsFile,
  type TensorData,
  writeSafetensors,
} from "./safetensors.ts";
export { EventWriter, scalarEvent } from "./tensorboard.ts";
export { readWordVectors } from "./word-vectors.ts";
export { type WordVectorsOptions, writeWord2vec } from "./word2vec.ts";
