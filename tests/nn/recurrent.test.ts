import { describe, expect, it } from "vitest";
import { manualSeed, memory, noGrad, ones, randn, type Tensor, tensor } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/index.ts";

/*
Results and gradients as PyTorch 2.13 computes them; each line: the sum against cosines, and the first three elements.

import torch, json
from math import prod
from torch.nn.utils.rnn import pack_padded_sequence as pack, pad_packed_sequence as pad
def pattern(*shape, k): return torch.sin(torch.arange(prod(shape), dtype=torch.float64) * k + 0.5).float().reshape(shape)
def digest(t):
    v = t.detach().double().flatten()
    return [float(f"{x:.7g}") for x in [(v * torch.cos(torch.arange(len(v), dtype=torch.float64) * 0.3 + 0.1)).sum(), *v[:3]]]
def record(net, lengths=None):
    for i, p in enumerate(net.parameters()): p.data = pattern(*p.shape, k=0.7 + 0.1 * i) * 0.5
    d = 2 if net.bidirectional else 1
    x = pattern(3, 5, 2, k=1.3) if net.batch_first else pattern(5, 3, 2, k=1.3)
    state = [pattern(net.num_layers * d, 3, 4, k=k) for k in ((0.9, 1.1) if isinstance(net, torch.nn.LSTM) else (0.9,))]
    for t in (x, *state): t.requires_grad_()
    given = pack(x, lengths, net.batch_first, enforce_sorted=False) if lengths else x
    y, last = net(given, tuple(state) if len(state) == 2 else state[0])
    if lengths: y, _ = pad(y, net.batch_first)
    last = last if isinstance(last, tuple) else (last,)
    sum((t * pattern(*t.shape, k=0.6)).sum() for t in (y, *last)).backward()
    r = {"output": digest(y), **{n: digest(t) for n, t in zip(("hN", "cN"), last)}, "x.grad": digest(x.grad)}
    r |= {n: digest(t.grad) for n, t in zip(("h0.grad", "c0.grad"), state)}
    return r | {n: digest(p.grad) for n, p in net.named_parameters()}
out = {
 "LSTM": record(torch.nn.LSTM(2, 4)),
 "LSTM, 2 layers, bidirectional, batch first, lengths": record(torch.nn.LSTM(2, 4, 2, bidirectional=True, batch_first=True), [5, 2, 3]),
 "GRU, no bias": record(torch.nn.GRU(2, 4, bias=False)),
 "GRU, 2 layers, bidirectional, lengths": record(torch.nn.GRU(2, 4, 2, bidirectional=True), [1, 5, 4]),
 "RNN, 2 layers, bidirectional, lengths": record(torch.nn.RNN(2, 4, 2, bidirectional=True), [5, 3, 2]),
 "RNN, relu, batch first": record(torch.nn.RNN(2, 4, 2, nonlinearity="relu", batch_first=True)),
}
*/
const WANT: Record<string, Record<string, number[]>> = {
  LSTM: {
    output: [0.4064382, 0.3333758, 0.1132064, 0.6076255],
    hN: [0.8460354, 0.1862712, 0.2557228, -0.1595628],
    cN: [1.943728, 0.7259037, 0.4874479, -0.1962935],
    "x.grad": [1.044014, 0.2265223, 0.269576, 0.007186459],
    "h0.grad": [-0.06249525, 0.1027695, 0.1115744, 0.05269976],
    "c0.grad": [0.07332479, 0.1009273, 0.1272945, 0.4343651],
    weight_ih_l0: [5.756982, 0.2546177, -0.2199087, 0.1100246],
    weight_hh_l0: [0.3032109, 0.00533005, 0.02838136, 0.1093364],
    bias_ih_l0: [-2.609262, 0.05738482, 0.01551, 0.3765314],
    bias_hh_l0: [-2.609262, 0.05738482, 0.01551, 0.3765314],
  },
  "LSTM, 2 layers, bidirectional, batch first, lengths": {
    output: [-0.7990629, 0.6422043, -0.1206131, -0.2783375],
    hN: [-0.2782622, 0.3530105, -0.05896293, -0.2631462],
    cN: [-0.7563524, 0.6949484, -0.1207268, -0.48715],
    "x.grad": [-1.77464, -0.3953311, 0.0265918, 0.3006914],
    "h0.grad": [-0.1634362, 0.04039285, 0.04482626, 0.02206865],
    "c0.grad": [1.078352, 0.1082902, 0.02546408, -0.1546905],
    weight_ih_l0: [-1.598238, -0.1591719, -0.1333028, 0.07966258],
    weight_hh_l0: [0.4745636, 0.03168624, 0.04545272, 0.04461188],
    bias_ih_l0: [-0.255491, 0.1689296, -0.04188173, -0.1194852],
    bias_hh_l0: [-0.255491, 0.1689296, -0.04188173, -0.1194852],
    weight_ih_l0_reverse: [0.5498887, 0.0733794, 0.03131284, 0.07254209],
    weight_hh_l0_reverse: [0.5349985, 0.02391144, -0.1036517, -0.1177363],
    bias_ih_l0_reverse: [-1.629532, -0.1309911, 0.2388262, 0.4207491],
    bias_hh_l0_reverse: [-1.629532, -0.1309911, 0.2388262, 0.4207492],
    weight_ih_l1: [-0.1288167, 0.2164958, -0.03721926, -0.07319942],
    weight_hh_l1: [1.909326, -0.003988907, -0.4350764, -0.2358318],
    bias_ih_l1: [-1.162912, 0.4912621, 0.01869638, 0.02332071],
    bias_hh_l1: [-1.162912, 0.4912622, 0.01869638, 0.02332072],
    weight_ih_l1_reverse: [0.360783, -0.07845527, 0.08149883, 0.01353856],
    weight_hh_l1_reverse: [1.282216, 0.207814, -0.001599435, -0.05634809],
    bias_ih_l1_reverse: [0.7898245, -0.1489157, 0.06745859, 0.03815222],
    bias_hh_l1_reverse: [0.7898245, -0.1489157, 0.06745859, 0.03815223],
  },
  "GRU, no bias": {
    output: [0.3995035, 0.4673859, 0.5655249, 0.7496614],
    hN: [0.1353929, 0.1217029, -0.02562571, 0.1762266],
    "x.grad": [0.3621155, 0.1517015, 0.2874684, -0.2100202],
    "h0.grad": [1.67634, 0.9269866, 0.5342196, 0.6962034],
    weight_ih_l0: [8.986108, 0.01153855, -0.03544614, -0.06749642],
    weight_hh_l0: [-0.9495103, 0.04104491, -0.03167903, 0.00828449],
  },
  "GRU, 2 layers, bidirectional, lengths": {
    output: [-0.8871022, -0.08594689, -0.8003618, -0.7603092],
    hN: [1.9181, 0.6560016, 0.5151388, 0.7114975],
    "x.grad": [0.3103618, 0.0684305, 0.1060911, 0.1765341],
    "h0.grad": [0.02205166, 0.4447245, 0.02250274, 0.2372688],
    weight_ih_l0: [1.482369, 0.06995969, -0.02502312, -0.05175189],
    weight_hh_l0: [0.3914881, 0.04418202, 0.03193327, 0.03661227],
    bias_ih_l0: [0.244339, 0.05868797, 0.00497525, -0.00206757],
    bias_hh_l0: [0.298807, 0.05868797, 0.004975244, -0.00206757],
    weight_ih_l0_reverse: [1.43249, -0.07946512, -0.0415301, 0.003391786],
    weight_hh_l0_reverse: [0.4458862, 0.02258945, 0.05101677, -0.007924361],
    bias_ih_l0_reverse: [0.5012362, -0.03442388, -0.01063566, 0.04094636],
    bias_hh_l0_reverse: [0.3573388, -0.03442388, -0.01063566, 0.04094635],
    weight_ih_l1: [-0.03998284, 0.04581247, -0.00577946, 0.04197088],
    weight_hh_l1: [1.701239, -0.06758241, -0.09648241, -0.05596818],
    bias_ih_l1: [-1.420612, 0.04775902, -0.0141909, 0.04828081],
    bias_hh_l1: [-0.5947541, 0.04775902, -0.0141909, 0.04828081],
    weight_ih_l1_reverse: [0.04266014, -0.09970996, 0.002261712, 0.02346854],
    weight_hh_l1_reverse: [0.06851043, 0.03044101, 0.01297517, -0.02075633],
    bias_ih_l1_reverse: [-1.12174, -0.1738809, 0.132542, 0.01323907],
    bias_hh_l1_reverse: [-0.5549212, -0.1738809, 0.132542, 0.01323907],
  },
  "RNN, 2 layers, bidirectional, lengths": {
    output: [-5.191002, 0.8399613, 0.8122243, -0.7054902],
    hN: [-1.986269, 0.9154218, 0.6783207, 0.6825773],
    "x.grad": [1.294414, 0.3230274, -0.5641559, -0.02520498],
    "h0.grad": [-2.306975, -0.07562485, -0.15228, -0.1365642],
    weight_ih_l0: [1.728055, 0.9297757, -0.4055049, 0.1607202],
    weight_hh_l0: [-2.65741, 0.6640421, -0.3272433, -0.0608482],
    bias_ih_l0: [0.1996291, -0.2717599, 0.5626816, 0.1061754],
    bias_hh_l0: [0.1996289, -0.2717599, 0.5626814, 0.1061754],
    weight_ih_l0_reverse: [0.9688502, 0.04768236, 0.6328689, -0.01145066],
    weight_hh_l0_reverse: [-2.880128, -0.3532256, -0.07044985, -0.2354973],
    bias_ih_l0_reverse: [1.109226, -1.102236, 0.7654671, 0.6690736],
    bias_hh_l0_reverse: [1.109226, -1.102236, 0.7654673, 0.6690736],
    weight_ih_l1: [3.310696, 0.2031341, 0.04988287, 0.1887598],
    weight_hh_l1: [4.312378, -0.2303734, -0.3958187, -0.2896807],
    bias_ih_l1: [1.613841, 0.1950573, -0.05729435, 1.004258],
    bias_hh_l1: [1.613842, 0.1950573, -0.05729432, 1.004258],
    weight_ih_l1_reverse: [1.637664, 0.203065, 0.2997451, 0.5469812],
    weight_hh_l1_reverse: [2.060568, 0.488031, 0.02803013, -1.32089],
    bias_ih_l1_reverse: [0.07645923, 0.7831358, 0.1726833, -1.071552],
    bias_hh_l1_reverse: [0.07645946, 0.7831359, 0.1726833, -1.071552],
  },
  "RNN, relu, batch first": {
    output: [0.4105924, 0.7277872, 1.213216, 0.2154481],
    hN: [0.4952186, 1.412281, 0.0, 2.254734],
    "x.grad": [0.1529606, -0.009595213, -0.1730652, 0.1192672],
    "h0.grad": [-0.6839126, 0.02112557, 0.01920326, 0.00563252],
    weight_ih_l0: [-0.39653, 0.3189945, -1.419187, 0.8807842],
    weight_hh_l0: [-3.488612, -0.8079322, -0.1715882, -2.108093],
    bias_ih_l0: [0.3533365, -0.561381, 0.6616513, 0.3954957],
    bias_hh_l0: [0.3533365, -0.561381, 0.6616513, 0.3954957],
    weight_ih_l1: [1.398311, 0.1511674, 0.2930225, 3.274583],
    weight_hh_l1: [-0.4749074, 0.8976452, -1.463279, -0.2125929],
    bias_ih_l1: [2.452594, 1.093518, 0.9750566, 0.6424645],
    bias_hh_l1: [2.452594, 1.093517, 0.9750569, 0.6424645],
  },
};

