import { describe, expect, it } from "vitest";
import { AutogradError, defineOp, memory, noGrad, reclaim, type Tensor, tensor } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { SGD } from "../../src/optim/index.ts";

const leaf = (...values: number[]) => tensor(values, { requiresGrad: true });

describe("defineOp: what forward returns", () => {
  it("may be its argument: the leaf stays a leaf", () => {
    const same = defineOp("same", { forward: (_, x: Tensor) => x, backward: (_, dy) => [dy] });
    const w = leaf(1, 2, 3);
    for (let step = 0; step < 3; step++) {
      w.zeroGrad();
      const y = same(w);
      expect(y).not.toBe(w);
      y.mul(2).sum().backward();
      expect(w.isLeaf).toBe(true);
      expect(w.grad?.toArray()).toEqual([2, 2, 2]);
    }
    // An argument with a history has its own and that of the copy.
    const h = w.mul(3);
    w.zeroGrad();
    same(h).add(h).sum().backward();
    expect(w.grad?.toArray()).toEqual([6, 6, 6]);
    noGrad(() => expect(same(w).requiresGrad).toBe(false));
    expect(w.requiresGrad).toBe(true);
  });

  it("may be a view of its argument, a parameter, a constant or something saved", () => {
    const view = defineOp("view", {
      forward: (_, x: Tensor) => x.reshape([3, 1]),
      backward: (_, dy) => [dy?.reshape([3])],
    });
    const w = leaf(1, 2, 3);
    view(w).mul(2).sum().backward();
    expect([w.isLeaf, w.grad?.toArray()]).toEqual([true, [2, 2, 2]]);

    const layer = new nn.Linear(2, 1);
    const optimizer = new SGD(layer.parameters(), { lr: 0.1 });
    const constant = tensor([5]);
    const swap = defineOp("swap", {
      forward: (_, _x: Tensor, t: { of: Tensor }) => t.of,
      backward: (_, dy) => [dy?.reshape([1])],
    });
    for (const of of [layer.bias as Tensor, constant]) {
      for (let step = 0; step < 2; step++) {
        const x = leaf(7);
        swap(x, { of }).mul(4).sum().backward();
        expect(x.grad?.toArray()).toEqual([4]);
        expect(of.isLeaf).toBe(true);
      }
    }
    expect([layer.bias?.requiresGrad, constant.requiresGrad, layer.bias?.grad]).toEqual([true, false, undefined]);
    optimizer.step();

    const kept = defineOp("kept", {
      forward: (ctx, x: Tensor) => ctx.save(x.mul(x)),
      backward: (ctx, dy) => [dy?.mul(ctx.saved[0])],
    });
    const v = leaf(3);
    kept(v).sum().backward();
    expect(v.grad?.toArray()).toEqual([9]);
  });

  it("may be one tensor twice, or its arguments in another order", () => {
    const twice = defineOp("twice", {
      forward: (_, x: Tensor) => {
        const y = x.mul(2);
        return [y, y];
      },
      backward: (_, a, b) => [(a as Tensor).add(b as Tensor).mul(2)],
    });
    const w = leaf(1, 2);
    const [a, b] = twice(w);
    a.mul(3).add(b.mul(10)).sum().backward();
    expect(w.grad?.toArray()).toEqual([26, 26]);

    const crossed = defineOp("crossed", {
      forward: (_, x: Tensor, y: Tensor) => [y, x],
      backward: (_, first, second) => [second, first],
    });
    const [x, y] = [leaf(1), leaf(2)];
    const [p, q] = crossed(x, y);
    p.mul(5).add(q.mul(7)).sum().backward();
    expect([x.grad?.item(), y.grad?.item(), x.isLeaf, y.isLeaf]).toEqual([7, 5, true, true]);
  });

  it("is refused by name when it is no tensor, or when the argument was edited", () => {
    const returning = (value: unknown) =>
      defineOp("odd", { forward: (_, _x: Tensor) => value as Tensor, backward: (_, dy) => [dy] });
    reclaim();
    const w = leaf(1);
    const before = memory().liveTensors;
    for (const value of [undefined, null, 3, "x", {}, [1], [w, undefined], Promise.resolve(w)]) {
      expect(() => returning(value)(w)).toThrow(AutogradError);
      expect(() => returning(value)(w)).toThrow(/odd: forward returned/);
      expect(() => noGrad(() => returning(value)(w))).toThrow(/odd: forward returned/);
    }
    const editing = defineOp("editing", { forward: (_, x: Tensor) => x.add_(tensor([1])), backward: (_, dy) => [dy] });
    expect(() => editing(w)).toThrow(/editing: forward edits an argument/);
    expect(memory().liveTensors).toBe(before);
    // Without a gradient an edit is the caller's own affair.
    const plain = tensor([1]);
    expect(editing(plain).item()).toBe(2);
  });
});

