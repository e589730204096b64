import { describe, expect, it } from "vitest";
import { ones, ShapeError, tensor, where } from "../../src/index.ts";

// import torch; import torch.nn.functional as F
// x = torch.tensor([-4., -1.5, -0.2, 0., 0.7, 2., 5.])
// F.selu(x); F.softsign(x); F.hardsigmoid(x); F.hardswish(x)
describe("activations have PyTorch's values", () => {
  const x = () => tensor([-4, -1.5, -0.2, 0, 0.7, 2, 5]);
  it.each([
    ["selu", [-1.725899, -1.365814, -0.318689, 0, 0.735491, 2.101402, 5.253505]],
    ["softsign", [-0.8, -0.6, -0.1666667, 0, 0.4117647, 0.6666667, 0.8333333]],
    ["hardsigmoid", [0, 0.25, 0.4666667, 0.5, 0.6166667, 0.8333333, 1]],
    ["hardswish", [0, -0.375, -0.0933333, 0, 0.4316667, 1.6666667, 5]],
  ] as const)("%s", (name, want) => {
    x()
      [name]()
      .data()
      .forEach((y, i) => {
        expect(y).toBeCloseTo(want[i], 6);
      });
  });
});

describe("products", () => {
  it("over all, a dimension, and nothing", () => {
    const x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    expect(x.prod().item()).toBe(720);
    expect(x.prod(0).toArray()).toEqual([4, 10, 18]);
    expect(x.prod(-1, true).toArray()).toEqual([[6], [120]]);
    expect(tensor(new Float32Array(0), [2, 0]).prod(1).toArray()).toEqual([1, 1]);
    expect(() => x.prod(2)).toThrow(ShapeError);
    const whole = tensor(Int32Array.of(1, 2, 3)).prod();
    expect([whole.dtype, whole.item()]).toEqual(["int64", 6]);
  });
});

describe("split", () => {
  it("gives equal pieces or those asked for", () => {
    const x = tensor([1, 2, 3, 4, 5]);
    expect(x.split(2).map((t) => t.toArray())).toEqual([[1, 2], [3, 4], [5]]);
    expect(x.split([0, 4, 1]).map((t) => t.toArray())).toEqual([[], [1, 2, 3, 4], [5]]);
    expect(() => x.split(0)).toThrow(/pieces of 0/);
    expect(() => x.split([2, 2])).toThrow(/do not make up/);
  });
});

describe("where", () => {
  it("chooses among whole numbers to the last bit, and truth values", () => {
    const cond = tensor([1, 0, 1, 0], { dtype: "uint8" });
    const a = tensor([2147483647, 2, -16777217, 4], { dtype: "int32" });
    // torch.where(c, a, -5)
    expect(where(cond, a, -5).toArray()).toEqual([2147483647, -5, -16777217, -5]);
    expect(where(cond, a, -5).dtype).toBe("int32");
    const bytes = where(cond, tensor([0, 1, 1, 0], { dtype: "uint8" }), cond);
    expect([bytes.dtype, bytes.toArray()]).toEqual(["uint8", [0, 0, 1, 0]]);
    // A NaN's own bits: -8388607 is one as float32.
    expect(where(cond, tensor([-8388607, 0, -1, 0], { dtype: "int32" }), 0).toArray()).toEqual([-8388607, 0, -1, 0]);
    expect(where(cond, a, tensor([1, 2, 3, 4])).dtype).toBe("float32");
    expect(where(cond, cond, a).toArray()).toEqual([1, 2, 1, 4]);
    expect(() => where(a, a, a)).toThrow("where: expected a condition of bool, found int32");
  });
});

describe("triangles", () => {
  it("keep what PyTorch's do", () => {
    const x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    expect(x.tril().toArray()).toEqual([
      [1, 0, 0],
      [4, 5, 0],
    ]);
    expect(x.triu(1).toArray()).toEqual([
      [0, 2, 3],
      [0, 0, 6],
    ]);
    expect(x.tril(-5).sum().item()).toBe(0);
    for (const dtype of ["int32", "uint8"] as const) {
      // torch.ones(3, 3, dtype=torch.bool).tril()
      const whole = ones([3, 3], { dtype }).tril();
      expect(whole.dtype).toBe(dtype);
      expect(whole.toArray()).toEqual([
        [1, 0, 0],
        [1, 1, 0],
        [1, 1, 1],
      ]);
    }
    expect(() => tensor([1]).tril()).toThrow(ShapeError);
  });
});

describe("logic", () => {
  it("joins truth values and numbers, with broadcasting", () => {
    const a = tensor([0, 2, 0, -1], [2, 2]);
    const b = tensor(Uint8Array.of(0, 1));
    expect(a.logicalAnd(b).toArray()).toEqual([
      [false, true],
      [false, true],
    ]);
    expect([...a.logicalOr(b).data()]).toEqual([0, 1, 0, 1]);
    expect(
      tensor([3, 0, 1])
        .logicalXor(tensor([1, 1, 0]))
        .toArray(),
    ).toEqual([false, true, true]);
    expect(b.logicalNot().toArray()).toEqual([true, false]);
    expect(b.logicalNot().dtype).toBe("bool");
  });
});
