import { type Module, StateDictError } from "../../nn/index.ts";
import type { AveragedWeights, Optimizer } from "../../optim/index.ts";
import type { GroupOptions } from "../../optim/optimizer.ts";
import type { TrainingArguments } from "../arguments/arguments.ts";

import type { TrainResult } from "../train-result.ts";
import {
  beyondLimit,
  type Carry,
  CheckpointError,
  loadCheckpoint,
  loadWeights,
  type TrainerState,
} from "./checkpoint.ts";

import type { Difference } from "./differences.ts";
import type { Isolation } from "./isolation.ts";
import { aboutOfFingerprint } from "./old-runs.ts";
import { RunFolder } from "./run-folder.ts";
import { plainSettings, type RunAbout } from "./run-record.ts";

/** What a training consists of, as far as it is restored. */
export interface RunParts {
  about: RunAbout;
  model: Module;
  optimizer: Optimizer<GroupOptions>;
  carry?: Carry;
  average?: AveragedWeights;
  args: TrainingArguments;
  isolation: Isolation;
  /** Whether held-out data is measured. */
  measures: boolean;
  /** The files of a model will be written into the folder afterwards. */
  savesModel: boolean;
  /** Tells the reader something. */
  note: (text: string) => void;
  /** Steps of an epoch; {@link beginRun} notes it. */
  perEpoch?: number;
}

/** What a trainer's run is made of: its settings as resolved, and what its caller says of itself. */
export function aboutRun(
  o: { run?: RunAbout; fingerprint?: string; trainDataset: { length: number }; evalDataset?: { length: number } },
  args: TrainingArguments,
): RunAbout {
  const { task, model, settings = {}, data = {} } = o.run ?? {};
  const roles = { train: o.trainDataset, validation: o.evalDataset };
  const counted = Object.entries(roles)
    .filter(([, dataset]) => dataset !== undefined)
    .map(([role, dataset]) => [role, { examples: dataset?.length, ...data[role] }]);
  return {
    ...{ task, model },
    // What the task says stands: it takes some of the arguments, as the smoothing of labels, upon itself.
    settings: { ...plainSettings({ ...args }), ...plainSettings(settings) },
    data: { ...data, ...Object.fromEntries(counted) },
    fingerprint: o.run?.fingerprint ?? o.fingerprint,
  };
}

/** Steps of a whole run by its settings. */
export function stepsOf(settings: { maxSteps?: unknown; numTrainEpochs?: unknown }, perEpoch: number): number {
  const { maxSteps, numTrainEpochs } = settings;
  if (typeof maxSteps === "number" && maxSteps > 0) return maxSteps;
  return typeof numTrainEpochs === "number" ? Math.ceil(perEpoch * numTrainEpochs) : Number.NaN;
}

export interface BegunRun {
  folder: RunFolder | undefined;
  /** What the run gave that is there, where there is nothing left to do; its weights are in the model. */
  finished?: TrainResult;
  /** Epochs or steps are more than those of the run that is there. */
  grown: boolean;
}

const OTHER = "Resume with the settings it was started with, or train into another folder.";

function refuse(path: string, differences: readonly Difference[]): never {
  throw new CheckpointError(
    `${path}: its run was started with other settings or data: ${differences.map(({ text }) => text).join("; ")}`,
    OTHER,
  );
}

/** The differences in how long a run is, where it would become shorter. */
function shortened(was: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>): Difference[] {
  return ["numTrainEpochs", "maxSteps"]
    .filter((name) => was[name] !== now[name])
    .map((field) => ({
      ...{ field, was: was[field], now: now[field] },
      text: `${field} was ${was[field]}, is now ${now[field]}, and a run may only grow`,
    }));
}

/**
 * Opens the folder of a run, a new one or one that goes on. A run that has finished goes on only if epochs or steps grow.
 * @param perEpoch steps of an epoch
 * @throws CheckpointError for a run that was started with other settings or data, which are named, or with more steps; nothing is
 * changed then. RunFolderError for a folder that cannot take a run.
 */
