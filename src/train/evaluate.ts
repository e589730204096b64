import type { DType, TypedArray } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import { type AnyDataset, DataLoader } from "../data/index.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { accuracy } from "./metrics/accuracy.ts";
import { checkMetrics, type Metrics } from "./metrics/metric.ts";
import { areClasses, type Objective } from "./objective.ts";
import type { Isolation } from "./run/isolation.ts";
import type { TrainerOptions } from "./trainer-options.ts";

const IGNORED = -100;

/** What a model says of a data set. */
export interface PredictionOutput {
  /** Its outputs for all examples, as logits, [examples, …]; rows of unlike lengths are filled up with −100. */
  predictions: Tensor;
  /** What they are held against, in the same form; undefined where the data has no labels. */
  labelIds: Tensor | undefined;
  /** `loss` and all that an evaluation gives; nothing where the data has no labels. */
  metrics: Metrics;
}

/** What batches gave, one after another. */
interface Piece {
  data: TypedArray;
  shape: readonly number[];
  dtype: DType;
}
const pieceOf = (t: Tensor): Piece => ({ data: t.data(), shape: t.shape, dtype: t.dtype });

function joined(parts: readonly Piece[]): TypedArray {
  const out = new (parts[0].data.constructor as Float32ArrayConstructor)(
    parts.reduce((n, { data }) => n + data.length, 0),
  );
  let at = 0;
  for (const { data } of parts) {
    out.set(data as Float32Array, at);
    at += data.length;
  }
  return out;
}

/** One tensor of all pieces: those that are less long in their second dimension are filled up with −100, as in Transformers. */
function stacked(parts: readonly Piece[]): Tensor {
  const [{ shape: first, dtype }] = parts;
  const ranks = parts.map(({ shape }) => shape.length);
  const rows = parts.reduce((n, { shape }) => n + (shape[0] ?? 1), 0);
  const width = Math.max(...parts.map(({ shape }) => shape[1] ?? 1));
  if (
    ranks.some((n) => n !== first.length) ||
    parts.some(({ shape }) => shape.slice(2).join() !== first.slice(2).join())
  )
    throw new ShoshinError(
      `Trainer: predict: outputs of unlike shapes: [${first.join()}] and others`,
      "Only the second dimension may differ from batch to batch.",
    );
  const shape = first.length < 2 ? [rows] : [rows, width, ...first.slice(2)];
  if (parts.every((part) => (part.shape[1] ?? 1) === width)) return tensor(joined(parts), shape, { dtype });
  const inner = first.slice(2).reduce((n, d) => n * d, 1);
  const out = new (parts[0].data.constructor as Float32ArrayConstructor)(rows * width * inner).fill(IGNORED);
  let row = 0;
  for (const { data, shape } of parts) {
    const own = shape[1] * inner;
    for (let r = 0; r < shape[0]; r++, row++)
      out.set((data as Float32Array).subarray(r * own, (r + 1) * own), row * width * inner);
  }
  return tensor(out, shape, { dtype });
}

/** How many classes there are where each example, or place, has one as its target; else 0. */
function classesOf(output: Tensor | undefined, target: Tensor | undefined, perExample: boolean): number {
  if (output === undefined || target === undefined || !areClasses(target) || !(perExample || target.ndim === 1))
    return 0;
  const width = output.shape[output.ndim - 1];
  return output.ndim === target.ndim + 1 && width > 1 ? width : 0;
}

/** All that is measured on a data set, and the outputs and targets where they were wanted. */
interface Measurement {
  metrics: Metrics;
  outputs: Piece[];
  targets: Piece[];
}

/**
 * Mean loss over a data set, each label that counts (else each example) alike; with class targets also the accuracy, and what
 * `computeMetrics` makes of all outputs.
 */
export async function evaluateOn<D extends AnyDataset, B>(
  options: TrainerOptions<D, B>,
  objective: Objective<D, B>,
  dataset: AnyDataset,
  batchSize: number,
  isolation: Isolation,
): Promise<Metrics> {
  return (await measured(options, objective, dataset, batchSize, isolation, false)).metrics;
}

