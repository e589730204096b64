import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openWeights, weightsOf, writePyTorch, writeSafetensors } from "../../src/formats/index.ts";
import { arange, type DType, type Tensor, tensor } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { loadWeights } from "../../src/train/index.ts";
import { temporaryFolder } from "../folder.ts";

const root = temporaryFolder();

class Buffers extends nn.Module {
  constructor(...buffers: Tensor[]) {
    super();
    buffers.forEach((t, i) => void this.registerBuffer(`b${i}`, t));
  }
  forward() {}
}
const values = [0, 1, 7, -2147483648];
const made = () => [
  tensor(values, { dtype: "int64" }),
  tensor(values, { dtype: "int32" }),
  tensor([0, 1, 255], { dtype: "uint8" }),
  tensor([true, false, true]),
  tensor([0.5, -2]),
  arange(3),
];
const TYPES: [DType, string][] = [
  ["int64", "I64"],
  ["int32", "I32"],
  ["uint8", "U8"],
  ["bool", "BOOL"],
  ["float32", "F32"],
  ["int64", "I64"],
];

describe.each(["weights.safetensors", "weights.pt"])("whole numbers and truth values in %s", (name) => {
  it("keep their types both ways", () => {
    const path = join(root, name);
    const module = new Buffers(...made());
    if (name.endsWith(".pt")) writePyTorch(path, weightsOf(module));
    else writeSafetensors(path, weightsOf(module));
    using file = openWeights(path);
    TYPES.forEach(([dtype, kind], i) => {
      expect(file.info(`b${i}`).dtype).toBe(kind);
      // What a user does with the tensor that was read, and writes again.
      const { data, shape } = file.read(`b${i}`);
      const again = tensor(data as Int32Array, shape, kind === "BOOL" ? { dtype: "bool" } : {});
      expect([again.dtype, again.toArray()]).toEqual([dtype, made()[i].toArray()]);
    });
    const empty = new Buffers(...made().map((t) => t.mul(t.dtype === "bool" ? false : 0)));
    loadWeights(empty, path);
    made().forEach((t, i) => {
      expect(empty.stateDict().get(`b${i}`)?.toArray()).toEqual(t.toArray());
    });
  });
});

describe("numbers beyond 32 bits", () => {
  it("are refused by name where a tensor would hold them", () => {
    const path = join(root, "far.safetensors");
    writeSafetensors(path, new Map([["b0", { shape: [1], data: BigInt64Array.of(2n ** 40n) }]]));
    expect(() => loadWeights(new Buffers(tensor([0], { dtype: "int64" })), path)).toThrow(
      /1099511627776, which is no int64/,
    );
    expect(() => tensor(BigInt64Array.of(2n ** 40n))).toThrow(/1099511627776 at position 0 is no int64/);
  });
});
