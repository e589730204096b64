import {
  basename,
  copyFileSync,
  dirname,
  existsSync,
  freeSpace,
  join,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "#platform";
import { checkOptions, type Known } from "../backend/options.ts";
import { WriteError, writeError, writeFileAtomic } from "../formats/atomic.ts";
import { downloadBlob, hasSize } from "./download.ts";
import { type HubPurpose, matcher, missingShard, modelFiles } from "./files.ts";
import {
  checkId,
  checkPath,
  checkRevision,
  describeFile,
  fileUrl,
  isCommit,
  type Listing,
  listRepository,
  parseListing,
  type RemoteFile,
} from "./repository.ts";
import { type Asked, Transient, throwIfStopped } from "./request.ts";
import {
  HUB_OPTIONS,
  HUB_REFUSED,
  HubError,
  type HubOptions,
  type HubProgress,
  type HubSettings,
  hubSettings,
} from "./settings.ts";

export interface SnapshotOptions extends HubOptions {
  /** Branch, tag or commit. Default `main`. */
  revision?: string;
  kind?: "model" | "dataset";
  /** Only files that match one of these (fnmatch: `*.json`, `sst2/*`). Default: all, or what `purpose` needs. */
  allowPatterns?: readonly string[];
  ignorePatterns?: readonly string[];
  /** Of a model, only what this takes: safetensors are preferred to pickles, other forms are left out. */
  purpose?: HubPurpose;
}

const KNOWN: Known<SnapshotOptions> = {
  ...HUB_OPTIONS,
  ...{ revision: true, kind: true, allowPatterns: true, ignorePatterns: true, purpose: true },
};

/** Picks paths out of a list; throws where the list has not what is needed. */
type Pick = (names: readonly string[]) => string[];

/** Files are fetched side by side, so many at a time. */
const TOGETHER = 4;

const storageFolder = ({ cacheDir }: HubSettings, { kind, id }: Asked): string =>
  join(cacheDir, `${kind}s--${id.replaceAll("/", "--")}`);

/** Paths of all files in a folder; links that lead nowhere are none. */
function filesBelow(folder: string, prefix = ""): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (!existsSync(path)) return [];
    return statSync(path).isDirectory() ? filesBelow(path, `${prefix}${name}/`) : [`${prefix}${name}`];
  });
}

/** A list in the hub's own form, so that it is read back by the same check. */
const storedForm = ({ commit, files }: Listing) => ({
  sha: commit,
  siblings: files.map(({ path, etag, size }) => ({ rfilename: path, size, blobId: etag })),
});

/** What an earlier answer of the hub listed at a commit; Python's folders beside it are left alone. */
const listingPath = (storage: string, commit: string): string => join(storage, ".shoshin", `${commit}.json`);

/** The snapshot in the cache and the files that it should have: those that the hub listed, else (Python's) those there are. */
function cachedListing(
  asked: Asked,
  settings: HubSettings,
): { folder: string; listing: Listing; listed: boolean } | undefined {
  const storage = storageFolder(settings, asked);
  const ref = join(storage, "refs", ...asked.revision.split("/"));
  const isRef = existsSync(ref) && statSync(ref).isFile();
  const named = isCommit(asked.revision) ? asked.revision : isRef ? readFileSync(ref, "utf8").trim() : "";
  if (!/^[0-9a-f]{6,64}$/.test(named)) return undefined;
  const folder = join(storage, "snapshots", named);
  if (!existsSync(folder)) return undefined;
  const stored = listingPath(storage, named);
  try {
    if (existsSync(stored)) {
      const listing = parseListing(JSON.parse(readFileSync(stored, "utf8")), asked.id, stored);
      return { folder, listing, listed: true };
    }
  } catch {
    // Damaged: the files themselves must do.
  }
  const files = filesBelow(folder).map((path) => ({ path, etag: undefined, size: undefined }));
  return { folder, listing: { commit: named, files }, listed: false };
}

/** The snapshot in the cache, if it has all that is needed; with `sure`, only where the hub's list says so. */
function cachedSnapshot(asked: Asked, settings: HubSettings, pick: Pick, sure = false): string | undefined {
  const cached = cachedListing(asked, settings);
  if (cached === undefined || (sure && !cached.listed)) return undefined;
  const { folder, listing } = cached;
  const names = listing.files.map(({ path }) => path);
  try {
    const picked = new Set(pick(names));
    const whole = listing.files.every(({ path, size }) => !picked.has(path) || hasSize(join(folder, path), size));
    return whole && missingShard([...picked]) === undefined ? folder : undefined;
  } catch (error) {
    if (error instanceof HubError) return undefined;
    throw error;
  }
}

