import {
  basename,
  contentDigest,
  dirname,
  existsSync,
  hostname,
  join,
  lstatSync,
  processId,
  processRuns,
  readdirSync,
  readFileSync,
  runtime,
} from "#platform";
import { backend } from "../../backend/index.ts";
import { VERSION as SHOSHIN } from "../../backend/version.ts";
import type { DataRecord } from "../../data/index.ts";

/** The name of a run's record, unless the user has a file of this name. */
export const RECORD = "run.json";
export const VERSION = 3;
/** What an older version wrote beside its model, and the record says now. */
export const OLD_ABOUT = "shoshin.json";

/** What is known of a file that a run wrote: its content; or that it is being written, or grows. */
export type FileEntry = { size: number; digest: string } | { writing: true } | { grows: true };

/** `interrupted`: the process ended, or somebody stopped it; it can go on. `failed`: an error, which is told. */
export type RunStatus = "running" | "interrupted" | "finished" | "failed";

/** What a run is made of; what a resume is compared with. */
export interface RunAbout {
  task?: string;
  /** A preset, or the pretrained model that it began with. */
  model?: string;
  /** As resolved: no defaults are missing. */
  settings: Record<string, unknown>;
  /** By role: `train`, `validation`. */
  data: Record<string, DataRecord>;
  /** @deprecated What the caller says of data and model in a text of its own. */
  fingerprint?: string;
}

/** What a run went on; it may change between its beginning and its end. */
export interface RunEnvironment {
  shoshin: string;
  node?: string;
  backend: string;
  instructionSet: string;
  threads: number;
  platform: string;
  arch: string;
}

/** The best evaluation. */
export interface RunBest {
  step: number;
  metric: string;
  value: number;
  /** The file that holds its weights, where that is not best.safetensors any more. */
  weights?: string;
}

/** What a run says about itself in its folder: `run.json`, there from the first write on. */
export interface RunRecord extends RunAbout {
  version: number;
  id: string;
  status: RunStatus;
  /** Why it failed. */
  error?: string;
  /** When it began, and when it ended. */
  started?: string;
  finished?: string;
  /** Who writes here: process, machine, and a name of this very run. */
  owner?: string;
  environment?: RunEnvironment;
  best?: RunBest;
  /** What training gave. */
  results?: Record<string, unknown>;
  /** Whether the files of a model are to be written after training (`reserved`), or are there. */
  modelFiles?: "reserved" | "saved";
  /** Of the model that an older run has left here, until this one's takes its place. */
  former?: Pick<RunAbout, "task" | "model" | "settings">;
  /** All that the run wrote and may remove, by its path in the folder; `checkpoint-5/` while it is being written. */
  files: Record<string, FileEntry>;
}

/** Names under which the operating system or an editor leaves things that are nobody's. */
const NOBODYS = new Set([".DS_Store", "Thumbs.db", "desktop.ini", ".directory", ".gitkeep"]);
const TEMPORARY = ".shoshin-tmp-";

/** What of a model's folder a training writes. */
export const MODEL_FILES = new Set([
  ...["config.json", "generation_config.json", "model.safetensors", "model.safetensors.index.json", "shoshin.json"],
  ...["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja"],
  ...["vocab.txt", "vocab.json", "merges.txt", "vectorizer.json", "tabular_encoder.json"],
  ...["adapter/adapter_config.json", "adapter/adapter_model.safetensors"],
]);
export const isModelFile = (name: string): boolean =>
  MODEL_FILES.has(name) || /^model-\d+-of-\d+\.safetensors$|^[\w.]+\.(spm|model)$/.test(name);

/** `name` with a number before its ending, from 2 on. */
export const numbered = (name: string, n: number): string =>
  n === 1 ? name : name.replace(/^(.*?)(\.[a-z]+)?$/, (_, stem, ending = "") => `${stem}-${n}${ending}`);

