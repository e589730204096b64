/// <reference lib="esnext.disposable" preserve="true" />
import "../backend/dispose.ts";
import { ShoshinError } from "../backend/errors.ts";
import { checkOptions, type Known } from "../backend/options.ts";
import { FileSource, PartSource, type Refuse, readBytes } from "./bytes.ts";
import { Cursor } from "./cursor.ts";
import { DTypeError, type TakeFloats, type TensorData } from "./dtype.ts";
import { type Plain, unpickle } from "./pickle.ts";
import { StorageReference, shown, storageOf, torchAllowList } from "./torch-globals.ts";
import { type TorchStorage, TorchTensor, UnreadableTensor } from "./torch-tensor.ts";
import type { WeightsFile } from "./weights-file.ts";
import { ZipReader } from "./zip.ts";

/** A PyTorch file is damaged, hostile, or holds something that is neither a tensor nor a plain container. */
export class PyTorchError extends ShoshinError {}

/** What a PyTorch file holds: dicts as maps, lists and tuples as arrays, tensors still to be read. */
export type PickledValue = Plain<TorchTensor | UnreadableTensor>;

const HINT =
  "Only tensors and plain containers are read, and nothing of a file is run. In Python, save the state dict alone: " +
  "torch.save(model.state_dict(), path), or save it as safetensors.";

/** The number that torch.save writes first in its format of before 1.6. */
const MAGIC = 0x1950a86a20f9469cfc6cn;

/** Where {@link PyTorchFile.open} finds the weights, and how much a packed file may unpack to. */
export interface PyTorchOptions {
  /**
   * Where the weights lie in a dict of several things; left out: the dict of tensors at the root, under a usual name
   * (`state_dict`, `model_state_dict`, `model` …), or the only one.
   */
  key?: string;
  /** Bytes that a packed member may unpack to (torch.save packs nothing). Default 256 MiB, or 200 times the file's size. */
  maxUnpacked?: number;
}
const KNOWN: Known<PyTorchOptions> = { key: true, maxUnpacked: true };

/**
 * A file that `torch.save` has written (`.pt`, `.pth`, `.bin`): a zip archive, or the format before it. The structure is read on
 * opening by an unpickler that can build tensors, plain containers, numbers and texts and nothing else; the tensors' bytes when
 * asked for. Lazy views (`x.conj()`, negated ones) are resolved; sparse, quantised and other tensors that cannot be read
 * do not keep the others from being read, and are refused by name when asked for.
 */
export class PyTorchFile implements WeightsFile {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>> = {};
  /** All that the file holds. */
  readonly root: PickledValue;
  readonly #source: FileSource;
  readonly #tensors: Map<string, TorchTensor | UnreadableTensor>;

  /** @throws PyTorchError; FileError for what cannot be opened. */
  static open(path: string, options: PyTorchOptions = {}): PyTorchFile {
    checkOptions("PyTorchFile.open", options, KNOWN);
    return new PyTorchFile(path, options);
  }

  private constructor(path: string, { key, maxUnpacked }: PyTorchOptions) {
    this.path = path;
    const refuse = (what: string): never => {
      throw new PyTorchError(`${path}: ${what}`, HINT);
    };
    this.#source = new FileSource(path, refuse);
    try {
      const source = this.#source;
      this.root = (isZip(source) ? readZip(source, refuse, maxUnpacked) : readLegacy(source, refuse)) as PickledValue;
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
  info(name: string): { dtype: string; shape: readonly number[] } {
    const { dtype, shape } = this.#tensor(name);
    return { dtype, shape };
  }
  read(name: string): TensorData {
    return this.#named(name, () => this.#readable(name).read());
  }
  readFloats(name: string, take: TakeFloats): void {
    this.#named(name, () => this.#readable(name).readFloats(take));
  }
  #tensor(name: string): TorchTensor | UnreadableTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new PyTorchError(`${this.path}: no tensor ${name}`);
    return tensor;
  }
  #readable(name: string): TorchTensor {
    const tensor = this.#tensor(name);
    if (tensor instanceof TorchTensor) return tensor;
    throw new PyTorchError(
      `${this.path}: ${name} cannot be read: it is ${tensor.what}`,
      "The file's other tensors can.",
    );
  }
  #named<T>(name: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof DTypeError) throw new PyTorchError(`${this.path}: ${name}: ${error.message}`);
      throw error;
    }
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
    if (value instanceof UnreadableTensor)
      throw new PyTorchError(
        `${path}: holds a tensor that is ${value.what}`,
        "Open it with PyTorchFile and read the others.",
      );
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

