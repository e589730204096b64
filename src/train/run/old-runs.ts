import { join, readFileSync } from "#platform";
import { checkOptions, type Known, OptionError } from "../../backend/options.ts";
import {
  checkpointFiles,
  contentsOf,
  entryOf,
  isModelFile,
  isObject,
  kindOf,
  lies,
  MODEL_FILES,
  OLD_ABOUT,
  parsed,
  plainSettings,
  type RunAbout,
  type RunRecord,
  soundFiles,
} from "./run-record.ts";

/** What a model's folder of version 0.1.0 says of it; undefined where it says nothing. */
export function oldAbout(folder: string): (RunAbout & { metrics?: Record<string, number> }) | undefined {
  const found = parsed(join(folder, OLD_ABOUT));
  if (found === undefined || typeof found.task !== "string") return undefined;
  const { task, preset, settings, data, metrics } = found as Record<string, unknown>;
  return {
    task: task as string,
    model: typeof preset === "string" ? preset : undefined,
    settings: plainSettings({ ...(isObject(settings) ? settings : {}), ...argumentsIn(settings) }),
    data: typeof data === "string" ? { train: { source: data } } : {},
    metrics: isObject(metrics) ? (metrics as Record<string, number>) : undefined,
  };
}
const argumentsIn = (settings: unknown) => (isObject(settings) && isObject(settings.args) ? settings.args : {});

/**
 * What a checkpoint, or a record before version 3, says of its run in the text `fingerprint`: training's settings, examples, and
 * the caller's own text.
 */
export function aboutOfFingerprint(text: unknown): RunAbout {
  const nothing: RunAbout = { settings: {}, data: {} };
  if (typeof text !== "string") return nothing;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ...nothing, fingerprint: text };
  }
  if (isObject(value) && isObject(value.settings) && isObject(value.data)) return value as unknown as RunAbout;
  if (!Array.isArray(value) || !isObject(value[0])) return { ...nothing, fingerprint: text };
  const [settings, examples, fingerprint] = value;
  return {
    settings: plainSettings(settings),
    data: typeof examples === "number" ? { train: { examples } } : {},
    fingerprint: typeof fingerprint === "string" ? fingerprint : undefined,
  };
}

export const ABOUT_RUN: Known<RunAbout> = { task: true, model: true, settings: true, data: true, fingerprint: true };
/** What a run is made of, by whatever was given. Throws OptionError. */
export function aboutFrom(about: RunAbout | string): RunAbout {
  if (typeof about === "string") return aboutOfFingerprint(about);
  checkOptions("a run's about", about, ABOUT_RUN);
  if (isObject(about) && isObject(about.settings) && isObject(about.data)) return about;
  throw new OptionError("about is no description of a run", "{ task, model, settings: { … }, data: { train: { … } } }");
}

/** A record of version 2 as one of version 3. */
export function upgraded(folder: string, value: Record<string, unknown>): RunRecord {
  const about = oldAbout(folder);
  const { settings, data, fingerprint } = aboutOfFingerprint(value.fingerprint);
  const finished = value.status === "finished";
  return {
    version: 2,
    id: "",
    task: about?.task,
    model: about?.model,
    status: finished ? "finished" : "running",
    owner: typeof value.owner === "string" ? value.owner : undefined,
    settings: { ...about?.settings, ...settings },
    data: withSource(data, about?.data),
    fingerprint,
    results: finished && isObject(value.result) ? value.result : undefined,
    modelFiles: value.model === "saved" ? "saved" : value.model === "reserved" ? "reserved" : undefined,
    files: soundFiles(value.files as object),
  };
}
const withSource = (data: RunAbout["data"], named: RunAbout["data"] = {}): RunAbout["data"] =>
  "train" in data || "train" in named ? { ...data, train: { ...named.train, ...data.train } } : data;

/**
 * The files that a run has left that kept no list, or lost it: only a run writes what the folder is recognised by
 * (run.json, shoshin.json, a checkpoint's state). Undefined where the folder is none.
 */
function filesOfOldRun(folder: string): string[] | undefined {
  const names = contentsOf(folder);
  const checkpoints = names.filter((n) => /^checkpoint-\d+$/.test(n)).flatMap((name) => checkpointFiles(folder, name));
  const run = parsed(join(folder, "run.json"));
  const about = parsed(join(folder, OLD_ABOUT));
  const finished = typeof run?.fingerprint === "string" && typeof run.result === "object";
  const saving = checkpoints.some(
    (name) => name.endsWith("/trainer_state.json") && parsed(join(folder, name))?.savesModel === true,
  );
  const saved = saving || (typeof about?.version === "string" && typeof about.task === "string");
  if (!finished && !saved && checkpoints.length === 0) return undefined;
  const card = (name: string) => /^---\nlibrary_name: shoshin\n/.test(readFileSync(join(folder, name), "utf8"));
  const ours = names.filter(
    (name) =>
      kindOf(join(folder, name)) === "file" &&
      ((name === "run.json" && finished) ||
        (name === "README.md" && card(name)) ||
        ["best.safetensors", "log.jsonl"].includes(name) ||
        name.startsWith("events.out.tfevents.") ||
        (saved && isModelFile(name))),
  );
  const adapter = [...MODEL_FILES].filter((name) => name.includes("/") && saved && lies(folder, name));
  return [...ours, ...checkpoints, ...adapter];
}

/** These files as a record lists them. */
export const oldFiles = (folder: string): RunRecord["files"] =>
  Object.fromEntries((filesOfOldRun(folder) ?? []).map((name) => [name, entryOf(join(folder, name))]));

/**
 * A record for the run of version 0.1.0 that is in a folder, or for one whose record is gone, without its files; undefined where
 * there is none.
 */
export function recordOfOldRun(folder: string): RunRecord | undefined {
  const files = filesOfOldRun(folder);
  if (files === undefined) return undefined;
  const run = parsed(join(folder, "run.json"));
  const about = oldAbout(folder);
  const newest = files
    .filter((name) => name.endsWith("/trainer_state.json"))
    .sort((a, b) => stepIn(b) - stepIn(a))
    .map((name) => parsed(join(folder, name))?.fingerprint);
  const finished = typeof run?.fingerprint === "string" && isObject(run.result);
  const said = aboutOfFingerprint(finished ? run.fingerprint : newest[0]);
  return {
    version: 1,
    id: "",
    task: said.task ?? about?.task,
    model: said.model ?? about?.model,
    status: finished ? "finished" : "running",
    settings: { ...about?.settings, ...said.settings },
    data: withSource(said.data, about?.data),
    fingerprint: said.fingerprint,
    results: finished ? (run.result as Record<string, unknown>) : undefined,
    modelFiles: about !== undefined && files.includes("config.json") ? "saved" : undefined,
    files: {},
  };
}
const stepIn = (name: string): number => Number(/^checkpoint-(\d+)/.exec(name)?.[1] ?? 0);
