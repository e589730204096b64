export {
  ARGUMENT_NAMES,
  DEFAULTS,
  type GivenArguments,
  resolveArguments,
  type TrainingArguments,
} from "./arguments/arguments.ts";
export { makeOptimizer } from "./arguments/make-optimizer.ts";
export { type IntervalStrategy, OPTIMIZERS, type OptimizerName } from "./arguments/table.ts";
export type { PredictionOutput } from "./evaluate.ts";
export { WeightAveragingCallback, type WeightAveragingOptions } from "./hooks/averaging.ts";
export { BestWeightsCallback } from "./hooks/best-weights.ts";
export type {
  At,
  CallbackAnswer,
  Evaluated,
  Log,
  PreOptimizerStep,
  Saved,
  StepBegin,
  StepEnd,
  TrainBegin,
  TrainEnd,
  TrainerCallback,
  TrainerCallbacks,
  TrainerControl,
  TrainingState,
} from "./hooks/callback.ts";
export { CheckpointCallback, type CheckpointOptions } from "./hooks/checkpoints.ts";
export { CurvesCallback } from "./hooks/curves.ts";
export { EarlyStoppingCallback, type EarlyStoppingOptions } from "./hooks/early-stopping.ts";
export { defaultCallbacks } from "./hooks/index.ts";
export { TerminateOnNaNCallback, TrainingError } from "./hooks/nan-guard.ts";
export { PrinterCallback, type PrinterOptions } from "./hooks/printer.ts";
export { clock, Progress, ProgressCallback, type ProgressCallbackOptions } from "./hooks/progress.ts";
export {
  type FitOptions,
  fitLearner,
  LEARNER_ARGUMENTS,
  type Learner,
  type LearnerHooks,
} from "./learner.ts";
export { accuracy } from "./metrics/accuracy.ts";
export { pearson, ranks, spearman } from "./metrics/correlation.ts";
export { areEntityTags, type EntitySpan, entitiesOf, entityScores } from "./metrics/entities.ts";
export { mae, r2Score, rmse } from "./metrics/errors.ts";
export { classScores, confusionMatrix, f1Score, type Scores } from "./metrics/f1.ts";
export { lowerIsBetter, METRICS, type MeasureOptions, measure, metricsOf } from "./metrics/index.ts";
export { matthewsCorrelation } from "./metrics/matthews.ts";
export {
  defineMetric,
  METRIC_KINDS,
  type Metric,
  type MetricDefinition,
  type MetricInputs,
  type MetricKind,
  type Metrics,
} from "./metrics/metric.ts";
export { perplexity } from "./metrics/perplexity.ts";
export { type BleuOptions, type BleuScore, corpusBleu, sentenceBleu } from "./metrics/texts/bleu.ts";
export { type BleuTokenizer, bleuTokenize } from "./metrics/texts/bleu-tokenize.ts";
export { type ChrfOptions, corpusChrf, sentenceChrf } from "./metrics/texts/chrf.ts";
export type { References } from "./metrics/texts/references.ts";
export { corpusTer, sentenceTer, type TerOptions, type TerScore } from "./metrics/texts/ter.ts";
export type { Optimizers, Scheduler } from "./optimizers.ts";
export {
  type Carry,
  CheckpointError,
  listCheckpoints,
  loadCheckpoint,
  loadWeights,
  saveCheckpoint,
  saveWeights,
  type TrainerState,
} from "./run/checkpoint.ts";
export type { Difference } from "./run/differences.ts";
export { type RunEvent, readHistory, readLog } from "./run/log.ts";
export { type ModelAbout, modelAbout, type Run, readRun } from "./run/read-run.ts";
export { RunFolderError } from "./run/refuse.ts";
export { RunFolder } from "./run/run-folder.ts";
export type { RunAbout, RunBest, RunEnvironment, RunStatus } from "./run/run-record.ts";
export type { TrainResult } from "./train-result.ts";
export { Trainer, type TrainOptions } from "./trainer.ts";
export type { LossInfo, LossResult, ModelLoss, ModelLossOptions, TrainerOptions } from "./trainer-options.ts";
