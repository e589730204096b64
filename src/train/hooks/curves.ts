import { RunLog } from "../run/log.ts";
import type { At, Log, Saved, TrainerCallbacks, TrainerControl } from "./callback.ts";

/** The curves of a run, and its history: `log.jsonl` in its folder, and TensorBoard's event file. */
export class CurvesCallback implements TrainerCallbacks {
  #log: RunLog | undefined;

  onTrainBegin({ step }: At, { folder }: TrainerControl): void {
    this.#log = folder && new RunLog(folder, step);
  }
  onLog({ step, logs }: Log): void {
    // As Transformers' TensorBoardCallback calls them.
    const named = ([name, value]: [string, number]): [string, number] =>
      name.startsWith("eval_") ? [`eval/${name.slice(5)}`, value] : [`train/${name}`, value];
    this.#log?.write(step, Object.fromEntries(Object.entries(logs).map(named)));
  }
  onSave({ step, path }: Saved): void {
    if (path !== undefined) this.#log?.event("checkpoint", step);
  }
}
