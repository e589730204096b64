import {
  closeSync,
  dirname,
  existsSync,
  fileDigest,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "#platform";
import { WriteError, writeError } from "../formats/atomic.ts";
import { withLock } from "./lock.ts";
import { type Asked, ask, Transient, withRetries } from "./request.ts";
import { HubError, type HubSettings } from "./settings.ts";

/** What a blob must be. */
export interface Expected {
  /** SHA-256 (64 digits) or git's SHA-1 (40); any other form cannot be checked. */
  etag: string;
  size: number | undefined;
}

const sizeOf = (path: string): number => (existsSync(path) ? statSync(path).size : 0);

/** Whether a file has the size that it should. */
export const hasSize = (path: string, size: number | undefined): boolean =>
  existsSync(path) && (size === undefined || statSync(path).size === size);

/** Whether a file is what its name in the hub says. Names of another form prove nothing. */
async function isSound(path: string, { etag, size }: Expected): Promise<boolean> {
  if (!hasSize(path, size)) return false;
  if (/^[0-9a-f]{64}$/.test(etag)) return (await fileDigest(path, "sha256")) === etag;
  if (/^[0-9a-f]{40}$/.test(etag)) return (await fileDigest(path, "sha1", `blob ${sizeOf(path)}\0`)) === etag;
  return true;
}

/** Appends what the hub sends from `at` on. Throws {@link Transient} when less comes than should. */
async function fetchRest(
  url: string,
  partial: string,
  expected: Expected,
  asked: Asked,
  settings: HubSettings,
  received: (bytes: number) => void,
): Promise<void> {
  let at = sizeOf(partial);
  if (expected.size !== undefined && at > expected.size) {
    rmSync(partial);
    received(-at);
    at = 0;
  }
  if (at === expected.size) {
    if (at === 0) closeSync(openSync(partial, "w"));
    return;
  }
  const { response, chunks, close } = await ask(url, asked, settings, { from: at }).catch((error) => {
    // Nothing lies behind what is here: it was the whole, or is another file's.
    if (!(error instanceof HubError) || error.status !== 416 || at === 0) throw error;
    rmSync(partial);
    received(-at);
    throw new Transient(error.message, error.hint, { status: 416 });
  });
  const range = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "");
  if (at > 0 && (response.status !== 206 || Number(range?.[1]) !== at)) {
    // A server that cannot continue begins anew.
    if (response.status === 206) {
      close();
      throw new HubError(`${settings.endpoint} was asked for ${asked.file} from byte ${at} and sends another part`);
    }
    received(-at);
    at = 0;
  }
  const fd = openSync(partial, at === 0 ? "w" : "a");
  try {
    for await (const part of chunks()) {
      if (expected.size !== undefined && at + part.length > expected.size) {
        throw new HubError(
          `${settings.endpoint} sends more of ${asked.file} than its ${expected.size} bytes`,
          "The mirror serves another file than it lists.",
        );
      }
      for (let done = 0; done < part.length; ) done += writeSync(fd, part, done, part.length - done);
      at += part.length;
      received(part.length);
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  const whole = expected.size ?? (Number(response.headers.get("content-length") ?? Number.NaN) || at);
  if (expected.size !== undefined && at < whole) {
    throw new Transient(
      `${settings.endpoint} sent only ${at} of the ${whole} bytes of ${asked.file}`,
      "Run it again: it goes on where it stopped.",
    );
  }
}

/**
 * Brings a blob into the cache: continues what an earlier try left, checks size and digest, and only then gives it its name.
 * @param received called with the bytes that came (negative: had to be thrown away).
 * @throws HubError, or WriteError for a full disk.
 */
export async function downloadBlob(
  url: string,
  blob: string,
  lock: string,
  expected: Expected,
  asked: Asked,
  settings: HubSettings,
  received: (bytes: number) => void,
): Promise<void> {
  // Not Python's name for it: its process may be writing that one, and our lock is not the one that it holds.
  const partial = `${blob}.shoshin.incomplete`;
  try {
    mkdirSync(dirname(blob), { recursive: true });
    await withLock(lock, settings, async () => {
      if (hasSize(blob, expected.size)) {
        received(sizeOf(blob));
        return;
      }
      received(sizeOf(partial));
      for (let tries = 0; ; tries++) {
        let before = sizeOf(partial);
        await withRetries(
          settings,
          () => fetchRest(url, partial, expected, asked, settings, received),
          () => {
            const now = sizeOf(partial);
            const more = now > before;
            before = now;
            return more;
          },
        );
        if (await isSound(partial, expected)) break;
        received(-sizeOf(partial));
        rmSync(partial, { force: true });
        // What an earlier try left may have been spoiled: once more, from the beginning.
        if (tries === 0) continue;
        throw new HubError(
          `${asked.file} of ${asked.kind} ${asked.id} is not what the hub lists: its checksum is not ${expected.etag}`,
          "The connection or the mirror spoils files: try again, or without HF_ENDPOINT.",
        );
      }
      renameSync(partial, blob);
    });
  } catch (error) {
    if (error instanceof HubError) throw error;
    const { message, code } = error as NodeJS.ErrnoException;
    if (code !== "ENOSPC" && code !== "EDQUOT") throw writeError(blob, error);
    throw new WriteError(
      `cannot write ${partial}: ${message}`,
      "Free some space, or set HF_HUB_CACHE to a folder on a larger disk; run it again and it goes on where it stopped.",
      { cause: error },
    );
  }
}
