import { ShoshinError } from "../../backend/errors.ts";
import { busyWith, contentsOf, type RunRecord, shown } from "./run-record.ts";

/** A folder cannot take a run: something of the user's, or another run, is in it. Nothing was changed. */
export class RunFolderError extends ShoshinError {}

const OVERWRITE = "To train here all the same: overwriteOutputDir (--overwrite); your own files stay.";

/** Throws RunFolderError unless there is nothing in a folder. @param old it holds a run of an older version */
export function refuse(path: string, record: RunRecord | undefined, old: boolean): void {
  if (record !== undefined || old) {
    const what = old
      ? "holds a run of an older version"
      : record?.status === "finished"
        ? "holds a run that has finished"
        : "holds a run that has not finished";
    throw new RunFolderError(`${path} ${what}`, `To go on with it: resume (--resume). ${OVERWRITE}`);
  }
  const found = contentsOf(path);
  if (found.length === 0) return;
  throw new RunFolderError(`${path} is not empty: it holds ${shown(found)}`, `Train into a new folder. ${OVERWRITE}`);
}

/** Files of a model that no run wrote stand where this one's will. Throws RunFolderError. */
export function refuseModel(path: string, taken: readonly string[]): never {
  const [are, them] = taken.length === 1 ? ["is", "it"] : ["are", "them"];
  throw new RunFolderError(
    `${path}: ${shown(taken)} ${are} in the way: no run wrote ${them}, or it was changed since`,
    "Move them away, or train into another folder.",
  );
}

/** Throws RunFolderError where a run is under way. @param name of the record in the folder */
export function refuseBusy(path: string, name: string, record: RunRecord): void {
  const busy = busyWith(record);
  if (busy === undefined) return;
  throw new RunFolderError(
    `${path}: process ${busy} is training there`,
    `Wait for it, or train into another folder. If process ${busy} is another program, remove "owner" from ${name}.`,
  );
}
