import { halfToFloat, type SafetensorsDType } from "./dtype.ts";

/** Kinds of a value in GGUF's header, by their numbers there; those with `[]` are arrays. */
const SCALARS = [
  "uint8",
  "int8",
  "uint16",
  "int16",
  "uint32",
  "int32",
  "float32",
  "bool",
  "string",
  "array",
  "uint64",
  "int64",
  "float64",
] as const;
type Scalar = Exclude<(typeof SCALARS)[number], "array">;
type Of<S extends Scalar> = S extends "string" ? string : S extends "bool" ? boolean : number | bigint;

/** A value of GGUF's header with its type. Whole numbers beyond 2⁵³ are bigints. */
export type GgufValue =
  | { [S in Scalar]: { type: S; value: Of<S> } }[Scalar]
  | { [S in Scalar]: { type: `${S}[]`; value: readonly Of<S>[] } }[Scalar];

export const scalarOf = (number: number): Scalar | "array" | undefined => SCALARS[number];
export const numberOf = (scalar: string): number => SCALARS.indexOf(scalar as Scalar);
export const ARRAY = numberOf("array");
/** Bytes that a value takes at least. */
export const SCALAR_BYTES: Readonly<Record<Scalar, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  string: 8,
  uint64: 8,
  int64: 8,
  float64: 8,
};
export type { Scalar };

/** How elements lie in a file: `bytes` for each block of `block` elements. */
export interface GgmlType {
  name: string;
  block: number;
  bytes: number;
  /** The type of safetensors that it is; undefined for quantized ones. */
  dtype?: SafetensorsDType;
  /** Widens blocks. */
  dequantize?: (bytes: Uint8Array<ArrayBuffer>, into: Float32Array, blocks: number) => void;
}

const scale = new Uint16Array(1);
const scaled = new Float32Array(1);
function scaleAt(bytes: Uint8Array, at: number): number {
  scale[0] = bytes[at] | (bytes[at + 1] << 8);
  halfToFloat(scale, scaled);
  return scaled[0];
}

/** Types by their numbers in ggml.h. Of the others only the name is known. */
export const GGML_TYPES: ReadonlyMap<number, GgmlType> = new Map<number, GgmlType>([
  [0, { name: "F32", block: 1, bytes: 4, dtype: "F32" }],
  [1, { name: "F16", block: 1, bytes: 2, dtype: "F16" }],
  [
    2,
    {
      name: "Q4_0",
      block: 32,
      bytes: 18,
      dequantize(bytes, into, blocks) {
        for (let b = 0; b < blocks; b++) {
          const d = scaleAt(bytes, 18 * b);
          for (let i = 0; i < 16; i++) {
            const q = bytes[18 * b + 2 + i];
            into[32 * b + i] = d * ((q & 15) - 8);
            into[32 * b + 16 + i] = d * ((q >> 4) - 8);
          }
        }
      },
    },
  ],
  [
    8,
    {
      name: "Q8_0",
      block: 32,
      bytes: 34,
      dequantize(bytes, into, blocks) {
        for (let b = 0; b < blocks; b++) {
          const d = scaleAt(bytes, 34 * b);
          for (let i = 0; i < 32; i++) into[32 * b + i] = d * ((bytes[34 * b + 2 + i] << 24) >> 24);
        }
      },
    },
  ],
  [24, { name: "I8", block: 1, bytes: 1, dtype: "I8" }],
  [25, { name: "I16", block: 1, bytes: 2, dtype: "I16" }],
  [26, { name: "I32", block: 1, bytes: 4, dtype: "I32" }],
  [27, { name: "I64", block: 1, bytes: 8, dtype: "I64" }],
  [28, { name: "F64", block: 1, bytes: 8, dtype: "F64" }],
  [30, { name: "BF16", block: 1, bytes: 2, dtype: "BF16" }],
]);
/** Quantized types that are named in errors: read Q8_0 and Q4_0 only. */
export const OTHER_TYPES: Readonly<Record<number, string>> = {
  3: "Q4_1",
  6: "Q5_0",
  7: "Q5_1",
  9: "Q8_1",
  10: "Q2_K",
  11: "Q3_K",
  12: "Q4_K",
  13: "Q5_K",
  14: "Q6_K",
  15: "Q8_K",
  16: "IQ2_XXS",
  17: "IQ2_XS",
  18: "IQ3_XXS",
  19: "IQ1_S",
  20: "IQ4_NL",
  21: "IQ3_S",
  22: "IQ2_S",
  23: "IQ4_XS",
  29: "IQ1_M",
  34: "TQ1_0",
  35: "TQ2_0",
  39: "MXFP4",
};
