import type { TypedArray } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import { type AnyDataset, DataLoader } from "../data/index.ts";
import type { HeadOutput } from "../models/pretrained/inputs.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { Tensor } from "../tensor/tensor.ts";
import { accuracy } from "./metrics.ts";
import type { Metrics, TrainerOptions } from "./trainer.ts";

/** The loss that a model of Hugging Face's gives for a batch with labels. Throws {@link ShoshinError} where it gives none. */
export function lossOf(output: unknown): Tensor {
  const { loss } = output as Partial<HeadOutput>;
  if (loss instanceof Tensor) return loss;
  throw new ShoshinError("Trainer: the model gave no loss", "Its batches need labels; or give computeLoss.");
}

/**
 * Mean loss over a data set, each example counted alike; with `loss`, or a model's own, and class targets also the accuracy, and
 * what `computeMetrics` makes of all outputs.
 */
export async function evaluateOn<D extends AnyDataset, B>(options: TrainerOptions<D, B>, dataset: D): Promise<Metrics> {
  const { model, loss, computeLoss, computeMetrics, collate, args } = options;
  const batchSize = args?.perDeviceTrainBatchSize ?? 32;
  const outputs: TypedArray[] = [];
  const targets: TypedArray[] = [];
  let [sum, seen] = [0, 0];
  let classes = 0;
  for await (const batch of new DataLoader<D, B>(dataset, { batchSize, collate })) {
    const size = Math.min(batchSize, dataset.length - seen);
    if (loss === undefined && computeLoss !== undefined) sum += noGrad(() => computeLoss(batch)).item() * size;
    else {
      const { value, output, y } = noGrad(() => {
        if (loss === undefined) {
          const out = model.forward(batch as never) as HeadOutput;
          return { value: lossOf(out), output: out.logits, y: (batch as { labels: Tensor }).labels };
        }
        const { x, y } = batch as { x: Tensor; y: Tensor };
        const out = model.forward(x) as Tensor;
        return { value: loss(out, y), output: out, y };
      });
      sum += value.item() * size;
      const perExample = loss !== undefined || y.ndim === 1;
      if (perExample && y.dtype === "int32" && output?.ndim === y.ndim + 1 && output.shape[output.ndim - 1] > 1)
        classes = output.shape[output.ndim - 1];
      if (output !== undefined && (classes > 0 || computeMetrics !== undefined)) {
        outputs.push(output.data());
        targets.push(y.data());
      }
      value.dispose();
      output?.dispose();
    }
    seen += size;
  }
  const join = (parts: TypedArray[]): TypedArray => {
    const out = new (parts[0].constructor as Float32ArrayConstructor)(parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const part of parts) {
      out.set(part as Float32Array, at);
      at += part.length;
    }
    return out;
  };
  const metrics: Metrics = { loss: sum / seen };
  if (outputs.length === 0) return metrics;
  const [all, wanted] = [join(outputs), join(targets)];
  if (classes > 0) metrics.accuracy = accuracy(argmaxRows(all, classes), wanted);
  return { ...metrics, ...computeMetrics?.(all, wanted) };
}

function argmaxRows(values: TypedArray, width: number): Int32Array {
  return Int32Array.from({ length: values.length / width }, (_, r) => {
    let best = 0;
    for (let c = 1; c < width; c++) if (values[r * width + c] > values[r * width + best]) best = c;
    return best;
  });
}