/**
 * The model's outputs for a data set, beside what {@link evaluateOn} measures where it has labels.
 * @throws ShoshinError where there are no outputs, or they do not fit together
 */
export async function predictOn<D extends AnyDataset, B>(
  options: TrainerOptions<D, B>,
  objective: Objective<D, B>,
  dataset: AnyDataset,
  batchSize: number,
  isolation: Isolation,
): Promise<PredictionOutput> {
  const { metrics, outputs, targets } = await measured(options, objective, dataset, batchSize, isolation, true);
  const labelled = targets.length === outputs.length;
  return {
    predictions: stacked(outputs),
    labelIds: labelled ? stacked(targets) : undefined,
    metrics: labelled ? metrics : {},
  };
}

async function measured<D extends AnyDataset, B>(
  options: TrainerOptions<D, B>,
  objective: Objective<D, B>,
  dataset: AnyDataset,
  batchSize: number,
  isolation: Isolation,
  predicts: boolean,
): Promise<Measurement> {
  const { loss, computeMetrics, collate } = options;
  const outputs: Piece[] = [];
  const targets: Piece[] = [];
  let [sum, items, seen] = [0, 0, 0];
  let classes = 0;
  const wantsOutputs = predicts || computeMetrics !== undefined;
  for await (const batch of new DataLoader<D, B>(dataset as D, { batchSize, collate })) {
    const examples = Math.min(batchSize, dataset.length - seen);
    seen += examples;
    const target = objective.targets(batch);
    if (predicts && target === undefined) {
      outputs.push(isolation.precisely(() => noGrad(() => pieceOf(objective.outputs(batch)))));
      continue;
    }
    const count = objective.items(batch, examples);
    if (count === 0 && !wantsOutputs) continue;
    const { value, output, width } = isolation.precisely(() =>
      noGrad(() => {
        const { loss: mean, output } = objective.measure(batch, Math.max(count, 1));
        const width = objective.hasOwnLoss ? 0 : classesOf(output, target, loss !== undefined);
        return {
          value: count === 0 ? 0 : mean.item(),
          output: (width > 0 || wantsOutputs) && output !== undefined ? pieceOf(output) : undefined,
          width,
        };
      }),
    );
    if (count > 0) sum += value * count;
    items += count;
    if (width > 0) classes = width;
    if (output === undefined) {
      if (!predicts) continue;
      throw new ShoshinError(
        "Trainer: predict needs the model's outputs, and computeLoss gives the loss alone",
        "Return { loss, logits } from computeLoss.",
      );
    }
    if (target === undefined)
      throw new ShoshinError("Trainer: computeMetrics needs targets", "Batches hold them as labels, or as y.");
    outputs.push(output);
    targets.push(pieceOf(target));
  }
  const metrics: Metrics = { loss: items === 0 ? Number.NaN : sum / items };
  if (targets.length === 0) return { metrics, outputs, targets };
  const [all, wanted] = [joined(outputs), joined(targets)];
  if (classes > 0) {
    const best = argmaxRows(all, classes);
    const counts = Array.from(wanted.keys()).filter((i) => wanted[i] !== IGNORED);
    metrics.accuracy = accuracy(
      Int32Array.from(counts, (i) => best[i]),
      Int32Array.from(counts, (i) => wanted[i]),
    );
  }
  if (computeMetrics !== undefined)
    Object.assign(metrics, checkMetrics("computeMetrics", await computeMetrics(all, wanted)));
  return { metrics, outputs, targets };
}

function argmaxRows(values: TypedArray, width: number): Int32Array {
  return Int32Array.from({ length: values.length / width }, (_, r) => {
    let best = 0;
    for (let c = 1; c < width; c++) if (values[r * width + c] > values[r * width + best]) best = c;
    return best;
  });
}
