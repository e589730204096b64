import { basename, dirname, join, mkdirSync, readdirSync, rmSync } from "#platform";
import { checkOptions, type Known } from "../../backend/options.ts";
import { writeError } from "../../formats/atomic.ts";
import { cleanTemporary, writeFileAtomic } from "../../formats/index.ts";
import { type Difference, differencesOf } from "./differences.ts";
import { ABOUT_RUN, aboutFrom, oldFiles } from "./old-runs.ts";
import { findRecord } from "./read-run.ts";
import { refuse, refuseBusy, refuseModel } from "./refuse.ts";
import {
  adopted,
  brokenCheckpoints,
  claim,
  contentsOf,
  entryOf,
  isModelFile,
  isThere,
  kindOf,
  modelFilesIn,
  newRecord,
  numbered,
  OLD_ABOUT,
  type RunAbout,
  type RunBest,
  type RunRecord,
  type RunStatus,
  sameContent,
  settled,
  unchanged,
  unclaim,
  VERSION,
  withoutModel,
  written,
} from "./run-record.ts";

export interface RunFolderOptions {
  /** Go on with the run that is there. */
  resume?: boolean;
  /** Begin anew although there is something; only what a run wrote is removed. */
  overwrite?: boolean;
  /** What the run is made of. */
  about?: RunAbout;
  /** @deprecated Give `about`. */
  fingerprint?: string;
  /** The files of a model will be written here afterwards. */
  model?: boolean;
}

const KNOWN: Known<RunFolderOptions> = { resume: true, overwrite: true, about: true, fingerprint: true, model: true };
const BEST = "best.safetensors";
const BEST_KEYS: Known<RunBest> = { step: true, metric: true, value: true, weights: true };

/**
 * The folder of a run. Whatever is written in it stands in the run's record, and only that is ever replaced or removed, as long
 * as it is still what was written.
 */
export class RunFolder {
  readonly path: string;
  /** Whether nothing of an older run is taken up. */
  isNew = false;
  readonly #recordName: string;
  #record: RunRecord;
  #ended: ((status: RunStatus, error: string | undefined) => void) | undefined;

  private constructor(path: string, recordName: string, record: RunRecord) {
    this.path = path;
    this.#recordName = recordName;
    this.#record = record;
  }

  /** The folder of a run that is under way or done; undefined where there is none. */
  static existing(path: string): RunFolder | undefined {
    if (kindOf(path) === undefined) return undefined;
    const { name, record, old } = findRecord(path);
    if (old !== undefined) old.files = oldFiles(path);
    const found = record ?? old;
    return found && new RunFolder(path, name, found);
  }

  /**
   * Makes a folder ready for a run. A new run removes what an older one has written there, if it may.
   * @throws RunFolderError for a folder that holds anything, unless it may be resumed or overwritten; WriteError.
   */
  static open(path: string, options: RunFolderOptions): RunFolder {
    checkOptions("RunFolder.open", options, KNOWN);
    const { resume = false, overwrite = false } = options;
    const about = aboutFrom(options.about ?? options.fingerprint ?? "");
    try {
      mkdirSync(path, { recursive: true });
      const probe = join(path, `.shoshin-tmp-${Math.random().toString(36).slice(2)}`);
      writeFileAtomic(probe, "");
      rmSync(probe);
    } catch (error) {
      throw writeError(path, error);
    }
    const { name, record, old } = findRecord(path);
    if (record !== undefined) refuseBusy(path, name, record);
    const found = record ?? old;
    if (!overwrite && !(resume && found !== undefined)) refuse(path, record, old !== undefined);
    cleanTemporary(path);
    if (old !== undefined) old.files = oldFiles(path);
    const run = new RunFolder(path, name, found ?? newRecord(about, {}));
    if (options.model) run.#reserve();
    run.#record.files = settled(path, run.#record.files);
    run.isNew = !resume || found === undefined;
    if (run.isNew) run.#begin(about);
    return run;
  }

