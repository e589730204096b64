import { checkOptions, type Known, OptionError } from "../../backend/options.ts";
import { beyondLimit } from "../run/checkpoint.ts";
import type { Saved, TrainerCallbacks, TrainerControl } from "./callback.ts";

export interface CheckpointOptions {
  /** Checkpoints that are kept, the best and the newest among them; left out: `args.saveTotalLimit`, or all. */
  saveTotalLimit?: number;
}
const KNOWN: Known<CheckpointOptions> = { saveTotalLimit: true };

/** Writes `checkpoint-STEP` into the folder of the run, from which it can go on, and removes the oldest. */
export class CheckpointCallback implements TrainerCallbacks {
  readonly saveTotalLimit: number | undefined;

  constructor(options: CheckpointOptions = {}) {
    checkOptions("CheckpointCallback", options, KNOWN);
    const { saveTotalLimit } = options;
    if (saveTotalLimit !== undefined && !(Number.isSafeInteger(saveTotalLimit) && saveTotalLimit >= 0))
      throw new OptionError(
        `CheckpointCallback: saveTotalLimit is ${String(saveTotalLimit)}; expected a whole number from 0`,
      );
    this.saveTotalLimit = saveTotalLimit;
  }

  onSave({ step }: Saved, control: TrainerControl): void {
    const { folder, args, state } = control;
    if (folder === undefined) return;
    folder.writeFolder(`checkpoint-${step}`, (path) => control.writeCheckpoint(path));
    const limit = this.saveTotalLimit ?? args.saveTotalLimit;
    if (limit === undefined) return;
    for (const { path } of beyondLimit(folder.checkpoints(), limit, {
      globalStep: step,
      bestStep: state.bestGlobalStep,
    }))
      folder.removeCheckpoint(path);
  }
}
