import { existsSync, join, statSync } from "#platform";
import { checkOptions, type Known } from "../backend/options.ts";
import { FileSource } from "./bytes.ts";
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

const OPEN: readonly [RegExp, (path: string, options: WeightsOptions) => WeightsFile][] = [
  [/\.safetensors$/i, (path) => SafetensorsFile.open(path)],
  [/\.(bin|pth?|th|ckpt)$/i, (path, options) => PyTorchFile.open(path, options)],
  [/\.npz$/i, (path, options) => NpzFile.open(path, options)],
  [/\.gguf$/i, (path) => GgufWeights.open(path)],
  [/\.index\.json$/i, (path, options) => new ShardedWeights(path, (shard) => openWeights(shard, options))],
];

export interface WeightsOptions {
  /** Bytes that a packed member of a zip archive may unpack to. Default 256 MiB, or 200 times the file's size. */
  maxUnpacked?: number;
}
const KNOWN: Known<WeightsOptions> = { maxUnpacked: true };

/** The kind of a file that its name does not tell, by how it begins. */
function byContent(path: string): ((path: string, options: WeightsOptions) => WeightsFile) | undefined {
  const source = new FileSource(path, (what) => {
    throw new WeightsError(`${path}: ${what}`);
  });
  try {
    const head = new Uint8Array(Math.min(16, source.size));
    source.readInto(0, head);
    const text = new TextDecoder("latin1").decode(head);
    if (text.startsWith("GGUF")) return (file) => GgufWeights.open(file);
    if (text[8] === "{" && head[6] === 0 && head[7] === 0) return (file) => SafetensorsFile.open(file);
    if (text.startsWith("PK\x03\x04") || (head[0] === 0x80 && head[1] >= 2 && head[1] <= 5))
      return (file, options) => PyTorchFile.open(file, options);
    return undefined;
  } finally {
    source.close();
  }
}

/**
 * Opens the weights of a model's folder, or of the file given. Types of file go by the end of the name, and for names that tell
 * nothing by the content.
 * @throws WeightsError where there is nothing of the kind or shards do not fit their index; the format's own error for a
 * damaged file.
 */
export function openWeights(path: string, options: WeightsOptions = {}): WeightsFile {
  checkOptions("openWeights", options, KNOWN);
  if (!existsSync(path)) throw new WeightsError(`${path}: no such file or folder`);
  if (!statSync(path).isDirectory()) {
    const open = OPEN.find(([name]) => name.test(path))?.[1] ?? byContent(path);
    if (open !== undefined) return open(path, options);
    throw new WeightsError(
      `${path}: unknown kind of file`,
      "Weights are read from .safetensors, .bin, .pt, .pth, .th, .ckpt, .npz and .gguf.",
    );
  }
  const found = FILES.map((name) => join(path, name)).find((file) => existsSync(file));
  if (found !== undefined) return openWeights(found, options);
  throw new WeightsError(`${path}: no weights in this folder`, `Looked for ${FILES.join(", ")}.`);
}
