export { cleanTemporary, WriteError, writeFileAtomic, writeFolderAtomic } from "./atomic.ts";
export { DTypeError, type SafetensorsDType, type TensorData, type TensorSource } from "./dtype.ts";
export { SafetensorsError, SafetensorsFile, writeSafetensors } from "./safetensors.ts";
export { writeShardedSafetensors } from "./sharded.ts";
export { EventWriter, scalarEvent } from "./tensorboard.ts";
export { openWeights } from "./weights.ts";
export { readInto, readIntoTensor, WeightsError, type WeightsFile } from "./weights-file.ts";
