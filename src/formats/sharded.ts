/// <reference lib="esnext.disposable" preserve="true" />
import "../backend/dispose.ts";
import { basename, dirname, existsSync, join, mkdirSync, readdirSync, readFileSync, rmSync } from "#platform";
import { checkOptions } from "../backend/options.ts";
import { writeFileAtomic } from "./atomic.ts";
import { DTYPE_BYTES, dtypeOf, type TakeFloats, type TensorData, type TensorSource } from "./dtype.ts";
import { writeSafetensors } from "./safetensors.ts";
import { WeightsError, type WeightsFile } from "./weights-file.ts";

const DAMAGED = "A file is missing or from another save: copy or download the whole folder again.";

/** Names of tensors and the files that hold them, of an index that Transformers writes (`model.safetensors.index.json`). */
function readIndex(path: string): Map<string, string> {
  const refuse = (what: string): never => {
    throw new WeightsError(`${path}: ${what}`, DAMAGED);
  };
  let index: { weight_map?: unknown } | null = null;
  try {
    index = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    refuse(`the index is not JSON: ${(error as Error).message}`);
  }
  const map = index?.weight_map;
  if (map === null || typeof map !== "object" || Array.isArray(map)) refuse("the index has no weight_map");
  const entries = Object.entries(map as object);
  if (entries.length === 0) refuse("the index names no tensor");
  for (const [name, file] of entries) {
    if (typeof file !== "string" || file === "" || file === "." || file === ".." || /[/\\\0]/.test(file))
      refuse(`${name} is said to lie in ${JSON.stringify(file)}, which is no name of a file in this folder`);
  }
  return new Map(entries as [string, string][]);
}

/** The files of an index as one. All are opened, and held against the index, before anything is read. */
export class ShardedWeights implements WeightsFile {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #shards: WeightsFile[] = [];
  readonly #holder = new Map<string, WeightsFile>();

  /**
   * @param path the index file.
   * @param open opens a shard.
   * @throws WeightsError for a shard that is missing, a tensor that the index promises and its shard lacks, or one that lies in
   * two shards; the format's own error for a damaged shard.
   */
  constructor(path: string, open: (file: string) => WeightsFile) {
    this.path = path;
    const index = readIndex(path);
    try {
      for (const name of new Set(index.values())) {
        const file = join(dirname(path), name);
        if (!existsSync(file)) throw new WeightsError(`${path}: the shard ${name} is missing`, DAMAGED);
        this.#add(open(file));
      }
      for (const [name, file] of index) {
        const holder = this.#holder.get(name);
        if (holder === undefined || basename(holder.path) !== file)
          throw new WeightsError(`${path}: ${name} is promised in ${file}, which does not hold it`, DAMAGED);
      }
      this.metadata = this.#shards[0].metadata;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #add(shard: WeightsFile): void {
    this.#shards.push(shard);
    for (const name of shard.names()) {
      const other = this.#holder.get(name);
      if (other !== undefined) {
        const both = `${basename(other.path)} and in ${basename(shard.path)}`;
        throw new WeightsError(`${this.path}: ${name} lies in ${both}`, DAMAGED);
      }
      this.#holder.set(name, shard);
    }
  }
  #of(name: string): WeightsFile {
    const shard = this.#holder.get(name);
    if (shard === undefined) throw new WeightsError(`${this.path}: no tensor ${name}`);
    return shard;
  }
  names(): string[] {
    return [...this.#holder.keys()];
  }
  has(name: string): boolean {
    return this.#holder.has(name);
  }
  info(name: string): { dtype: string; shape: readonly number[] } {
    return this.#of(name).info(name);
  }
  read(name: string): TensorData {
    return this.#of(name).read(name);
  }
  readFloats(name: string, take: TakeFloats): void {
    this.#of(name).readFloats(name, take);
  }
  close(): void {
    for (const shard of this.#shards) shard.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

const UNITS: Readonly<Record<string, number>> = { KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/** Bytes of `500MB`, `5GB` (powers of ten, as Transformers counts) or a plain number of them. */
function bytesOf(size: number | string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([KMGT]B)\s*$/i.exec(String(size));
  const bytes = match === null ? Number(size) : Math.floor(Number(match[1]) * UNITS[match[2].toUpperCase()]);
  if (!(bytes > 0))
    throw new WeightsError(`maxShardSize: ${size} is no size`, 'Give bytes, or a text such as "500MB" or "5GB".');
  return bytes;
}

const SHARD = /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/;

/**
 * Writes `model.safetensors`, or where that would exceed `maxShardSize` (5 GB) `model-00001-of-0000N.safetensors` and their index,
 * divided as Transformers does: in the order given, a tensor that is larger by itself alone. Files of an earlier save go last.
 * @returns the names of the files written.
 */
export function writeShardedSafetensors(
  folder: string,
  tensors: ReadonlyMap<string, TensorSource>,
  options: { maxShardSize?: number | string; metadata?: Record<string, string> } = {},
): string[] {
  checkOptions("writeShardedSafetensors", options, { maxShardSize: true, metadata: true });
  const { maxShardSize = "5GB", metadata = { format: "pt" } } = options;
  const limit = bytesOf(maxShardSize);
  const shards: Map<string, TensorSource>[] = [];
  let [current, size, total, elements] = [new Map<string, TensorSource>(), 0, 0, 0];
  for (const [name, source] of tensors) {
    const n = source.shape.reduce((a, s) => a * s, 1);
    const bytes = n * DTYPE_BYTES[dtypeOf(source)];
    total += bytes;
    elements += n;
    if (bytes > limit) {
      shards.push(new Map([[name, source]]));
      continue;
    }
    if (size + bytes > limit) {
      shards.push(current);
      [current, size] = [new Map(), 0];
    }
    current.set(name, source);
    size += bytes;
  }
  if (current.size > 0 || shards.length === 0) shards.push(current);

  mkdirSync(folder, { recursive: true });
  const number = (i: number): string => String(i).padStart(5, "0");
  const names = shards.map((_, i) =>
    shards.length === 1 ? "model.safetensors" : `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`,
  );
  shards.forEach((shard, i) => {
    writeSafetensors(join(folder, names[i]), shard, metadata);
  });
  if (shards.length > 1) {
    const places = shards.flatMap((shard, i) => Array.from(shard.keys(), (name): [string, string] => [name, names[i]]));
    places.sort(([a], [b]) => (a < b ? -1 : 1));
    const index = {
      metadata: { total_parameters: elements, total_size: total },
      weight_map: Object.fromEntries(places),
    };
    writeFileAtomic(join(folder, "model.safetensors.index.json"), `${JSON.stringify(index, null, 2)}\n`);
    names.push("model.safetensors.index.json");
  }
  for (const old of readdirSync(folder)) if (SHARD.test(old) && !names.includes(old)) rmSync(join(folder, old));
  return names;
}
