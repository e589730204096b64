import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Tensor } from "../../src/index.ts";
import { type OnnxModel, readModel } from "./model.ts";
import { OPERATORS } from "./operators.ts";
import { load } from "./tools.ts";

/** Computes every node in order; `known` has the initializers and inputs, and every value afterwards. */
export function runNodes(model: OnnxModel, known: Map<string, Tensor>): void {
  for (const node of model.nodes) {
    const results = OPERATORS[node.op](
      node.inputs.map((input) => known.get(input)),
      node,
    );
    results.forEach((result, k) => {
      if (result !== undefined && (node.outputs[k] ?? "") !== "") known.set(node.outputs[k], result);
    });
  }
}

/** Reads a file back with the tests' own reader and computes it; the inputs must be the file's, in its order. */
export function runFile(path: string, inputs: Record<string, Tensor>): Record<string, Tensor> {
  const model = readModel(readFileSync(path));
  const known = new Map<string, Tensor>(model.initializers.map((t) => [t.name, load(t)]));
  expect(Object.keys(inputs)).toEqual(model.inputs);
  for (const [name, value] of Object.entries(inputs)) known.set(name, value);
  runNodes(model, known);
  return Object.fromEntries(model.outputs.map((name) => [name, known.get(name) as Tensor]));
}
