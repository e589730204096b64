import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

type Calls =
  | "alloc"
  | "free"
  | "trim"
  | "stat"
  | "get"
  | "status"
  | "threads"
  | "peak_flops"
  | "triad"
  | "fill"
  | "unary"
  | "unary_backward"
  | "binary"
  | "where"
  | "copy"
  | "cast"
  | "reduce"
  | "arg_reduce"
  | "gemm"
  | "softmax"
  | "softmax_backward"
  | "cross_entropy"
  | "cross_entropy_backward"
  | "norm"
  | "norm_backward"
  | "gather"
  | "scatter_add"
  | "embedding_bag"
  | "embedding_bag_backward"
  | "recurrent"
  | "recurrent_backward"
  | "dropout"
  | "adam"
  | "sgd"
  | "rmsprop"
  | "adagrad";

/** What a door of the kernel library exports; the functions of native/gate.h without their prefix. */
export interface NativeExports extends Record<Calls, (...args: number[]) => number> {
  /** Copies bytes of a storage into the array (from it: `write`); false when refused, with a text in `error()`. */
  read(handle: number, byteOffset: number, into: ArrayBufferView): boolean;
  write(handle: number, byteOffset: number, from: ArrayBufferView): boolean;
  error(): string;
  isa(): string;
  /** Instruction sets that can run here, best first. */
  isas(): string[];
  choose(isa: string): boolean;
  /** What SHOSHIN_ISA asked for in vain. */
  missing(): string | null;
  /** The block for long argument lists. */
  params(): Float64Array;
}

let loaded: { exports?: NativeExports; reason?: string } | undefined;

/** Loads the compiled kernels once; `reason` says why there are none. */
export function loadNative(): { exports?: NativeExports; reason?: string } {
  if (loaded !== undefined) return loaded;
  const path = fileURLToPath(new URL("../../native/build/shoshin.node", import.meta.url));
  if (!existsSync(path)) {
    loaded = { reason: "the compiled kernels have not been built (a C++ compiler was missing at installation?)" };
  } else {
    try {
      loaded = { exports: createRequire(import.meta.url)(path) as NativeExports };
    } catch (error) {
      loaded = { reason: `the compiled kernels do not load: ${(error as Error).message}` };
    }
  }
  return loaded;
}
