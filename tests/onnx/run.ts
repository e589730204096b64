import type { Tensor } from "../../src/index.ts";
import type { OnnxModel } from "./model.ts";
import { OPERATORS } from "./operators.ts";

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
