import type { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TensorSource } from "./dtype.ts";

/** Types that weights are saved in. */
export type WeightsDType = "float32" | "float16" | "bfloat16";
const DTYPES = { float32: "F32", float16: "F16", bfloat16: "BF16", int32: "I32", uint8: "U8", float64: "F64" } as const;

/**
 * A module's parameters and buffers for a writer, each read when its turn comes; a shared one once, under its first name.
 * `dtype` is that of floating-point ones.
 */
export function weightsOf(module: Module, dtype: WeightsDType = "float32"): Map<string, TensorSource> {
  const seen = new Set<Tensor>();
  const own = [...module.stateDict()].filter(([, t]) => !seen.has(t) && seen.add(t));
  return new Map(
    own.map(([name, t]) => {
      const kind = t.dtype === "float32" || t.dtype === "float64" ? dtype : t.dtype;
      return [name, { shape: t.shape, dtype: DTYPES[kind], data: () => t.data() }];
    }),
  );
}
