import type { OptimizerState } from "../../optim/index.ts";

/** Optimizer state as named tensors and a JSON description, for files. */
export interface PackedState {
  tensors: Map<string, { shape: number[]; data: Float32Array }>;
  description: unknown;
}

export function packOptimizer(state: OptimizerState): PackedState {
  const tensors: PackedState["tensors"] = new Map();
  const groups = state.groups.map(({ options, steps, state: buffers }, g) => {
    for (const [name, list] of Object.entries(buffers)) {
      list.forEach((values, p) => {
        tensors.set(`${g}.${p}.${name}`, { shape: [values.length], data: Float32Array.from(values) });
      });
    }
    return { options, steps, buffers: Object.keys(buffers) };
  });
  return { tensors, description: { groups } };
}

export function unpackOptimizer(description: unknown, read: (name: string) => Float32Array): OptimizerState {
  const { groups } = description as {
    groups: { options: Record<string, unknown>; steps: number[]; buffers: string[] }[];
  };
  return {
    groups: groups.map(({ options, steps, buffers }, g) => ({
      options,
      steps,
      state: Object.fromEntries(buffers.map((name) => [name, steps.map((_, p) => read(`${g}.${p}.${name}`))])),
    })),
  };
}
