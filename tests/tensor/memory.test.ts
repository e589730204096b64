import { describe, expect, it } from "vitest";
import {
  AutogradError,
  backend,
  manualSeed,
  memory,
  noGrad,
  randn,
  reclaim,
  scope,
  setBackend,
  tensor,
  tidy,
  UseAfterFreeError,
  zeros,
} from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/index.ts";
import { BACKENDS, hasBackend, itOn } from "../backends.ts";

function network() {
  manualSeed(0);
  const net = new nn.Sequential(
    new nn.Linear(8, 16),
    new nn.ReLU(),
    new nn.Dropout(0.2),
    new nn.LayerNorm(16),
    new nn.Linear(16, 3),
  );
  const optimizer = new AdamW(net.parameters(), { lr: 1e-3 });
  const x = randn([10, 8]);
  const y = tensor(
    Int32Array.from({ length: 10 }, (_, i) => i % 3),
    [10],
  );
  return { net, optimizer, x, y };
}

describe.each(BACKENDS)("memory on the %s backend", (name) => {
  const it = itOn(name);

  it("stays constant over 1,000 training steps, with losses kept as numbers", () => {
    const { net, optimizer, x, y } = network();
    const step = () => {
      const loss = nn.crossEntropy(net.forward(x), y);
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      return loss.item();
    };
    const losses = [step(), step(), step()];
    const before = memory();
    for (let i = 0; i < 1000; i++) losses.push(step());
    const after = memory();
    expect(after.liveTensors).toBe(before.liveTensors);
    expect(after.liveBytes).toBe(before.liveBytes);
    expect(after.pooledBytes).toBe(before.pooledBytes);
    expect(losses[1000]).toBeLessThan(losses[0]);
  });

  it.skipIf(name === "reference")("keeps no more unused than was ever in use, whatever the sizes", () => {
    // Batches of texts have a new length at almost every step.
    for (let step = 0; step < 60; step++) {
      const rows = 16384 - ((step * 3701) % 15000);
      tidy(() => void zeros([rows, 256]).add(1).mul(2).exp().sum().item());
      const { pooledBytes, peakBytes } = memory();
      expect(pooledBytes).toBeLessThanOrEqual(Math.max(peakBytes, 2 ** 26));
    }
  });

  it("stays constant when evaluating and when accumulating gradients", () => {
    const { net, optimizer, x, y } = network();
    const round = () => {
      for (let micro = 0; micro < 3; micro++) nn.crossEntropy(net.forward(x), y).div(3).backward();
      optimizer.step();
      optimizer.zeroGrad();
      const best = noGrad(() => net.forward(x).argmax(1));
      best.dispose();
    };
    round();
    round();
    reclaim();
    const before = memory();
    for (let i = 0; i < 200; i++) round();
    reclaim();
    expect(memory().liveTensors).toBe(before.liveTensors);
  });

  it("frees what a scope made, and nothing that was kept", () => {
    const before = memory().liveTensors;
    let kept: ReturnType<typeof randn>;
    let lost: ReturnType<typeof randn>;
    {
      using _s = scope();
      kept = randn([4]).mul(2).keep();
      lost = randn([4]);
      const a = randn([4]).requiresGrad_();
      a.mul(a).sum();
    }
    expect(memory().liveTensors).toBe(before + 1);
    expect(kept.data()).toHaveLength(4);
    expect(() => lost.data()).toThrow(UseAfterFreeError);
    kept.dispose();
    expect(memory().liveTensors).toBe(before);
  });

  it("keeps results readable after backward, until the next graph begins", () => {
    const w = tensor([1, 2, 3], { requiresGrad: true });
    const y = w.mul(2);
    const kept = y.detach();
    y.sum().backward();
    expect(y.argmax().item()).toBe(2);
    expect(() => y.mul(2)).toThrow(AutogradError);
    const z = w.mul(3);
    expect(kept.toArray()).toEqual([2, 4, 6]);
    z.sum().backward();
    expect(w.grad?.toArray()).toEqual([5, 5, 5]);
  });

  it("refuses a second backward and edits of what the graph saved, by name", () => {
    const w = tensor([1, 2], { requiresGrad: true });
    const loss = w.mul(w).sum();
    loss.backward({ retainGraph: true });
    loss.backward();
    expect(w.grad?.toArray()).toEqual([4, 8]);
    expect(() => loss.backward()).toThrow(/backward\(\) has run/);
    const other = w.mul(w).sum();
    noGrad(() => w.fill_(1));
    expect(() => other.backward()).toThrow(/edited in place/);
    expect(() => tensor([1]).backward()).toThrow(/nothing was recorded/);
    expect(() => w.mul(2).backward()).toThrow(/needs a gradient/);
    expect(() => noGrad(async () => 1)).toThrow(/asynchronous/);
  });

  it("gives gradients of shared parts and retained ones", () => {
    const a = tensor([2], { requiresGrad: true });
    const b = a.mul(3).retainGrad();
    b.mul(b).add(b).sum().backward();
    expect(b.grad?.item()).toBe(13);
    expect(a.grad?.item()).toBe(39);
  });
});

it.skipIf(!hasBackend("native"))("frees dropped tensors when the garbage collector finds them", async () => {
  setBackend("native");
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const before = memory().liveTensors;
  (() => {
    for (let i = 0; i < 50; i++) randn([100]).requiresGrad_().mul(2);
  })();
  expect(memory().liveTensors).toBeGreaterThan(before);
  for (let i = 0; i < 20 && memory().liveTensors > before; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(memory().liveTensors).toBeLessThanOrEqual(before);
  expect(backend().name).toBe("native");
});
