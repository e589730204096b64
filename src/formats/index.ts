export { cleanTemporary, WriteError, writeFileAtomic, writeFolderAtomic } from "./atomic.ts";
export { Llama2cError } from "./llama2c.ts";
export {
  type SafetensorsDType,
  SafetensorsError,
  SafetensorsFile,
  type TensorData,
  writeSafetensors,
} from "./safetensors.ts";
export { EventWriter, scalarEvent } from "./tensorboard.ts";
