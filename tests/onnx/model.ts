import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { BinaryReader } from "@bufbuild/protobuf/wire";

/** Just enough of ONNX's messages for single-operator models and their test tensors. */
export interface OnnxTensor {
  name: string;
  dims: number[];
  /** ONNX's number of the type: 1 float, 2 uint8, 6 int32, 7 int64, 9 bool, 11 double. */
  type: number;
  values: Float64Array;
}
export interface OnnxNode {
  op: string;
  domain: string;
  inputs: string[];
  outputs: string[];
  attributes: Record<string, number | string | number[] | OnnxTensor>;
}
export interface OnnxModel {
  nodes: OnnxNode[];
  initializers: OnnxTensor[];
  inputs: string[];
  outputs: string[];
}

type Field = (field: number, reader: BinaryReader) => boolean;

function message(bytes: Uint8Array, on: Field): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (!on(field, reader)) reader.skip(wire, field);
  }
}
const done = (_: unknown): true => true;
/** A repeated number, packed or not. */
function numbers(
  list: number[],
  reader: BinaryReader,
  wire: "int64" | "float" | "int32" | "double",
  packed: boolean,
): true {
  const take = (r: BinaryReader) =>
    Number(wire === "int64" ? r.int64() : wire === "float" ? r.float() : wire === "double" ? r.double() : r.int32());
  if (!packed) return done(list.push(take(reader)));
  const inner = new BinaryReader(reader.bytes());
  while (inner.pos < inner.len) list.push(take(inner));
  return true;
}
/** Reads fields whose wire type tells packed from single. */
function fields(bytes: Uint8Array, on: (field: number, reader: BinaryReader, packed: boolean) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (!on(field, reader, wire === 2)) reader.skip(wire, field);
  }
}

export function readTensor(bytes: Uint8Array): OnnxTensor {
  const t: OnnxTensor = { name: "", dims: [], type: 0, values: new Float64Array(0) };
  const data: number[] = [];
  let raw: Uint8Array | undefined;
  fields(bytes, (field, r, packed) => {
    if (field === 1) return numbers(t.dims, r, "int64", packed);
    if (field === 2) return done((t.type = r.int32()));
    if (field === 4) return numbers(data, r, "float", packed);
    if (field === 5) return numbers(data, r, "int32", packed);
    if (field === 7) return numbers(data, r, "int64", packed);
    if (field === 10) return numbers(data, r, "double", packed);
    if (field === 8) return done((t.name = r.string()));
    if (field === 9) return done((raw = Uint8Array.from(r.bytes())));
    return false;
  });
  if (raw !== undefined && raw.length > 0) {
    const { buffer } = raw;
    const array =
      t.type === 1
        ? new Float32Array(buffer)
        : t.type === 11
          ? new Float64Array(buffer)
          : t.type === 6
            ? new Int32Array(buffer)
            : t.type === 7
              ? Array.from(new BigInt64Array(buffer), Number)
              : t.type === 13
                ? Array.from(new BigUint64Array(buffer), Number)
                : new (
                    ({ 3: Int8Array, 4: Uint16Array, 5: Int16Array, 12: Uint32Array } as const)[t.type as 3] ??
                    Uint8Array
                  )(buffer);
    t.values = Float64Array.from(array);
  } else t.values = Float64Array.from(data);
  return t;
}

function readNode(bytes: Uint8Array): OnnxNode {
  const node: OnnxNode = { op: "", domain: "", inputs: [], outputs: [], attributes: {} };
  message(bytes, (field, r) => {
    if (field === 1) return done(node.inputs.push(r.string()));
    if (field === 2) return done(node.outputs.push(r.string()));
    if (field === 4) return done((node.op = r.string()));
    if (field === 7) return done((node.domain = r.string()));
    if (field !== 5) return false;
    let name = "";
    let value: OnnxNode["attributes"][string] = 0;
    const list: number[] = [];
    fields(r.bytes(), (f, a, packed) => {
      if (f === 1) return done((name = a.string()));
      if (f === 2) return done((value = a.float()));
      if (f === 3) return done((value = Number(a.int64())));
      if (f === 4) return done((value = new TextDecoder().decode(a.bytes())));
      if (f === 5) return done((value = readTensor(a.bytes())));
      if (f === 7) return numbers(list, a, "float", packed);
      if (f === 8) return numbers(list, a, "int64", packed);
      return false;
    });
    node.attributes[name] = list.length > 0 ? list : value;
    return true;
  });
  return node;
}

export function readModel(bytes: Uint8Array): OnnxModel {
  const model: OnnxModel = { nodes: [], initializers: [], inputs: [], outputs: [] };
  const nameOf = (b: Uint8Array) => {
    let name = "";
    message(b, (field, r) => field === 1 && done((name = r.string())));
    return name;
  };
  message(bytes, (field, r) => {
    if (field !== 7) return false;
    message(r.bytes(), (f, g) => {
      if (f === 1) return done(model.nodes.push(readNode(g.bytes())));
      if (f === 5) return done(model.initializers.push(readTensor(g.bytes())));
      if (f === 11) return done(model.inputs.push(nameOf(g.bytes())));
      if (f === 12) return done(model.outputs.push(nameOf(g.bytes())));
      return false;
    });
    return true;
  });
  return model;
}

/** Files of a gzipped tar by path. */
export function readTar(path: string): Map<string, Uint8Array> {
  const bytes = gunzipSync(readFileSync(path));
  const files = new Map<string, Uint8Array>();
  let longName: string | undefined;
  for (let at = 0; at + 512 <= bytes.length; ) {
    const field = (from: number, length: number) =>
      bytes
        .subarray(at + from, at + from + length)
        .toString("utf8")
        .replace(/\0[\s\S]*$/, "");
    if (field(0, 100) === "" && longName === undefined) break;
    const size = Number.parseInt(field(124, 12).trim() || "0", 8);
    const kind = field(156, 1);
    const body = bytes.subarray(at + 512, at + 512 + size);
    const prefix = field(345, 155);
    const name = longName ?? (prefix ? `${prefix}/${field(0, 100)}` : field(0, 100));
    longName = undefined;
    if (kind === "L") longName = body.toString("utf8").replace(/\0+$/, "");
    else if (kind === "x") longName = /\d+ path=([^\n]*)\n/.exec(body.toString("utf8"))?.[1];
    else if (kind === "0" || kind === "") files.set(name, body);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
