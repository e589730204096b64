import type { Tensor } from "../../src/index.ts";
import type { OnnxNode } from "./model.ts";

/** A case that throws Skip is listed with its reason. */
export class Skip extends Error {}

/** An ONNX operator in terms of ours. */
export type Operator = (inputs: (Tensor | undefined)[], node: OnnxNode) => (Tensor | undefined)[];

export function attribute(node: OnnxNode, name: string, otherwise: number): number;
export function attribute<T>(node: OnnxNode, name: string, otherwise: T): T;
export function attribute<T>(node: OnnxNode, name: string, otherwise: T): T {
  return (node.attributes[name] as T | undefined) ?? otherwise;
}
