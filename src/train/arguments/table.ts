import { SCHEDULES } from "../../optim/schedules.ts";
import { flag, object, oneOf, real, text, truth, whole } from "../../options/index.ts";

export const OPTIMIZERS = ["sgd", "adam", "adamw", "rmsprop", "adagrad"] as const;
export type OptimizerName = (typeof OPTIMIZERS)[number];
/** Transformers' names of the same. */
export const OPTIMIZER_ALIASES = { adamw_torch: "adamw", adamw_torch_fused: "adamw" } as const;

/** When something is done: `steps` (every so many), `epoch`, or not at all. */
export type IntervalStrategy = "no" | "steps" | "epoch";
const WHEN: readonly IntervalStrategy[] = ["no", "steps", "epoch"];

/** What schedules have besides their numbers of steps; each hears its own. */
const SCHEDULE = {
  /** cosine: 0.5; cosine_with_restarts: 1. */
  numCycles: real({ from: 0, help: "of the cosine" }),
  /** cosine_with_min_lr: the rate that it ends at. */
  minLr: real({ from: 0, help: "of cosine_with_min_lr: the last rate" }),
  /** The same as a share of the first rate; 0. */
  minLrRate: real({ from: 0, help: "the same as a share of the first rate" }),
  /** polynomial: 1. */
  power: real({ from: 0, help: "of polynomial" }),
  /** polynomial: the last rate as a share of the first; 0. */
  endShare: real({ from: 0, help: "of polynomial: the last rate as a share of the first" }),
  /** step: every so many steps times gamma (0.1). exponential: every step. */
  stepSize: real({ from: 0, help: "of step" }),
  gamma: real({ from: 0, help: "of step and exponential" }),
  /** one_cycle: share of the steps spent rising (0.3), first and last division (25, 1e4). */
  pctStart: real({ from: 0, help: "of one_cycle" }),
  divFactor: real({ from: 0, help: "of one_cycle" }),
  finalDivFactor: real({ from: 0, help: "of one_cycle" }),
};

