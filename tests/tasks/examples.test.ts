import { expect, it, vi } from "vitest";
import { main } from "../../examples/feed-forward.ts";
import { main as lstm } from "../../examples/lstm.ts";
import { manualSeed, tensor } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { Adam } from "../../src/optim/index.ts";

it("the worked example separates the spirals", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  expect(await main()).toBeGreaterThan(0.95);
  log.mockRestore();
});

it("the LSTM example learns from reviews what holds for others too", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  expect(await lstm()).toBeGreaterThan(0.55);
  log.mockRestore();
});

const corners = tensor([
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]);

it("a perceptron learns any separable set", () => {
  for (const target of [
    [0, 0, 0, 1],
    [0, 1, 1, 1],
    [1, 1, 0, 0],
    [1, 0, 1, 1],
  ]) {
    const neuron = new nn.Perceptron(2);
    let passes = 0;
    while (neuron.learn(corners, tensor(target)) > 0) expect(++passes).toBeLessThan(50);
    expect(neuron.forward(corners).toArray()).toEqual(target);
  }
});

it("a perceptron cannot learn XOR, two layers can", () => {
  const xor = [0, 1, 1, 0];
  const neuron = new nn.Perceptron(2);
  for (let pass = 0; pass < 1000; pass++) expect(neuron.learn(corners, tensor(xor))).toBeGreaterThan(0);
  manualSeed(1);
  const net = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 1));
  const optimizer = new Adam(net.parameters(), { lr: 0.05 });
  const target = tensor(xor).reshape([4, 1]);
  for (let step = 0; step < 400; step++) {
    optimizer.zeroGrad();
    nn.bceWithLogitsLoss(net.forward(corners), target).backward();
    optimizer.step();
  }
  expect([...net.forward(corners).data()].map((v) => Number(v > 0))).toEqual(xor);
});