  /** A name for this run among others; empty for one of an older version. */
  get id(): string {
    return this.#record.id;
  }
  get status(): RunStatus {
    return this.#record.status;
  }
  /** @deprecated See {@link differences}. */
  get fingerprint(): string {
    return this.#record.fingerprint ?? "";
  }
  /** Training's settings and the task's, as the run was begun with. */
  get settings(): Readonly<Record<string, unknown>> {
    return this.#record.settings;
  }
  get result(): RunRecord["results"] {
    return this.#record.results;
  }
  /** The best evaluation, where it is known. */
  get best(): RunBest | undefined {
    return this.#record.best;
  }
  /** Whether a model's files are there, whole. */
  get saved(): boolean {
    return this.#record.modelFiles === "saved";
  }

  /** Where what shall go on here differs from the run that is here; what may differ (epochs, saving, threads …) is left out. */
  differences(about: RunAbout): Difference[] {
    checkOptions("RunFolder.differences", about, ABOUT_RUN);
    return differencesOf(this.#record, aboutFrom(about));
  }

  /** Removes what the folder's former run wrote for itself; its model stays until the new one takes its place. */
  #begin(about: RunAbout): void {
    const { files, former, task, model, settings } = this.#record;
    const names = Object.keys(files);
    this.#record = newRecord(about, files);
    if (names.some(isModelFile)) this.#record.former = former ?? { task, model, settings };
    const others = names.filter((name) => !isModelFile(name));
    if (others.length === 0) return;
    // A process that is killed now leaves a run that has not finished, not one that finished and lost its files.
    this.#save();
    for (const name of others) this.#removeFile(name);
  }

  /** Names of a model's files that are somebody else's are in the way of the model. */
  #reserve(): void {
    const taken = contentsOf(this.path).filter((name) => isModelFile(name) && !this.#owns(name));
    if (kindOf(join(this.path, "adapter")) === "link") taken.push("adapter");
    if (taken.length > 0) refuseModel(this.path, taken);
  }

  /**
   * The run is under way from now on.
   * @param model its model's files will be written here
   * @param options.anew nothing of what it had reached is taken up
   */
  goOn(about: RunAbout | string, model: boolean, options: { anew?: boolean } = {}): void {
    const { anew = false } = options;
    const begun = newRecord(aboutFrom(about), this.#record.files);
    const { id, started, best, former, modelFiles, task, model: name, settings } = this.#record;
    // A training that knows of no task says nothing against the one that is known.
    const known = begun.task === undefined ? { task, model: name, settings: { ...settings, ...begun.settings } } : {};
    this.#record = {
      ...begun,
      ...known,
      id: id || begun.id,
      started: anew || started === undefined ? begun.started : started,
      owner: claim(),
      best: anew ? undefined : best,
      former,
      modelFiles: model ? "reserved" : modelFiles,
    };
    this.#save();
  }

  /** Says more of the run than was known when it began; what is given takes the place of what was there. */
  describe(about: Partial<RunAbout>): void {
    checkOptions("RunFolder.describe", about, ABOUT_RUN);
    const { settings, data, ...more } = about;
    const { fingerprint } = this.#record;
    this.#record = { ...this.#record, ...more };
    this.#record = adopted(this.#record, { settings: settings ?? {}, data: data ?? {}, fingerprint });
    this.#save();
  }

  /**
   * Notes the best evaluation.
   * @param fill writes its weights; until they are there, those of the best before it are what the record speaks of
   */
  noteBest(best: RunBest, fill?: (path: string) => void): void {
    checkOptions("RunFolder.noteBest", best, BEST_KEYS);
    if (fill === undefined) this.#record.best = best;
    else
      this.write(BEST, fill, () => {
        this.#record.best = best;
      });
  }

  /** What is told when the run ends, before its record says so. */
  onEnd(tell: (status: RunStatus, error: string | undefined) => void): void {
    this.#ended = tell;
  }

  /** The run is not under way any more, however it ended: another may begin here. */
  release(): void {
    const { owner } = this.#record;
    if (owner === undefined || !unclaim(owner)) return;
    this.#record.owner = undefined;
    this.#save();
  }

