import { describe, expect, it } from "vitest";
import { checkpoint, noGrad, randn, scope, Tensor, tensor, type UseAfterFreeError } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { concat, where } from "../../src/ops/index.ts";
import { AdamW, clipGradNorm, SGD } from "../../src/optim/index.ts";
import { BACKENDS, itOn } from "../backends.ts";

const ids = (...values: number[]) => tensor(Int32Array.from(values));
const freed = <T extends Tensor>(t: T): T => {
  t.dispose();
  return t;
};
const tuned = () => {
  const layer = new nn.Linear(4, 4);
  layer
    .forward(randn([2, 4]))
    .sum()
    .backward();
  return layer;
};

/** Arguments that one method or another takes. */
const ARGUMENTS = (): unknown[][] => [
  [],
  [1],
  [0, 1],
  [0, 0, 2],
  [[6, 4]],
  [randn([4, 6])],
  [randn([6, 4])],
  ["int32"],
  [new Float32Array(24)],
  [randn([4, 6]).gt(0), 0],
];
/** What asks for no element. */
const HARMLESS = "constructor dispose requiresGrad_ retainGrad zeroGrad toString toJSON read".split(" ");

const DOORS: [string, () => unknown][] = [
  ["a target", () => nn.crossEntropy(randn([3, 4]), freed(ids(0, 1, 2)))],
  ["a class weight", () => nn.crossEntropy(randn([3, 4]), ids(0, 1, 2), { weight: freed(randn([4])) })],
  ["a part of concat", () => concat([randn([2]), freed(randn([2]))], 0)],
  ["a branch of where", () => where(randn([2]).gt(0), freed(randn([2])), randn([2]))],
  ["a view read", () => freedView().toArray()],
  ["a view used", () => freedView().add(1)],
  ["a view edited", () => freedView().fill_(1)],
  ["a source of copy_", () => randn([2]).copy_(freed(randn([2])))],
  ["a source of add_", () => randn([2]).add_(freed(randn([2])))],
  ["a parameter of a layer", () => lstm(randn([2, 3, 4]))],
  ["a parameter of SGD", () => stepped((l) => freed(l.weight), SGD)],
  ["a gradient of AdamW", () => stepped((l) => freed(l.bias?.grad as Tensor), AdamW)],
  ["a parameter for a new optimizer", () => new SGD([freed(new nn.Parameter(randn([2])))], { lr: 1 })],
  ["a gradient of clipGradNorm", () => clipped()],
  ["what backward saved", () => used((_w, x) => freed(x))],
  ["a leaf that backward saved", () => used((w) => freed(w))],
  ["the root of backward", () => used((_w, _x, loss) => freed(loss))],
  [
    "backward's own gradient",
    () =>
      randn([3])
        .requiresGrad_()
        .mul(2)
        .backward({ gradient: freed(randn([3])) }),
  ],
  ["a graph of a scope that closed, continued", () => scoped().mul(2)],
  ["a graph of a scope that closed, backward", () => scoped().sum().backward()],
  ["what noGrad left behind", () => leftBehind().mul(2)],
  ["an intermediate once the next graph has begun", () => withoutGrad(earlier())],
  ["an input of checkpoint", () => checkpoint((x) => x.mul(2), freed(randn([2])).requiresGrad_())],
  ["keep", () => freed(randn([2])).keep()],
  ["detach", () => freed(randn([2])).detach()],
  ["a new parameter", () => new nn.Parameter(freed(randn([2])))],
];
function lstm(x: Tensor): unknown {
  const layer = new nn.LSTM(4, 4);
  freed(layer.parameters()[1]);
  return layer.forward(x);
}
const withoutGrad = (t: Tensor) => noGrad(() => t.mul(2));
function freedView(): Tensor {
  const whole = randn([4, 4]);
  const view = whole.slice(0, 0, 2);
  whole.dispose();
  return view;
}
function stepped(free: (l: nn.Linear) => void, Kind: typeof SGD | typeof AdamW): void {
  const layer = new nn.Linear(4, 4);
  const optimizer = new Kind(layer.parameters(), { lr: 1 });
  layer
    .forward(randn([2, 4]))
    .sum()
    .backward();
  free(layer);
  optimizer.step();
}
function clipped(): void {
  const layer = tuned();
  freed(layer.weight.grad as Tensor);
  clipGradNorm(layer.parameters(), 1);
}
function used(free: (w: Tensor, x: Tensor, loss: Tensor) => void): void {
  const [w, x] = [randn([3]).requiresGrad_(), randn([3])];
  const loss = w.mul(x).sum();
  free(w, x, loss);
  loss.backward();
}
function scoped(): Tensor {
  using _s = scope();
  return randn([3]).requiresGrad_().mul(2);
}
function leftBehind(): Tensor {
  let left = randn([2]);
  noGrad(() => {
    left = randn([2]);
  });
  return left;
}
function earlier(): Tensor {
  const w = randn([3]).requiresGrad_();
  const y = w.mul(2);
  y.sum().backward();
  w.mul(2);
  return y;
}

/** What it throws. */
function thrown(fn: () => unknown): Error | undefined {
  try {
    fn();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

describe.each(BACKENDS)("on the %s backend", (name) => {
  itOn(name)("use after free is one error, with its hint", () => {
    for (const [what, door] of DOORS) {
      const error = thrown(door);
      expect([what, error?.name]).toEqual([what, "UseAfterFreeError"]);
      expect((error as UseAfterFreeError).hint).toMatch(/keep\(\)/);
    }
    let methods = 0;
    for (const method of Object.getOwnPropertyNames(Tensor.prototype)) {
      const { value } = Object.getOwnPropertyDescriptor(Tensor.prototype, method) as PropertyDescriptor;
      if (typeof value !== "function" || HARMLESS.includes(method)) continue;
      for (const args of ARGUMENTS()) {
        if (thrown(() => value.apply(randn([4, 6]), args)) !== undefined) continue;
        methods++;
        const error = thrown(() => value.apply(freed(randn([4, 6])), args));
        expect([method, error?.name]).toEqual([method, "UseAfterFreeError"]);
      }
    }
    expect(methods).toBeGreaterThan(60);
  });
});

it("a loss stays readable for as long as it is kept", () => {
  const w = tensor([1, 2], { requiresGrad: true });
  const losses = [3, 4, 5].map((factor) => {
    const loss = w.mul(factor).sum();
    loss.backward();
    return loss;
  });
  expect(losses.map((l) => l.item())).toEqual([9, 12, 15]);
  expect(losses[0].toArray()).toBe(9);
  expect(noGrad(() => losses[0].detach().add(losses[1].detach()).item())).toBe(21);
  expect(losses[1].toString()).toContain("12");
});
