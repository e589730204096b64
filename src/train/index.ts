export {
  ARGUMENT_NAMES,
  DEFAULTS,
  type GivenArguments,
  type IntervalStrategy,
  OPTIMIZERS,
  type OptimizerName,
  resolveArguments,
  type TrainingArguments,
} from "./arguments/arguments.ts";
export { makeOptimizer } from "./arguments/make-optimizer.ts";
export { clock, Progress } from "./hooks/progress.ts";
export { type BleuOptions, type BleuScore, corpusBleu, type References, sentenceBleu } from "./metrics/bleu.ts";
export { type BleuTokenizer, bleuTokenize } from "./metrics/bleu-tokenize.ts";
export { type ChrfOptions, corpusChrf, sentenceChrf } from "./metrics/chrf.ts";
export { areEntityTags, type EntitySpan, entitiesOf, entityScores } from "./metrics/entities.ts";
export {
  accuracy,
  classScores,
  confusionMatrix,
  f1Score,
  mae,
  matthewsCorrelation,
  pearson,
  perplexity,
  r2Score,
  ranks,
  rmse,
  type Scores,
  spearman,
} from "./metrics/metrics.ts";
export { corpusTer, sentenceTer, type TerOptions, type TerScore } from "./metrics/ter.ts";
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
export { readLog } from "./run/log.ts";
export { RunFolder, RunFolderError } from "./run/run-folder.ts";
export { Trainer, TrainingError } from "./trainer.ts";
export type {
  LossInfo,
  LossResult,
  Metrics,
  TrainerCallbacks,
  TrainerOptions,
  TrainResult,
} from "./trainer-options.ts";
