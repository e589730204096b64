import {
  basename,
  closeSync,
  dirname,
  existsSync,
  fsyncSync,
  join,
  mkdirSync,
  openSync,
  processId,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "#platform";
import { ShoshinError } from "../backend/errors.ts";

/** A file or folder could not be written. Nothing that was there before is lost. */
export class WriteError extends ShoshinError {}

const HINTS: Record<string, string> = {
  ENOSPC: "The disk is full: free some space and run again with --resume.",
  EDQUOT: "The disk quota is used up: free some space and run again with --resume.",
  EACCES: "Choose a folder that you may write to.",
  EPERM: "Choose a folder that you may write to.",
  EROFS: "The file system is read-only: choose another folder.",
  ENOTDIR: "A part of the path is a file, not a folder.",
  EEXIST: "A part of the path is a file, not a folder.",
};

/** What to throw for a failed write: the library's own errors as they are, those of the file system with a hint. */
export function writeError(path: string, error: unknown): ShoshinError {
  if (error instanceof ShoshinError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new WriteError(`cannot write ${path}: ${message}`, HINTS[code ?? ""], { cause: error });
}

/** Temporary names begin with this; what a killed process left is removed by {@link cleanTemporary}. */
const PREFIX = ".shoshin-tmp-";
const temporary = (path: string): string =>
  join(dirname(path), `${PREFIX}${processId()}-${Math.random().toString(36).slice(2)}-${basename(path)}`);

function discard(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Where nothing could be written there is nothing to remove.
  }
}

function syncFolder(folder: string): void {
  try {
    const fd = openSync(folder, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Some file systems cannot; the rename itself is still atomic.
  }
}

/** Writes chunks to a file beside `path`, flushes it and renames it: readers see the old file or the whole new one. */
export function writeFileAtomic(path: string, chunks: string | Uint8Array | Iterable<string | Uint8Array>): void {
  const temp = temporary(path);
  try {
    mkdirSync(dirname(path), { recursive: true });
    const fd = openSync(temp, "wx");
    try {
      const list = typeof chunks === "string" || chunks instanceof Uint8Array ? [chunks] : chunks;
      for (const chunk of list) {
        const bytes = typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk;
        for (let at = 0; at < bytes.byteLength; ) at += writeSync(fd, bytes, at, bytes.byteLength - at);
      }
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temp, path);
    syncFolder(dirname(path));
  } catch (error) {
    discard(temp);
    throw writeError(path, error);
  }
}

/** Lets `fill` write files into a new folder and then gives it its name; one that exists is replaced. */
export function writeFolderAtomic(path: string, fill: (folder: string) => void): void {
  const temp = temporary(path);
  try {
    mkdirSync(temp, { recursive: true });
    fill(temp);
    syncFolder(temp);
    if (existsSync(path)) {
      const old = temporary(path);
      renameSync(path, old);
      renameSync(temp, path);
      rmSync(old, { recursive: true, force: true });
    } else renameSync(temp, path);
    syncFolder(dirname(path));
  } catch (error) {
    discard(temp);
    throw writeError(path, error);
  }
}

/** Removes what killed writes have left in a folder. */
export function cleanTemporary(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (name.startsWith(PREFIX)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}
