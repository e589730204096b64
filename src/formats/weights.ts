import { existsSync, join, statSync } from "#platform";
import { GgufWeights } from "./gguf-names.ts";
import { NpzFile } from "./npy.ts";
import { SafetensorsFile } from "./safetensors.ts";
import { ShardedWeights } from "./sharded.ts";
import { PyTorchFile } from "./torch-file.ts";
import { WeightsError, type WeightsFile } from "./weights-file.ts";

/** What a model's folder may hold its weights in; the first that is there is taken. */
const FILES = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
] as const;

const OPEN: readonly [RegExp, (path: string) => WeightsFile][] = [
  [/\.safetensors$/i, SafetensorsFile.open],
  [/\.(bin|pt|pth)$/i, PyTorchFile.open],
  [/\.npz$/i, NpzFile.open],
  [/\.gguf$/i, GgufWeights.open],
  [/\.index\.json$/i, (path) => new ShardedWeights(path, openWeights)],
];

/**
 * Opens the weights of a model's folder, or of the file given. Types of file go by the end of the name.
 * @throws WeightsError where there is nothing of the kind or shards do not fit their index; the format's own error for a
 * damaged file.
 */
export function openWeights(path: string): WeightsFile {
  if (!existsSync(path)) throw new WeightsError(`${path}: no such file or folder`);
  if (!statSync(path).isDirectory()) {
    const open = OPEN.find(([name]) => name.test(path))?.[1];
    if (open !== undefined) return open(path);
    throw new WeightsError(
      `${path}: unknown kind of file`,
      "Weights are read from .safetensors, .bin, .pt, .pth, .npz and .gguf.",
    );
  }
  const found = FILES.map((name) => join(path, name)).find((file) => existsSync(file));
  if (found !== undefined) return openWeights(found);
  throw new WeightsError(`${path}: no weights in this folder`, `Looked for ${FILES.join(", ")}.`);
}
