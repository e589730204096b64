import {
  basename,
  contentDigest,
  existsSync,
  hostname,
  join,
  lstatSync,
  processId,
  processRuns,
  readdirSync,
  readFileSync,
} from "#platform";

/** The name of a run's record, unless the user has a file of this name. */
const RECORD = "run.json";
const VERSION = 2;

/** What is known of a file that a run wrote: its content; or that it is being written, or grows. */
export type FileEntry = { size: number; digest: string } | { writing: true } | { grows: true };

/** What a run says about itself in its folder: `run.json`, there from the first write on. */
export interface RunRecord {
  version: number;
  status: "running" | "finished";
  /** Who writes here: process, machine, and a name of this very run. */
  owner?: string;
  fingerprint: string;
  /** Whether the files of a model are to be written after training (`reserved`), or are there. */
  model?: "reserved" | "saved";
  /** What training gave. */
  result?: Record<string, unknown>;
  /** All that the run wrote and may remove, by its path in the folder; `checkpoint-5/` while it is being written. */
  files: Record<string, FileEntry>;
}

/** Names under which the operating system or an editor leaves things that are nobody's. */
const NOBODYS = new Set([".DS_Store", "Thumbs.db", "desktop.ini", ".directory", ".gitkeep"]);
const TEMPORARY = ".shoshin-tmp-";

/** What of a model's folder a training writes. */
const MODEL_FILES = new Set([
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
export function busyWith({ status, owner }: RunRecord): string | undefined {
  if (status !== "running" || typeof owner !== "string") return undefined;
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
function lies(folder: string, name: string): boolean {
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

/** Whether an entry of a record is one, of a path inside the folder. */
function isSound(path: string, entry: unknown): boolean {
  if (entry === null || typeof entry !== "object") return false;
  if (/^\/|\\|(^|\/)\.\.?(\/|$)/.test(path)) return false;
  const { writing, grows, size, digest } = entry as Record<string, unknown>;
  return writing === true || grows === true || (typeof size === "number" && typeof digest === "string");
}

function parsed(path: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(readFileSync(path, "utf8"));
    return value !== null && typeof value === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Where a folder's record lies or would lie, and what it says. */
export function findRecord(folder: string): { name: string; record?: RunRecord } {
  for (let n = 1; ; n++) {
    const name = numbered(RECORD, n);
    const kind = kindOf(join(folder, name));
    if (kind === undefined) return { name };
    const value = kind === "file" ? parsed(join(folder, name)) : undefined;
    const { version, files, fingerprint } = value ?? {};
    if (version === VERSION && typeof fingerprint === "string" && files !== null && typeof files === "object") {
      const sound = Object.entries(files as object).filter(([path, entry]) => isSound(path, entry));
      return { name, record: { ...(value as unknown as RunRecord), files: Object.fromEntries(sound) } };
    }
    // Version 0.1.0 wrote these two.
    if (value !== undefined && typeof fingerprint === "string" && typeof value.result === "object") return { name };
  }
}

export const newRecord = (fingerprint: string, files: RunRecord["files"]): RunRecord => ({
  version: VERSION,
  status: "running",
  fingerprint,
  files,
});

const CHECKPOINT = new Set(
  ["model", "optimizer", "carry", "average"].map((name) => `${name}.safetensors`).concat("trainer_state.json"),
);

/** The files of a checkpoint's folder; none where there is anything else in it. */
export function checkpointFiles(folder: string, name: string): string[] {
  if (kindOf(join(folder, name)) !== "folder") return [];
  const state = parsed(join(folder, name, "trainer_state.json"));
  if (typeof state?.fingerprint !== "string" || !Number.isSafeInteger(state.globalStep)) return [];
  return readdirSync(join(folder, name))
    .filter((file) => CHECKPOINT.has(file))
    .map((file) => `${name}/${file}`);
}

/**
 * The files that a run of version 0.1.0 has left: it kept no list, but only such a run writes what the folder is recognised by
 * (run.json, shoshin.json, a checkpoint's state). Undefined where the folder is none.
 */
export function filesOfOldRun(folder: string): string[] | undefined {
  const names = contentsOf(folder);
  const checkpoints = names.filter((n) => /^checkpoint-\d+$/.test(n)).flatMap((name) => checkpointFiles(folder, name));
  const run = parsed(join(folder, "run.json"));
  const about = parsed(join(folder, "shoshin.json"));
  const finished = typeof run?.fingerprint === "string" && typeof run.result === "object";
  const saved = typeof about?.version === "string" && typeof about.task === "string";
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

/** A name for a message. */
export const shown = (names: readonly string[]): string =>
  `${names
    .slice(0, 4)
    .map((name) => basename(name))
    .join(", ")}${names.length > 4 ? ` and ${names.length - 4} more` : ""}`;

export const isThere = (path: string): boolean => existsSync(path) || kindOf(path) !== undefined;
