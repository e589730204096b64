import { writeFileAtomic } from "./atomic.ts";
import { DTYPE_BYTES, dtypeOf, encode, type SafetensorsDType, type TensorSource } from "./dtype.ts";
import { PyTorchError } from "./torch-file.ts";
import { STORAGES, TORCH_DTYPES } from "./torch-globals.ts";
import { zipChunks } from "./zip.ts";

/** Opcodes of a pickle of protocol 2, one after the other. */
class PickleWriter {
  readonly #parts: number[] = [0x80, 2];
  #memo = 0;

  op(...bytes: number[]): this {
    for (const byte of bytes) this.#parts.push(byte);
    return this;
  }
  #uint32(n: number): this {
    return this.op(n & 255, (n >>> 8) & 255, (n >>> 16) & 255, n >>> 24);
  }
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    this.op(0x58).#uint32(bytes.length);
    for (const byte of bytes) this.#parts.push(byte);
    return this;
  }
  int(n: number): this {
    if (n < 256) return this.op(0x4b, n);
    if (n < 2 ** 31) return this.op(0x4a).#uint32(n);
    const bytes: number[] = [];
    for (let rest = n; rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
    return this.op(0x8a, bytes.length + 1, ...bytes, 0);
  }
  ints(list: readonly number[]): this {
    this.op(0x28);
    for (const n of list) this.int(n);
    return this.op(0x74);
  }
  global(module: string, name: string): this {
    return this.op(0x63, ...new TextEncoder().encode(`${module}\n${name}\n`));
  }
  /** An OrderedDict without entries. */
  orderedDict(): this {
    return this.global("collections", "OrderedDict").op(0x29, 0x52);
  }
  /** Remembers the value on top and returns its number. */
  put(): number {
    this.op(0x72).#uint32(this.#memo);
    return this.#memo++;
  }
  get(n: number): this {
    return this.op(0x6a).#uint32(n);
  }
  end(): Uint8Array {
    return Uint8Array.from(this.op(0x2e).#parts);
  }
}

/**
 * Writes a state dict that `torch.load(path, weights_only=True)` opens, atomically: an OrderedDict of tensors in the order given.
 * Names whose `data` is the same array or function share a storage, as tied weights do in PyTorch.
 * @throws PyTorchError for names that are no texts of the format, WriteError of the file system.
 */
export function writePyTorch(path: string, tensors: ReadonlyMap<string, TensorSource>): void {
  const pickle = new PickleWriter();
  const storages = new Map<TensorSource["data"], { id: number; dtype: SafetensorsDType; elements: number }>();
  const data: [string, () => Uint8Array][] = [];
  pickle.orderedDict().op(0x28);
  for (const [name, source] of tensors) {
    const dtype = dtypeOf(source);
    const elements = source.shape.reduce((n, s) => n * s, 1);
    let storage = storages.get(source.data);
    pickle.text(name);
    const type = Object.keys(STORAGES).find((key) => STORAGES[key] === dtype);
    const kind = Object.keys(TORCH_DTYPES).find((key) => TORCH_DTYPES[key] === dtype);
    if (kind === undefined) throw new PyTorchError(`${name}: PyTorch has no type ${dtype}`, "Write it as safetensors.");
    pickle.global("torch._utils", type === undefined ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2").op(0x28);
    if (storage === undefined) {
      const key = String(storages.size);
      const size = type === undefined ? elements * DTYPE_BYTES[dtype] : elements;
      pickle.op(0x28).text("storage");
      if (type === undefined) pickle.global("torch.storage", "UntypedStorage");
      else pickle.global("torch", type.slice("torch.".length));
      pickle.text(key).text("cpu").int(size).op(0x74, 0x51);
      storage = { id: pickle.put(), dtype, elements };
      storages.set(source.data, storage);
      data.push([`archive/data/${key}`, () => encode(name, source)]);
    } else if (storage.dtype === dtype && storage.elements === elements) pickle.get(storage.id);
    else throw new PyTorchError(`${name}: shares its data with a tensor of another type or size`);
    const strides = source.shape.map((_, i) => source.shape.slice(i + 1).reduce((n, s) => n * s, 1));
    pickle.int(0).ints(source.shape).ints(strides).op(0x89).orderedDict();
    if (type === undefined) pickle.global("torch", kind.slice("torch.".length)).op(0x4e);
    pickle.op(0x74, 0x52);
  }
  const body = pickle.op(0x75).end();
  const text = (value: string) => () => new TextEncoder().encode(value);
  writeFileAtomic(
    path,
    zipChunks([
      ["archive/data.pkl", () => body],
      ["archive/byteorder", text("little")],
      ...data,
      ["archive/version", text("3\n")],
    ]),
  );
}
