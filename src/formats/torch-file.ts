/// <reference lib="esnext.disposable" preserve="true" />
import { ShoshinError } from "../backend/errors.ts";
import { FileSource, PartSource, type Refuse } from "./bytes.ts";
import { Cursor } from "./cursor.ts";
import { DTYPE_BYTES, type SafetensorsDType, type TakeFloats, type TensorData } from "./dtype.ts";
import { type Plain, unpickle } from "./pickle.ts";
import { StorageReference, storageOf, torchAllowList } from "./torch-globals.ts";
import { type TorchStorage, TorchTensor } from "./torch-tensor.ts";
import type { WeightsFile } from "./weights-file.ts";
import { ZipReader } from "./zip.ts";

/** A PyTorch file is damaged, hostile, or holds something that is neither a tensor nor a plain container. */
export class PyTorchError extends ShoshinError {}

/** What a PyTorch file holds: dicts as maps, lists and tuples as arrays, tensors still to be read. */
export type PickledValue = Plain<TorchTensor>;

const HINT =
  "Only tensors and plain containers are read, and nothing of a file is run. In Python, save the state dict alone: " +
  "torch.save(model.state_dict(), path), or save it as safetensors.";

/** The number that torch.save writes first in its format of before 1.6. */
const MAGIC = 0x1950a86a20f9469cfc6cn;

/**
 * A file that `torch.save` has written (`.pt`, `.pth`, `.bin`): a zip archive, or the format before it. The structure is read on
 * opening by an unpickler that can build tensors, plain containers, numbers and texts and nothing else; the tensors' bytes when
 * asked for.
 */
export class PyTorchFile implements WeightsFile {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>> = {};
  /** All that the file holds. */
  readonly root: PickledValue;
  readonly #source: FileSource;
  readonly #tensors: Map<string, TorchTensor>;

  /**
   * @param options.key where the weights lie in a dict of several things; left out: the dict of tensors at the root, under a usual
   * name (`state_dict`, `model_state_dict`, `model` …), or the only one.
   * @throws PyTorchError; errors of the file system pass through.
   */
  static open(path: string, { key }: { key?: string } = {}): PyTorchFile {
    return new PyTorchFile(path, key);
  }

