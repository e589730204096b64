import { describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import record from "../train/training.record.json" with { type: "json" };

// PyTorch's values: scripts/record/training.py.

const pattern = (shape: number[], k: number) =>
  tensor(
    Float32Array.from({ length: shape.reduce((n, s) => n * s, 1) }, (_, i) => Math.sin(i * k + 0.5)),
    shape,
  );
const zero = (shape: number[]) => new nn.Parameter(pattern(shape, 1).mul(0));
const close = (got: ArrayLike<number>, want: readonly number[], within = 1e-6) => {
  for (const [i, w] of want.entries()) expect(Math.abs(got[i] - w), `${i}: ${got[i]}`).toBeLessThan(within);
};
const valuesOf = (t: Tensor | undefined) => Float32Array.from(t?.data() ?? []);

interface Case {
  maxNorm: number;
  normType: string;
  which: string;
  norm: number;
  a: number[];
  b: number[];
}

describe("clipGradNorm", () => {
  it.each(record.clipping.cases as Case[])("$which to $maxNorm by norm $normType", (c) => {
    for (const inArena of [false, true]) {
      const [a, b] = [zero([3, 4]), zero([5])];
      if (inArena) new optim.SGD([a, b], { lr: 1 });
      a.grad = pattern([3, 4], 0.7);
      b.grad = pattern([5], 1.3);
      const normType = Number(c.normType.replace("inf", "Infinity"));
      const params = [a, b].filter((_, i) => c.which.includes("ab"[i]));
      const norm = optim.clipGradNorm(new Set(params), c.maxNorm, { normType });
      expect(Math.abs(norm.item() - c.norm)).toBeLessThan(2e-6 * Math.max(1, c.norm));
      close(valuesOf(a.grad), c.a);
      close(valuesOf(b.grad), c.b);
    }
  });

  /** Parameters a and b of one optimizer, with gradients from a loss. */
  function group() {
    const [a, b] = [zero([3, 4]), zero([5])];
    const optimizer = new optim.SGD([a, b], { lr: 1 });
    const learn = () =>
      a
        .mul(pattern([3, 4], 0.7))
        .sum()
        .add(b.mul(pattern([5], 1.3)).sum())
        .backward();
    learn();
    return { a, b, optimizer, learn };
  }
  const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));

  it("of b alone in a group [a, b] leaves a's step as it is", () => {
    const { a, b, optimizer } = group();
    optim.clipGradNorm([b], 0.5);
    optimizer.step();
    close(
      a.data(),
      Array.from(pattern([3, 4], 0.7).data(), (x) => -x),
    );
    expect(norm(b.data())).toBeCloseTo(0.5, 4);
  });
  it("is seen in the gradients at once, and by every later reader", () => {
    const { a, learn } = group();
    const first = optim.clipGradNorm([a], 0.5).item();
    expect(first).toBeCloseTo(record.clipping.twice.norms[0], 5);
    expect(norm(valuesOf(a.grad))).toBeCloseTo(0.5, 4);
    expect(optim.clipGradNorm([a], 10).item()).toBeCloseTo(0.5, 4);
    // What comes after is added to what was clipped.
    const before = valuesOf(a.grad);
    learn();
    close(
      valuesOf(a.grad),
      Array.from(pattern([3, 4], 0.7).data(), (x, i) => x + before[i]),
    );
  });
  it("twice is twice", () => {
    const a = zero([3, 4]);
    a.grad = pattern([3, 4], 0.7);
    optim.clipGradNorm(a, 0.5);
    a.grad?.add_(pattern([3, 4], 0.2));
    expect(optim.clipGradNorm(a, 0.25).item()).toBeCloseTo(record.clipping.twice.norms[1], 5);
    close(valuesOf(a.grad), record.clipping.twice.a);
  });
  it("counts in the steps of every optimizer, and not after zeroGrad", () => {
    const { a, optimizer, learn } = group();
    const other = new optim.SGD([a], { lr: 1 });
    optim.clipGradNorm([a], 0.5);
    optimizer.step();
    other.step();
    expect(norm(a.data())).toBeCloseTo(1, 4);
    optim.clipGradNorm([a], 0.1);
    optimizer.zeroGrad();
    learn();
    const before = valuesOf(a);
    other.step();
    expect(norm(a.data().map((x: number, i: number) => x - before[i]) as Float32Array)).toBeCloseTo(
      record.clipping.twice.norms[0],
      4,
    );
  });
  it("touches nothing between the gradients that share memory", () => {
    const shared = pattern([12], 0.7);
    const untouched = shared.data()[5];
    const [a, b] = [zero([5]), zero([6])];
    a.grad = shared.slice(0, 0, 5);
    b.grad = shared.slice(0, 6, 12);
    optim.clipGradNorm([a, b], 0.1);
    expect(shared.data()[5]).toBe(untouched);
    expect(norm([...valuesOf(a.grad), ...valuesOf(b.grad)])).toBeCloseTo(0.1, 4);
  });
  it("spreads NaN, or says so before anything is changed", () => {
    const a = zero([3]);
    a.grad = tensor([1, Number.POSITIVE_INFINITY, 2]);
    expect(() => optim.clipGradNorm([a], 1, { errorIfNonfinite: true })).toThrow(/norm of the gradients is Infinity/);
    expect([...valuesOf(a.grad)]).toEqual([1, Number.POSITIVE_INFINITY, 2]);
    expect(optim.clipGradNorm([a], 1).item()).toBe(Number.POSITIVE_INFINITY);
    // 0 times infinity, as PyTorch gives it.
    expect([...valuesOf(a.grad)]).toEqual([0, Number.NaN, 0]);
    expect(optim.clipGradNorm([zero([2])], 1).item()).toBe(0);
  });
  it("refuses what it does not know", () => {
    const a = zero([3]);
    expect(() => optim.clipGradNorm([a], -1)).toThrow(/maxNorm -1/);
    expect(() => optim.clipGradNorm([a], 1, { norm_type: 1 } as object)).toThrow(/unknown option norm_type/);
    expect(() => optim.clipGradNorm([a], 1, { foreach: true } as object)).toThrow(/foreach is not supported/);
    expect(() => optim.clipGradNorm(3 as never, 1)).toThrow(/expected parameters/);
    expect(() => optim.clipGradValue([a], Number.NaN)).toThrow(/clipValue NaN/);
  });
  it("clipGradValue cuts entries at once", () => {
    const a = zero([3, 4]);
    a.grad = pattern([3, 4], 0.7);
    optim.clipGradValue([a], 0.3);
    close(valuesOf(a.grad), record.clipping.value);
  });
});

