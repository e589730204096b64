/// <reference types="vite/client" />
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type TensorSource, writeSafetensors } from "../../../src/formats/index.ts";
import { concat, noGrad, type Tensor, tensor } from "../../../src/index.ts";
import { autoModels, configLabels, type Head, type PreTrainedModel } from "../../../src/models/index.ts";
import { AdamW } from "../../../src/optim/index.ts";
import { fingerprint } from "./recorded.ts";

type Padding = "none" | "right" | "left";
/** What scripts/record/encoders.py recorded of one folder. */
export interface OddCase {
  family: string;
  layout: 4 | 5;
  head: Head | "encoder";
  config: Record<string, unknown>;
  tensors: [number, ...number[]][];
  dtype?: "float16" | "bfloat16";
  /** Tensors that hold what another does. */
  like?: Record<string, string>;
  out: Record<Padding, number[]>;
  training: { losses: number[]; after: number[] };
  names: number[];
}
export interface Recorded {
  names: string[];
  cases: OddCase[];
}
// biome-ignore lint/suspicious/noExplicitAny: JSON
const files: Record<string, any> = import.meta.glob("./recorded/odd/*.json", { eager: true, import: "default" });
export const odd = Object.entries(files).map(([path, file]): [string, Recorded] => [
  (/([^/]+)\.json$/.exec(path) as RegExpExecArray)[1],
  file,
]);

function phase(name: string): number {
  let h = 7;
  for (const c of name) h = (h * 31 + (c.codePointAt(0) as number)) % 1000003;
  return (h % 1000) / 100;
}

/** The waves that weights are filled with, by the name in the file. */
export function wave(name: string, shape: readonly number[]): Float32Array {
  const shift = shape.length === 1 && /(weight|gamma)$/.test(name) ? 1 : 0;
  const from = phase(name);
  const n = shape.reduce((a, b) => a * b, 1);
  return Float32Array.from({ length: n }, (_, i) => shift + 0.2 * Math.cos(0.7 * i + from));
}

/** Writes a folder as it was recorded. */
export function writeOdd(folder: string, { names }: Recorded, { config, tensors, dtype, like = {} }: OddCase): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const kind = ({ float32: "F32", float16: "F16", bfloat16: "BF16" } as const)[dtype ?? "float32"];
  const sources = tensors.map(([name, ...shape]): [string, TensorSource] => {
    const whole = names[name].endsWith("position_ids");
    const data = () =>
      whole ? Int32Array.from({ length: shape[1] }, (_, i) => i) : wave(like[names[name]] ?? names[name], shape);
    return [names[name], { shape, dtype: whole ? "I32" : kind, data }];
  });
  writeSafetensors(join(folder, "model.safetensors"), new Map(sources), { format: "pt" });
}

export const headOf = ({ head }: OddCase): Head => (head === "encoder" ? "base" : head);
export const openOdd = (folder: string, c: OddCase) => autoModels.load(folder, headOf(c), { quiet: true });

const [BATCH, LENGTH, TARGET] = [2, 7, 5];
const ints = (n: number, f: (i: number) => number) => Int32Array.from({ length: n }, (_, i) => f(i));
type Config = { vocabSize: number; padTokenId?: number | null; typeVocabSize?: number; decoderVocabSize?: number };

function batchOf(model: PreTrainedModel, head: string, padding: Padding) {
  const config = model.config as PreTrainedModel["config"] & Config;
  const { vocabSize, padTokenId: pad } = config;
  const n = BATCH * LENGTH;
  const hidden = (i: number) =>
    padding === "right" ? i >= n - 2 : padding === "left" && i >= LENGTH && i < LENGTH + 2;
  const fill = pad != null && pad >= 0 && pad < vocabSize ? pad : 0;
  const ids = ints(n, (i) => (hidden(i) ? fill : ((i * 7 + 3) % (vocabSize - 6)) + 6));
  const mask = ints(n, (i) => (hidden(i) ? 0 : 1));
  const two = (values: Int32Array) => tensor(values, [BATCH, LENGTH]);
  const x: Record<string, Tensor> = { inputIds: two(ids) };
  if (padding !== "none") x.attentionMask = two(mask);
  if ((config.typeVocabSize ?? 1) > 1) x.tokenTypeIds = two(ints(n, (i) => (i % 3) % 2));
  const count = configLabels(config).length;
  if (head === "sequenceClassification") {
    const several = config.problemType === "multi_label_classification" || config.problemType === "regression";
    if (count === 1) x.labels = tensor([0.5, -1.5]);
    else if (several)
      x.labels = tensor(
        Float32Array.from({ length: BATCH * count }, (_, i) => i % 2),
        [BATCH, count],
      );
    else x.labels = tensor(Int32Array.of(count - 1, 0));
  }
  if (head === "tokenClassification") x.labels = two(ints(n, (i) => (mask[i] === 1 ? i % count : -100)));
  if (head === "questionAnswering") {
    x.startPositions = tensor(Int32Array.of(1, 2));
    x.endPositions = tensor(Int32Array.of(3, 4));
  }
  if (head === "maskedLm") x.labels = two(ints(n, (i) => (mask[i] === 1 && i % 2 === 0 ? ids[i] : -100)));
  if (head === "seq2seqLm") {
    const vocab = config.decoderVocabSize ?? vocabSize;
    const cut = padding === "right" && (pad as number) >= 0 ? BATCH * TARGET - 2 : BATCH * TARGET;
    x.labels = tensor(
      ints(BATCH * TARGET, (i) => (i < cut ? ((i * 5 + 1) % (vocab - 6)) + 6 : -100)),
      [BATCH, TARGET],
    );
  }
  return { x, mask };
}

