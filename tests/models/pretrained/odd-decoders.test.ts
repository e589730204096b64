import { describe, expect, it } from "vitest";
import { noGrad, type Tensor, tensor } from "../../../src/index.ts";
import type { CausalLm } from "../../../src/models/causal-lm.ts";
import { gpt2 } from "../../../src/models/gpt2/index.ts";
import type { Family, Head, HeadOutput } from "../../../src/models/index.ts";
import { llama, mistral, qwen2 } from "../../../src/models/llama/index.ts";
import type { Module } from "../../../src/nn/index.ts";
import { AdamW } from "../../../src/optim/index.ts";
import { fingerprint, near, recorded } from "./recorded.ts";

/** What scripts/record/decoders.py recorded of a configuration. */
interface Case {
  name: string;
  v4: Record<string, unknown>;
  v5: Record<string, unknown>;
  none: { all: number[]; last: number[] };
  right: { all: number[]; last: number[] };
  left: { all: number[]; last: number[] };
  steps: number[];
  classes: { right: number[]; left: number[]; rightTokens: number[]; leftTokens: number[] };
  losses: number[];
  after: Record<string, [number, number]>;
}

const [T, CUT, VOCAB, PAD] = [10, 6, 24, 3];
type Side = "none" | "right" | "left";

/** decoders.py's weights. */
function fill<M extends Module>(model: M): M {
  const named = [...model.namedParameters()].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [k, [name, p]] of named.entries()) {
    const shift = name.endsWith("weight") && p.ndim === 1 ? 1 : 0;
    const wave = (i: number) => 0.35 * Math.cos(0.7 * i + 0.05 * (i % 31) * (i % 7) + k);
    p.detach().copy_(Float32Array.from({ length: p.numel }, (_, i) => shift + wave(i)));
  }
  return model.eval() as M;
}

const ids = () => Int32Array.from({ length: 2 * T }, (_, i) => ((i * 7 + 5) % (VOCAB - 4)) + 4);
/** The second text has six tokens, but for `none`. */
function inputs(side: Side): { inputIds: Tensor; attentionMask?: Tensor; shown: number[] } {
  const x = ids();
  const mask = new Int32Array(2 * T).fill(1);
  if (side === "right") {
    x.fill(PAD, T + CUT);
    mask.fill(0, T + CUT);
  } else if (side === "left") {
    x.copyWithin(2 * T - CUT, T, T + CUT);
    x.fill(PAD, T, 2 * T - CUT);
    mask.fill(0, T, 2 * T - CUT);
  }
  const shown = [...mask.keys()].filter((i) => mask[i] === 1);
  const attentionMask = side === "none" ? undefined : tensor(mask, [2, T]);
  return { inputIds: tensor(x, [2, T]), attentionMask, shown };
}
const rows = (logits: Tensor, which: readonly number[]): number[] => {
  const [data, width] = [logits.data(), logits.shape[logits.ndim - 1]];
  return which.flatMap((i) => [...data.subarray(i * width, (i + 1) * width)] as number[]);
};

const FAMILIES: [string, Family][] = [
  ["llama", llama],
  ["qwen2", qwen2],
  ["mistral", mistral],
  ["gpt2", gpt2],
];

describe.each(FAMILIES)("odd configurations of %s, recorded from Transformers 5.24", (name, family) => {
  const cases: Case[] = recorded(`odd-${name}`);
  const parse = (json: Record<string, unknown>) => family.config.parse(json);
  const make = (head: Head, config: unknown) => {
    const Model = family.heads[head];
    if (Model === undefined) throw new Error(`no ${head}`);
    return fill(new Model(config)) as Module & { forward(inputs: object): HeadOutput };
  };

  it("are a dozen or more", () => expect(cases.length).toBeGreaterThanOrEqual(12));

  describe.each(cases)("$name", (want) => {
    it.each(["v4", "v5"] as const)("gives the same logits in the layout %s, with and without padding", (layout) => {
      const model = make("causalLm", parse(want[layout]));
      noGrad(() => {
        for (const side of ["none", "right", "left"] as const) {
          const { shown, ...given } = inputs(side);
          const { logits } = model.forward(given);
          const last = side === "right" ? [T - 1, T + CUT - 1] : [T - 1, 2 * T - 1];
          near(rows(logits, last), want[side].last);
          near(fingerprint(rows(logits, shown)), want[side].all);
        }
      });
    });
    it("gives the same logits of single tokens with a cache", () => {
      const model = make("causalLm", parse(want.v5)) as unknown as CausalLm;
      noGrad(() => {
        const x = tensor(ids(), [2, T]);
        let { past } = model.next(x.slice(1, 0, 5));
        const logits: number[] = [];
        for (let at = 5; at < 8; at++) {
          const out = model.next(x.slice(1, at, at + 1), past);
          past = out.past;
          logits.push(...rows(out.logits, [0, 1]));
        }
        near([...fingerprint(logits), ...logits.slice(-VOCAB)], want.steps);
      });
    });
    it("classifies texts and tokens the same", () => {
      const labels = { id2label: { 0: "a", 1: "b", 2: "c" }, label2id: { a: 0, b: 1, c: 2 } };
      const texts = make("sequenceClassification", parse({ ...want.v4, ...labels, pad_token_id: PAD }));
      const tokens = make("tokenClassification", parse({ ...want.v4, ...labels }));
      noGrad(() => {
        for (const side of ["right", "left"] as const) {
          const { shown, ...given } = inputs(side);
          near(texts.forward(given).logits.data(), want.classes[side]);
          near(fingerprint(rows(tokens.forward(given).logits, shown)), want.classes[`${side}Tokens`]);
        }
      });
    });
    it("learns the same in five steps of AdamW", () => {
      const model = make("causalLm", parse(want.v4));
      const { shown, ...given } = inputs("right");
      const x = given.inputIds.data();
      const labels = tensor(
        Int32Array.from(x, (id, i) => (shown.includes(i) ? id : -100)),
        [2, T],
      );
      const eps = name === "gpt2" ? 1e-5 : 1e-6;
      const optimizer = new AdamW(model.parameters(), { lr: 1e-3, weightDecay: 0.01, eps });
      const losses = want.losses.map(() => {
        const { loss } = model.forward({ ...given, labels });
        (loss as Tensor).backward();
        optimizer.step();
        optimizer.zeroGrad();
        return (loss as Tensor).item();
      });
      near(losses, want.losses, 1e-4);
      const own = new Map(model.namedParameters());
      expect([...own.keys()].sort()).toEqual(Object.keys(want.after).sort());
      for (const [key, [norm, wave]] of Object.entries(want.after)) {
        const got = fingerprint((own.get(key) as Tensor).data());
        expect(Math.abs(got[0] - norm) / norm, key).toBeLessThan(1e-4);
        expect(Math.abs(got[1] - wave) / norm, key).toBeLessThan(1e-4);
      }
    });
    it("is written so that it reads the same again", () => {
      const config = parse(want.v5);
      const json = family.config.toJson(config);
      expect(family.config.toJson(parse(json as Record<string, unknown>))).toEqual(json);
    });
  });
});