function notCached({ kind, id, revision }: Asked, settings: HubSettings): HubError {
  return new HubError(
    `${kind} ${id} (${revision}) is not whole in the cache ${settings.cacheDir}, and the hub may not be asked (HF_HUB_OFFLINE)`,
    "Fetch it once with HF_HUB_OFFLINE unset; the cache is Python's too.",
  );
}

/** Gives a blob its path in the snapshot: a relative link, or where there are none a copy. Returns whether it is a copy. */
function place(blob: string, path: string, pointer: string, size: number | undefined): boolean {
  if (hasSize(pointer, size)) return false;
  mkdirSync(dirname(pointer), { recursive: true });
  // A link whose blob is gone exists for the file system, not for existsSync.
  rmSync(pointer, { force: true });
  const up = "../".repeat(path.split("/").length + 1);
  try {
    symlinkSync(`${up}blobs/${basename(blob)}`, pointer);
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    const copy = `${pointer}.shoshin.incomplete`;
    copyFileSync(blob, copy);
    renameSync(copy, pointer);
    return true;
  }
}

function checkSpace(settings: HubSettings, asked: Asked, needed: number): void {
  mkdirSync(settings.cacheDir, { recursive: true });
  const free = freeSpace(settings.cacheDir);
  if (free === undefined || needed <= free) return;
  const MB = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  throw new WriteError(
    `${asked.id} needs ${MB(needed)}, and ${MB(free)} are free in ${settings.cacheDir}`,
    "Free some space, or set HF_HUB_CACHE to a folder on a larger disk.",
  );
}

/** Writes a small file unless it says so already. */
function keep(path: string, text: string): void {
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileAtomic(path, text);
}

async function fetchFiles(asked: Asked, listing: Listing, paths: string[], settings: HubSettings): Promise<string> {
  const storage = storageFolder(settings, asked);
  const folder = join(storage, "snapshots", listing.commit);
  const chosen = new Set(paths);
  const wanted = listing.files.filter(({ path }) => chosen.has(path));
  const blobOf = (etag: string) => join(storage, "blobs", etag);
  const lacking = wanted.filter(
    ({ path, size, etag }) =>
      !hasSize(join(folder, path), size) && !(etag !== undefined && size !== undefined && hasSize(blobOf(etag), size)),
  );
  const isLacking = new Set(lacking);
  const progress: HubProgress = {
    repository: asked.id,
    done: 0,
    total: lacking.reduce((sum, { size }) => sum + (size ?? 0), 0),
    files: lacking.length,
    filesDone: 0,
  };
  const tell = () => settings.onProgress?.({ ...progress });
  if (lacking.length > 0) {
    checkSpace(settings, asked, progress.total);
    tell();
  }

  const copied: string[] = [];
  const stop = new AbortController();
  const signal = settings.signal === undefined ? stop.signal : AbortSignal.any([settings.signal, stop.signal]);
  const own = { ...settings, signal };
  const bring = async (file: RemoteFile): Promise<void> => {
    const pointer = join(folder, file.path);
    if (hasSize(pointer, file.size)) return;
    const { etag, size, path } = await describeFile(asked, listing.commit, file, own);
    if (file.size === undefined) progress.total += size ?? 0;
    const blob = blobOf(etag);
    const isNew = isLacking.has(file);
    if (!(size !== undefined && hasSize(blob, size))) {
      const lock = join(
        settings.cacheDir,
        ".locks",
        `${asked.kind}s--${asked.id.replaceAll("/", "--")}`,
        `${etag}.shoshin.lock`,
      );
      const url = fileUrl(asked, listing.commit, path, settings);
      await downloadBlob(url, blob, lock, { etag, size }, { ...asked, file: path }, own, (bytes) => {
        progress.done += bytes;
        tell();
      });
    } else if (isNew) progress.done += size;
    if (place(blob, path, pointer, size)) copied.push(blob);
    if (!isNew) return;
    progress.filesDone++;
    tell();
  };
  const queue = [...wanted];
  let failure: unknown;
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined && !stop.signal.aborted; file = queue.shift()) {
      try {
        await bring(file);
      } catch (error) {
        failure ??= error;
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, worker));
  if (failure !== undefined) throw failure;
  // Where there are no links the snapshot has the files, as Python leaves it.
  for (const blob of copied) rmSync(blob, { force: true });
  keep(listingPath(storage, listing.commit), JSON.stringify(storedForm(listing)));
  // Last, so that a reference never names a snapshot that is not whole.
  if (asked.revision !== listing.commit) {
    keep(join(storage, "refs", ...asked.revision.split("/")), listing.commit);
  }
  return folder;
}