/** Runs of this thread that are under way. */
const underWay = new Set<string>();
/** A name for a run that begins. */
export function claim(): string {
  const owner = `${processId()} ${hostname()} ${Math.random().toString(36).slice(2)}`;
  underWay.add(owner);
  return owner;
}
export const unclaim = (owner: string): boolean => underWay.delete(owner);
/** The process that is training in a folder now, by its record; undefined where none is, or it is on another machine. */
export function busyWith({ owner }: Pick<RunRecord, "owner">): string | undefined {
  if (typeof owner !== "string") return undefined;
  const [id, host] = owner.split(" ");
  if (host !== hostname() || !/^\d+$/.test(id)) return undefined;
  const busy = Number(id) === processId() ? underWay.has(owner) : processRuns(Number(id));
  return busy ? id : undefined;
}

export function kindOf(path: string): "file" | "folder" | "link" | undefined {
  try {
    const stat = lstatSync(path);
    return stat.isFile() ? "file" : stat.isDirectory() ? "folder" : "link";
  } catch {
    return undefined;
  }
}

/** What is in a folder, without what is nobody's. */
export const contentsOf = (folder: string): string[] =>
  readdirSync(folder).filter((name) => !NOBODYS.has(name) && !name.startsWith(TEMPORARY));

/** Whether a path inside a folder leads through no link. */
export function lies(folder: string, name: string): boolean {
  const parts = name.split("/").filter((part) => part !== "");
  return parts.every((part, i) => {
    const kind = kindOf(join(folder, ...parts.slice(0, i), part));
    return kind === (i === parts.length - 1 ? "file" : "folder");
  });
}

export const entryOf = (path: string): FileEntry => ({ size: lstatSync(path).size, digest: contentDigest(path) });

/** Whether a file in the folder is still what the record says. */
export function unchanged(folder: string, name: string, entry: FileEntry): boolean {
  if (!lies(folder, name)) return false;
  if (!("digest" in entry)) return true;
  const path = join(folder, name);
  return lstatSync(path).size === entry.size && contentDigest(path) === entry.digest;
}

/** A file with the content of another, the model's own before those of checkpoints. */
export function sameContent(folder: string, files: RunRecord["files"], name: string): string | undefined {
  const wanted = files[name];
  if (wanted === undefined || !("digest" in wanted)) return undefined;
  const same = Object.entries(files).filter(
    ([other, entry]) =>
      other !== name && "digest" in entry && entry.digest === wanted.digest && entry.size === wanted.size,
  );
  const ranked = same.map(([other]) => other).sort((a, b) => Number(!isModelFile(a)) - Number(!isModelFile(b)));
  return ranked.find((other) => unchanged(folder, other, files[other]));
}

/** The files of a model in a folder, those of its adapter too. */
export function modelFilesIn(folder: string): string[] {
  const visit = (inside: string): string[] =>
    contentsOf(join(folder, inside)).flatMap((name) => {
      const path = inside === "" ? name : `${inside}/${name}`;
      return isModelFile(path) && kindOf(join(folder, path)) === "file" ? [path] : [];
    });
  return [...visit(""), ...(kindOf(join(folder, "adapter")) === "folder" ? visit("adapter") : [])];
}

/** Whether an entry of a record is one, of a path inside the folder. */
function isSound(path: string, entry: unknown): boolean {
  if (entry === null || typeof entry !== "object") return false;
  if (/^\/|\\|(^|\/)\.\.?(\/|$)/.test(path)) return false;
  const { writing, grows, size, digest } = entry as Record<string, unknown>;
  return writing === true || grows === true || (typeof size === "number" && typeof digest === "string");
}