import { itOn } from "../backends.ts";

type Net = nn.RNN | nn.LSTM | nn.GRU;
const NETS: Record<string, [make: () => Net, lengths?: number[]]> = {
  LSTM: [() => new nn.LSTM(2, 4)],
  "LSTM, 2 layers, bidirectional, batch first, lengths": [
    () => new nn.LSTM(2, 4, { numLayers: 2, bidirectional: true, batchFirst: true }),
    [5, 2, 3],
  ],
  "GRU, no bias": [() => new nn.GRU(2, 4, { bias: false })],
  "GRU, 2 layers, bidirectional, lengths": [() => new nn.GRU(2, 4, { numLayers: 2, bidirectional: true }), [1, 5, 4]],
  "RNN, 2 layers, bidirectional, lengths": [() => new nn.RNN(2, 4, { numLayers: 2, bidirectional: true }), [5, 3, 2]],
  "RNN, relu, batch first": [() => new nn.RNN(2, 4, { numLayers: 2, nonlinearity: "relu", batchFirst: true })],
};

function pattern(shape: readonly number[], k: number, scale = 1): Tensor {
  const n = shape.reduce((p, s) => p * s, 1);
  return tensor(
    Float32Array.from({ length: n }, (_, i) => scale * Math.fround(Math.sin(i * k + 0.5))),
    shape,
  );
}
function digest(t: Tensor | undefined): number[] {
  const v = t?.data() ?? new Float32Array(0);
  return [Array.from(v).reduce((sum, x, i) => sum + x * Math.cos(i * 0.3 + 0.1), 0), ...v.slice(0, 3)];
}
const lists = (state: Tensor | Tensor[]) => (Array.isArray(state) ? state : [state]);
const run = (net: Net, x: Tensor, states: Tensor[], lengths?: number[]) => {
  const { output, state } =
    net instanceof nn.LSTM
      ? net.forward(x, states.length > 0 ? [states[0], states[1]] : undefined, { lengths })
      : net.forward(x, states[0], { lengths });
  return { output, last: lists(state) };
};

