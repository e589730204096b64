import { describe, expect } from "vitest";
import { canSweep, collect, sweep } from "../../src/backend/watch.ts";
import {
  checkpoint,
  manualSeed,
  memory,
  noGrad,
  randn,
  reclaim,
  ShoshinError,
  scope,
  type Tensor,
  tidy,
} from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { concat } from "../../src/ops/index.ts";
import { SGD } from "../../src/optim/index.ts";
import { BACKENDS, itOn } from "../backends.ts";

/** xorshift: the program must not depend on the random numbers that the tensors take. */
function dice(seed: number): (n: number) => number {
  let x = seed * 2654435761 + 1;
  return (n) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % n;
  };
}

/** A random program of operations, views, graphs, scopes and errors; what it reads and which errors it meets. */
function program(seed: number, between: (roll: number) => void): (number | string)[] {
  const roll = dice(seed);
  const chance = dice(seed + 7);
  manualSeed(seed);
  const net = new nn.Linear(6, 6);
  const optimizer = new SGD(net.parameters(), { lr: 0.01 });
  const vars: (Tensor | undefined)[] = Array.from({ length: 8 }, () => randn([4, 6]));
  const trace: (number | string)[] = [];
  const any = () => vars[roll(vars.length)] ?? randn([4, 6]);
  const put = (t: Tensor) => {
    vars[roll(vars.length)] = t;
  };
  const read = (t: Tensor) => trace.push(...Array.from(t.data()).slice(0, 3));
  const ACTIONS: (() => unknown)[] = [
    () => put(randn([4, 6])),
    () => put(randn([4, 6]).requiresGrad_()),
    () => put(any().mul(0.5).add(any())),
    () => put(any().tanh()),
    () => put(net.forward(any())),
    () => put(any().reshape([6, 4]).reshape([4, 6])),
    () => put(any().transpose(0, 1).reshape([4, 6])),
    () => put(concat([any().slice(0, 0, 2), any().slice(0, 1, 3)], 0)),
    () => put(any().detach()),
    () => put(any().keep()),
    () => put(checkpoint((a) => net.forward(a).sigmoid(), any())),
    () => put(noGrad(() => net.forward(any()).mul(any()))),
    () => put(tidy(() => any().add(any()).relu())),
    () => {
      vars[roll(vars.length)] = undefined;
    },
    () => {
      using _s = scope();
      const t = any().mul(any()).sum();
      if (roll(2) === 0) put(t.add(any()).keep());
      else if (roll(3) === 0) put(any().exp().mul(1e-3));
      read(t);
    },
    () => {
      const loss = net.forward(any()).add(any()).square().mean();
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      read(loss);
      if (roll(2) === 0) put(loss.detach().add(any()));
    },
    () => {
      const loss = net.forward(any()).mul(any()).mean();
      if (roll(3) === 0) throw new ShoshinError("between forward and backward");
      loss.backward({ retainGraph: true });
      loss.backward();
    },
    () => any().dispose(),
    () => noGrad(() => any().fill_(0.25)),
    () => reclaim(),
    () => read(any()),
    () => read(any()),
    () => read(net.weight),
  ];
  for (let i = 0; i < 120; i++) {
    between(chance(12));
    try {
      ACTIONS[roll(ACTIONS.length)]();
    } catch (error) {
      if (!(error instanceof ShoshinError)) throw error;
      trace.push(error.name);
    }
  }
  for (const t of vars) if (t?.storage.alive) read(t);
  return trace;
}

describe.each(BACKENDS)("what nothing reaches on the %s backend", (name) => {
  const it = itOn(name);

  it("can go at any moment: random programs with and without sweeps read the same", { timeout: 120_000 }, () => {
    let errors = 0;
    let numbers = 0;
    for (let seed = 1; seed <= 15; seed++) {
      const plain = program(seed, () => {});
      const swept = program(seed, (roll) => {
        if (roll < 3) collect(roll === 0);
        else sweep();
      });
      expect(swept).toEqual(plain);
      errors += plain.filter((v) => typeof v === "string").length;
      numbers += plain.filter((v) => typeof v === "number").length;
    }
    // The programs do something.
    expect(errors).toBeGreaterThan(25);
    expect(numbers).toBeGreaterThan(500);
  });

  it.skipIf(!canSweep())("goes: tensors, views, graphs without a backward pass and the chains they hang on", () => {
    collect(true);
    const before = memory().liveTensors;
    const held = (() => {
      const w = randn([8, 8]).requiresGrad_();
      for (let i = 0; i < 30; i++) {
        randn([8]).mul(2);
        w.mul(w).tanh().slice(0, 0, 2);
        noGrad(() => w.mul(3));
        w.sum().backward();
      }
      // Of this graph only a view that has no history is left.
      const view = noGrad(() => w.mul(2).exp().slice(0, 1, 3));
      const graph = w.exp();
      return [view, noGrad(() => graph.reshape([64]))];
    })();
    expect(memory().liveTensors).toBeGreaterThan(before + 60);
    const values = held.map((t) => [...t.data()]);
    for (let i = 0; i < 3; i++) collect(true);
    // The two views' storages; one keeps its graph and with it the leaf, its gradient and what the leaf saved.
    expect(memory().liveTensors).toBeLessThan(before + 10);
    expect(held.map((t) => [...t.data()])).toEqual(values);
  });
});
