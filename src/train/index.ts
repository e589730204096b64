export { DEFAULTS, makeOptimizer, OPTIMIZERS, type OptimizerName, type TrainingArguments } from "./arguments.ts";
export {
  CheckpointError,
  listCheckpoints,
  loadCheckpoint,
  loadWeights,
  saveCheckpoint,
  saveWeights,
  type TrainerState,
} from "./checkpoint.ts";
export { areEntityTags, type EntitySpan, entitiesOf, entityScores } from "./entities.ts";
export { readLog } from "./log.ts";
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
export {
  type Carry,
  type Metrics,
  Trainer,
  type TrainerCallbacks,
  type TrainerOptions,
  TrainingError,
  type TrainResult,
} from "./trainer.ts";