/** All that counts of what a model answers, in one row. */
function outputs(model: PreTrainedModel, head: string, padding: Padding): { out: Tensor; loss?: Tensor } {
  const { x, mask } = batchOf(model, head, padding);
  const found = (model as unknown as { forward(x: object): Record<string, Tensor> }).forward(x);
  // Rows [n, …] where `show` says so.
  const rows = (t: Tensor, show: Int32Array) => {
    const flat = t.reshape([show.length, -1]);
    const runs: Tensor[] = [];
    for (let i = 0; i < show.length; i++) if (show[i] === 1) runs.push(flat.slice(0, i, i + 1));
    return runs;
  };
  let parts: Tensor[];
  if (head === "base" || head === "encoder")
    parts = [...rows(found.lastHiddenState, mask), ...(found.poolerOutput ? [found.poolerOutput] : [])];
  else if (head === "questionAnswering") parts = [...rows(found.startLogits, mask), ...rows(found.endLogits, mask)];
  else if (head === "seq2seqLm") {
    const labels = x.labels.data();
    const counts = Int32Array.from(labels, (id) => (id === -100 ? 0 : 1));
    parts = [...rows(found.encoderLastHiddenState, mask), ...rows(found.logits, counts)];
  } else if (head === "sequenceClassification") parts = [found.logits];
  else parts = rows(found.logits, mask);
  return { out: concatAll(parts), loss: found.loss };
}
const concatAll = (parts: Tensor[]) =>
  concat(
    parts.map((t) => t.reshape([-1])),
    0,
  );

/** `scale`: what a difference is relative to, where it is more than 1. */
function nearAll(
  got: readonly number[],
  want: readonly number[],
  tolerance: number,
  label: string,
  scale = (i: number) => Math.abs(want[i]),
): void {
  expect(got.length, label).toBe(want.length);
  const worst = Math.max(...want.map((w, i) => Math.abs(got[i] - w) / Math.max(1, scale(i))));
  expect(worst, label).toBeLessThanOrEqual(tolerance);
}

/** The answers with three kinds of padding, as recorded. */
export function expectOutputs(model: PreTrainedModel, c: OddCase): void {
  for (const padding of ["none", "right", "left"] as const) {
    const got = noGrad(() => {
      const { out, loss } = outputs(model, c.head, padding);
      const values = out.data();
      return [...fingerprint(values), ...values.slice(0, 6), ...(loss === undefined ? [] : [loss.item()])];
    });
    const want = c.out[padding];
    // The second is a sum in which much cancels: relative to the norm.
    nearAll(got, want, 1e-5, `padding: ${padding}`, (i) => Math.abs(want[i === 1 ? 0 : i]));
  }
}

/** Five steps of AdamW: losses, and two numbers of every parameter. */
export function expectSteps(model: PreTrainedModel, { names }: Recorded, c: OddCase): void {
  const optimizer = new AdamW(model.parameters(), { lr: 5e-4, weightDecay: 0.01, eps: 1e-5 });
  const losses = c.training.losses.map(() => {
    const { out, loss = out.square().mean() } = outputs(model, c.head, "right");
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    return loss.item();
  });
  nearAll(losses, c.training.losses, 1e-4, "losses");
  const own = model.stateDict();
  // Of a shared parameter's names Python says another.
  expect(new Set(c.names.map((n) => own.get(names[n])))).toEqual(new Set(model.parameters()));
  for (const [i, n] of c.names.entries()) {
    const [norm, wave] = fingerprint((own.get(names[n]) as Tensor).data());
    const [wantNorm, wantWave] = c.training.after.slice(2 * i, 2 * i + 2);
    const scale = Math.max(1, wantNorm);
    expect(Math.abs(norm - wantNorm) / scale, names[n]).toBeLessThan(1e-4);
    expect(Math.abs(wave - wantWave) / scale, names[n]).toBeLessThan(1e-4);
  }
}
