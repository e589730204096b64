import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync as makeFolder,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync as removeFolder,
  statfsSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pipeline, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { createGunzip } from "node:zlib";
import { parse } from "csv-parse";
import { asyncBufferFromFile } from "hyparquet";
import type { Platform } from "./platform.ts";

export {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
export { homedir, hostname } from "node:os";
export { basename, dirname, join } from "node:path";

/** Step by step: Node's own `recursive` never returns where a folder takes no entries, as in /proc. */
export const mkdirSync: Platform["mkdirSync"] = (path, { recursive = false } = {}) => {
  const missing: string[] = [];
  let at = dirname(resolve(path));
  // A root has itself above it.
  for (; recursive && !existsSync(at) && at !== dirname(at); at = dirname(at)) missing.push(at);
  for (const folder of [...missing.reverse(), path]) {
    try {
      makeFolder(folder);
    } catch (error) {
      // It was there, or another process has made it since.
      const there = (error as NodeJS.ErrnoException).code === "EEXIST" && statSync(folder).isDirectory();
      if (!recursive || !there) throw error;
    }
  }
};

const scratch = new Set<string>();
export const scratchFolder: Platform["scratchFolder"] = () => {
  const folder = mkdtempSync(join(tmpdir(), "shoshin-"));
  if (scratch.size === 0)
    process.on("exit", () => {
      for (const each of scratch) removeFolder(each, { recursive: true, force: true });
    });
  scratch.add(folder);
  return folder;
};

export const fileStream: Platform["fileStream"] = (path, gunzip) => {
  const raw = createReadStream(path, { highWaterMark: 1 << 18 });
  if (!gunzip) return raw;
  const unpacked = createGunzip();
  // Errors of either stream reach the reader through the last one.
  pipeline(raw, unpacked, () => {});
  return unpacked;
};

export async function* csvRows(text: AsyncIterable<string>): ReturnType<Platform["csvRows"]> {
  const parser = parse({ relax_column_count: true, skip_empty_lines: true, info: true, max_record_size: 64 * 2 ** 20 });
  const source = Readable.from(text);
  source.on("error", (error) => parser.destroy(error));
  for await (const { record, info } of source.pipe(parser)) yield { record, line: info.lines };
}

export const parquetFile: Platform["parquetFile"] = (path) => asyncBufferFromFile(path);

export const fileDigest: Platform["fileDigest"] = async (path, algorithm, prefix = "") => {
  const hash = createHash(algorithm).update(prefix);
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(part);
  return hash.digest("hex");
};

export const contentDigest: Platform["contentDigest"] = (path) => {
  const hash = createHash("sha256");
  const fd = openSync(path, "r");
  try {
    const part = Buffer.allocUnsafe(1 << 20);
    for (let n = readSync(fd, part); n > 0; n = readSync(fd, part)) hash.update(part.subarray(0, n));
  } finally {
    closeSync(fd);
  }
  return `sha256:${hash.digest("hex")}`;
};

export const freeSpace: Platform["freeSpace"] = (path) => {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
};

// Kept in a variable: bundlers would take every file that the pattern might mean. A bundle of CommonJS has none.
const here: string | undefined = import.meta.url;
export const assetPath: Platform["assetPath"] = (name) =>
  here === undefined ? `assets/${name}` : fileURLToPath(new URL(`../../assets/${name}`, here));

export const startThread: Platform["startThread"] = (code, data, receive, ended) => {
  const prelude =
    'const { parentPort, workerData: data } = require("node:worker_threads");' +
    "const send = (message, moved) => parentPort.postMessage(message, moved);" +
    'const receive = (f) => parentPort.on("message", f);\n';
  const worker = new Worker(prelude + code, { eval: true, workerData: data });
  worker.on("message", receive);
  worker.on("error", (error) => ended(error.message));
  worker.on("exit", (status) => ended(`it ended with status ${status}`));
  return {
    post: (message) => worker.postMessage(message),
    hold: (flag) => (flag ? worker.ref() : worker.unref()),
    end: async () => void (await worker.terminate()),
  };
};

export const nextTurn: Platform["nextTurn"] = () => new Promise((resolve) => setImmediate(resolve));
export const env: Platform["env"] = (name) => process.env[name];
export const processId: Platform["processId"] = () => process.pid;
/** One that was killed and that nobody has taken note of yet, as where a container's first process never does. */
function isZombie(id: number): boolean {
  try {
    const stat = readFileSync(`/proc/${id}/stat`, "utf8");
    return "ZX".includes(stat.charAt(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}
export const processRuns: Platform["processRuns"] = (id) => {
  try {
    process.kill(id, 0);
    return !isZombie(id);
  } catch (error) {
    // It runs, and belongs to another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};
export const runtime: Platform["runtime"] = { node: process.version, platform: process.platform, arch: process.arch };
export const terminal: Platform["terminal"] = process.stderr;
