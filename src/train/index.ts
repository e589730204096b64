export {
  ARGUMENT_NAMES,
  DEFAULTS,
  type GivenArguments,
  type IntervalStrategy,
  OPTIMIZERS,
  type OptimizerName,
  resolveArguments,
  type TrainingArguments,
} from "./arguments.ts";
export { type BleuOptions, type BleuScore, corpusBleu, type References, sentenceBleu } from "./bleu.ts";
export { type BleuTokenizer, bleuTokenize } from "./bleu-tokenize.ts";
export {
  type Carry,
  CheckpointError,
  listCheckpoints,
  loadCheckpoint,
  loadWeights,
  saveCheckpoint,
  saveWeights,
  type TrainerState,
} from "./checkpoint.ts";
export { type ChrfOptions, corpusChrf, sentenceChrf } from "./chrf.ts";
export { areEntityTags, type EntitySpan, entitiesOf, entityScores } from "./entities.ts";
export { readLog } from "./log.ts";
export { makeOptimizer } from "./make-optimizer.ts";
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
} from "./metrics.ts";
export { clock, Progress } from "./progress.ts";
export { RunFolder, RunFolderError } from "./run-folder.ts";
export { corpusTer, sentenceTer, type TerOptions, type TerScore } from "./ter.ts";
export { Trainer, TrainingError } from "./trainer.ts";
export type {
  LossInfo,
  LossResult,
  Metrics,
  TrainerCallbacks,
  TrainerOptions,
  TrainResult,
} from "./trainer-options.ts";
