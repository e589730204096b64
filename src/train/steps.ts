import { OptionError } from "../backend/options.ts";
import { type AnyDataset, DataLoader, defaultCollate, type ExampleOf } from "../data/index.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { TrainingArguments } from "./arguments/arguments.ts";
import type { Isolation } from "./run/isolation.ts";
import type { TrainerOptions } from "./trainer-options.ts";

/** The batches that one step of the optimizer learns from. */
export interface StepBatches<B> {
  parts: { batch: B; examples: number }[];
}

/** Steps of one epoch after another. */
export interface StepLoader<B> extends AsyncIterable<StepBatches<B>> {
  /** Steps of an epoch. */
  readonly length: number;
  setEpoch(epoch: number, skip?: number): void;
}

/** Frees what a step's batches hold. */
export function disposeStep<B>({ parts }: StepBatches<B>): void {
  for (const { batch } of parts) {
    if (batch instanceof Tensor) batch.dispose();
    else if (batch !== null && typeof batch === "object")
      for (const value of Object.values(batch)) if (value instanceof Tensor) value.dispose();
  }
}

/**
 * Loads training data step by step: the examples of a step are asked for together, so that their labels can be counted before
 * the first gradient, and made into batches of `perDeviceTrainBatchSize`.
 */
export function stepLoader<D extends AnyDataset, B>(
  { trainDataset, collate, shuffle = true, lengths }: TrainerOptions<D, B>,
  args: TrainingArguments,
  isolation: Isolation,
): StepLoader<B> {
  const size = args.perDeviceTrainBatchSize;
  const data = trainDataset as { get?(i: number): ExampleOf<D>; batch?(indices: Int32Array): B | Promise<B> };
  const join = collate ?? (defaultCollate as unknown as (examples: ExampleOf<D>[]) => B);
  const make = (indices: Int32Array): B | Promise<B> =>
    collate === undefined && data.batch !== undefined
      ? data.batch(indices)
      : join(Array.from(indices, (i) => (data.get as (i: number) => ExampleOf<D>)(i)));
  const steps = {
    length: trainDataset.length,
    setEpoch: (epoch: number) => (trainDataset as { setEpoch?(epoch: number): void }).setEpoch?.(epoch),
    batch(indices: Int32Array): StepBatches<B> | Promise<StepBatches<B>> {
      const parts: Int32Array[] = [];
      for (let at = 0; at < indices.length; at += size) parts.push(indices.slice(at, at + size));
      const made = isolation.within(() => parts.map(make));
      const named = (batches: B[]) => ({ parts: batches.map((batch, i) => ({ batch, examples: parts[i].length })) });
      return made.some((batch) => batch instanceof Promise) ? Promise.all(made).then(named) : named(made as B[]);
    },
  };
  return new DataLoader<typeof steps, StepBatches<B>>(steps, {
    batchSize: size * args.gradientAccumulationSteps,
    shuffle,
    seed: args.dataSeed ?? args.seed,
    lengths: args.groupByLength ? (lengths ?? lengthsOf(trainDataset)) : undefined,
  });
}

/** Of the examples' `inputIds`, as Transformers finds them. Throws OptionError where they have none. */
function lengthsOf(dataset: AnyDataset): Int32Array {
  const lengths = Int32Array.from({ length: dataset.length }, (_, i) => {
    const { inputIds } = ("get" in dataset ? (dataset.get(i) ?? {}) : {}) as { inputIds?: unknown };
    if (inputIds instanceof Tensor) return inputIds.numel;
    return (inputIds as ArrayLike<number> | undefined)?.length ?? -1;
  });
  if (lengths.every((n) => n >= 0)) return lengths;
  throw new OptionError(
    "groupByLength: the lengths of the examples are not known",
    "Give Trainer lengths, or examples with inputIds; or leave it out.",
  );
}
