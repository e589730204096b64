import type { AnyDataset } from "../data/index.ts";
import type { Module } from "../nn/index.ts";
import type { FitOptions, GivenArguments, Learner, Metrics, TrainerOptions } from "../train/index.ts";
import type { ModelConfig } from "./folder.ts";
import type { TaskAbout } from "./options/declare.ts";
import type { PredictOptions } from "./predict-options.ts";
import type { Found, Lessons, Reader } from "./reading.ts";
import type { EvaluateOptions, EvaluateReport, TaskOptions, TaskReport } from "./settings.ts";

/** A trained model in use. */
export interface Predictor {
  readonly task: string;
  readonly model: Module;
  evaluate(options: EvaluateOptions): Promise<EvaluateReport>;
  /** One result for each input, as Hugging Face's pipeline of the task gives it. */
  predict(inputs: readonly string[], options?: PredictOptions): Promise<unknown[]>;
  /** The same for a file of inputs. */
  predictFile(path: string, options: { textColumn?: string } & PredictOptions): Promise<unknown[]>;
  /** Writes predictions of a benchmark's test parts in the form that its site takes; returns the files. */
  submit?(source: string, folder: string): Promise<string[]>;
}

export interface Task {
  readonly name: string;
  readonly presets: readonly string[];
  readonly defaultPreset: string;
  train(options: TaskOptions): Promise<TaskReport>;
  load(folder: string): Promise<Predictor>;
}

/** A task whose settings are checked, with what is shared by all tasks; see ARCHITECTURE.md, "A task". */
export interface Declaration extends TaskAbout {
  /** What the task does, loaded when it is first used. */
  code(): Promise<TaskCode>;
}

/** What differs from task to task. */
// biome-ignore lint/suspicious/noExplicitAny: every task has examples of its own
export interface TaskCode<E = any, A = any> {
  readonly reader: Reader<E, A>;
  /** Plans the training of a preset; left out where there are none. */
  plan?(options: ModelOptions, data: Lessons<E, A>): Promise<Plan>;
  /** Plans that a pretrained model in `folder` goes on learning; left out where none can. */
  tune?(options: ModelOptions, data: Lessons<E, A>, folder: string): Promise<Plan>;
  /** Of a task that trains nothing: what to do in its place. */
  readonly untrained?: string;
  /** Opens the folder of a model. */
  open(folder: string): Promise<Opened<E, A>>;
}
export type ModelOptions = TaskOptions & { model: string };

/** A training whose data is read and encoded. */
export interface Plan {
  /** The recipe's settings with the user's; `trainingArgs` makes them. */
  readonly args: GivenArguments;
  /** What the options have become, where they say nothing or less: kept with the model. */
  readonly settings?: Partial<TaskOptions>;
  /** Makes the model, with the run's own random numbers. */
  begin(): Course;
}

/** A model, and how it learns. */
// biome-ignore lint/suspicious/noExplicitAny: every task has batches of its own
export interface Course<D extends AnyDataset = any, B = any> {
  readonly model: Module;
  /** What `Trainer` learns from. */
  readonly lessons?: CourseLessons<D, B>;
  /** In its place, of models that learn without gradients: how they do, from what, and how they are measured. */
  // biome-ignore lint/suspicious/noExplicitAny: every rule has data of its own
  readonly learner?: { rule: Learner<any>; data: unknown } & Pick<FitOptions, "evaluate">;
  /** What makes the run another one when it changes, beside the options: the model's shape, its tokens. */
  readonly identity: unknown;
  /** config.json of the presets' models; others write their own. */
  readonly config?: ModelConfig;
  /** More files of the model's folder: JSON by name. */
  readonly files?: Readonly<Record<string, unknown>>;
  /** Of the model card, where no `config` tells them. */
  readonly labels?: readonly string[];
  /** A sentence for the model card that results can be held against. */
  readonly baseline?: string;
  /** When training is done, before anything is written. */
  end?(): void;
  /** Writes what stands beside the weights; of pretrained models, weights and configuration too. */
  save?(folder: string): void;
}
export type CourseLessons<D extends AnyDataset, B> = Pick<
  TrainerOptions<D, B>,
  "trainDataset" | "collate" | "shuffle" | "lengths" | "carry" | "computeLoss" | "countItems" | "evaluate"
>;

/** An opened model. */
// biome-ignore lint/suspicious/noExplicitAny: every task has examples of its own
export interface Opened<E = any, A = any> {
  readonly model: Module;
  /** Columns and the like that it was trained with, and that serve again. */
  readonly remembered?: Partial<EvaluateOptions>;
  /** What the reader chose for the data that it was trained on, as far as the folder tells. */
  readonly about?: A;
  /** Of the report, where it is another task's measure. */
  readonly task?: string;
  /** `examples`: how many there are where they are not what was read. */
  evaluate(data: Found<E, A>, source: string): Promise<{ metrics: Metrics; examples?: number }>;
  predict(inputs: readonly string[], options: PredictOptions): Promise<unknown[]>;
  /** The same for a file of inputs. */
  predictFile(path: string, options: PredictOptions, columns: { textColumn?: string }): Promise<unknown[]>;
  /** What a model of the task can do beside: writing, submitting. */
  readonly more?: object;
}
