import { describe, expect, it } from "vitest";
import { manualSeed, tensor } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { AveragedWeights, SGD } from "../../src/optim/index.ts";

/*
def pattern(*shape, k): return torch.sin(torch.arange(prod(shape), dtype=torch.float64)*k+.5).float().reshape(shape)
m = Linear(3, 2); parameter i is pattern(*p.shape, k=.7+.1*i); x = pattern(8, 3, k=1.3); y = arange(8) % 2
o = SGD(m.parameters(), lr=.5); a = AveragedModel(m, multi_avg_fn=get_ema_multi_avg_fn(.8**8)); a.update_parameters(m)
24 steps of cross_entropy(m(x), y), after every eighth a.update_parameters(m); a.module.weight, m.weight
*/
const AVERAGE = [0.7323824, 0.2375007, 0.321767, 0.2625446, 0.5367927, -0.1322694];
const LAST = [0.732626, 0.2208346, 0.312607, 0.262301, 0.5534588, -0.1231094];

const pattern = (shape: number[], k: number) =>
  tensor(
    Float32Array.from({ length: shape.reduce((n, s) => n * s, 1) }, (_, i) => Math.sin(i * k + 0.5)),
    shape,
  );

function run(steps: number, average?: (m: nn.Linear) => AveragedWeights, done = 0) {
  manualSeed(0);
  const model = new nn.Linear(3, 2);
  model.parameters().forEach((p, i) => {
    p.detach().copy_(pattern([...p.shape], 0.7 + 0.1 * i));
  });
  const averaged = average?.(model) ?? new AveragedWeights(model.parameters(), 0.8);
  const optimizer = new SGD(model.parameters(), { lr: 0.5 });
  const x = pattern([8, 3], 1.3);
  const y = tensor(Int32Array.from({ length: 8 }, (_, i) => i % 2));
  for (let i = 0; i < steps; i++) {
    nn.crossEntropy(model.forward(x), y).backward();
    optimizer.step();
    optimizer.zeroGrad();
    if (i >= done) averaged.update();
  }
  return { model, averaged };
}
const close = (got: ArrayLike<number>, want: readonly number[]) => {
  for (const [i, w] of want.entries()) expect(got[i]).toBeCloseTo(w, 5);
};

describe("AveragedWeights", () => {
  it("averages as PyTorch does, and gives the weights back", () => {
    const { model, averaged } = run(24);
    close(model.weight.data(), LAST);
    averaged.swap();
    close(model.weight.data(), AVERAGE);
    averaged.swap();
    close(model.weight.data(), LAST);
  });
  it("goes on from its state to the same bits", () => {
    const whole = run(24).averaged.stateDict();
    const half = run(11).averaged.stateDict();
    const restore = (m: nn.Linear) => {
      const averaged = new AveragedWeights(m.parameters(), 0.8);
      averaged.loadStateDict(half);
      return averaged;
    };
    expect(run(24, restore, 11).averaged.stateDict()).toEqual(whole);
  });
  it("forgets the initial weights soon: the first contribution counts 9/11", () => {
    const model = new nn.Linear(1, 1);
    model.weight.detach().fill_(0);
    const averaged = new AveragedWeights(model.parameters(), 0.9999);
    model.weight.detach().fill_(1);
    for (let i = 0; i < 8; i++) averaged.update();
    averaged.swap();
    expect(model.weight.data()[0]).toBeCloseTo(9 / 11, 5);
  });
  it("refuses a decay or a state that does not fit", () => {
    const model = new nn.Linear(1, 1);
    expect(() => new AveragedWeights(model.parameters(), 1)).toThrow(/decay 1/);
    const averaged = new AveragedWeights(model.parameters(), 0.5);
    expect(() => averaged.loadStateDict(run(1).averaged.stateDict())).toThrow(/other parameters/);
  });
});
