import { ShoshinError } from "../backend/errors.ts";
import { nearestName, OptionError } from "../backend/options.ts";
import type { AnyDataset } from "../data/index.ts";
import { inputNamesOf } from "../models/pretrained/check-inputs.ts";
import { headOfArchitecture } from "../models/pretrained/head-of.ts";
import type { HeadOutput } from "../models/pretrained/inputs.ts";
import { PreTrainedModel } from "../models/pretrained/model.ts";
import { crossEntropy, type Module } from "../nn/index.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { TrainingArguments } from "./arguments/arguments.ts";
import type { LossInfo, LossResult, ModelLoss, TrainerOptions } from "./trainer-options.ts";

/** Labels of this value count for nothing. */
const IGNORED = -100;

/** The loss that a model of Hugging Face's gives for a batch with labels. Throws {@link ShoshinError} where it gives none. */
function lossOf(output: unknown): Tensor {
  const { loss } = (output ?? {}) as Partial<HeadOutput>;
  if (loss instanceof Tensor) return loss;
  throw new ShoshinError("Trainer: the model gave no loss", "Its batches need labels; or give computeLoss.");
}

/** Whether a model's loss has each token as the answer to the one before it. */
function shiftsLabels(model: Module): boolean {
  if (!(model instanceof PreTrainedModel)) return false;
  return headOfArchitecture((model.constructor as typeof PreTrainedModel).architecture ?? "") === "causalLm";
}

/** int32 labels that count. @param shifted the first of every row [batch, T] is nobody's answer */
export function countLabels(labels: Tensor, shifted = false): number {
  const values = labels.data();
  const width = labels.ndim > 1 ? labels.shape[labels.ndim - 1] : 1;
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i] !== IGNORED && !(shifted && i % width === 0)) count++;
  return count;
}

/** Labels are classes where they are whole numbers. */
export const areClasses = (labels: Tensor): boolean => labels.dtype === "int32" || labels.dtype === "int64";

/** Cross-entropy of a model's logits with smoothed labels, as Transformers' LabelSmoother computes it: a mean over those that count. */
function smoothed(logits: Tensor, labels: Tensor, labelSmoothing: number, shifted: boolean): Tensor {
  if (!areClasses(labels))
    throw new OptionError("labelSmoothingFactor is for classes; these labels are numbers", "Leave it out.");
  if (!shifted) {
    const classes = logits.shape[logits.ndim - 1];
    return crossEntropy(logits.reshape([-1, classes]), labels.flatten(), { labelSmoothing });
  }
  const t = labels.shape[1];
  return crossEntropy(logits.slice(1, 0, t - 1).flatten(0, 1), labels.slice(1, 1, t).flatten(), { labelSmoothing });
}

export interface Measured {
  loss: Tensor;
  /** The model's, where it is known. */
  output?: Tensor;
}

/** What is minimised, and how much a batch counts in it. */
export class Objective<D extends AnyDataset, B> {
  readonly #o: TrainerOptions<D, B>;
  /** Whether somebody's own function gives the loss, and the outputs are what it says they are. */
  readonly hasOwnLoss: boolean;
  /** The loss of a batch: a trainer's own `computeLoss`, that of the options, or the model's. */
  readonly lossOf: (batch: B, info: LossInfo) => LossResult;
  readonly #smoothing: number;
  readonly #shifted: boolean;
  /** Names of what the model takes; undefined where nobody knows, or all is to be handed on. */
  readonly #inputs: ReturnType<typeof inputNamesOf>;

  /** Throws OptionError for label smoothing of a loss of the user's own. */
  constructor(options: TrainerOptions<D, B>, { labelSmoothingFactor }: TrainingArguments, own?: ModelLoss<B>) {
    this.#o = options;
    this.hasOwnLoss = (own ?? options.computeLoss) !== undefined;
    this.lossOf = own === undefined ? this.#chosen() : (batch, info) => own(options.model, batch, info);
    this.#smoothing = labelSmoothingFactor;
    this.#shifted = shiftsLabels(options.model);
    const { removeUnusedColumns = true } = (options.args ?? {}) as { removeUnusedColumns?: unknown };
    if (removeUnusedColumns !== false) this.#inputs = inputNamesOf(options.model);
    if (labelSmoothingFactor > 0 && (options.loss ?? options.computeLoss) !== undefined) {
      throw new OptionError(
        "Trainer: labelSmoothingFactor is for the loss that a model gives itself",
        "In a loss of your own: nn.crossEntropy(output, target, { labelSmoothing: 0.1 }).",
      );
    }
  }