async function snapshot(asked: Asked, options: HubOptions, pick: Pick): Promise<string> {
  const settings = hubSettings(options);
  checkId(asked.id);
  checkRevision(asked.revision);
  throwIfStopped(settings.signal);
  const cached = (sure = false) => cachedSnapshot(asked, settings, pick, sure);
  const { id, revision } = asked;
  if (settings.localFilesOnly) {
    const folder = cached();
    if (folder !== undefined) return folder;
    throw notCached(asked, settings);
  }
  // A commit never changes: what is here is right.
  if (isCommit(revision)) {
    const folder = cached(true);
    if (folder !== undefined) return folder;
  }
  let listing: Listing;
  try {
    listing = await listRepository(asked, settings);
  } catch (error) {
    const folder = error instanceof Transient ? cached() : undefined;
    if (folder === undefined) throw error;
    settings.say?.(`${(error as Error).message}; the cached ${id} is used`);
    return folder;
  }
  const paths = pick(listing.files.map(({ path }) => path));
  try {
    return await fetchFiles(asked, listing, paths, settings);
  } catch (error) {
    if (error instanceof HubError || error instanceof WriteError) throw error;
    throw writeError(storageFolder(settings, asked), error);
  }
}

/**
 * Fetches a repository of the hub, or the files of it that are asked for, into the cache that Python's huggingface_hub shares
 * (`models--OWNER--NAME/{blobs,refs,snapshots}`), and returns the snapshot's folder. What is there is not fetched again; a
 * download that was cut off goes on; every file is checked against the digest that the hub lists before it gets its name.
 * Without a connection the last snapshot serves if it has all that is needed.
 * @param id `owner/name`.
 * @throws HubError for a repository, revision or file that cannot be had; WriteError for a full disk.
 */
export async function snapshotDownload(id: string, options: SnapshotOptions = {}): Promise<string> {
  checkOptions("snapshotDownload", options, KNOWN, HUB_REFUSED);
  const { revision = "main", kind = "model", allowPatterns, ignorePatterns = [], purpose } = options;
  const allowed = allowPatterns && matcher(allowPatterns);
  const ignored = matcher(ignorePatterns);
  const pick: Pick = (names) => {
    const some = names.filter((name) => (allowed?.(name) ?? true) && !ignored(name));
    if (purpose !== undefined) return modelFiles(some, purpose, `${kind} ${id}`);
    if (some.length > 0) return some;
    throw new HubError(
      `${kind} ${id} has no file like ${allowPatterns?.slice(0, 12).join(", ") ?? "any"}`,
      `It has: ${names.slice(0, 12).join(", ")}${names.length > 12 ? ", …" : ""}.`,
      { status: 404 },
    );
  };
  return snapshot({ kind, id, revision }, options, pick);
}

/** Names of the files in a repository, fetching none. Offline: as the cache knows them. Throws {@link HubError}. */
export async function listFiles(id: string, options: SnapshotOptions = {}): Promise<string[]> {
  checkOptions("listFiles", options, KNOWN, HUB_REFUSED);
  const settings = hubSettings(options);
  const asked: Asked = { kind: options.kind ?? "model", id, revision: options.revision ?? "main" };
  checkId(id);
  checkRevision(asked.revision);
  const cached = () => cachedListing(asked, settings)?.listing;
  let listing = settings.localFilesOnly ? cached() : undefined;
  if (listing === undefined && settings.localFilesOnly) throw notCached(asked, settings);
  try {
    listing ??= await listRepository(asked, settings);
  } catch (error) {
    listing = error instanceof Transient ? cached() : undefined;
    if (listing === undefined) throw error;
  }
  return listing.files.map(({ path }) => path);
}

/** Fetches one file as {@link snapshotDownload} does and returns its path. Throws {@link HubError}. */
export async function hubFile(id: string, file: string, options: SnapshotOptions = {}): Promise<string> {
  checkOptions("hubFile", options, KNOWN, HUB_REFUSED);
  checkPath(file, id);
  const { revision = "main", kind = "model" } = options;
  const folder = await snapshot({ kind, id, revision }, options, (names) => {
    if (names.includes(file)) return [file];
    throw new HubError(
      `${kind} ${id} has no file ${file}`,
      `It has: ${names.slice(0, 12).join(", ")}${names.length > 12 ? ", …" : ""}.`,
      { status: 404 },
    );
  });
  return join(folder, file);
}
