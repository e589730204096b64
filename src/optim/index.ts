export { Adagrad, type AdagradOptions } from "./adagrad.ts";
export { Adam, type AdamOptions, AdamW } from "./adam.ts";
export { AveragedWeights } from "./averaged.ts";
export { type ClipOptions, clipGradNorm, clipGradValue } from "./clip.ts";
export { type GroupOptions, Optimizer, type OptimizerState, type ParamGroup } from "./optimizer.ts";
export { RMSprop, type RmspropOptions } from "./rmsprop.ts";
export {
  getScheduler,
  LRScheduler,
  type PlateauOptions,
  ReduceLROnPlateau,
  SCHEDULES,
  type ScheduleName,
  type ScheduleOptions,
  scheduleFactor,
} from "./schedules.ts";
export { SGD, type SgdOptions } from "./sgd.ts";
