import { dirname, join } from "#platform";
import { OptionError } from "../../backend/options.ts";
import { StateDictError } from "../../nn/index.ts";
import { CheckpointError, loadCheckpoint, type TrainerState } from "./checkpoint.ts";
import type { RunParts } from "./resume.ts";
import { RunFolder } from "./run-folder.ts";

/** What `resumeFromCheckpoint` may be: whether to go on with the newest, or the checkpoint's folder. */
export type FromCheckpoint = boolean | string | null;

/** Throws OptionError for what is neither, and no text that names something. */
export function checkFrom(where: string, from: unknown): asserts from is FromCheckpoint | undefined {
  if (from === undefined || from === null || typeof from === "boolean" || (typeof from === "string" && from !== ""))
    return;
  throw new OptionError(
    `${where}: resumeFromCheckpoint is ${String(from)}; expected true, false, or a checkpoint's folder`,
    "true: the newest one in outputDir.",
  );
}

/** The run that a checkpoint is of, by the record beside it. */
const runOf = (checkpoint: string): RunFolder | undefined => RunFolder.existing(dirname(join(checkpoint, ".")));
/** Whether a checkpoint lies in the folder of a run. */
export function liesIn(folder: string | undefined, checkpoint: string): boolean {
  const id = runOf(checkpoint)?.id;
  return folder !== undefined && id !== undefined && RunFolder.existing(folder)?.id === id;
}

/**
 * Restores a certain checkpoint.
 * @throws CheckpointError where there is none that is whole, or it is of another model, or of a run with other settings or data.
 */
export function restoreFrom(path: string, parts: RunParts): TrainerState {
  const { isolation, model, optimizer, carry, average, about, note } = parts;
  const differences = runOf(path)?.differences(about) ?? [];
  if (differences.length > 0)
    throw new CheckpointError(
      `${path}: its run was started with other settings or data: ${differences.map(({ text }) => text).join("; ")}`,
      "Resume with the settings it was started with.",
    );
  let state: TrainerState;
  try {
    state = isolation.within(() => loadCheckpoint(path, model, optimizer, carry, average));
  } catch (error) {
    const what = error instanceof StateDictError ? "is of another model" : "cannot be used";
    throw new CheckpointError(`${path} ${what}: ${(error as Error).message}`, "Name a folder checkpoint-STEP.");
  }
  const here = isolation.backend.instructionSet;
  if (state.instructionSet !== here)
    note(
      `warning: the checkpoint was written on ${state.instructionSet}, this is ${here}: results may differ in the last bits`,
    );
  note(`resuming from ${path}, step ${state.globalStep}`);
  return state;
}
