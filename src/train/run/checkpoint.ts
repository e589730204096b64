import { checkOptions } from "../../backend/options.ts";
import "../../backend/dispose.ts";
import { existsSync, join, readdirSync, readFileSync, rmSync } from "#platform";
import { ShoshinError } from "../../backend/errors.ts";
import {
  openWeights,
  readIntoTensor,
  SafetensorsFile,
  type WeightsDType,
  weightsOf,
  writeFileAtomic,
  writeFolderAtomic,
  writeSafetensors,
} from "../../formats/index.ts";
import type { Module } from "../../nn/index.ts";
import type { AveragedWeights, Optimizer } from "../../optim/index.ts";
import type { GroupOptions } from "../../optim/optimizer.ts";
import { getRngState, type RngState, setRngState } from "../../tensor/random.ts";
import { checkpointFiles, kindOf } from "./run-record.ts";
import { packOptimizer, unpackOptimizer } from "./state.ts";

/** A checkpoint or a saved model cannot be used. */
export class CheckpointError extends ShoshinError {}

/** State between batches: named numbers in, named numbers out. */
export interface Carry {
  /** Forgets: an epoch begins. */
  reset(): void;
  get(): Map<string, { shape: number[]; data: Float32Array }>;
  set(state: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>): void;
}

/** Where a run stands: everything besides weights and optimizer that it needs to go on bit for bit. */
export interface TrainerState {
  version: 1;
  globalStep: number;
  epoch: number;
  /** Steps of this epoch that are done. */
  batch: number;
  bestMetric: number | undefined;
  bestLoss: number | undefined;
  bestStep: number | undefined;
  evaluationsSinceBest: number;
  lossSum: number;
  lossCount: number;
  /** Of the steps since the curve's last point. */
  logSum?: number;
  logCount?: number;
  finished: boolean;
  rng: RngState;
  optimizer: unknown;
  /** What the run was started with, as JSON: it stands in the run's record too, and here should that be lost. */
  fingerprint: string;
  /** The run's folder takes the files of a model: what there is of such is the run's. */
  savesModel?: boolean;
  /** Results are bit-identical only on the same one. */
  instructionSet: string;
  /** Of a schedule that the caller made. */
  scheduler?: unknown;
  /** What hooks remember, by their names. */
  callbacks?: Record<string, unknown>;
}

/** Writes a module's weights as safetensors; floating-point ones rounded to `dtype` (float32). */
export function saveWeights(module: Module, path: string, options: { dtype?: WeightsDType } = {}): void {
  checkOptions("saveWeights", options, { dtype: true });
  writeSafetensors(path, weightsOf(module, options.dtype), { format: "pt" });
}

/**
 * Reads weights into a module's own memory, from a file or a folder of any kind that {@link openWeights} knows. Throws
 * {@link CheckpointError}, WeightsError, StateDictError or the format's own error; where names or shapes do not fit, the
 * module is unchanged.
 */
export function loadWeights(module: Module, path: string): void {
  if (!existsSync(path)) throw new CheckpointError(`${path}: no such file`, "Is this the folder of a trained model?");
  using file = openWeights(path);
  module.checkStateDict(new Map(file.names().map((name) => [name, file.info(name)])));
  // Of the names of a shared tensor one is enough.
  for (const [name, target] of module.stateDict()) if (file.has(name)) readIntoTensor(file, name, target);
}

const NAME = /^checkpoint-(\d+)$/;

/** Checkpoints of a folder, oldest first. */
export function listCheckpoints(folder: string): { step: number; path: string }[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .flatMap((name) => {
      const match = NAME.exec(name);
      return match === null ? [] : [{ step: Number(match[1]), path: join(folder, name) }];
    })
    .sort((a, b) => a.step - b.step);
}