/** The object in a file; undefined where there is none. */
export function parsed(path: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(readFileSync(path, "utf8"));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
export const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === "object" && !Array.isArray(value);

/** The entries of a record that are such. */
export const soundFiles = (files: object): RunRecord["files"] =>
  Object.fromEntries(Object.entries(files).filter(([path, entry]) => isSound(path, entry)));

export function environment(): RunEnvironment {
  const { name, instructionSet, threads } = backend();
  const { node, platform, arch } = runtime;
  return { shoshin: SHOSHIN, node, backend: name, instructionSet, threads, platform, arch };
}

/** Says when, and that it is this one. */
const newId = (): string =>
  `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, "")}-${Math.random().toString(36).slice(2, 8).padEnd(6, "0")}`;

/** What can be written as JSON, and is worth it: how a run is called, and where its folder lies, are no part of what it is. */
export function plainSettings(settings: Record<string, unknown>): Record<string, unknown> {
  const told = Object.entries(settings).filter(([name]) => !CALLED.has(name));
  return JSON.parse(JSON.stringify(Object.fromEntries(told)));
}
const CALLED = new Set([
  ...["outputDir", "output", "overwriteOutputDir", "overwrite", "resume", "resumeFromCheckpoint"],
  ...["quiet", "disableTqdm", "json", "say", "callbacks", "args", "config"],
]);

export function newRecord(
  { task, model, settings, data, fingerprint }: RunAbout,
  files: RunRecord["files"],
): RunRecord {
  return {
    version: VERSION,
    id: newId(),
    task,
    model,
    status: "running",
    started: new Date().toISOString(),
    settings: plainSettings(settings),
    data,
    environment: environment(),
    fingerprint,
    files,
  };
}

const CHECKPOINT = new Set(
  ["model", "optimizer", "carry", "average"].map((name) => `${name}.safetensors`).concat("trainer_state.json"),
);

/** Checkpoints of which something is gone. */
export function brokenCheckpoints(folder: string, files: RunRecord["files"]): Set<string> {
  const names = Object.keys(files).filter((name) => /^checkpoint-\d+(-\d+)?\/./.test(name));
  return new Set(names.filter((name) => !isThere(join(folder, name))).map((name) => dirname(name)));
}

/** The files of a checkpoint's folder; none where there is anything else in it. */
export function checkpointFiles(folder: string, name: string): string[] {
  if (kindOf(join(folder, name)) !== "folder") return [];
  const state = parsed(join(folder, name, "trainer_state.json"));
  if (typeof state?.fingerprint !== "string" || !Number.isSafeInteger(state.globalStep)) return [];
  return readdirSync(join(folder, name))
    .filter((file) => CHECKPOINT.has(file))
    .map((file) => `${name}/${file}`);
}

/** A name for a message. */
export const shown = (names: readonly string[]): string =>
  `${names
    .slice(0, 4)
    .map((name) => basename(name))
    .join(", ")}${names.length > 4 ? ` and ${names.length - 4} more` : ""}`;

export const isThere = (path: string): boolean => existsSync(path) || kindOf(path) !== undefined;

/** A record that says what a run is made of as it is told now; what is told no more stays. */
export function adopted(record: RunRecord, { settings, data, fingerprint }: RunAbout): RunRecord {
  const merged = Object.entries(data).map(([role, found]) => [role, { ...record.data[role], ...found }]);
  return {
    ...record,
    settings: { ...record.settings, ...plainSettings(settings) },
    data: { ...record.data, ...Object.fromEntries(merged) },
    fingerprint,
  };
}

/** A record as it is written, in an order for readers. */
export function written({ version: _, id, results, files, fingerprint, data, ...rest }: RunRecord): RunRecord {
  const { task, model, status, error, started, finished, owner, settings, environment: on, best, ...more } = rest;
  return {
    ...{ version: VERSION, id: id || newId(), task, model, status, error, started, finished, owner },
    ...{ best, results, data, settings, fingerprint, environment: on, ...more, files },
  };
}

/** Files of a record, when what was being written as its process ended is looked at. */
export function settled(folder: string, files: RunRecord["files"]): RunRecord["files"] {
  const out = { ...files };
  for (const [name, entry] of Object.entries(files)) {
    if (!("writing" in entry)) continue;
    delete out[name];
    const found = name.endsWith("/") ? checkpointFiles(folder, name.slice(0, -1)) : [name];
    for (const file of found) if (kindOf(join(folder, file)) === "file") out[file] = entryOf(join(folder, file));
  }
  return out;
}

/** Files of a record without those of the model that was there before; but that which holds the best weights is written as it is. */
export const withoutModel = ({ files, best }: RunRecord): RunRecord["files"] =>
  Object.fromEntries(
    Object.entries(files).filter(([name]) => !isModelFile(name) || name === best?.weights || name === OLD_ABOUT),
  );
