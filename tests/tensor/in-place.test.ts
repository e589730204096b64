import { describe, expect } from "vitest";
import {
  AutogradError,
  arange,
  noGrad,
  ones,
  ShapeError,
  type Tensor,
  tensor,
  UseAfterFreeError,
  zeros,
} from "../../src/index.ts";
import * as init from "../../src/nn/init.ts";
import { BACKENDS, itOn } from "../backends.ts";

const floats = (n: number) => arange(n).float();
const list = (x: Tensor) => [...x.data()];

describe.each(BACKENDS)("edits in place on %s", (backend) => {
  const it = itOn(backend);

  it("copy_ from a view of the same memory is right, in both directions and at sizes that threads share", () => {
    for (const n of [2, 9, 300_000]) {
      const up = floats(n);
      up.slice(0, 1, n).copy_(up.slice(0, 0, n - 1));
      expect(list(up)).toEqual([0, ...Array.from({ length: n - 1 }, (_, i) => i)]);
      const down = floats(n);
      down.slice(0, 0, n - 1).copy_(down.slice(0, 1, n));
      expect(list(down)).toEqual([...Array.from({ length: n - 1 }, (_, i) => i + 1), n - 1]);
    }
  });

  it("copy_ of a transpose, of columns onto columns, and of a row onto all", () => {
    for (const n of [3, 70, 300]) {
      const x = floats(n * n).reshape([n, n]);
      const want = list(x.transpose(0, 1).contiguous());
      x.copy_(x.transpose(0, 1));
      expect(list(x)).toEqual(want);
    }
    const x = floats(12).reshape([3, 4]);
    x.slice(1, 1, 4).copy_(x.slice(1, 0, 3));
    expect(x.toArray()).toEqual([
      [0, 0, 1, 2],
      [4, 4, 5, 6],
      [8, 8, 9, 10],
    ]);
    x.copy_(x.slice(0, 1, 2));
    expect(x.toArray()).toEqual([
      [4, 4, 5, 6],
      [4, 4, 5, 6],
      [4, 4, 5, 6],
    ]);
    // The same elements: nothing changes.
    expect(list(x.copy_(x))).toEqual([4, 4, 5, 6, 4, 4, 5, 6, 4, 4, 5, 6]);
  });

  it("arithmetic whose operands lie partly over each other is refused as in PyTorch", () => {
    const x = floats(9);
    const square = x.reshape([3, 3]);
    const message = /some elements of the input tensor and the written-to tensor refer to a single memory location/;
    for (const name of ["add_", "sub_", "mul_", "div_"] as const) {
      expect(() => x.slice(0, 1, 9)[name](x.slice(0, 0, 8))).toThrow(message);
      expect(() => square[name](square.transpose(0, 1))).toThrow(message);
      expect(() => square[name](square.slice(0, 1, 2))).toThrow(message);
    }
    expect(list(x)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    // Full overlap, and views that interleave.
    expect(list(x.add_(x))).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16]);
    const y = floats(6).reshape([2, 3]);
    y.slice(1, 1, 3).add_(y.slice(1, 0, 2));
    expect(y.toArray()).toEqual([
      [0, 1, 3],
      [3, 7, 9],
    ]);
    y.slice(1, 0, 1).mul_(y.slice(1, 2, 3));
    expect(y.toArray()).toEqual([
      [0, 1, 3],
      [27, 7, 9],
    ]);
  });

  it("expanded tensors are not written to", () => {
    const message =
      /more than one element of the written-to tensor refers to a single memory location. Please clone\(\)/;
    const x = () => zeros([1]).expand([5]);
    const edits: ((t: Tensor) => unknown)[] = [
      (t) => t.add_(ones([5])),
      (t) => t.sub_(1),
      (t) => t.mul_(ones([1])),
      (t) => t.div_(2),
      (t) => t.copy_(ones([5])),
      (t) => t.copy_(new Float32Array(5)),
      (t) => t.fill_(1),
      (t) => t.zero_(),
      (t) => t.clamp_(0, 1),
      (t) => t.maskedFill_(ones([5], { dtype: "bool" }), 1),
      (t) => init.uniform_(t),
      (t) => init.constant_(t, 1),
      (t) => init.normal_(t),
    ];
    for (const edit of edits) {
      expect(() => edit(x())).toThrow(message);
      expect(() => edit(zeros([2, 1]).expand([2, 5]).slice(0, 0, 1).reshape([1, 5]).expand([1, 5]))).not.toThrow(
        TypeError,
      );
    }
    expect(() => zeros([3, 1]).expand([3, 4]).transpose(0, 1).fill_(1)).toThrow(message);
    // A dimension of size 1 repeats nothing.
    expect(list(zeros([1]).expand([1]).add_(1))).toEqual([1]);
  });

  it("fills and copies into views with gaps", () => {
    const x = zeros([3, 4]);
    x.slice(1, 0, 4, 2).fill_(7);
    x.transpose(0, 1)
      .slice(0, 3, 4)
      .copy_(Float32Array.of(1, 2, 3));
    expect(x.toArray()).toEqual([
      [7, 0, 7, 1],
      [7, 0, 7, 2],
      [7, 0, 7, 3],
    ]);
    x.slice(1, 0, 1).zero_();
    x.select(1, 2).add_(1);
    expect(x.select(0, 1).toArray()).toEqual([0, 0, 8, 2]);
    x.slice(1, 1, 3).maskedFill_(tensor([true, false]), -1);
    x.clamp_(0.5);
    expect(x.select(0, 0).toArray()).toEqual([0.5, 0.5, 8, 1]);
    init.ones_(x.slice(1, 0, 2));
    expect(x.select(0, 2).toArray()).toEqual([1, 1, 8, 3]);
  });

  it("copies between dtypes as PyTorch casts", () => {
    const whole = zeros([3], { dtype: "int32" });
    expect(list(whole.copy_(tensor([1.9, -1.9, 3])))).toEqual([1, -1, 3]);
    expect(list(whole.copy_(Float32Array.of(2.5, -2.5, 0)))).toEqual([2, -2, 0]);
    expect(
      zeros([3], { dtype: "bool" })
        .copy_(tensor([0, 0.5, Number.NaN]))
        .toArray(),
    ).toEqual([false, true, true]);
    expect(
      zeros([3], { dtype: "bool" })
        .copy_(Uint8Array.of(0, 2, 1))
        .toArray(),
    ).toEqual([false, true, true]);
    expect(list(zeros([2]).copy_(tensor([true, false])))).toEqual([1, 0]);
    expect(list(zeros([2, 2]).copy_(arange(4).reshape([2, 2]).transpose(0, 1)))).toEqual([0, 2, 1, 3]);
  });

  it("what requires a gradient is left alone, and no gradient is lost", () => {
    const p = ones([3], { requiresGrad: true });
    for (const name of ["add_", "sub_", "mul_", "div_", "copy_"] as const) {
      expect(() => p[name](ones([3]))).toThrow(AutogradError);
      expect(() => ones([3])[name](p)).toThrow(/gradient/);
      expect(() => p.slice(0, 0, 2)[name](ones([2]))).toThrow(AutogradError);
    }
    expect(() => p.fill_(0)).toThrow(AutogradError);
    noGrad(() => p.mul_(3).sub_(1));
    expect(list(p)).toEqual([2, 2, 2]);
    expect(list(ones([3]).add_(p.detach()))).toEqual([3, 3, 3]);
    // What a gradient needs has been edited since.
    const x = tensor([1, 2, 3]);
    const y = p.mul(x).sum();
    x.mul_(2);
    expect(() => y.backward()).toThrow(/edited in place/);
  });

  it("shapes and what is no tensor are refused by name", () => {
    const x = zeros([2, 3]);
    for (const name of ["add_", "sub_", "mul_", "div_", "copy_"] as const) {
      expect(() => x[name](zeros([2, 2]))).toThrow(ShapeError);
      expect(() => x[name](zeros([4, 2, 3]))).toThrow(ShapeError);
      expect(() => x[name](null as unknown as Tensor)).toThrow(ShapeError);
      expect(() => x[name]("1" as unknown as Tensor)).toThrow(ShapeError);
    }
    expect(() => x.copy_(3 as unknown as Tensor)).toThrow(/found the number 3/);
    expect(() => x.copy_(new Float32Array(5))).toThrow(/5 values/);
    expect(() => x.fill_("a" as unknown as number)).toThrow(/found the string "a"/);
    expect(() => zeros([2], { dtype: "uint8" }).fill_(300)).toThrow(/300 does not fit uint8/);
    expect(() => zeros([2], { dtype: "int64" }).fill_(2 ** 40)).toThrow(/does not fit int64/);
  });

  it("refuses to copy what was freed", () => {
    const x = zeros([2, 3]);
    const gone = zeros([2, 3]);
    gone.dispose();
    expect(() => x.copy_(gone)).toThrow(UseAfterFreeError);
    expect(() => x.add_(gone)).toThrow(UseAfterFreeError);
    expect(() => gone.add_(x)).toThrow(UseAfterFreeError);
  });
});