  #save(): void {
    this.#record = written(this.#record);
    writeFileAtomic(join(this.path, this.#recordName), `${JSON.stringify(this.#record, null, 2)}\n`);
  }

  #owns(name: string): boolean {
    const entry = this.#record.files[name];
    if (entry !== undefined) return unchanged(this.path, name, entry);
    return this.#record.modelFiles === "reserved" && isModelFile(name);
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
  write(wanted: string, fill: (path: string) => void, filled?: () => void): string {
    const name = this.nameFor(wanted);
    this.#record.files[name] = { writing: true };
    this.#save();
    fill(join(this.path, name));
    filled?.();
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
  /** Removes what is left of checkpoints of which something is gone. */
  clearRemains(): void {
    for (const name of brokenCheckpoints(this.path, this.#record.files)) this.removeCheckpoint(join(this.path, name));
  }
  #removeFile(name: string): void {
    if (unchanged(this.path, name, this.#record.files[name])) rmSync(join(this.path, name), { force: true });
    const folder = dirname(join(this.path, name));
    if (name.includes("/") && kindOf(folder) === "folder" && readdirSync(folder).length === 0)
      rmSync(folder, { recursive: true, force: true });
    delete this.#record.files[name];
  }

  /**
   * Training is done.
   * @param status `interrupted` where it was stopped before its end, and may go on
   */
  finish(about: RunAbout | string, result: object, status: "finished" | "interrupted" = "finished"): void {
    this.#record = adopted(this.#record, aboutFrom(about));
    // From now on the model's files are written: whatever is found of them is the run's.
    if (this.#record.modelFiles === "reserved") this.#record.files = withoutModel(this.#record);
    const { alreadyFinished: _, ...results } = { alreadyFinished: false, ...result };
    this.#end(status, { results });
  }
  /** Training has failed; what it has reached stays, and can be gone on with. Nothing happens where it is not under way. */
  fail(error: unknown): void {
    const { owner } = this.#record;
    if (owner === undefined || !unclaim(owner)) return;
    const message = error instanceof Error ? error.message : String(error);
    try {
      this.#end("failed", { error: message });
    } catch {
      // A full disk, perhaps: what has failed is told, and the record is that of a run whose process ended.
    }
  }
  #end(status: RunStatus, more: Partial<RunRecord>): void {
    this.#ended?.(status, more.error);
    this.#ended = undefined;
    this.#close();
    if (this.#record.owner !== undefined) unclaim(this.#record.owner);
    const finished = new Date().toISOString();
    this.#record = { ...this.#record, ...more, status, finished, owner: undefined };
    this.#save();
  }

  /** The model's files are there, whole. What the run kept twice of it goes. */
  markSaved(): void {
    const names = modelFilesIn(this.path);
    // Of an older run: it would speak of a model that is not here any more.
    const old = names.includes(OLD_ABOUT) && OLD_ABOUT in this.#record.files;
    for (const name of names) if (name !== OLD_ABOUT) this.#record.files[name] = entryOf(join(this.path, name));
    this.#record.modelFiles = "saved";
    this.#record.former = undefined;
    this.#save();
    if (old) this.#removeFile(OLD_ABOUT);
    this.tidy();
    if (old) this.#save();
  }

  /** Removes best.safetensors where the saved model, or a checkpoint, holds the same weights, or nothing could go on from them. */
  tidy(): void {
    const { best, files } = this.#record;
    // What an older version kept is left as it is.
    if (!this.saved || this.#record.version < VERSION) return;
    const name = this.nameFor(BEST);
    if (kindOf(join(this.path, name)) !== "file") return;
    const weights = sameContent(this.path, files, name);
    if (weights === undefined && this.checkpoints().length > 0) return;
    if (best !== undefined) this.#record.best = { ...best, weights };
    // First said, then done: a process that is killed between leaves a file that is known.
    this.#save();
    this.#removeFile(name);
    delete files[name];
    this.#save();
  }
  /** Where the best weights lie: best.safetensors, or a file that holds the same; undefined where they are gone. */
  bestWeights(): string | undefined {
    const own = this.fileOf(BEST);
    const other = this.#record.best?.weights;
    if (own !== undefined || other === undefined) return own;
    const entry = this.#record.files[other];
    return entry !== undefined && unchanged(this.path, other, entry) ? join(this.path, other) : undefined;
  }
  #close(): void {
    for (const [name, entry] of Object.entries(this.#record.files)) {
      if (!("grows" in entry)) continue;
      if (kindOf(join(this.path, name)) === "file") this.#record.files[name] = entryOf(join(this.path, name));
      else delete this.#record.files[name];
    }
  }
}
