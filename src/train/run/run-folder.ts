import { basename, join, mkdirSync, readdirSync, rmSync } from "#platform";
import { ShoshinError } from "../../backend/errors.ts";
import { checkOptions, type Known } from "../../backend/options.ts";
import { writeError } from "../../formats/atomic.ts";
import { cleanTemporary, writeFileAtomic } from "../../formats/index.ts";
import {
  busyWith,
  checkpointFiles,
  claim,
  contentsOf,
  entryOf,
  filesOfOldRun,
  findRecord,
  isModelFile,
  isThere,
  kindOf,
  newRecord,
  numbered,
  type RunRecord,
  shown,
  unchanged,
  unclaim,
} from "./run-record.ts";

/** A folder cannot take a run: something of the user's, or another run, is in it. Nothing was changed. */
export class RunFolderError extends ShoshinError {}

export interface RunFolderOptions {
  /** Go on with the run that is there. */
  resume?: boolean;
  /** Begin anew although there is something; only what a run wrote is removed. */
  overwrite?: boolean;
  fingerprint: string;
  /** The files of a model will be written here afterwards. */
  model?: boolean;
}

const KNOWN: Known<RunFolderOptions> = { resume: true, overwrite: true, fingerprint: true, model: true };
const OVERWRITE = "To train here all the same: overwriteOutputDir (--overwrite); your own files stay.";

/**
 * The folder of a run. Whatever is written in it stands in the run's record, and only that is ever replaced or removed, as long
 * as it is still what was written.
 */
export class RunFolder {
  readonly path: string;
  readonly #recordName: string;
  #record: RunRecord;

  private constructor(path: string, recordName: string, record: RunRecord) {
    this.path = path;
    this.#recordName = recordName;
    this.#record = record;
  }

  /** The folder of a run that is under way or done; undefined where there is none. */
  static existing(path: string): RunFolder | undefined {
    if (kindOf(path) === undefined) return undefined;
    const { name, record } = findRecord(path);
    return record && new RunFolder(path, name, record);
  }

  /**
   * Makes a folder ready for a run. A new run removes what an older one has written there, if it may.
   * @throws RunFolderError for a folder that holds anything, unless it may be resumed or overwritten; WriteError.
   */
  static open(path: string, options: RunFolderOptions): RunFolder {
    checkOptions("RunFolder.open", options, KNOWN);
    const { resume = false, overwrite = false, fingerprint } = options;
    try {
      mkdirSync(path, { recursive: true });
      const probe = join(path, `.shoshin-tmp-${Math.random().toString(36).slice(2)}`);
      writeFileAtomic(probe, "");
      rmSync(probe);
    } catch (error) {
      throw writeError(path, error);
    }
    const { name, record } = findRecord(path);
    const busy = record && busyWith(record);
    if (busy !== undefined)
      throw new RunFolderError(
        `${path}: process ${busy} is training there`,
        `Wait for it, or train into another folder. If process ${busy} is another program, remove "owner" from ${name}.`,
      );
    const old = record === undefined ? filesOfOldRun(path) : undefined;
    if (!overwrite && !(resume && (record ?? old) !== undefined)) refuse(path, record, old !== undefined);
    cleanTemporary(path);
    const known =
      record ?? newRecord(fingerprint, Object.fromEntries((old ?? []).map((n) => [n, entryOf(join(path, n))])));
    const run = new RunFolder(path, name, known);
    if (options.model) run.#reserve();
    run.#settle();
    if (!resume || (record ?? old) === undefined) run.#begin(fingerprint);
    return run;
  }

  get status(): RunRecord["status"] {
    return this.#record.status;
  }
  get fingerprint(): string {
    return this.#record.fingerprint;
  }
  get result(): RunRecord["result"] {
    return this.#record.result;
  }
  get saved(): boolean {
    return this.#record.model === "saved";
  }