  private constructor(path: string, key?: string) {
    this.path = path;
    const refuse = (what: string): never => {
      throw new PyTorchError(`${path}: ${what}`, HINT);
    };
    this.#source = new FileSource(path, refuse);
    try {
      this.root = (isZip(this.#source) ? readZip : readLegacy)(this.#source, refuse) as PickledValue;
      this.#tensors = weightsIn(this.root, key, refuse);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** In bytes. */
  get size(): number {
    return this.#source.size;
  }
  names(): string[] {
    return [...this.#tensors.keys()];
  }
  has(name: string): boolean {
    return this.#tensors.has(name);
  }
  info(name: string): { dtype: SafetensorsDType; shape: readonly number[] } {
    const { dtype, shape } = this.#tensor(name);
    return { dtype, shape };
  }
  read(name: string): TensorData {
    return this.#tensor(name).read();
  }
  readFloats(name: string, take: TakeFloats): void {
    this.#tensor(name).readFloats(take);
  }
  #tensor(name: string): TorchTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new PyTorchError(`${this.path}: no tensor ${name}`);
    return tensor;
  }
  close(): void {
    this.#source.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Everything in a PyTorch file, tensors read. Throws {@link PyTorchError}, also where views of the same bytes would take more than
 * four times the file's size: then take {@link PyTorchFile.root} and read those that are needed.
 */
export function readPickle(path: string): Plain<TensorData> {
  using file = PyTorchFile.open(path, { key: "" });
  const done = new Map<unknown, Plain<TensorData>>();
  let left = 4 * file.size + 2 ** 26;
  const convert = (value: PickledValue): Plain<TensorData> => {
    if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value;
    const known = done.get(value);
    if (known !== undefined) return known;
    let made: Plain<TensorData>;
    if (value instanceof TorchTensor) {
      left -= 8 * value.numel;
      if (left < 0)
        throw new PyTorchError(
          `${path}: its tensors are views that take over four times the file's size`,
          "Read them singly.",
        );
      made = value.read();
    } else if (Array.isArray(value)) made = value.map(convert);
    else if (value instanceof Set) made = new Set([...value].map(convert));
    else made = new Map([...value].map(([k, v]) => [convert(k), convert(v)]));
    done.set(value, made);
    return made;
  };
  return convert(file.root);
}

function isZip(source: FileSource): boolean {
  if (source.size < 4) return false;
  const head = new Uint8Array(4);
  source.readInto(0, head);
  return head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
}

/** One storage for each key, however often it is named. */
function storages(refuse: Refuse, found: (storage: TorchStorage) => void) {
  const all = new Map<string, TorchStorage>();
  const of = (id: unknown): TorchStorage => {
    const storage = storageOf(id, refuse);
    const known = all.get(storage.key);
    if (known === undefined) {
      all.set(storage.key, storage);
      found(storage);
      return storage;
    }
    if (known.dtype !== storage.dtype || known.size !== storage.size)
      refuse(`storage ${storage.key} is named with two types or sizes`);
    return known;
  };
  return { all, of };
}

function readZip(source: FileSource, refuse: Refuse): unknown {
  const zip = new ZipReader(source, refuse);
  const main =
    zip.names().find((name) => /^[^/]+\/data\.pkl$/.test(name)) ?? refuse("no PyTorch file: data.pkl is missing");
  const prefix = main.slice(0, -"data.pkl".length);
  if (zip.has(`${prefix}constants.pkl`)) refuse("a TorchScript archive, which holds code besides weights");
  if (zip.has(`${prefix}byteorder`) && new TextDecoder().decode(zip.read(`${prefix}byteorder`)) === "big")
    refuse("written on a big-endian machine, which is not supported");
  const { of } = storages(refuse, (storage) => {
    const name = `${prefix}data/${storage.key}`;
    if (zip.size(name) < storage.size)
      refuse(`storage ${storage.key} claims ${storage.size} bytes and has ${zip.size(name)}`);
    storage.open = () => zip.open(name);
  });
  const pickle = zip.open(main);
  return unpickle(
    new Cursor(pickle, 0, refuse),
    torchAllowList((id) => new StorageReference(of(id)), refuse),
    refuse,
  );
}

function readLegacy(source: FileSource, refuse: Refuse): unknown {
  const cursor = new Cursor(source, 0, refuse);
  const views: { storage: TorchStorage; root: TorchStorage; begin: number }[] = [];
  const { all, of } = storages(refuse, () => {});
  const persistent = (id: unknown): StorageReference => {
    const root = of(id);
    const view = (id as unknown[])[5];
    if (view === null || view === undefined) return new StorageReference(root);
    const bytes = root.dtype === undefined ? 1 : DTYPE_BYTES[root.dtype];
    const [key, begin, length] = (Array.isArray(view) ? view : []) as unknown[];
    if (typeof key !== "string" || typeof begin !== "number" || typeof length !== "number")
      return refuse(`storage ${root.key} has a damaged view`);
    const storage = { key, dtype: root.dtype, size: length * bytes, open: undefined };
    views.push({ storage, root, begin: begin * bytes });
    return new StorageReference(storage);
  };
  const next = (): unknown => unpickle(cursor, torchAllowList(persistent, refuse), refuse);
  const first = next();
  if (first !== MAGIC) return first;
  if (next() !== 1001) refuse("an unknown version of the format before 1.6");
  const system = next();
  if (system instanceof Map && system.get("little_endian") === false)
    refuse("written on a big-endian machine, which is not supported");
  const root = next();
  const keys = next();
  if (!Array.isArray(keys)) return refuse("the list of storages is missing");
  for (const key of keys) {
    const storage = all.get(key as string) ?? refuse(`storage ${String(key).slice(0, 80)} belongs to no tensor`);
    const elements = cursor.long();
    const one = storage.dtype === undefined ? 1 : DTYPE_BYTES[storage.dtype];
    if (elements * one !== storage.size) refuse(`storage ${storage.key} has ${elements} elements and claims others`);
    const part = new PartSource(source, cursor.position, storage.size, refuse);
    storage.open = () => part;
    cursor.position += storage.size;
  }
  for (const { storage, root, begin } of views) {
    const whole = root.open?.() ?? refuse(`storage ${root.key} is not in the file`);
    const part = new PartSource(whole, begin, storage.size, refuse);
    storage.open = () => part;
  }
  return root;
}

/** Where training scripts keep a model's weights beside other things. */
const USUAL = ["state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params"];
const NOT_WEIGHTS = /optim|sched|scaler|config|args/i;

/** The dict of tensors in a structure, by name. */
function weightsIn(root: PickledValue, key: string | undefined, refuse: Refuse): Map<string, TorchTensor> {
  if (key === "") return new Map();
  if (key !== undefined) {
    const part = root instanceof Map ? root.get(key) : undefined;
    return (part === undefined ? undefined : find(part, 0)) ?? refuse(`${key} holds no tensors`);
  }
  const found = find(root, 0);
  if (found !== undefined) return found;
  const what = root instanceof Map ? `a dict of ${[...root.keys()].slice(0, 8).map(String).join(", ")}` : "no dict";
  return refuse(`cannot tell where the weights are: the file holds ${what}`);
}

function find(value: PickledValue, depth: number): Map<string, TorchTensor> | undefined {
  if (value instanceof TorchTensor) return depth === 0 ? new Map([["tensor", value]]) : undefined;
  if (Array.isArray(value) && depth === 0)
    return value.length > 0 && value.every((part) => part instanceof TorchTensor)
      ? new Map(value.map((part, i) => [String(i), part]))
      : undefined;
  if (!(value instanceof Map)) return undefined;
  const named = [...value].filter((entry): entry is [string, PickledValue] => typeof entry[0] === "string");
  const tensors = named.filter((entry): entry is [string, TorchTensor] => entry[1] instanceof TorchTensor);
  if (tensors.length > 0) return new Map(tensors);
  if (value.size === 0 && depth === 0) return new Map();
  if (depth === 3) return undefined;
  for (const name of USUAL) {
    const found = find(value.get(name) ?? null, depth + 1);
    if (found !== undefined) return found;
  }
  const others = named.flatMap(([name, part]) => (NOT_WEIGHTS.test(name) ? [] : (find(part, depth + 1) ?? [])));
  return others.length === 1 ? others[0] : undefined;
}