describe("defineOp: what backward returns", () => {
  const op = (returned: (dy: Tensor) => unknown) =>
    defineOp("product", {
      forward: (ctx, a: Tensor, b: Tensor) => ctx.save(a).mul(ctx.save(b)),
      backward: (_, dy) => returned(dy as Tensor) as Tensor[],
    });
  const run = (returned: (dy: Tensor) => unknown) => {
    const [a, b] = [leaf(1, 2), leaf(3, 4)];
    op(returned)(a, b).sum().backward();
    return [a.grad?.toArray(), b.grad?.toArray()];
  };

  it("is a gradient for each argument, as many and of that shape, or an error with the operation's name", () => {
    expect(run((dy) => [dy, dy.mul(2)])).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect(run((dy) => [undefined, dy])).toEqual([undefined, [1, 1]]);
    expect(run((dy) => [null, dy])).toEqual([undefined, [1, 1]]);
    expect(run((dy) => [dy, dy, undefined])[0]).toEqual([1, 1]);
    const wrong: [(dy: Tensor) => unknown, RegExp][] = [
      [(dy) => [dy], /product: backward returned 1 gradients; expected 2/],
      [() => [], /product: backward returned 0 gradients; expected 2/],
      [(dy) => [dy, dy, dy], /product: backward returned 3 gradients; expected 2/],
      [(dy) => dy, /product: backward returned 1 gradients/],
      [() => undefined, /product: backward returned undefined/],
      [() => 3, /product: backward returned number/],
      [async (dy) => [dy, dy], /product: backward returned a promise/],
      [(dy) => [dy.reshape([2, 1]), dy], /product: gradient 0 has shape \[2, 1\], its input \[2\]/],
      [(dy) => [dy, dy.sum()], /product: gradient 1 has shape/],
      [(dy) => [dy, 1], /product: gradient 1 is no tensor/],
      [(dy) => [dy, dy.to("int32")], /product: gradient 1 is int32/],
    ];
    for (const [returned, message] of wrong) {
      expect(() => run(returned)).toThrow(AutogradError);
      expect(() => run(returned)).toThrow(message);
    }
  });

  it("may come alone for an only argument, and may leave out what wants none at the end", () => {
    const double = defineOp("double", {
      forward: (_, x: Tensor) => x.mul(2),
      backward: (_, dy) => dy?.mul(2) as never,
    });
    const w = leaf(1);
    double(w).sum().backward();
    expect(w.grad?.item()).toBe(2);
    const picked = defineOp("picked", { forward: (_, x: Tensor, _i: Tensor) => x.mul(1), backward: (_, dy) => [dy] });
    picked(w, tensor(Int32Array.of(0)))
      .sum()
      .backward();
    expect(w.grad?.item()).toBe(3);
    const constant = defineOp("constant", {
      forward: (_, x: Tensor, y: Tensor) => x.add(y),
      backward: (_, dy) => [dy],
    });
    constant(w, tensor([2]))
      .sum()
      .backward();
    expect(w.grad?.item()).toBe(4);
    expect(() => constant(w, w).sum().backward()).toThrow(/constant: backward returned 1 gradients; expected 2/);
  });
});