export function beginRun(parts: RunParts, perEpoch: number, overwrite: boolean): BegunRun {
  const { args, about, savesModel } = parts;
  parts.perEpoch = perEpoch;
  const { outputDir: path, resume } = args;
  if (path === undefined) return { folder: undefined, grown: false };
  const folder = RunFolder.open(path, { resume, overwrite, about, model: savesModel });
  if (!resume || folder.isNew) return { folder, grown: false };
  const hasFinished = folder.status === "finished";
  const [was, now] = [stepsOf(folder.settings, perEpoch), stepsOf(args, perEpoch)];
  // Where nothing has been reached there is nothing that other settings would spoil.
  if (hasFinished || folder.checkpoints().length > 0) {
    const differences = folder.differences(about);
    if (now < was && !hasFinished) differences.push(...shortened(folder.settings, about.settings));
    if (differences.length > 0) refuse(path, differences);
  }
  const grown = now > was;
  if (!hasFinished) return { folder, grown };
  if (!grown) return { folder, finished: finishedRun(folder, parts), grown };
  parts.note(`this run had finished with ${was} steps: it goes on to ${now}, on the schedule of the longer run`);
  return { folder, grown };
}

/** The run that is there, with its weights in the model; undefined where they are gone and nothing else holds the model. */
function finishedRun(folder: RunFolder, parts: RunParts): TrainResult | undefined {
  const { args, model, measures, average, note } = parts;
  const best = args.loadBestModelAtEnd && measures ? folder.bestWeights() : undefined;
  if (best !== undefined) loadWeights(model, best);
  else if (folder.checkpoints().length > 0 && restore(folder, parts, false) !== undefined) average?.swap();
  else if (!folder.saved) return undefined;
  folder.tidy();
  note("this run has finished: nothing to do");
  model.eval();
  return { ...(folder.result as unknown as TrainResult), alreadyFinished: true };
}

/** Whether the run is longer than it was to be when a checkpoint was written: that one's end is not its end any more. */
function hasGrown(state: TrainerState, { args, perEpoch = Number.NaN }: RunParts): boolean {
  return stepsOf(args, perEpoch) > stepsOf(aboutOfFingerprint(state.fingerprint).settings, perEpoch);
}

/** Removes what a process that was killed had no time to remove any more. */
function clear(folder: RunFolder, { saveTotalLimit }: TrainingArguments, state: TrainerState): void {
  folder.clearRemains();
  if (saveTotalLimit === undefined) return;
  for (const { path } of beyondLimit(folder.checkpoints(), saveTotalLimit, state)) folder.removeCheckpoint(path);
}

/**
 * Restores the newest checkpoint that is whole; undefined if there is none.
 * @throws CheckpointError for one of another model.
 */
export function restore(folder: RunFolder | undefined, parts: RunParts, tell = true): TrainerState | undefined {
  const { args, isolation, model, optimizer, carry, average, note } = parts;
  if (!args.resume || folder === undefined) return undefined;
  for (const { path, step } of folder.checkpoints().reverse()) {
    try {
      const state = isolation.within(() => loadCheckpoint(path, model, optimizer, carry, average));
      const here = isolation.backend.instructionSet;
      if (tell && state.instructionSet !== here)
        note(
          `warning: the checkpoint was written on ${state.instructionSet}, this is ${here}: results may differ in the last bits`,
        );
      if (!tell) return state;
      note(`resuming from step ${step}`);
      clear(folder, args, state);
      return { ...state, finished: state.finished && !hasGrown(state, parts) };
    } catch (error) {
      // Whole, and of something else: beginning anew would write over somebody's run.
      if (error instanceof StateDictError)
        throw new CheckpointError(
          `${path} is of another model: ${error.message}`,
          "Resume with the model of that run.",
        );
      note(`warning: ${path} cannot be used: ${(error as Error).message}`);
    }
  }
  if (tell) note("nothing to resume from: starting anew");
  return undefined;
}
