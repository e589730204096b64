import type { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TensorSource } from "./dtype.ts";

/** Types that weights are saved in. */
export type WeightsDType = "float32" | "float16" | "bfloat16";
const DTYPES = { float32: "F32", float16: "F16", bfloat16: "BF16", int32: "I32", uint8: "U8", float64: "F64" } as const;

/**
 * A module's parameters and buffers for a writer, each read when its turn comes. A shared one under every name it has, as
 * `load_state_dict(strict=True)` wants it; of a published family once, under its first name, as Hugging Face writes it.
 * `dtype` is that of floating-point ones.
 */
export function weightsOf(module: Module, dtype: WeightsDType = "float32"): Map<string, TensorSource> {
  const once = "savePretrained" in module;
  const sources = new Map<Tensor, TensorSource>();
  const out = new Map<string, TensorSource>();
  for (const [name, t] of module.stateDict()) {
    const known = sources.get(t);
    if (known !== undefined && once) continue;
    const kind = t.dtype === "float32" || t.dtype === "float64" ? dtype : t.dtype;
    // The same source for all names: a writer that can share a storage does.
    const source = known ?? { shape: t.shape, dtype: DTYPES[kind], data: () => t.data() };
    sources.set(t, source);
    out.set(name, source);
  }
  return out;
}
