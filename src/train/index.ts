export { DEFAULTS, makeOptimizer, OPTIMIZERS, type OptimizerName, type TrainingArguments } from "./arguments.ts";
export { type BleuOptions, type BleuScore, corpusBleu, type References, sentenceBleu } from "./bleu.ts";
export { type BleuTokenizer, bleuTokenize } from "./bleu-tokenize.ts";
export {
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
export { corpusTer, sentenceTer, type TerOptions, type TerScore } from "./ter.ts";
export {
  type Carry,
  type Metrics,
  Trainer,
  type TrainerCallbacks,
  type TrainerOptions,
  TrainingError,
  type TrainResult,
} from "./trainer.ts";