/** Every argument of a run: names and defaults of Transformers' TrainingArguments. To add one, add a row. */
export const ARGUMENTS = {
  /** Where checkpoints, curves and the best weights go; without it nothing is written. */
  outputDir: text({ argument: "dir", help: "where checkpoints, curves and weights go" }),
  /** Begins anew in a folder that holds something: what a run wrote there goes, everything else stays. */
  overwriteOutputDir: flag({
    default: false,
    alias: "overwrite",
    help: "begin anew in a folder that holds something; only what a run wrote goes",
  }),
  /** Passes over the data, 3; with a fraction the last is cut short. */
  numTrainEpochs: real({ above: 0, default: 3, alias: "epochs", argument: "n", help: "passes over the data" }),
  /** Stops after so many optimizer steps; overrides numTrainEpochs. 0 or −1: off. */
  maxSteps: whole({ from: -1, default: -1, help: "stop after so many steps; -1 is off" }),
  /** 8. With gradientAccumulationSteps a step learns from so many times more. */
  perDeviceTrainBatchSize: whole({ from: 1, default: 8, alias: "batchSize", help: "examples in a step" }),
  /** 8; of `evalDataset`. */
  perDeviceEvalBatchSize: whole({ from: 1, default: 8, help: "examples in a step of evaluation" }),
  /** 5e-5 */
  learningRate: real({ above: 0, default: 5e-5, help: "the greatest rate of the schedule" }),
  weightDecay: real({ from: 0, default: 0, help: "L2 penalty" }),
  /** L1 penalty. */
  l1: real({ from: 0, default: 0, help: "L1 penalty" }),
  /** adamw */
  optim: oneOf(OPTIMIZERS, { default: "adamw", called: "optimizer", also: OPTIMIZER_ALIASES, help: "the optimizer" }),
  /** Of sgd alone; 0, with nesterov 0.9. */
  momentum: real({ from: 0, default: 0, help: "of sgd" }),
  nesterov: flag({ default: false, help: "of sgd" }),
  /** β₁, β₂ and ε of adam and adamw: 0.9, 0.999, 1e-8. */
  adamBeta1: real({ from: 0, below: 1, default: 0.9, help: "of adam and adamw" }),
  adamBeta2: real({ from: 0, below: 1, default: 0.999, help: "of adam and adamw" }),
  adamEpsilon: real({ from: 0, default: 1e-8, help: "of adam and adamw" }),
  /** linear: down to 0 at the last step. */
  lrSchedulerType: oneOf(SCHEDULES, { default: "linear", called: "schedule", help: "how the rate goes" }),
  /** More of the schedule: `numCycles`, `power`, `gamma` …; `minLr`, the rate that `cosine_with_min_lr` ends at. */
  lrSchedulerKwargs: object(SCHEDULE, {
    default: {},
    help: "more of the schedule, such as '{\"min_lr\": 1e-4}'",
  }),
  /** Steps in which the rate rises from 0; below 1, a share of all steps. */
  warmupSteps: real({
    from: 0,
    default: 0,
    argument: "n",
    help: "steps in which the rate rises; below 1, a share of all",
  }),
  /** A share of all steps, 0 to 1; where warmupSteps is 0. */
  warmupRatio: real({ from: 0, to: 1, default: 0, help: "the same as a share of all steps" }),
  /** Gradient norm is cut to this, 1; 0: off. */
  maxGradNorm: real({ from: 0, default: 1, help: "cut the gradient's norm; 0 is off" }),
  /** Batches of a step. Their labels count alike, in whichever of them they are. */
  gradientAccumulationSteps: whole({ from: 1, default: 1, help: "batches of a step" }),
  /** Layers compute their insides again in the backward pass instead of keeping them; for models that can. */
  gradientCheckpointing: flag({
    default: false,
    help: "compute layers twice instead of keeping their results: less memory",
  }),
  /** ε of the loss that a model of Hugging Face's gives, 0 to 1 (Szegedy et al. 2016); 0. */
  labelSmoothingFactor: real({ from: 0, to: 1, default: 0, help: "share of a label that goes to all classes" }),
  /** Of multiplies, in training and evaluation: `bf16` or `float32`; what `setPrecision` was given. */
  precision: oneOf(["float32", "bf16"], { argument: "p", help: "precision of multiplies" }),
  /** Each layer learns with this share of the rate of the layer above it, down to the embeddings; 1: all alike. */
  layerwiseLrDecay: real({
    above: 0,
    to: 1,
    default: 1,
    help: "each layer's share of the learning rate of the one above it",
  }),
  /** Evaluates and saves a moving average of the weights with this decay per step, in place of the last weights; 0: off. */
  emaDecay: real({
    from: 0,
    below: 1,
    default: 0,
    help: "evaluate and save a moving average of the weights; 0 is off",
  }),
  /** Ends after so many evaluations without a better metric; 0: off. */
  earlyStoppingPatience: whole({ from: 0, default: 0, help: "evaluations without improvement; 0 is off" }),
  /** Of dropout and of the order of examples; 42. */
  seed: whole({ from: 0, default: 42, help: "of weights, dropout and the order of examples" }),
  /** Of the order of examples alone. */
  dataSeed: whole({ from: 0, help: "of the order of examples alone" }),
  /** Batches of texts of like length, where the task knows lengths: less padding. */
  groupByLength: flag({ default: false, help: "batches of texts of like length: less padding" }),
  /** When held-out data is measured; left out: after every epoch, and every evalSteps where that is given. */
  evalStrategy: oneOf(WHEN, { argument: "when", help: "when held-out data is measured" }),
  /** Evaluates every so many steps; 0: after every epoch (with evalStrategy `steps`: every 500). */
  evalSteps: whole({ from: 0, default: 0, help: "evaluate every n steps; 0: after every epoch" }),
  /** When checkpoints are written; left out: every saveSteps, or else after every epoch. `best`: with every better metric. */
  saveStrategy: oneOf([...WHEN, "best"], { argument: "when", help: "when checkpoints are written" }),
  /** Writes a checkpoint every so many steps; 0: after every epoch (with saveStrategy `steps`: every 500). */
  saveSteps: whole({ from: 0, default: 0, help: "a checkpoint every n steps; 0: after every epoch" }),
  /** When the curve gets a point; `steps`. */
  loggingStrategy: oneOf(WHEN, { default: "steps", argument: "when", help: "when the curve gets a point" }),
  /** Steps between points of the curve, which show the mean of these steps; 1. */
  loggingSteps: whole({ from: 1, default: 1, help: "steps between points of the curve" }),
  /** The first step too. */
  loggingFirstStep: flag({ default: false, help: "a point for the first step too" }),
  /** Checkpoints kept; undefined: all. */
  saveTotalLimit: whole({ from: 0, help: "checkpoints to keep; all" }),
  /** Which metric of held-out data says what is best: its name, or that with `eval_` before it; `loss`. */
  metricForBestModel: text({ argument: "name", help: "what says which evaluation is the best" }),
  /** Whether the best metric is the greatest; left out: unless its name ends in `loss`. */
  greaterIsBetter: truth({ help: "whether the best is the greatest" }),
  /** Ends with the weights of the best evaluation; so does earlyStoppingPatience unless this is false. */
  loadBestModelAtEnd: truth({ default: false, help: "end with the best evaluation's weights" }),
  /** Continues from the newest sound checkpoint in outputDir. */
  resume: flag({ default: false, help: "continue from the newest sound checkpoint in --output" }),
  quiet: flag({ default: false, help: "no progress" }),
};

/** Other ways to say what {@link ARGUMENTS} hold, as Transformers has them. */
export const OTHER_WAYS = {
  /** `true`: precision `bf16`. */
  bf16: flag({ help: "the same as --precision bf16" }),
  /** quiet */
  disableTqdm: flag({ hidden: true, help: "the same as --quiet" }),
  /** `group_by_length`: groupByLength; `sequential`: the option `shuffle: false`. */
  trainSamplingStrategy: oneOf(["random", "sequential", "group_by_length"], {
    hidden: true,
    help: "group_by_length: the same as --group-by-length",
  }),
};