describe.each(["native", "reference"] as const)("recurrent modules on the %s backend", (name) => {
  const it = itOn(name);

  it.each(Object.entries(NETS))("%s: PyTorch's values", (title, [make, lengths]) => {
    const net = make();
    const want = WANT[title];
    net.parameters().forEach((p, i) => {
      noGrad(() => void p.copy_(pattern(p.shape, 0.7 + 0.1 * i, 0.5)));
    });
    const layers = net.numLayers * net.directions;
    const x = pattern(net.batchFirst ? [3, 5, 2] : [5, 3, 2], 1.3).requiresGrad_();
    const states = (net instanceof nn.LSTM ? [0.9, 1.1] : [0.9]).map((k) => pattern([layers, 3, 4], k).requiresGrad_());
    const { output, last } = run(net, x, states, lengths);
    [output, ...last]
      .map((t) => t.mul(pattern(t.shape, 0.6)).sum())
      .reduce((a, b) => a.add(b))
      .backward();
    const got: Record<string, number[]> = { output: digest(output), hN: digest(last[0]) };
    if (last[1]) got.cN = digest(last[1]);
    got["x.grad"] = digest(x.grad);
    states.forEach((s, i) => {
      got[i === 0 ? "h0.grad" : "c0.grad"] = digest(s.grad);
    });
    for (const [key, p] of net.namedParameters()) got[key] = digest(p.grad);
    expect(Object.keys(got).sort()).toEqual(Object.keys(want).sort());
    for (const [key, values] of Object.entries(want)) {
      values.forEach((v, i) => {
        expect(Math.abs(got[key][i] - v), `${key}[${i}]: ${got[key][i]}, PyTorch ${v}`).toBeLessThan(
          2e-5 * (1 + Math.abs(v)),
        );
      });
    }
  });

  it.each([
    ["RNN", nn.RNN],
    ["LSTM", nn.LSTM],
    ["GRU", nn.GRU],
  ] as const)("%s: pieces, padding, one sequence and single steps agree with the whole", (_name, Kind) => {
    manualSeed(1);
    const net = new Kind(3, 5, { numLayers: 2, batchFirst: true }) as Net;
    const x = randn([2, 6, 3]);
    const close = (a: Tensor, b: Tensor) => {
      expect(a.shape).toEqual(b.shape);
      const [u, v] = [a.data(), b.data()];
      for (let i = 0; i < u.length; i++) expect(Math.abs(u[i] - v[i])).toBeLessThan(1e-5);
    };
    noGrad(() => {
      const whole = run(net, x, []);
      const begin = run(net, x.slice(1, 0, 4), []);
      const end = run(net, x.slice(1, 4), begin.last);
      close(whole.output.slice(1, 0, 4), begin.output);
      close(whole.output.slice(1, 4), end.output);
      whole.last.forEach((s, i) => {
        close(s, end.last[i]);
      });
      const padded = run(net, x, [], [4, 6]);
      close(padded.output.select(0, 0).slice(0, 0, 4), begin.output.select(0, 0));
      close(padded.output.select(0, 0).slice(0, 4), ones([2, 5]).mul(0));
      padded.last.forEach((s, i) => {
        close(s.select(1, 0), begin.last[i].select(1, 0));
        close(s.select(1, 1), whole.last[i].select(1, 1));
      });
      const single = run(net, x.select(0, 1), []);
      close(single.output, whole.output.select(0, 1));
      single.last.forEach((s, i) => {
        close(s, whole.last[i].select(1, 1));
      });
    });
  });

  it("keeps what leaves noGrad, the state as well", () => {
    const net = new nn.LSTM(3, 4);
    const { output, state } = noGrad(() => net.forward(randn([2, 1, 3])));
    expect(output.data()).toHaveLength(8);
    for (const s of state) expect(s.data()).toHaveLength(4);
  });

  it("learns to remember the first of eight, with constant memory and a carried state", () => {
    manualSeed(2);
    const net = new nn.LSTM(2, 12, { numLayers: 2, dropout: 0.1 });
    const head = new nn.Linear(12, 2);
    const optimizer = new AdamW([...net.parameters(), ...head.parameters()], { lr: 0.02 });
    const ids = Int32Array.from({ length: 16 }, (_, i) => i % 2);
    const [y, mark] = [tensor(ids, [16]), ids.map((id) => id * 4 - 2)];
    const lengths = Array.from({ length: 16 }, (_, i) => 5 + (i % 4));
    const step = (state?: [Tensor, Tensor]) => {
      const noise = noGrad(() => randn([8, 16, 2]).data());
      mark.forEach((v, b) => {
        noise.fill(v, b * 2, b * 2 + 2);
      });
      const x = tensor(noise, [8, 16, 2]);
      const { state: next } = net.forward(x, state, { lengths });
      const loss = nn.crossEntropy(head.forward(next[0].select(0, 1)), y);
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      x.dispose();
      return { loss: loss.item(), next };
    };
    const first = step().loss;
    for (let i = 0; i < 60; i++) step();
    net.eval();
    expect(step().loss).toBeLessThan(first / 5);
    let state: [Tensor, Tensor] | undefined;
    const carry = () => {
      const { next } = step(state);
      for (const s of state ?? []) s.dispose();
      state = [next[0].detach(), next[1].detach()];
    };
    for (let i = 0; i < 3; i++) carry();
    const live = memory().liveTensors;
    for (let i = 0; i < 30; i++) carry();
    expect(memory().liveTensors).toBeLessThanOrEqual(live);
  });
});