function readZip(source: FileSource, refuse: Refuse, maxUnpacked?: number): unknown {
  const zip = new ZipReader(source, refuse, maxUnpacked);
  const main =
    zip.names().find((name) => /^[^/]+\/data\.pkl$/.test(name)) ?? refuse("no PyTorch file: data.pkl is missing");
  const prefix = main.slice(0, -"data.pkl".length);
  if (zip.has(`${prefix}constants.pkl`)) refuse("a TorchScript archive, which holds code besides weights");
  // Checksums are none of torch.load's business, and torch.save may leave them out: nothing is held against them.
  const order = zip.has(`${prefix}byteorder`) ? zip.open(`${prefix}byteorder`) : undefined;
  const text = order && new TextDecoder().decode(readBytes(order, 0, Math.min(order.size, 16), refuse)).trim();
  if (text !== undefined && text !== "little" && text !== "big") refuse(`the order of bytes is said to be ${text}`);
  const { of } = storages(refuse, (storage) => {
    storage.bigEndian = text === "big";
    const name = `${prefix}data/${storage.key}`;
    if (zip.size(name) < storage.size)
      refuse(`storage ${storage.key.slice(0, 80)} claims ${storage.size} bytes and has ${zip.size(name)}`);
    storage.open = () => zip.open(name);
  });
  const pickle = zip.open(main);
  return unpickle(
    new Cursor(pickle, 0, refuse),
    torchAllowList((id) => new StorageReference(of(id)), refuse),
    refuse,
  );
}

/** Before 0.2 torch.save wrote a tar archive. */
function isTar(source: FileSource): boolean {
  if (source.size < 512) return false;
  const magic = new Uint8Array(5);
  source.readInto(257, magic);
  return new TextDecoder("latin1").decode(magic) === "ustar";
}

function readLegacy(source: FileSource, refuse: Refuse): unknown {
  if (isTar(source)) refuse("a tar archive, as PyTorch wrote them before 0.2; load it there and save it anew");
  const cursor = new Cursor(source, 0, refuse);
  const views: { storage: TorchStorage; root: TorchStorage; begin: number }[] = [];
  const { all, of } = storages(refuse, () => {});
  const persistent = (id: unknown): StorageReference => {
    const root = of(id);
    const view = (id as unknown[])[5];
    if (view === null || view === undefined) return new StorageReference(root);
    const bytes = root.elementBytes ?? 1;
    const [key, begin, length] = (Array.isArray(view) ? view : []) as unknown[];
    if (typeof key !== "string" || typeof begin !== "number" || typeof length !== "number")
      return refuse(`storage ${root.key} has a damaged view`);
    const storage = { ...root, key, size: length * bytes, open: undefined };
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
    const storage = all.get(key as string) ?? refuse(`storage ${shown(key)} belongs to no tensor`);
    const elements = cursor.long();
    if (elements * (storage.elementBytes ?? 1) !== storage.size)
      refuse(`storage ${storage.key} has ${elements} elements and claims others`);
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

type Held = TorchTensor | UnreadableTensor;
const isHeld = (value: unknown): value is Held => value instanceof TorchTensor || value instanceof UnreadableTensor;

/** The dict of tensors in a structure, by name. */
function weightsIn(root: PickledValue, key: string | undefined, refuse: Refuse): Map<string, Held> {
  if (key === "") return new Map();
  if (key !== undefined) {
    const part = root instanceof Map ? root.get(key) : undefined;
    return (part === undefined ? undefined : new Search().find(part)) ?? refuse(`${key} holds no tensors`);
  }
  const found = new Search().find(root);
  if (found !== undefined) return found;
  const what = root instanceof Map ? `a dict of ${[...root.keys()].slice(0, 8).map(shown).join(", ")}` : "no dict";
  return refuse(`cannot tell where the weights are: the file holds ${what}`);
}

/** Looks for the dict of tensors in a structure; every container is looked at once for each depth, however often it is named. */
class Search {
  readonly #done: Map<unknown, Map<string, Held> | undefined>[] = [];

  find(value: PickledValue, depth = 0): Map<string, Held> | undefined {
    if (isHeld(value)) return depth === 0 ? new Map([["tensor", value]]) : undefined;
    if (Array.isArray(value) && depth === 0)
      return value.length > 0 && value.every(isHeld) ? new Map(value.map((part, i) => [String(i), part])) : undefined;
    if (!(value instanceof Map)) return undefined;
    this.#done[depth] ??= new Map();
    const done = this.#done[depth];
    if (!done.has(value)) done.set(value, this.#inside(value, depth));
    return done.get(value);
  }
  #inside(value: ReadonlyMap<PickledValue, PickledValue>, depth: number): Map<string, Held> | undefined {
    const named = [...value].filter((entry): entry is [string, PickledValue] => typeof entry[0] === "string");
    const tensors = named.filter((entry): entry is [string, Held] => isHeld(entry[1]));
    if (tensors.length > 0) return new Map(tensors);
    if (value.size === 0 && depth === 0) return new Map();
    if (depth === 3) return undefined;
    for (const name of USUAL) {
      const found = this.find(value.get(name) ?? null, depth + 1);
      if (found !== undefined) return found;
    }
    const others = named.flatMap(([name, part]) => (NOT_WEIGHTS.test(name) ? [] : (this.find(part, depth + 1) ?? [])));
    return others.length === 1 ? others[0] : undefined;
  }
}
