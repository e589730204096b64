import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { ShoshinError } from "../backend/errors.ts";
import { checkOptions } from "../backend/options.ts";
import { writeFileAtomic } from "./atomic.ts";
import { DTYPE_BYTES, dtypeOf, encode, type SafetensorsDType, type TensorSource } from "./dtype.ts";

/** A graph cannot be written as an ONNX file. */
export class OnnxError extends ShoshinError {}

/** ONNX's numbers of types (onnx.proto, TensorProto.DataType). */
const ONNX_TYPES: Partial<Record<SafetensorsDType, number>> = {
  F32: 1,
  U8: 2,
  I8: 3,
  U16: 4,
  I16: 5,
  I32: 6,
  I64: 7,
  BOOL: 9,
  F16: 10,
  F64: 11,
  U32: 12,
  U64: 13,
  BF16: 16,
};

/** A whole number, whole numbers, a text, or a float. */
export type OnnxAttribute = number | readonly number[] | string | { readonly float: number };
/** An axis: its length, or the name of one that varies. */
export type OnnxAxis = number | string;

interface Value {
  name: string;
  dtype: SafetensorsDType;
  shape: readonly OnnxAxis[];
}

/** The version of the operators; 17 has LayerNormalization. */
const OPSET = 17;
/** The format's version that goes with it. */
const IR_VERSION = 8;
/** Protocol buffers end here; readers refuse more. */
const MAX_BYTES = 2 ** 31 - 1;

const { LengthDelimited, Varint, Bit32 } = WireType;

