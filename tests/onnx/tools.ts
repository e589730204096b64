import { type Tensor, tensor } from "../../src/index.ts";
import type { OnnxNode, OnnxTensor } from "./model.ts";

/** A case that throws Skip is listed with its reason. */
export class Skip extends Error {}

/** An ONNX operator in terms of ours. */
export type Operator = (inputs: (Tensor | undefined)[], node: OnnxNode) => (Tensor | undefined)[];

export function attribute(node: OnnxNode, name: string, otherwise: number): number;
export function attribute<T>(node: OnnxNode, name: string, otherwise: T): T;
export function attribute<T>(node: OnnxNode, name: string, otherwise: T): T {
  return (node.attributes[name] as T | undefined) ?? otherwise;
}

export function load(t: OnnxTensor): Tensor {
  if (t.values.length === 0 && t.dims.reduce((n, s) => n * s, 1) > 0) throw new Skip("sequences of tensors");
  if (t.type === 1) return tensor(Float32Array.from(t.values), t.dims);
  if (t.type === 6 || t.type === 7) {
    if (t.values.some((v) => Math.abs(v) > 2 ** 31 - 1)) throw new Skip("64-bit integers beyond 32 bits");
    return tensor(Int32Array.from(t.values), t.dims);
  }
  if (t.type === 9) return tensor(Uint8Array.from(t.values), t.dims);
  throw new Skip(`ONNX type ${t.type}`);
}
