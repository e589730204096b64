import type { Module } from "../nn/index.ts";
import type { Optimizer } from "../optim/index.ts";
import type { GroupOptions } from "../optim/optimizer.ts";
import type { TrainingArguments } from "./arguments/arguments.ts";
import { BestMetric } from "./best.ts";
import { WeightAveragingCallback } from "./hooks/averaging.ts";
import type { CallbackHandler } from "./hooks/handler.ts";
import type { Metrics } from "./metrics/metric.ts";
import type { Optimizing, Scheduler } from "./optimizers.ts";
import { type Carry, writeCheckpoint } from "./run/checkpoint.ts";
import { restoreFrom } from "./run/from-checkpoint.ts";
import type { Isolation } from "./run/isolation.ts";
import { type BegunRun, beginRun, type RunParts, restore, stepsOf } from "./run/resume.ts";
import { RunFolder } from "./run/run-folder.ts";
import type { RunAbout } from "./run/run-record.ts";
import { standingOf } from "./run/standing.ts";
import type { TrainResult } from "./train-result.ts";
import { Training } from "./training.ts";

/** Whatever learns, and what belongs to its training. */
export interface ConductParts {
  args: TrainingArguments;
  model: Module;
  callbacks: CallbackHandler;
  isolation: Isolation;
  about: RunAbout;
  /** Steps of an epoch. */
  perEpoch: number;
  /** Begin anew in the folder, whatever run is there. */
  overwrite: boolean;
  savesModel: boolean;
  carry?: Carry;
  /** Left out: it learns without gradients. */
  optimizing?: Optimizing;
  /** Measures held-out data, where there is any. */
  evaluate?: (model: Module) => Promise<Metrics>;
  /** The folder of a checkpoint that it goes on from, in place of the newest one in `outputDir`. */
  from?: string;
  /** Told when the folder is this run's. */
  opened?: () => void;
}

/** Of what has none: there is nothing to keep in a checkpoint. */
const NO_OPTIMIZER = { stateDict: () => ({ groups: [] }), loadStateDict() {} } as unknown as Optimizer<GroupOptions>;

/**
 * A whole training, of whatever learns: opens the folder of the run, restores it where it goes on, lets it learn, and says how it
 * ended, to its hooks and in its record.
 */
export async function conduct(
  parts: ConductParts,
  learn: (training: Training, scheduler: Scheduler | undefined) => Promise<void>,
): Promise<TrainResult> {
  const now: { notes: string[]; folder?: RunFolder; training?: Training } = { notes: [] };
  try {
    return await conducted(parts, learn, now);
  } catch (error) {
    await now.training?.fail(error);
    now.folder?.fail(error);
    throw error;
  } finally {
    now.folder?.release();
    if (now.training === undefined) await tellNotes(parts, now.notes);
  }
}

async function conducted(
  parts: ConductParts,
  learn: (training: Training, scheduler: Scheduler | undefined) => Promise<void>,
  now: { notes: string[]; folder?: RunFolder; training?: Training },
): Promise<TrainResult> {
  const { args, model, callbacks, isolation, about, perEpoch, savesModel, carry, optimizing } = parts;
  const measure = parts.evaluate;
  const evaluate = measure && (() => measure(model.eval()));
  const optimizer = optimizing?.optimizer ?? NO_OPTIMIZER;
  const average = callbacks.find(WeightAveragingCallback)?.begin(model);
  const run: RunParts = {
    ...{ about, model, optimizer, carry, average, args, isolation, savesModel, measures: evaluate !== undefined },
    note: (text) => now.notes.push(text),
  };
  const { folder, finished, grown } = begin(run, parts);
  now.folder = folder;
  if (finished !== undefined) return finished;
  const total = stepsOf(args, perEpoch);
  const scheduler = optimizing?.begin(total);
  const resumed = parts.from === undefined ? restore(folder, run) : restoreFrom(parts.from, run);
  // It notes the backend.
  isolation.precisely(() => folder?.goOn(about, savesModel, { anew: resumed === undefined }));
  parts.opened?.();
  const standing = standingOf(resumed);
  // The best weights were removed since, or are those of a later evaluation than the checkpoint knows.
  const kept = folder?.bestWeights() !== undefined && (folder.best?.step ?? standing.bestStep) === standing.bestStep;
  if (args.loadBestModelAtEnd && standing.bestStep !== undefined && folder !== undefined && !kept)
    Object.assign(standing, { bestMetric: undefined, bestLoss: undefined, bestStep: undefined });
  if (scheduler !== undefined) optimizing?.restore(scheduler, standing.globalStep, resumed?.scheduler);
  callbacks.loadStateDict(resumed?.callbacks);
  const training = new Training({
    ...{ args, model, callbacks, isolation, standing, best: new BestMetric(args), perEpoch, total, folder, scheduler },
    optimizer: optimizing?.optimizer,
    ended: resumed?.finished === true && !grown,
    evaluate,
    write: (path, state) => {
      const more = { savesModel, fingerprint: JSON.stringify(about), instructionSet: isolation.backend.instructionSet };
      const hooks = { scheduler: scheduler && optimizing?.stateOf(scheduler), callbacks: callbacks.stateDict() };
      isolation.within(() => writeCheckpoint(path, model, optimizer, { ...state, ...more, ...hooks }, carry, average));
    },
  });
  now.training = training;
  for (const text of now.notes) training.note(text);
  await training.begin(resumed !== undefined);
  model.train();
  await learn(training, scheduler);
  await training.ends();
  const metrics = await evaluate?.();
  model.eval();
  const result = training.result(metrics);
  await training.end(result);
  folder?.finish(about, result, training.status);
  return result;
}

/** Opens the folder of a run. From a checkpoint that was named it goes on, whatever has been reached after it. */
function begin(run: RunParts, { from, perEpoch, overwrite }: ConductParts): BegunRun {
  if (from === undefined) return beginRun(run, perEpoch, overwrite);
  const { about, args, savesModel } = run;
  const { outputDir, resume } = args;
  const folder =
    outputDir === undefined ? undefined : RunFolder.open(outputDir, { resume, overwrite, about, model: savesModel });
  return { folder, grown: true };
}

/** What there was to say of a training that has not begun. */
async function tellNotes({ args, model, callbacks, isolation }: ConductParts, notes: readonly string[]): Promise<void> {
  const standing = standingOf(undefined);
  const best = new BestMetric(args);
  const resting = new Training({ args, model, callbacks, isolation, standing, best, perEpoch: 1, total: 0 });
  for (const text of notes) resting.note(text);
  await resting.settled();
}