  /**
   * What the model takes of a batch: other columns, an index say, are left out as Transformers' `removeUnusedColumns` does, but
   * not what looks like a misspelt input, nor anything with `removeUnusedColumns: false`. These the model refuses by name.
   */
  #taken(batch: B): unknown {
    const names = this.#inputs;
    if (names === undefined || batch === null || typeof batch !== "object" || batch instanceof Tensor) return batch;
    const foreign = Object.keys(batch).filter((name) => names[name] !== true);
    if (foreign.length === 0) return batch;
    const columns = new Set(foreign.filter((name) => nearestName(name, Object.keys(names)) === undefined));
    return Object.fromEntries(Object.entries(batch).filter(([name]) => !columns.has(name)));
  }

  /** Of a batch; `total` is what all batches of its step count. */
  measure(batch: B, total: number): Measured {
    return this.checked(this.lossOf(batch, { numItemsInBatch: total }));
  }

  /** What a loss function gave. Throws ShoshinError where it is no scalar, or the outputs are missing that somebody asks for. */
  checked(result: LossResult): Measured {
    const { loss: value, output } =
      result instanceof Tensor
        ? { loss: result, output: undefined }
        : { loss: result?.loss, output: result?.logits ?? result?.outputs };
    if (!(value instanceof Tensor) || value.numel !== 1)
      throw new ShoshinError("Trainer: computeLoss gave no loss", "It returns a scalar tensor, or { loss, logits }.");
    if (this.#o.computeMetrics !== undefined && output === undefined) {
      throw new ShoshinError(
        "Trainer: computeMetrics needs the model's outputs, and computeLoss gives the loss alone",
        "Return { loss, logits } from computeLoss.",
      );
    }
    return { loss: value, output };
  }

  /** The loss that the options give, or the model; that of the options itself where it takes no model. */
  #chosen(): (batch: B, info: LossInfo) => LossResult {
    const { computeLoss, model } = this.#o;
    if (computeLoss !== undefined && computeLoss.length < 3) return computeLoss;
    return (batch, info) => this.given(model, batch, info);
  }
  /** The same, of any model: what a trainer's own `computeLoss` calls as its super's. */
  given(model: Module, batch: B, info: LossInfo): LossResult {
    const { computeLoss } = this.#o;
    if (computeLoss === undefined) return this.#plain(batch);
    return computeLoss.length >= 3
      ? (computeLoss as unknown as ModelLoss<B>)(model, batch, info)
      : computeLoss(batch, info);
  }

  #plain(batch: B): { loss: Tensor; logits?: Tensor } {
    const { model, loss } = this.#o;
    if (loss !== undefined) {
      const { x, y } = (batch ?? {}) as { x: Tensor; y: Tensor };
      if (!(x instanceof Tensor && y instanceof Tensor))
        throw new ShoshinError("Trainer: loss needs batches of tensors { x, y }", "For others give computeLoss.");
      const output = model.forward(x) as Tensor;
      return { loss: loss(output, y), logits: output };
    }
    const out = model.forward(this.#taken(batch) as never) as HeadOutput;
    const own = lossOf(out);
    const { labels } = batch as { labels: Tensor };
    if (this.#smoothing === 0) return { loss: own, logits: out.logits };
    const logits = out.logits;
    if (!(logits instanceof Tensor && labels instanceof Tensor))
      throw new OptionError(
        "labelSmoothingFactor is not for this model",
        "Its batches have no labels, or it has no logits.",
      );
    return { loss: smoothed(logits, labels, this.#smoothing, this.#shifted), logits };
  }

  /**
   * The model's outputs alone, of a batch without labels.
   * @throws ShoshinError where it gives none
   */
  outputs(batch: B): Tensor {
    const { model } = this.#o;
    const own = batch !== null && typeof batch === "object" && !(batch instanceof Tensor);
    const { x } = (own ? batch : {}) as { x?: unknown };
    const out: unknown =
      model instanceof PreTrainedModel || x === undefined
        ? model.forward(this.#taken(batch) as never)
        : model.forward(x as never);
    const output = out instanceof Tensor ? out : ((out ?? {}) as Partial<HeadOutput>).logits;
    if (output instanceof Tensor) return output;
    throw new ShoshinError("Trainer: the model gave no outputs", "Its forward returns a tensor, or { logits }.");
  }

  /** What a batch of so many examples counts. */
  items(batch: B, examples: number): number {
    const { countItems } = this.#o;
    if (countItems !== undefined) {
      const count = countItems(batch);
      if (!(Number.isFinite(count) && count >= 0))
        throw new ShoshinError(`Trainer: countItems gave ${String(count)}; expected a number from 0`);
      return count;
    }
    const { labels, y } = (batch ?? {}) as { labels?: unknown; y?: unknown };
    const target = this.#o.loss === undefined && labels instanceof Tensor ? labels : y;
    if (!(target instanceof Tensor) || !areClasses(target)) return examples;
    return countLabels(target, this.#shifted && target === labels);
  }

  /** What the outputs are held against. */
  targets(batch: B): Tensor | undefined {
    const { labels, y } = (batch ?? {}) as { labels?: unknown; y?: unknown };
    const target = this.#o.loss === undefined && labels instanceof Tensor ? labels : y;
    return target instanceof Tensor ? target : undefined;
  }
}
