import type { TypedArray } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import { type AnyDataset, DataLoader } from "../data/index.ts";
import { noGrad } from "../tensor/no-grad.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { accuracy } from "./metrics/accuracy.ts";
import type { Metrics } from "./metrics/metric.ts";
import { areClasses, type Objective } from "./objective.ts";
import type { Isolation } from "./run/isolation.ts";
import { checkMetrics, type TrainerOptions } from "./trainer-options.ts";

const IGNORED = -100;

function joined(parts: readonly TypedArray[]): TypedArray {
  const out = new (parts[0].constructor as Float32ArrayConstructor)(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part as Float32Array, at);
    at += part.length;
  }
  return out;
}

/** How many classes there are where each example, or place, has one as its target; else 0. */
function classesOf(output: Tensor | undefined, target: Tensor | undefined, perExample: boolean): number {
  if (output === undefined || target === undefined || !areClasses(target) || !(perExample || target.ndim === 1))
    return 0;
  const width = output.shape[output.ndim - 1];
  return output.ndim === target.ndim + 1 && width > 1 ? width : 0;
}

/**
 * Mean loss over a data set, each label that counts (else each example) alike; with class targets also the accuracy, and what
 * `computeMetrics` makes of all outputs.
 */
export async function evaluateOn<D extends AnyDataset, B>(
  options: TrainerOptions<D, B>,
  objective: Objective<D, B>,
  dataset: D,
  batchSize: number,
  isolation: Isolation,
): Promise<Metrics> {
  const { loss, computeLoss, computeMetrics, collate } = options;
  const outputs: TypedArray[] = [];
  const targets: TypedArray[] = [];
  let [sum, items, seen] = [0, 0, 0];
  let classes = 0;
  for await (const batch of new DataLoader<D, B>(dataset, { batchSize, collate })) {
    const examples = Math.min(batchSize, dataset.length - seen);
    seen += examples;
    const count = objective.items(batch, examples);
    const wantsOutputs = computeMetrics !== undefined;
    if (count === 0 && !wantsOutputs) continue;
    const { value, output, width } = isolation.precisely(() =>
      noGrad(() => {
        const { loss: mean, output } = objective.measure(batch, Math.max(count, 1));
        const target = objective.targets(batch);
        const width = computeLoss === undefined ? classesOf(output, target, loss !== undefined) : 0;
        return {
          value: count === 0 ? 0 : mean.item(),
          output: (width > 0 || wantsOutputs) && output !== undefined ? output.data() : undefined,
          width,
        };
      }),
    );
    if (count > 0) sum += value * count;
    items += count;
    if (width > 0) classes = width;
    if (output === undefined) continue;
    const target = objective.targets(batch);
    if (target === undefined)
      throw new ShoshinError("Trainer: computeMetrics needs targets", "Batches hold them as labels, or as y.");
    outputs.push(output);
    targets.push(target.data());
  }
  const metrics: Metrics = { loss: items === 0 ? Number.NaN : sum / items };
  if (outputs.length === 0) return metrics;
  const [all, wanted] = [joined(outputs), joined(targets)];
  if (classes > 0) {
    const best = argmaxRows(all, classes);
    const counts = Array.from(wanted.keys()).filter((i) => wanted[i] !== IGNORED);
    metrics.accuracy = accuracy(
      Int32Array.from(counts, (i) => best[i]),
      Int32Array.from(counts, (i) => wanted[i]),
    );
  }
  if (computeMetrics === undefined) return metrics;
  return { ...metrics, ...checkMetrics("computeMetrics", await computeMetrics(all, wanted)) };
}

function argmaxRows(values: TypedArray, width: number): Int32Array {
  return Int32Array.from({ length: values.length / width }, (_, r) => {
    let best = 0;
    for (let c = 1; c < width; c++) if (values[r * width + c] > values[r * width + best]) best = c;
    return best;
  });
}
