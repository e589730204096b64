import { existsSync, hostname, join } from "#platform";
import { oldAbout, recordOfOldRun, upgraded } from "./old-runs.ts";
import {
  busyWith,
  isObject,
  kindOf,
  numbered,
  parsed,
  RECORD,
  type RunAbout,
  type RunRecord,
  soundFiles,
  VERSION,
} from "./run-record.ts";

/** Where a folder's record lies or would lie, and what it says. */
export interface FoundRecord {
  name: string;
  record?: RunRecord;
  /** Of a version that wrote no list of its files, or of a run that lost it. */
  old?: RunRecord;
}

function recordIn(folder: string, value: Record<string, unknown>): RunRecord | undefined {
  const { version, files } = value;
  if (!isObject(files)) return undefined;
  if (version === 2 && typeof value.fingerprint === "string") return upgraded(folder, value);
  if (version !== VERSION || typeof value.id !== "string" || !isObject(value.settings) || !isObject(value.data))
    return undefined;
  return { ...(value as unknown as RunRecord), files: soundFiles(files) };
}

/** The record of a folder, of whatever version. */
export function findRecord(folder: string): FoundRecord {
  for (let n = 1; ; n++) {
    const name = numbered(RECORD, n);
    const kind = kindOf(join(folder, name));
    if (kind === undefined) return { name, old: recordOfOldRun(folder) };
    const value = kind === "file" ? parsed(join(folder, name)) : undefined;
    if (value === undefined) continue;
    const record = recordIn(folder, value);
    if (record !== undefined) return { name, record };
    // Version 0.1.0 wrote these two.
    if (typeof value.fingerprint === "string" && typeof value.result === "object")
      return { name, old: recordOfOldRun(folder) };
  }
}

/** A run as its folder tells of it. */
export type Run = Omit<RunRecord, "files" | "owner" | "former" | "modelFiles" | "fingerprint"> & {
  /** Whether the files of a model are there, whole. */
  saved: boolean;
};

/** What became of a run whose process has ended without a word. */
function statusOf({ status, owner }: RunRecord): RunRecord["status"] {
  if (status !== "running" || busyWith({ owner }) !== undefined) return status;
  // On another machine nobody can look.
  return owner !== undefined && owner.split(" ")[1] !== hostname() ? status : "interrupted";
}

/**
 * The run of a folder, of this version or an older one (which left run.json without settings, and shoshin.json); undefined where
 * there is none.
 */
export function readRun(folder: string): Run | undefined {
  if (!existsSync(folder)) return undefined;
  const { record, old } = findRecord(folder);
  const found = record ?? old;
  if (found === undefined) return undefined;
  const { files: _f, owner: _o, former: _m, modelFiles, fingerprint: _p, ...rest } = found;
  const metrics = found.version < VERSION ? oldAbout(folder)?.metrics : undefined;
  const results = rest.results ?? (metrics === undefined ? undefined : { metrics });
  return { ...rest, results, status: statusOf(found), saved: modelFiles === "saved" };
}

/** What is known of the model in a folder: how it was trained, and what it measured. */
export type ModelAbout = Pick<RunAbout, "task" | "model" | "settings"> & { metrics?: Record<string, number> };

/**
 * Of the model whose files are in a folder, by its run's record or an older version's shoshin.json; undefined where it wasn't
 * trained here. While a run begins anew in a folder, that is the model of the run before it.
 */
export function modelAbout(folder: string): ModelAbout | undefined {
  if (!existsSync(folder)) return undefined;
  const { record, old } = findRecord(folder);
  const found = record ?? old;
  if (found === undefined) return oldAbout(folder);
  const { task, model, settings } = found.former ?? found;
  const metrics = found.former === undefined && isObject(found.results) ? found.results.metrics : undefined;
  return { task, model, settings, metrics: isObject(metrics) ? (metrics as Record<string, number>) : undefined };
}
