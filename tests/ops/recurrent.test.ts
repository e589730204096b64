import { describe, expect, it } from "vitest";
import type { Tensor } from "../../src/index.ts";
import * as S from "../../src/index.ts";

const { concat, gradcheck, manualSeed, randn } = S;
const [T, B, I, H] = [4, 3, 2, 3];

/** Float64 finite differences of x, initial states, weights and biases, through every result. */
type Run = (x: Tensor, states: Tensor[], w: S.RecurrentWeights, o: S.RecurrentOptions) => Tensor[];
const kinds: [name: string, gates: number, states: number, run: Run][] = [
  ["rnn tanh", 1, 1, (x, [h], w, o) => S.rnn(x, w, h, o)],
  ["rnn relu", 1, 1, (x, [h], w, o) => S.rnn(x, w, h, { ...o, nonlinearity: "relu" })],
  ["lstm", 4, 2, (x, [h, c], w, o) => S.lstm(x, w, [h, c], o)],
  ["gru", 3, 1, (x, [h], w, o) => S.gru(x, w, h, o)],
];
const options: [string, S.RecurrentOptions][] = [
  ["forward", {}],
  ["reverse", { reverse: true }],
  ["lengths", { lengths: [2, 4, 0] }],
  ["lengths, reverse", { lengths: [2, 4, 1], reverse: true }],
];

describe.each(kinds)("%s", (_name, gates, count, run) => {
  const flat = (list: Tensor[]) =>
    concat(
      list.map((t) => t.flatten()),
      0,
    );
  it.each(options)("gradients agree with finite differences: %s", (_how, o) => {
    manualSeed(3);
    const states = Array.from({ length: count }, () => randn([B, H]));
    const weights = [randn([gates * H, I]), randn([gates * H, H]), randn([gates * H]), randn([gates * H])];
    const wrong = gradcheck(
      (x, weightIh, weightHh, biasIh, biasHh, ...s) => flat(run(x, s, { weightIh, weightHh, biasIh, biasHh }, o)),
      [randn([T, B, I]), ...weights, ...states],
    );
    expect(wrong).toEqual([]);
  });

  it("works without biases and states, on no step, one step and views", () => {
    manualSeed(4);
    const w = [randn([gates * H, I]), randn([gates * H, H])];
    const bare = (o: S.RecurrentOptions) => (x: Tensor, weightIh: Tensor, weightHh: Tensor) =>
      flat(run(x.transpose(0, 1), [], { weightIh, weightHh }, o));
    expect(gradcheck(bare({}), [randn([B, 1, I]), ...w])).toEqual([]);
    expect(gradcheck(bare({ reverse: true }), [randn([1, 2, I]), ...w])).toEqual([]);
    const none = run(
      randn([0, B, I]),
      Array.from({ length: count }, () => S.ones([B, H])),
      { weightIh: w[0], weightHh: w[1] },
      {},
    );
    expect(none[0].shape).toEqual([0, B, H]);
    for (const last of none.slice(1)) expect(last.data()).toEqual(new Float32Array(B * H).fill(1));
  });

  it("one tensor may stand for several arguments", () => {
    manualSeed(5);
    const wrong = gradcheck(
      (x, w, b) => {
        const all = run(x, Array(count).fill(x.select(0, 0)), { weightIh: w, weightHh: w, biasIh: b, biasHh: b }, {});
        return flat(all);
      },
      [randn([T, B, H]), randn([gates * H, H]), randn([gates * H])],
    );
    expect(wrong).toEqual([]);
    const run2 = (s: Tensor[], b1: Tensor, b2: Tensor, w1: Tensor, w2: Tensor) => {
      flat(run(S.ones([T, B, H]), s, { weightIh: w1, weightHh: w2, biasIh: b1, biasHh: b2 }, {}))
        .sum()
        .backward();
    };
    const leaf = (...shape: number[]) => S.full(shape, 0.3, { requiresGrad: true });
    const [b, w, h] = [leaf(gates * H), leaf(gates * H, H), leaf(B, H)];
    run2(Array(count).fill(h), b, b, w, w);
    const [b1, b2, w1, w2] = [leaf(gates * H), leaf(gates * H), leaf(gates * H, H), leaf(gates * H, H)];
    const hs = Array.from({ length: count }, () => leaf(B, H));
    run2(hs, b1, b2, w1, w2);
    const close = (x: Tensor, parts: Tensor[]) => {
      const want = parts.map((p) => p.grad?.data() ?? []);
      x.grad?.data().forEach((v, i) => {
        expect(v).toBeCloseTo(want.reduce((n, p) => n + p[i], 0) as number, 4);
      });
    };
    close(b, [b1, b2]);
    close(w, [w1, w2]);
    close(h, hs);
  });

  it("refuses what does not fit, by name", () => {
    const w = { weightIh: randn([gates * H, I]), weightHh: randn([gates * H, H]) };
    const x = randn([T, B, I]);
    expect(() => run(randn([T, B, I + 1]), [], w, {})).toThrow(/weightIh/);
    expect(() => run(randn([T, I]), [], w, {})).toThrow(/expected input \[T, batch, input\]/);
    expect(() => run(x, [randn([B, H + 1])], w, {})).toThrow(/a state \[3, 3\]/);
    expect(() => run(x, [], { ...w, biasHh: randn([1, 2]) }, {})).toThrow(/biasHh/);
    expect(() => run(x, [], w, { lengths: [1, 2] })).toThrow(/2 of them/);
    expect(() => run(x, [], w, { lengths: [1, 2, 5] })).toThrow(/found 5/);
    expect(() => run(x, [], w, { lengths: randn([B]) })).toThrow(/int32/);
    const bad = S.tensor(Int32Array.of(1, 2, 9), [B]);
    expect(() => run(x, [], w, { lengths: bad })).toThrow(/length 9 of sequence 2/);
  });
});