  /** Removes what the folder's former run wrote for itself; its model stays until the new one takes its place. */
  #begin(fingerprint: string): void {
    const { files } = this.#record;
    for (const name of Object.keys(files)) if (!isModelFile(name)) this.#removeFile(name);
    const left = Object.entries(files).filter(([name]) => isModelFile(name));
    this.#record = newRecord(fingerprint, Object.fromEntries(left));
  }

  /** Names of a model's files that are somebody else's are in the way of the model. */
  #reserve(): void {
    const taken = contentsOf(this.path).filter((name) => isModelFile(name) && !this.#owns(name));
    if (kindOf(join(this.path, "adapter")) === "link") taken.push("adapter");
    if (taken.length === 0) return;
    throw new RunFolderError(
      `${this.path}: ${shown(taken)} ${taken.length === 1 ? "is" : "are"} in the way: no run wrote ${taken.length === 1 ? "it" : "them"}, or it was changed since`,
      "Move them away, or train into another folder.",
    );
  }

  /** Takes over the fingerprint of a run that goes on. */
  goOn(fingerprint: string, model: boolean): void {
    this.#record = { ...this.#record, fingerprint, status: "running", result: undefined, owner: claim() };
    if (model) this.#record.model = "reserved";
    this.#save();
  }

  /** The run is not under way any more, however it ended: another may begin here. */
  release(): void {
    const { owner } = this.#record;
    if (owner === undefined || !unclaim(owner)) return;
    this.#record.owner = undefined;
    this.#save();
  }

  /** What was being written when the process ended is known from now on. */
  #settle(): void {
    for (const [name, entry] of Object.entries(this.#record.files)) {
      if (!("writing" in entry)) continue;
      delete this.#record.files[name];
      if (!name.endsWith("/")) {
        if (kindOf(join(this.path, name)) === "file") this.#record.files[name] = entryOf(join(this.path, name));
      } else
        for (const file of checkpointFiles(this.path, name.slice(0, -1)))
          this.#record.files[file] = entryOf(join(this.path, file));
    }
  }

  #save(): void {
    writeFileAtomic(join(this.path, this.#recordName), `${JSON.stringify(this.#record, null, 2)}\n`);
  }

  #owns(name: string): boolean {
    const entry = this.#record.files[name];
    if (entry !== undefined) return unchanged(this.path, name, entry);
    return this.#record.model === "reserved" && isModelFile(name);
  }
  #ownsFolder(name: string): boolean {
    const path = join(this.path, name);
    return kindOf(path) === "folder" && readdirSync(path).every((file) => this.#owns(`${name}/${file}`));
  }

  /** The name that something has here: with a number where the user has such a thing. */
  nameFor(wanted: string): string {
    for (let n = 1; ; n++) {
      const name = numbered(wanted, n);
      const kind = kindOf(join(this.path, name));
      if (kind === undefined || (kind === "file" && this.#owns(name)) || (kind === "folder" && this.#ownsFolder(name)))
        return name;
    }
  }
  /** Where a file of the run lies; undefined where there is none, or it isn't any more what the run wrote. */
  fileOf(wanted: string): string | undefined {
    const name = this.nameFor(wanted);
    return kindOf(join(this.path, name)) === "file" ? join(this.path, name) : undefined;
  }

  /** Writes a file under `wanted`, or another name where that is the user's; its path. */
  write(wanted: string, fill: (path: string) => void): string {
    const name = this.nameFor(wanted);
    this.#record.files[name] = { writing: true };
    this.#save();
    fill(join(this.path, name));
    this.#record.files[name] = entryOf(join(this.path, name));
    this.#save();
    return join(this.path, name);
  }
  /** The same for a folder of files, which `fill` makes. */
  writeFolder(wanted: string, fill: (path: string) => void): string {
    const name = this.nameFor(wanted);
    this.#forget(name);
    this.#record.files[`${name}/`] = { writing: true };
    this.#save();
    fill(join(this.path, name));
    delete this.#record.files[`${name}/`];
    for (const file of readdirSync(join(this.path, name)))
      this.#record.files[`${name}/${file}`] = entryOf(join(this.path, name, file));
    this.#save();
    return join(this.path, name);
  }
  #forget(folder: string): void {
    for (const name of Object.keys(this.#record.files))
      if (name.startsWith(`${folder}/`)) delete this.#record.files[name];
  }

  /** A file that is written bit by bit until the run ends. */
  grows(path: string): void {
    const name = basename(path);
    if ("grows" in (this.#record.files[name] ?? {})) return;
    this.#record.files[name] = { grows: true };
    this.#save();
  }

  /** The run's checkpoints, oldest first. */
  checkpoints(): { step: number; path: string }[] {
    const found = new Map<string, number>();
    for (const name of Object.keys(this.#record.files)) {
      const match = /^(checkpoint-(\d+)(?:-\d+)?)\/trainer_state\.json$/.exec(name);
      if (match !== null && isThere(join(this.path, name))) found.set(match[1], Number(match[2]));
    }
    return [...found].map(([name, step]) => ({ step, path: join(this.path, name) })).sort((a, b) => a.step - b.step);
  }
  /** Removes a checkpoint; what the user has changed in it or put there stays. */
  removeCheckpoint(path: string): void {
    const folder = basename(path);
    for (const name of Object.keys(this.#record.files)) if (name.startsWith(`${folder}/`)) this.#removeFile(name);
    this.#save();
  }
  #removeFile(name: string): void {
    if (unchanged(this.path, name, this.#record.files[name])) {
      rmSync(join(this.path, name), { force: true });
      const folder = name.includes("/") ? join(this.path, name.slice(0, name.lastIndexOf("/"))) : undefined;
      if (folder !== undefined && kindOf(folder) === "folder" && readdirSync(folder).length === 0)
        rmSync(folder, { recursive: true, force: true });
    }
    delete this.#record.files[name];
  }

  /** Training is done. */
  finish(fingerprint: string, result: object): void {
    this.#close();
    this.#record = { ...this.#record, status: "finished", fingerprint, result: { ...result } };
    if (this.#record.owner !== undefined) unclaim(this.#record.owner);
    this.#record.owner = undefined;
    this.#save();
  }
  /** The model's files are there, whole. */
  markSaved(): void {
    const visit = (inside: string): string[] =>
      contentsOf(join(this.path, inside)).flatMap((name) => {
        const path = inside === "" ? name : `${inside}/${name}`;
        return isModelFile(path) && kindOf(join(this.path, path)) === "file" ? [path] : [];
      });
    const names = [...visit(""), ...(kindOf(join(this.path, "adapter")) === "folder" ? visit("adapter") : [])];
    for (const name of names) this.#record.files[name] = entryOf(join(this.path, name));
    this.#record.model = "saved";
    this.#save();
  }
  #close(): void {
    for (const [name, entry] of Object.entries(this.#record.files)) {
      if (!("grows" in entry)) continue;
      if (kindOf(join(this.path, name)) === "file") this.#record.files[name] = entryOf(join(this.path, name));
      else delete this.#record.files[name];
    }
  }
}

function refuse(path: string, record: RunRecord | undefined, old: boolean): void {
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