/** A message's bytes. */
function message(fill: (w: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter();
  fill(writer);
  return writer.finish();
}
const text = (w: BinaryWriter, field: number, value: string) => void w.tag(field, LengthDelimited).string(value);
const int = (w: BinaryWriter, field: number, value: number) => void w.tag(field, Varint).int64(value);
const bytes = (w: BinaryWriter, field: number, value: Uint8Array) => void w.tag(field, LengthDelimited).bytes(value);

function typeOf(name: string, dtype: SafetensorsDType): number {
  const type = ONNX_TYPES[dtype];
  if (type === undefined) throw new OnnxError(`${name}: ONNX has no type ${dtype}`);
  return type;
}

function attribute(name: string, value: OnnxAttribute): Uint8Array {
  return message((w) => {
    text(w, 1, name);
    if (typeof value === "number") int(w, 3, value);
    else if (typeof value === "string") text(w, 4, value);
    else if ("float" in value) w.tag(2, Bit32).float(value.float);
    else for (const n of value) int(w, 8, n);
    const type = typeof value === "number" ? 2 : typeof value === "string" ? 3 : "float" in value ? 1 : 7;
    int(w, 20, type);
  });
}

const valueInfo = ({ name, dtype, shape }: Value): Uint8Array =>
  message((w) => {
    text(w, 1, name);
    const axes = message((s) => {
      for (const axis of shape)
        bytes(
          s,
          1,
          message((d) => (typeof axis === "number" ? int(d, 1, axis) : text(d, 2, axis))),
        );
    });
    const tensor = message((t) => {
      int(t, 1, typeOf(name, dtype));
      bytes(t, 2, axes);
    });
    bytes(
      w,
      2,
      message((t) => bytes(t, 1, tensor)),
    );
  });

/** A graph that grows node by node; values are called by name. Every value has one name and one maker. */
export class OnnxGraph {
  readonly name: string;
  readonly #nodes: Uint8Array[] = [];
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #initializers = new Map<string, TensorSource>();
  readonly #constants = new Map<string, string>();
  #count = 0;

  constructor(name: string) {
    this.name = name;
  }
  /** Adds an operator with one result and returns the result's name; an input "" is left out. */
  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): string {
    return this.nodes(op, inputs, 1, attributes)[0];
  }
  /** The same with several results. */
  nodes(
    op: string,
    inputs: readonly string[],
    results: number,
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): string[] {
    const name = `${op}_${this.#count++}`;
    const outputs = Array.from({ length: results }, (_, i) => (results === 1 ? `/${name}` : `/${name}:${i}`));
    this.#add(op, inputs, outputs, name, attributes);
    return outputs;
  }
  #add(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    name: string,
    attributes: Readonly<Record<string, OnnxAttribute>>,
  ): void {
    this.#nodes.push(
      message((w) => {
        for (const input of inputs) text(w, 1, input);
        for (const output of outputs) text(w, 2, output);
        text(w, 3, name);
        text(w, 4, op);
        for (const [key, value] of Object.entries(attributes)) bytes(w, 5, attribute(key, value));
      }),
    );
  }
  input(name: string, dtype: SafetensorsDType, shape: readonly OnnxAxis[]): string {
    this.#inputs.push({ name, dtype, shape });
    return name;
  }
  /** Gives a value out under a name. */
  output(name: string, value: string, dtype: SafetensorsDType, shape: readonly OnnxAxis[]): void {
    this.#add("Identity", [value], [name], `Output_${name}`, {});
    this.#outputs.push({ name, dtype, shape });
  }
  has(name: string): boolean {
    return this.#initializers.has(name);
  }
  /** Weights under a name; the same name again is the same weights. */
  initializer(name: string, source: TensorSource): string {
    if (!this.#initializers.has(name)) this.#initializers.set(name, source);
    return name;
  }
  /** A number or a list of numbers, float32 unless `dtype` is I64; equal ones are written once. */
  constant(value: number | readonly number[], dtype: "F32" | "I64" = "F32"): string {
    const list = typeof value === "number" ? [value] : value;
    const key = `${dtype}:${JSON.stringify(value)}`;
    let name = this.#constants.get(key);
    if (name === undefined) {
      name = `/Constant_${this.#constants.size}`;
      this.#constants.set(key, name);
      const data = dtype === "F32" ? Float32Array.from(list) : BigInt64Array.from(list, BigInt);
      this.initializer(name, { shape: typeof value === "number" ? [] : [list.length], data });
    }
    return name;
  }
  get inputs(): string[] {
    return this.#inputs.map((v) => v.name);
  }
  get outputs(): string[] {
    return this.#outputs.map((v) => v.name);
  }

  /**
   * Writes the model atomically, weights one at a time.
   * @throws OnnxError for more than 2 GiB, which needs external data; WriteError of the file system.
   */
  write(path: string, options: { metadata?: Readonly<Record<string, string>> } = {}): void {
    checkOptions("OnnxGraph.write", options, { metadata: true });
    const { metadata = {} } = options;
    const head = message((w) => {
      int(w, 1, IR_VERSION);
      text(w, 2, "shoshin");
      bytes(
        w,
        8,
        message((o) => {
          text(o, 1, "");
          int(o, 2, OPSET);
        }),
      );
      for (const [key, value] of Object.entries(metadata))
        bytes(
          w,
          14,
          message((m) => {
            text(m, 1, key);
            text(m, 2, value);
          }),
        );
    });
    const start = message((w) => {
      for (const node of this.#nodes) bytes(w, 1, node);
      text(w, 2, this.name);
      for (const value of this.#inputs) bytes(w, 11, valueInfo(value));
      for (const value of this.#outputs) bytes(w, 12, valueInfo(value));
    });
    // The lengths of messages come before them, so weights are counted before any is read.
    const tensors = [...this.#initializers].map(([name, source]) => {
      const dtype = dtypeOf(source);
      const size = source.shape.reduce((n, s) => n * s, DTYPE_BYTES[dtype]);
      const inner = message((w) => {
        for (const d of source.shape) int(w, 1, d);
        int(w, 2, typeOf(name, dtype));
        text(w, 8, name);
        w.tag(9, LengthDelimited).uint32(Math.min(size, MAX_BYTES));
      });
      const before = message((w) => {
        w.tag(5, LengthDelimited)
          .uint32(Math.min(inner.length + size, MAX_BYTES))
          .raw(inner);
      });
      return { name, source, before, size };
    });
    const length = tensors.reduce((n, t) => n + t.before.length + t.size, start.length);
    if (head.length + length + 16 > MAX_BYTES) {
      throw new OnnxError(
        `${path}: the model takes ${(length / 2 ** 30).toFixed(1)} GiB, and an ONNX file holds 2`,
        "Weights in files beside it are not written here: take a smaller model, or GGUF.",
      );
    }
    const graph = message((w) => void w.tag(7, LengthDelimited).uint32(length));
    writeFileAtomic(
      path,
      (function* () {
        yield head;
        yield graph;
        yield start;
        for (const { name, source, before } of tensors) {
          yield before;
          yield encode(name, source);
        }
      })(),
    );
  }
}
