import { backend, type DType, type Tensor, tensor } from "../../src/index.ts";
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
  if (t.values.length !== t.dims.reduce((n, s) => n * s, 1)) throw new Skip("sequences and optional values");
  const dtype = DTYPES[t.type];
  if (dtype === undefined || (dtype === "float64" && backend().name !== "reference"))
    throw new Skip(`ONNX type ${t.type}`);
  if (dtype === "int64" && t.values.some((v) => Math.abs(v) > 2 ** 31 - 1))
    throw new Skip("64-bit integers beyond 32 bits");
  return tensor(t.values, t.dims, { dtype });
}

/** ONNX's numbers of the types that there are here; those of 8 and 16 bits are held in 32, unsigned ones above in 64. */
export const DTYPES: Record<number, DType | undefined> = {
  ...{ 1: "float32", 2: "uint8", 3: "int32", 5: "int32", 6: "int32", 7: "int64", 9: "bool", 11: "float64" },
  ...{ 12: "int64", 13: "int64" },
};
