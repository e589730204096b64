import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DTypeError, readInto, SafetensorsFile, type TensorSource, writeSafetensors } from "../../src/formats/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
const path = join(folder, "x.safetensors");

function roundTrip(source: TensorSource) {
  writeSafetensors(path, new Map([["x", source]]));
  using file = SafetensorsFile.open(path);
  return file.read("x");
}
/** The words that a file holds for floats. */
function words(values: number[], dtype: "F16" | "BF16"): number[] {
  writeSafetensors(path, new Map([["x", { shape: [values.length], dtype, data: Float32Array.from(values) }]]));
  using file = SafetensorsFile.open(path);
  const { data } = file.read("x");
  const wide = new Uint32Array(data.buffer);
  if (dtype === "BF16") return Array.from(wide, (b) => b >>> 16);
  return Array.from(data as Float32Array, (v) => half(v));
}
/** The float16 of a number that is one, by its definition. */
function half(v: number): number {
  const sign = Object.is(v, -0) || v < 0 ? 0x8000 : 0;
  const m = Math.abs(v);
  if (Number.isNaN(v)) return 0x7e00;
  if (m === Number.POSITIVE_INFINITY) return sign | 0x7c00;
  if (m < 2 ** -14) return sign | (m * 2 ** 24);
  const e = Math.floor(Math.log2(m));
  return sign | ((e + 15) << 10) | ((m / 2 ** e - 1) * 1024);
}

// import torch
// v = [0.1, -1/3, 65504., 65519.9, 65520., 6e-8, 2.9e-8, 2.98023224e-8, 5.9604645e-8*1.5, 6.1e-5, 1e-40, inf, -inf, 2049., 2051.,
//      -0., 3.3895314e38, 3.4e38, 1.00390625, 1.01171875]
// [x & 0xffff for x in torch.tensor(v).half().view(torch.int16).tolist()]; the same with .bfloat16()
const VALUES = [
  0.1,
  -1 / 3,
  65504,
  65519.9,
  65520,
  6e-8,
  2.9e-8,
  2.98023224e-8,
  5.9604645e-8 * 1.5,
  6.1e-5,
  1e-40,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  2049,
  2051,
  -0,
  3.3895314e38,
  3.4e38,
  1.00390625,
  1.01171875,
];
const HALVES = [
  0x2e66, 0xb555, 0x7bff, 0x7bff, 0x7c00, 0x1, 0x0, 0x0, 0x2, 0x3ff, 0x0, 0x7c00, 0xfc00, 0x6800, 0x6802, 0x8000,
  0x7c00, 0x7c00, 0x3c04, 0x3c0c,
];
const BFLOATS = [
  0x3dcd, 0xbeab, 0x4780, 0x4780, 0x4780, 0x3381, 0x32f9, 0x3300, 0x33c0, 0x3880, 0x1, 0x7f80, 0xff80, 0x4500, 0x4500,
  0x8000, 0x7f7f, 0x7f80, 0x3f80, 0x3f82,
];

