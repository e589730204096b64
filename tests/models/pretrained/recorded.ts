/// <reference types="vite/client" />
import { expect } from "vitest";
import { noGrad, type Tensor, tensor } from "../../../src/index.ts";
import type { EncoderInputs, Family, HeadOutput } from "../../../src/models/index.ts";
import type { Module } from "../../../src/nn/index.ts";
import { AdamW } from "../../../src/optim/index.ts";

// biome-ignore lint/suspicious/noExplicitAny: a form for each family
const files: Record<string, any> = import.meta.glob("./recorded/*.json", { eager: true, import: "default" });
/** What record.py recorded of Transformers. */
export const recorded = (name: string) => files[`./recorded/${name}.json`];

/** The waves that record.py fills models with. */
export function fill<M extends Module>(model: M): M {
  const named = [...model.namedParameters()].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [k, [name, p]] of named.entries()) {
    const shift = name.endsWith("weight") && p.ndim === 1 ? 1 : 0;
    p.detach().copy_(Float32Array.from({ length: p.numel }, (_, i) => shift + 0.2 * Math.cos(0.7 * i + k)));
  }
  return model.eval() as M;
}

/** Batches of two texts; the second has five tokens of seven. */
export const inputIds = (batch: number, length: number, vocab: number, step = 7) =>
  tensor(
    Int32Array.from({ length: batch * length }, (_, i) => ((i * step + 3) % (vocab - 5)) + 4),
    [batch, length],
  );
export const attentionMask = () => tensor(Int32Array.of(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0), [2, 7]);
export const encoderInputs = (types = true): EncoderInputs => ({
  inputIds: inputIds(2, 7, 50),
  attentionMask: attentionMask(),
  ...(types ? { tokenTypeIds: tensor(Int32Array.of(0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1), [2, 7]) } : {}),
});

/** Rows of the 12 tokens that the mask shows, of [2, 7, …]. */
export function shown(t: Tensor): number[] {
  const data = [...t.data()];
  return data.slice(0, (data.length / 14) * 12);
}

export function fingerprint(values: ArrayLike<number>): [number, number] {
  const list = Array.from(values);
  return [Math.hypot(...list), list.reduce((sum, v, i) => sum + v * Math.cos(0.3 * i), 0)];
}

export function near(got: ArrayLike<number>, want: readonly number[], tolerance = 1e-5): void {
  expect(got.length).toBe(want.length);
  const scale = Math.max(1, ...want.map(Math.abs));
  const worst = Math.max(...want.map((w, i) => Math.abs(got[i] - w)));
  expect(worst, "largest difference").toBeLessThanOrEqual(tolerance * scale);
}

/** Ten steps as record.py takes them: losses, and two numbers of every parameter. */
export function expectTraining(
  model: Module & { forward(inputs: never): HeadOutput },
  inputs: object,
  want: { losses: number[]; after: Record<string, number[]> },
): void {
  fill(model);
  const optimizer = new AdamW(model.parameters(), { lr: 1e-3, weightDecay: 0.01, eps: 1e-6 });
  const losses = want.losses.map(() => {
    const { loss } = model.forward(inputs as never);
    (loss as Tensor).backward();
    optimizer.step();
    optimizer.zeroGrad();
    return (loss as Tensor).item();
  });
  near(losses, want.losses, 1e-5);
  const own = new Map(model.namedParameters());
  expect([...own.keys()].sort()).toEqual(Object.keys(want.after).sort());
  for (const [name, numbers] of Object.entries(want.after)) {
    const p = own.get(name) as Tensor;
    // Relative to the parameter's norm.
    const [norm, wave] = fingerprint(p.data());
    expect(Math.abs(norm - numbers[0]) / numbers[0], name).toBeLessThan(1e-4);
    expect(Math.abs(wave - numbers[1]) / numbers[0], name).toBeLessThan(1e-4);
  }
}

/** Everything that record.py's `encoder_family` recorded. */
export function expectEncoderFamily(name: string, family: Family, { types = true } = {}): void {
  const want = recorded(name);
  const config = family.config.parse(want.config);
  const inputs = encoderInputs(types);
  const make = (head: keyof Family["heads"], c = config) => {
    const Model = family.heads[head];
    if (Model === undefined) throw new Error(`no ${head}`);
    return fill(new Model(c));
  };
  noGrad(() => {
    const out = make("base").forward(inputs, { outputHiddenStates: true });
    for (const [i, h] of want.hiddenStates.entries()) near(shown(out.hiddenStates[i]), h);
    near(shown(out.lastHiddenState), want.hiddenStates.at(-1));
    if (want.pooler) near(out.poolerOutput.data(), want.pooler);
  });
  const labels = tensor(Int32Array.of(2, 0));
  noGrad(() => {
    const out = make("sequenceClassification").forward({ ...inputs, labels });
    near(out.logits.data(), want.sequenceClassification.logits);
    near([out.loss.item()], [want.sequenceClassification.loss]);
  });
  noGrad(() => {
    const tags = tensor(Int32Array.of(0, 1, 2, -100, 1, 0, 2, 2, 1, 0, 0, 1, -100, -100), [2, 7]);
    const out = make("tokenClassification").forward({ ...inputs, labels: tags });
    near(shown(out.logits), want.tokenClassification.logits);
    near([out.loss.item()], [want.tokenClassification.loss]);
  });
  noGrad(() => {
    const [startPositions, endPositions] = [tensor(Int32Array.of(1, 0)), tensor(Int32Array.of(3, 2))];
    const out = make("questionAnswering").forward({ ...inputs, startPositions, endPositions });
    near(shown(out.startLogits), want.questionAnswering.start);
    near(shown(out.endLogits), want.questionAnswering.end);
    near([out.loss.item()], [want.questionAnswering.loss]);
  });
  noGrad(() => {
    const words = tensor(Int32Array.of(5, -100, 7, -100, 9, 4, 8, -100, 6, 3, 2, -100, -100, -100), [2, 7]);
    const out = make("maskedLm").forward({ ...inputs, labels: words });
    near(fingerprint(shown(out.logits)), want.maskedLm.logits);
    near([out.loss.item()], [want.maskedLm.loss]);
    // Only where there are labels.
    const maskedPositions = tensor(Int32Array.of(0, 2, 4, 5, 6, 8, 9, 10));
    const labels = tensor(Int32Array.of(5, 7, 9, 4, 8, 6, 3, 2));
    const few = make("maskedLm").forward({ ...inputs, maskedPositions, labels });
    const [rows, vocab] = few.logits.shape;
    expect(rows).toBe(8);
    near(few.logits.data().slice(vocab, 2 * vocab), out.logits.data().slice(2 * vocab, 3 * vocab));
    near([few.loss.item()], [want.maskedLm.loss]);
  });
  expectTraining(make("sequenceClassification"), { ...inputs, labels }, want.training);
}
