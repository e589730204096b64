import type { Refuse } from "./bytes.ts";
import { DTYPE_BYTES, type SafetensorsDType } from "./dtype.ts";
import { type AllowList, Callable, Unfinished } from "./pickle.ts";
import { type LazyBits, type TorchStorage, TorchTensor, UnreadableTensor } from "./torch-tensor.ts";

export const TORCH_DTYPES: Readonly<Record<string, SafetensorsDType>> = {
  "torch.float64": "F64",
  "torch.float32": "F32",
  "torch.float16": "F16",
  "torch.bfloat16": "BF16",
  "torch.float8_e4m3fn": "F8_E4M3",
  "torch.float8_e5m2": "F8_E5M2",
  "torch.float8_e4m3fnuz": "F8_E4M3FNUZ",
  "torch.float8_e5m2fnuz": "F8_E5M2FNUZ",
  "torch.float8_e8m0fnu": "F8_E8M0",
  "torch.complex64": "C64",
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
/** Types that tensors here cannot hold: a file that has some beside others opens, and they are refused when asked for. */
const FOREIGN: Readonly<Record<string, { what: string; bytes: number }>> = {
  "torch.complex32": { what: "complex32", bytes: 4 },
  "torch.complex128": { what: "complex128", bytes: 16 },
  "torch.float4_e2m1fn_x2": { what: "float4_e2m1fn_x2", bytes: 1 },
  "torch.quint8": { what: "quint8", bytes: 1 },
  "torch.qint8": { what: "qint8", bytes: 1 },
  "torch.qint32": { what: "qint32", bytes: 4 },
  "torch.quint4x2": { what: "quint4x2", bytes: 1 },
  "torch.quint2x4": { what: "quint2x4", bytes: 1 },
};
for (let bits = 1; bits < 8; bits++)
  for (const sign of ["u", ""])
    Object.assign(FOREIGN, { [`torch.${sign}int${bits}`]: { what: `${sign}int${bits}`, bytes: 1 } });
const FOREIGN_STORAGES: Readonly<Record<string, string>> = {
  "torch.ComplexDoubleStorage": "torch.complex128",
  "torch.QUInt8Storage": "torch.quint8",
  "torch.QInt8Storage": "torch.qint8",
  "torch.QInt32Storage": "torch.qint32",
  "torch.QUInt4x2Storage": "torch.quint4x2",
  "torch.QUInt2x4Storage": "torch.quint2x4",
};
/** Classes that tensors with attributes name; what they were is not kept. */
const TENSOR_CLASSES = [
  "torch.Tensor",
  "torch._tensor.Tensor",
  "torch.nn.Parameter",
  "torch.nn.parameter.Parameter",
  "torch.nn.parameter.Buffer",
  "torch.nn.parameter.UninitializedParameter",
];
/** How a quantised tensor was scaled. */
const SCHEMES = ["per_tensor_affine", "per_channel_affine", "per_tensor_symmetric", "per_channel_symmetric"].concat(
  "per_channel_affine_float_qparams",
);

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
  "torch.ComplexFloatStorage": "C64",
  "torch.UntypedStorage": undefined,
  "torch.storage.UntypedStorage": undefined,
};

/** A storage class that a pickle has named. */
export class StorageType extends Unfinished {
  readonly dtype: SafetensorsDType | undefined;
  readonly foreign: string | undefined;
  readonly bytes: number;
  constructor(name: string, dtype: SafetensorsDType | undefined, foreign?: string) {
    super(name);
    this.dtype = dtype;
    const other = foreign === undefined ? undefined : FOREIGN[foreign];
    this.foreign = other?.what;
    this.bytes = other?.bytes ?? (dtype === undefined ? 1 : DTYPE_BYTES[dtype]);
  }
}
class TensorClass extends Unfinished {}
/** A storage in a pickle, of which tensors are made. */
export class StorageReference extends Unfinished {
  readonly storage: TorchStorage;
  constructor(storage: TorchStorage) {
    super(`storage ${storage.key}`);
    this.storage = storage;
  }
}

/** A value for a message, whatever a file has put in its place. */
export const shown = (value: unknown): string =>
  ["string", "number", "bigint", "boolean"].includes(typeof value) ? String(value).slice(0, 80) : typeof value;

/** A tensor as a value of the pickle. */
type Made = TorchTensor | UnreadableTensor;
const isTensor = (value: unknown): value is Made => value instanceof TorchTensor || value instanceof UnreadableTensor;

/** PyTorch's bits of a tensor that is a view yet to be computed. */
function bitsOf(metadata: unknown, refuse: Refuse): LazyBits {
  const bits: LazyBits = { neg: false, conj: false };
  if (metadata === undefined || metadata === null) return bits;
  if (!(metadata instanceof Map)) return refuse("a tensor with damaged bits");
  for (const [key, value] of metadata) {
    if (key !== "neg" && key !== "conj") return refuse(`a tensor with the unknown bit ${shown(key)}`);
    bits[key as keyof LazyBits] = value === true;
  }
  return bits;
}