describe("optimizers", () => {
  const { SGD, Adam, AdamW, RMSprop, Adagrad } = optim;
  const KINDS = { SGD, Adam, AdamW, RMSprop, Adagrad };
  const MAKE: Record<string, (p: Tensor[]) => { step(): void }> = {
    "sgd-maximize": (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, weightDecay: 0.1, maximize: true }),
    "adam-maximize": (p) => new optim.Adam(p, { lr: 0.1, weightDecay: 0.1, maximize: true }),
    "adamw-maximize": (p) => new optim.AdamW(p, { lr: 0.1, weightDecay: 0.1, maximize: true, amsgrad: true }),
    "rmsprop-maximize": (p) =>
      new optim.RMSprop(p, { lr: 0.05, alpha: 0.9, momentum: 0.5, centered: true, maximize: true }),
    "adagrad-maximize": (p) => new optim.Adagrad(p, { lr: 0.1, weightDecay: 0.1, maximize: true }),
    adagrad: (p) => new optim.Adagrad(p, { lr: 0.1, lrDecay: 0.3, initialAccumulatorValue: 0.7 }),
    "sgd-group": (p) =>
      new optim.SGD(
        [
          { params: [p[0]], maximize: true },
          { params: [p[1]], lr: 0.3 },
        ],
        { lr: 0.1 },
      ),
  };
  it.each(Object.keys(record.optimizers))("%s is PyTorch's", (name) => {
    const [a, b] = [new nn.Parameter(pattern([3, 4], 0.4)), new nn.Parameter(pattern([5], 0.9))];
    const optimizer = MAKE[name]([a, b]);
    for (let step = 0; step < 5; step++) {
      a.grad = pattern([3, 4], 0.7 + 0.1 * step);
      b.grad = pattern([5], 1.3 - 0.1 * step);
      optimizer.step();
    }
    const want = (record.optimizers as Record<string, { a: number[]; b: number[] }>)[name];
    close(a.data(), want.a, 2e-5);
    close(b.data(), want.b, 2e-5);
  });

  it.each(["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"] as const)("%s hears or refuses its options", (name) => {
    const make = (options: object, params: unknown = [zero([2])]) => new KINDS[name](params as Tensor[], options);
    expect(() => make({ weight_decay: 0.1 })).toThrow(/unknown option weight_decay.*/);
    expect(() => make({ learningRate: 0.1 })).toThrow(new RegExp(`${name}: unknown option learningRate`));
    for (const refused of ["foreach", "fused", "capturable", "differentiable"])
      expect(() => make({ [refused]: true })).toThrow(new RegExp(`${name}: ${refused} is not supported`));
    for (const lr of [-1, Number.NaN, "0.1", null]) expect(() => make({ lr })).toThrow(/lr must be 0 or more/);
    expect(() => make({ maximize: 1 })).toThrow(/maximize is 1; expected true or false/);
    expect(() => make({}, [{ params: [zero([2])], lr_: 1 }])).toThrow(/a group: unknown option lr_/);
    expect(() => make({}, [{ lr: 1 }])).toThrow(/a group has no params/);
    expect(() => make({}, undefined)).not.toThrow();
    expect(() => make({}, 5)).toThrow(/expected parameters/);
    expect(() => make({ lr: undefined })).not.toThrow();
  });
  it("says the nearest name", () => {
    const error = (() => {
      try {
        new optim.AdamW([zero([2])], { weight_decay: 1 } as object);
      } catch (e) {
        return e as { hint: string };
      }
    })();
    expect(error?.hint).toMatch(/^Did you mean weightDecay\?/);
    expect(() => new optim.Adam([zero([2])], { betas: [0.9, 1] })).toThrow(/betas are 0.9,1/);
  });
  it("takes a closure, as PyTorch does", () => {
    const a = zero([2]);
    const optimizer = new optim.SGD([a], { lr: 1 });
    const loss = optimizer.step(() => {
      optimizer.zeroGrad();
      const value = a.sub(1).square().sum();
      value.backward();
      return value;
    });
    expect(loss.item()).toBe(2);
    expect([...a.data()]).toEqual([2, 2]);
  });
  it("refuses a state that is damaged or another's, and stays as it was", () => {
    const a = zero([3]);
    const optimizer = new optim.Adam([a], { lr: 0.5 });
    a.grad = tensor([1, 2, 3]);
    optimizer.step();
    const state = optimizer.stateDict();
    const load = (change: (s: Record<string, never>) => unknown) =>
      optimizer.loadStateDict(change(structuredClone(state) as never) as never);
    for (const broken of [
      () => null,
      () => ({}),
      () => ({ groups: [null] }),
      () => ({ groups: [{ ...state.groups[0], steps: ["x"] }] }),
      () => ({ groups: [{ ...state.groups[0], state: { expAvg: [5] } }] }),
      () => ({ groups: [{ ...state.groups[0], options: { lr: "fast" } }] }),
      () => ({ groups: [{ ...state.groups[0], options: { momentum: 0.9 } }] }),
      () => ({ groups: [{ ...state.groups[0], state: { momentumBuffer: [new Float32Array(3)] } }] }),
      () => ({ groups: [{ ...state.groups[0], state: { expAvg: [new Float32Array(2)] } }] }),
    ])
      expect(() => load(broken)).toThrow(/damaged|other parameters|another optimizer|unknown option|must be/);
    expect(optimizer.stateDict()).toEqual(state);
    optimizer.loadStateDict(state);
  });
  it("schedules too", () => {
    const optimizer = new optim.SGD([zero([2])], { lr: 1 });
    const make = (options: object, name = "linear") =>
      optim.getScheduler(name as "linear", optimizer, options as never);
    expect(() => make({ numTrainingSteps: 5, numWarmup: 1 })).toThrow(/unknown option numWarmup/);
    expect(() => make({})).toThrow(/numTrainingSteps is missing/);
    expect(() => make({ numTrainingSteps: 5 }, "cosin")).toThrow(/unknown schedule cosin/);
    const scheduler = make({ numTrainingSteps: 5 });
    scheduler.step();
    expect(scheduler.getLastLr()[0]).toBeCloseTo(0.8, 12);
    for (const broken of [
      null,
      {},
      { lastStep: -1, initial: [1] },
      { lastStep: 1, initial: [1, 2] },
      { lastStep: 1, initial: ["1"] },
    ])
      expect(() => scheduler.loadStateDict(broken as never)).toThrow(/damaged|of 2 groups/);
    expect(() => new optim.ReduceLROnPlateau(optimizer, { patiense: 1 } as object)).toThrow(/unknown option patiense/);
    expect(() => new optim.ReduceLROnPlateau(optimizer, { factor: 1 })).toThrow(/factor is 1/);
  });
});
