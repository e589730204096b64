/** Version of the functions below; every door checks that the library it opened has the same (native/gate.h). */
export const ABI = 4;

/** Functions of native/gate.h without their prefix, and how many numbers each takes. */
export const ARITY = {
  abi: 0,
  alloc: 2,
  free: 1,
  size: 1,
  trim: 0,
  stat: 1,
  get: 2,
  status: 0,
  threads: 1,
  peak_flops: 3,
  triad: 2,
  fill: 4,
  unary: 8,
  unary_backward: 10,
  binary: 8,
  where: 9,
  copy: 6,
  cast: 5,
  reduce: 9,
  arg_reduce: 8,
  gemm: 5,
  softmax: 7,
  softmax_backward: 9,
  cross_entropy: 13,
  cross_entropy_backward: 17,
  norm: 13,
  norm_backward: 17,
  gather: 9,
  scatter_add: 10,
  embedding_bag: 16,
  embedding_bag_backward: 16,
  recurrent: 15,
  recurrent_backward: 19,
  attention: 8,
  attention_backward: 13,
  dropout: 9,
  adam: 8,
  sgd: 6,
  rmsprop: 8,
  adagrad: 6,
} as const;

/** What a door of the kernel library exports. */
export interface NativeExports extends Record<keyof typeof ARITY, (...args: number[]) => number> {
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
  /** The block for long argument lists, as it lies in memory now. */
  params(): Float64Array;
}
