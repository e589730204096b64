import type { Refuse } from "./bytes.ts";
import { DTYPE_BYTES, type SafetensorsDType } from "./dtype.ts";
import { type AllowList, Callable, Unfinished } from "./pickle.ts";
import { type TorchStorage, TorchTensor } from "./torch-tensor.ts";

export const TORCH_DTYPES: Readonly<Record<string, SafetensorsDType>> = {
  "torch.float64": "F64",
  "torch.float32": "F32",
  "torch.float16": "F16",
  "torch.bfloat16": "BF16",
  "torch.float8_e4m3fn": "F8_E4M3",
  "torch.float8_e5m2": "F8_E5M2",
  "torch.int64": "I64",
  "torch.int32": "I32",
  "torch.int16": "I16",
  "torch.int8": "I8",
  "torch.uint64": "U64",
  "torch.uint32": "U32",
  "torch.uint16": "U16",
  "torch.uint8": "U8",
  "torch.bool": "BOOL",
};
/** Names of storage classes; those of untyped ones give no type. */
export const STORAGES: Readonly<Record<string, SafetensorsDType | undefined>> = {
  "torch.DoubleStorage": "F64",
  "torch.FloatStorage": "F32",
  "torch.HalfStorage": "F16",
  "torch.BFloat16Storage": "BF16",
  "torch.LongStorage": "I64",
  "torch.IntStorage": "I32",
  "torch.ShortStorage": "I16",
  "torch.CharStorage": "I8",
  "torch.ByteStorage": "U8",
  "torch.BoolStorage": "BOOL",
  "torch.UntypedStorage": undefined,
  "torch.storage.UntypedStorage": undefined,
};

/** A storage class that a pickle has named. */
export class StorageType extends Unfinished {
  readonly dtype: SafetensorsDType | undefined;
  constructor(name: string, dtype: SafetensorsDType | undefined) {
    super(name);
    this.dtype = dtype;
  }
}
/** A storage in a pickle, of which tensors are made. */
export class StorageReference extends Unfinished {
  readonly storage: TorchStorage;
  constructor(storage: TorchStorage) {
    super(`storage ${storage.key}`);
    this.storage = storage;
  }
}

/** The allow-list of PyTorch files; `persistent` finds storages. */
export function torchAllowList(persistent: (id: unknown) => StorageReference, refuse: Refuse): AllowList {
  const wrong = (name: string): never => refuse(`${name} is called with arguments of another kind`);
  const numbers = (list: unknown, name: string): number[] =>
    Array.isArray(list) && list.every((n) => typeof n === "number") ? list : wrong(name);
  /** storage, offset, size, stride, requiresGrad, hooks, then (v3) the dtype. */
  const rebuild = (name: string) => (args: readonly unknown[]) => {
    const [reference, offset, shape, strides, requiresGrad] = args;
    if (!(reference instanceof StorageReference) || typeof offset !== "number") return wrong(name);
    const { storage } = reference;
    const said = name.endsWith("_v3") ? String(args[6]) : undefined;
    const dtype = said === undefined ? storage.dtype : TORCH_DTYPES[said];
    if (dtype === undefined) return refuse(`a tensor of the unknown type ${said ?? "of an untyped storage"}`);
    return new TorchTensor(
      storage,
      {
        dtype,
        shape: numbers(shape, name),
        strides: numbers(strides, name),
        offset,
        requiresGrad: requiresGrad === true,
      },
      refuse,
    );
  };
  const parameter = (name: string) => (args: readonly unknown[]) => {
    const data = args[0];
    if (!(data instanceof TorchTensor)) return wrong(name);
    return new TorchTensor(data.storage, { ...viewOf(data), requiresGrad: args[1] === true }, refuse);
  };
  const entries = (list: unknown, name: string): Map<unknown, unknown> => {
    if (list instanceof Map) return new Map(list);
    if (!Array.isArray(list) || !list.every((pair) => Array.isArray(pair) && pair.length === 2)) return wrong(name);
    return new Map(list as [unknown, unknown][]);
  };
  const list = (value: unknown, name: string): unknown[] =>
    value === undefined ? [] : Array.isArray(value) ? value : value instanceof Set ? [...value] : wrong(name);
  const bytes = (name: string) => (args: readonly unknown[]) => {
    const [value, encoding] = args;
    if (value === undefined) return new Uint8Array(0);
    if (value instanceof Uint8Array) return value;
    if (typeof value !== "string" || (encoding !== undefined && !/^latin-?1$/.test(String(encoding))))
      return wrong(name);
    return Uint8Array.from(value, (c) => (c.charCodeAt(0) > 255 ? wrong(name) : c.charCodeAt(0)));
  };
  const functions: Record<string, (args: readonly unknown[]) => unknown> = {
    "collections.OrderedDict": (args) => (args.length === 0 ? new Map() : entries(args[0], "OrderedDict")),
    "collections.Counter": (args) => (args.length === 0 ? new Map() : entries(args[0], "Counter")),
    "torch.Size": (args) => numbers(list(args[0], "torch.Size"), "torch.Size"),
    "torch.device": (args) => args.map(String).join(":"),
    "torch._utils._rebuild_parameter": parameter("_rebuild_parameter"),
    "torch._utils._rebuild_parameter_with_state": parameter("_rebuild_parameter_with_state"),
    "_codecs.encode": bytes("encode"),
  };
  for (const version of ["_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"])
    functions[`torch._utils.${version}`] = rebuild(version);
  for (const module of ["builtins", "__builtin__"]) {
    functions[`${module}.set`] = (args) => new Set(list(args[0], "set"));
    functions[`${module}.frozenset`] = functions[`${module}.set`];
    functions[`${module}.bytes`] = bytes("bytes");
    functions[`${module}.bytearray`] = bytes("bytearray");
  }
  const globals = new Map<string, unknown>(
    Object.entries(functions).map(([name, call]) => [name, new Callable(name, call)]),
  );
  for (const name of Object.keys(TORCH_DTYPES)) globals.set(name, name);
  for (const [name, dtype] of Object.entries(STORAGES)) globals.set(name, new StorageType(name, dtype));
  return { global: (name) => globals.get(name), persistent };
}

function viewOf({ dtype, shape, strides, offset }: TorchTensor) {
  return { dtype, shape: [...shape], strides: [...strides], offset };
}

/** The storage that `("storage", type, key, device, elements)` names, its size in bytes not yet held against the file. */
export function storageOf(id: unknown, refuse: Refuse): TorchStorage {
  if (!Array.isArray(id) || id[0] !== "storage") return refuse(`a persistent id of another kind than a storage`);
  const [, type, key, , elements] = id as unknown[];
  if (!(type instanceof StorageType) || typeof key !== "string") return refuse("a storage of an unknown kind");
  const size = Number(elements) * (type.dtype === undefined ? 1 : DTYPE_BYTES[type.dtype]);
  if (typeof elements !== "number" || !Number.isSafeInteger(size) || size < 0)
    return refuse(`storage ${key} claims ${String(elements)} elements`);
  return { key, dtype: type.dtype, size, open: undefined };
}