/** The allow-list of PyTorch files; `persistent` finds storages. */
export function torchAllowList(persistent: (id: unknown) => StorageReference, refuse: Refuse): AllowList {
  const wrong = (name: string): never => refuse(`${name} is called with arguments of another kind`);
  const numbers = (list: unknown, name: string): number[] =>
    Array.isArray(list) && list.every((n) => typeof n === "number") ? list : wrong(name);
  /** storage, offset, size, stride, requiresGrad, hooks, then (v3) the dtype, then bits of lazy views. */
  const rebuild = (name: string) => (args: readonly unknown[]) => {
    const [reference, offset, shape, strides, requiresGrad] = args;
    if (!(reference instanceof StorageReference) || typeof offset !== "number") return wrong(name);
    const { storage } = reference;
    const third = name.endsWith("_v3");
    const said = third ? shown(args[6]) : undefined;
    const foreign = said === undefined ? storage.foreign : FOREIGN[said]?.what;
    if (foreign !== undefined)
      return new UnreadableTensor(`numbers of the type ${foreign}`, foreign, numbers(shape, name));
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
        bits: bitsOf(args[third ? 7 : 6], refuse),
      },
      refuse,
    );
  };
  const parameter = (name: string) => (args: readonly unknown[]) => {
    const data = args[0];
    if (data instanceof UnreadableTensor) return data;
    if (!(data instanceof TorchTensor)) return wrong(name);
    return new TorchTensor(data.storage, { ...viewOf(data), requiresGrad: args[1] === true }, refuse);
  };
  /** function, class, arguments, attributes, which are dropped: what the function makes. */
  const fromType = (name: string) => (args: readonly unknown[]) => {
    const [make, , own] = args;
    if (!(make instanceof Callable) || !Array.isArray(own)) return wrong(name);
    const made = make.call(own);
    return isTensor(made) ? made : wrong(name);
  };
  /** Tensors of other kinds; the files that hold them open for the sake of what is beside them. */
  const unreadable = (what: string, place: (args: readonly unknown[]) => [dtype: unknown, shape: unknown]) => {
    return (args: readonly unknown[]) => {
      const [dtype, shape] = place(args);
      const size = Array.isArray(shape) && shape.every((n) => typeof n === "number") ? (shape as number[]) : [];
      return new UnreadableTensor(what, isTensor(dtype) ? dtype.dtype : shown(dtype).replace("torch.", ""), size);
    };
  };
  /** Values and shape of a sparse tensor: after its indices, of which the compressed layouts have two. */
  const sparse = (args: readonly unknown[]): [unknown, unknown] => {
    const parts = Array.isArray(args[1]) ? args[1] : [];
    return args[0] === "torch.sparse_coo" ? [parts[1], parts[2]] : [parts[2], parts[3]];
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
    if (typeof value !== "string" || (encoding !== undefined && !/^latin-?1$/.test(shown(encoding))))
      return wrong(name);
    return Uint8Array.from(value, (c) => (c.charCodeAt(0) > 255 ? wrong(name) : c.charCodeAt(0)));
  };
  const functions: Record<string, (args: readonly unknown[]) => unknown> = {
    "collections.OrderedDict": (args) => (args.length === 0 ? new Map() : entries(args[0], "OrderedDict")),
    "collections.Counter": (args) => (args.length === 0 ? new Map() : entries(args[0], "Counter")),
    "torch.Size": (args) => numbers(list(args[0], "torch.Size"), "torch.Size"),
    "torch.device": (args) => args.map(shown).join(":"),
    "torch._utils._rebuild_parameter": parameter("_rebuild_parameter"),
    "torch._utils._rebuild_parameter_with_state": parameter("_rebuild_parameter_with_state"),
    "torch._tensor._rebuild_from_type": fromType("_rebuild_from_type"),
    "torch._tensor._rebuild_from_type_v2": fromType("_rebuild_from_type_v2"),
    "torch._utils._rebuild_sparse_tensor": unreadable("sparse: take to_dense() of it before it is saved", sparse),
    "torch._utils._rebuild_qtensor": unreadable("quantised: take dequantize() of it before it is saved", (args) => [
      args[0] instanceof StorageReference ? args[0].storage.foreign : undefined,
      args[2],
    ]),
    "torch._utils._rebuild_meta_tensor_no_storage": unreadable(
      "on the device meta, without data",
      (args) => args as [unknown, unknown],
    ),
    "torch._utils._rebuild_nested_tensor": unreadable("nested: save its parts", (args) => [args[0], undefined]),
    "torch.serialization._get_layout": (args) => shown(args[0]),
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
  for (const name of Object.keys(FOREIGN)) globals.set(name, name);
  for (const name of SCHEMES) globals.set(`torch.${name}`, name);
  for (const name of TENSOR_CLASSES) globals.set(name, new TensorClass(name));
  for (const [name, dtype] of Object.entries(STORAGES)) globals.set(name, new StorageType(name, dtype));
  for (const [name, type] of Object.entries(FOREIGN_STORAGES))
    globals.set(name, new StorageType(name, undefined, type));
  return { global: (name) => globals.get(name), persistent };
}

function viewOf({ dtype, shape, strides, offset, bits }: TorchTensor) {
  return { dtype, shape: [...shape], strides: [...strides], offset, bits };
}

/** The storage that `("storage", type, key, device, elements)` names, its size in bytes not yet held against the file. */
export function storageOf(id: unknown, refuse: Refuse): TorchStorage {
  if (!Array.isArray(id) || id[0] !== "storage") return refuse(`a persistent id of another kind than a storage`);
  const [, type, key, , elements] = id as unknown[];
  if (!(type instanceof StorageType) || typeof key !== "string") return refuse("a storage of an unknown kind");
  const size = typeof elements === "number" ? elements * type.bytes : Number.NaN;
  if (!Number.isSafeInteger(size) || size < 0)
    return refuse(`storage ${key.slice(0, 80)} claims ${shown(elements)} elements`);
  return { key, dtype: type.dtype, foreign: type.foreign, elementBytes: type.bytes, size, open: undefined };
}