describe("recurrent modules", () => {
  it("have PyTorch's parameter names and shapes, and start within ±1/√hidden", () => {
    const net = new nn.GRU(3, 4, { numLayers: 2, bidirectional: true });
    expect([...net.namedParameters()].map(([name, p]) => `${name} ${p.shape}`)).toEqual(
      ["_l0", "_l0_reverse", "_l1", "_l1_reverse"].flatMap((end, i) => [
        `weight_ih${end} 12,${i < 2 ? 3 : 8}`,
        `weight_hh${end} 12,4`,
        `bias_ih${end} 12`,
        `bias_hh${end} 12`,
      ]),
    );
    for (const p of net.parameters()) expect(Math.max(...p.data().map(Math.abs))).toBeLessThanOrEqual(0.5);
    const other = new nn.GRU(3, 4, { numLayers: 2, bidirectional: true });
    other.loadStateDict(net.stateDict());
    expect(other.weights(1, 1).weightHh.data()).toEqual(net.weights(1, 1).weightHh.data());
    expect(net.extraRepr()).toBe("3 → 4, 2 layers, bidirectional");
  });

  it("drop between layers while training only", () => {
    manualSeed(3);
    const net = new nn.RNN(3, 50, { numLayers: 2, dropout: 1 });
    const x = randn([2, 1, 3]);
    const value = () => noGrad(() => net.forward(x).output.data());
    const shut = value();
    net.eval();
    expect(value()).not.toEqual(shut);
    const { weightHh, biasIh, biasHh } = net.weights(1);
    const first = biasIh?.data().map((v, i) => Math.tanh(v + (biasHh?.data()[i] ?? 0))) ?? [];
    first.forEach((v, i) => {
      expect(shut[i]).toBeCloseTo(v, 5);
    });
    expect(weightHh.shape).toEqual([50, 50]);
  });

  it("drop weights once for all steps, and outputs by one mask, while training only", () => {
    manualSeed(3);
    const net = new nn.RNN(3, 40, { numLayers: 2, weightDropout: 1, dropout: 0.5, lockedDropout: true });
    const x = randn([4, 2, 3]);
    // Without W_hh a state depends on its own input alone: the same input at every step gives the same output.
    const same = noGrad(() => net.forward(x.slice(0, 0, 1).expand([4, 2, 3])).output.toArray()) as number[][][];
    for (const step of same) expect(step).toEqual(same[0]);
    net.eval();
    const plain = new nn.RNN(3, 40, { numLayers: 2 });
    plain.loadStateDict(net.stateDict());
    expect(noGrad(() => net.forward(x).output.data())).toEqual(noGrad(() => plain.forward(x).output.data()));
    expect(net.extraRepr()).toMatch(/locked dropout 0.5, weight dropout 1/);
    expect(() => new nn.GRU(3, 2, { weightDropout: -1 })).toThrow(/weightDropout -1/);
    net.train();
    net.forward(x).output.sum().backward();
    expect(
      net
        .weights(0)
        .weightHh.grad?.data()
        .every((v) => v === 0),
    ).toBe(true);
  });

  it("refuse what does not fit, by name", () => {
    expect(() => new nn.LSTM(3, 0)).toThrow(/hiddenSize is 0/);
    expect(() => new nn.LSTM(3, 2, { numLayers: 1.5 })).toThrow(/numLayers is 1.5/);
    expect(() => new nn.GRU(3, 2, { dropout: 2 })).toThrow(/dropout 2/);
    expect(() => new nn.RNN(3, 2, { nonlinearity: "gelu" as "relu" })).toThrow(/nonlinearity gelu/);
    const net = new nn.LSTM(3, 2, { batchFirst: true });
    expect(() => net.forward(randn([1, 2, 4]))).toThrow(/LSTM: expected input \[batch, T, 3\], found \[1, 2, 4\]/);
    const bad = randn([1, 2, 2]);
    expect(() => net.forward(randn([1, 2, 3]), [bad, bad])).toThrow(/expected a state \[1, 1, 2\]/);
    expect(() => net.forward(randn([1, 2, 3]), undefined, { lengths: [3] })).toThrow(/0 to 2/);
  });
});