/** Writes a checkpoint's folder whole or not at all. */
export function writeCheckpoint(
  path: string,
  module: Module,
  optimizer: Optimizer<GroupOptions>,
  state: Omit<TrainerState, "optimizer" | "rng" | "version">,
  carry?: Carry,
  average?: AveragedWeights,
): void {
  const packed = packOptimizer(optimizer.stateDict());
  const full: TrainerState = { version: 1, ...state, rng: getRngState(), optimizer: packed.description };
  writeFolderAtomic(path, (temp) => {
    saveWeights(module, join(temp, "model.safetensors"));
    writeSafetensors(join(temp, "optimizer.safetensors"), packed.tensors);
    if (carry !== undefined) writeSafetensors(join(temp, "carry.safetensors"), carry.get());
    if (average !== undefined) writeSafetensors(join(temp, "average.safetensors"), average.stateDict());
    writeFileAtomic(join(temp, "trainer_state.json"), `${JSON.stringify(full, null, 2)}\n`);
  });
}

/** Of checkpoints, oldest first, those that go when `limit` are kept, the best and the newest among them. */
export function beyondLimit<T extends { step: number }>(
  all: readonly T[],
  limit: number,
  { globalStep, bestStep }: { globalStep: number; bestStep: number | undefined },
): T[] {
  const old = all.filter(({ step }) => step !== globalStep && step !== bestStep);
  const keep = Math.max(0, limit - 1 - (bestStep !== undefined && bestStep !== globalStep ? 1 : 0));
  return old.slice(0, Math.max(0, old.length - keep));
}

const isCheckpoint = (folder: string, path: string): boolean => {
  const name = path.slice(folder.length).replace(/^[\\/]/, "");
  return checkpointFiles(folder, name).length > 0 && readdirSync(path).length === checkpointFiles(folder, name).length;
};

/**
 * Writes `checkpoint-STEP` whole or not at all, then removes the oldest beyond `limit`, never the best, and nothing that is no
 * checkpoint or holds anything else. Throws {@link CheckpointError} where something else has its name.
 */
export function saveCheckpoint(
  folder: string,
  module: Module,
  optimizer: Optimizer<GroupOptions>,
  state: Omit<TrainerState, "optimizer" | "rng" | "version">,
  limit: number | undefined,
  carry?: Carry,
  average?: AveragedWeights,
): string {
  const path = join(folder, `checkpoint-${state.globalStep}`);
  if (kindOf(path) !== undefined && !isCheckpoint(folder, path))
    throw new CheckpointError(`${path} is no checkpoint, and is left as it is`, "Move it away.");
  writeCheckpoint(path, module, optimizer, state, carry, average);
  if (limit !== undefined) {
    const all = listCheckpoints(folder).filter((found) => isCheckpoint(folder, found.path));
    for (const stale of beyondLimit(all, limit, state)) rmSync(stale.path, { recursive: true, force: true });
  }
  return path;
}

/** Reads a checkpoint into module and optimizer; the random state is restored too. Throws CheckpointError or SafetensorsError. */
export function loadCheckpoint(
  path: string,
  module: Module,
  optimizer: Optimizer<GroupOptions>,
  carry?: Carry,
  average?: AveragedWeights,
): TrainerState {
  let state: TrainerState;
  try {
    state = JSON.parse(readFileSync(join(path, "trainer_state.json"), "utf8"));
  } catch (error) {
    throw new CheckpointError(`${path}: trainer_state.json cannot be read: ${(error as Error).message}`);
  }
  if (state.version !== 1 || !Number.isSafeInteger(state.globalStep))
    throw new CheckpointError(`${path}: an unknown kind of checkpoint`);
  using file = SafetensorsFile.open(join(path, "optimizer.safetensors"));
  const unpacked = unpackOptimizer(state.optimizer, (name) => file.read(name).data as Float32Array);
  const named = (name: string) => {
    using file = SafetensorsFile.open(join(path, name));
    type Entry = { shape: readonly number[]; data: Float32Array };
    return new Map(file.names().map((key) => [key, file.read(key) as Entry]));
  };
  carry?.set(named("carry.safetensors"));
  average?.loadStateDict(named("average.safetensors"));
  loadWeights(module, join(path, "model.safetensors"));
  optimizer.loadStateDict(unpacked);
  setRngState(state.rng);
  return state;
}