describe("types of a file", () => {
  it("rounds to float16 and bfloat16 as PyTorch does", () => {
    expect(words(VALUES, "F16")).toEqual(HALVES);
    expect(words(VALUES, "BF16")).toEqual(BFLOATS);
    const nan = { shape: [1], data: Float32Array.of(Number.NaN) };
    expect(roundTrip({ ...nan, dtype: "F16" }).data[0]).toBeNaN();
    expect(roundTrip({ ...nan, dtype: "BF16" }).data[0]).toBeNaN();
  });

  it("reads every float16 and gives it back", () => {
    const all = Float32Array.from({ length: 65536 }, (_, h) => {
      const [e, f] = [(h >> 10) & 31, h & 1023];
      const m =
        e === 31 ? (f ? Number.NaN : Number.POSITIVE_INFINITY) : e ? (1 + f / 1024) * 2 ** (e - 15) : f / 2 ** 24;
      return h & 0x8000 ? -m : m;
    });
    expect(roundTrip({ shape: [65536], dtype: "F16", data: all }).data).toEqual(all);
  });

  it("rounds any float to a nearest one", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -65519, max: 65519 }), (value) => {
        const [got] = roundTrip({ shape: [1], dtype: "F16", data: Float32Array.of(value) }).data as Float32Array;
        const step = Math.max(2 ** (Math.floor(Math.log2(Math.abs(value) || 1e-9)) - 10), 2 ** -24);
        expect(Math.abs(got - value)).toBeLessThanOrEqual(step / 2);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ["F32", Float32Array.of(1.5, -2)],
    ["F64", Float64Array.of(0.1, -1e300)],
    ["I64", BigInt64Array.of(-1n, 2n ** 62n)],
    ["U64", BigUint64Array.of(1n, 2n ** 64n - 1n)],
    ["I32", Int32Array.of(-1, 7)],
    ["U32", Uint32Array.of(1, 2 ** 32 - 1)],
    ["I16", Int16Array.of(-1, 300)],
    ["U16", Uint16Array.of(1, 65535)],
    ["I8", Int8Array.of(-1, 127)],
    ["U8", Uint8Array.of(1, 255)],
    ["BOOL", Uint8Array.of(1, 0)],
  ] as const)("keeps %s, also as float32 in pieces", (dtype, data) => {
    expect(roundTrip({ shape: [2], dtype, data })).toEqual({ dtype, shape: [2], data });
    using file = SafetensorsFile.open(path);
    const floats = new Float32Array(2);
    readInto(file, "x", floats);
    expect([...floats]).toEqual(Array.from(data as ArrayLike<number | bigint>, (v) => Math.fround(Number(v))));
    expect(() => readInto(file, "x", new Float32Array(3))).toThrow(/the array has 3 elements/);
  });

  // import torch
  // b = torch.tensor([0,1,7,8,0x38,0x7e,0x7f,0x7b,0x7c,0x80,0xb9,0xff], dtype=torch.uint8)
  // b.view(torch.float8_e4m3fn).float().tolist(), b.view(torch.float8_e5m2).float().tolist()
  it("widens float8", () => {
    const bytes = Uint8Array.of(0, 1, 7, 8, 0x38, 0x7e, 0x7f, 0x7b, 0x7c, 0x80, 0xb9, 0xff);
    const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
    for (const [dtype, expected] of [
      ["F8_E4M3", [0, 0.001953125, 0.013671875, 0.015625, 1, 448, nan, 352, 384, -0, -1.125, nan]],
      [
        "F8_E5M2",
        [0, 1.52587890625e-5, 0.0001068115234375, 0.0001220703125, 0.5, nan, nan, 57344, inf, -0, -0.625, nan],
      ],
    ] as const) {
      writeSafetensors(path, new Map([["x", { shape: [12], dtype, data: bytes }]]));
      using file = SafetensorsFile.open(path);
      const floats = new Float32Array(12);
      readInto(file, "x", floats);
      expect([...floats]).toEqual(expected);
    }
  });

  it("reads large tensors in pieces without a seam", () => {
    const n = 600_001;
    const data = Float32Array.from({ length: n }, (_, i) => i / 8);
    writeSafetensors(path, new Map([["x", { shape: [n], data }]]));
    using file = SafetensorsFile.open(path);
    const floats = new Float32Array(n);
    readInto(file, "x", floats);
    expect(floats).toEqual(data);
  });

  it("refuses arrays that do not fit", () => {
    const write = (source: TensorSource) => () => writeSafetensors(path, new Map([["x", source]]));
    expect(write({ shape: [2], data: Float32Array.of(1) })).toThrow(DTypeError);
    expect(write({ shape: [1], dtype: "F16", data: Int32Array.of(1) })).toThrow(/Int32Array cannot be written as F16/);
    expect(write({ shape: [1], data: () => Float32Array.of(1) })).toThrow(/must say its dtype/);
    expect(write({ shape: [1], dtype: "F32", data: () => Float32Array.of(1) })).not.toThrow();
  });
});
