import { readFileSync } from "./memory-fs.ts";
import type { Platform } from "./platform.ts";

export {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
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
} from "./memory-fs.ts";
export { basename, dirname, join } from "./paths.ts";

let scratch = 0;
export const scratchFolder: Platform["scratchFolder"] = () => `/tmp/shoshin-${scratch++}`;

export async function* fileStream(path: string, gunzip: boolean): ReturnType<Platform["fileStream"]> {
  const bytes = readFileSync(path);
  if (!gunzip) {
    yield bytes;
    return;
  }
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
  } catch (error) {
    throw Object.assign(new Error(`damaged gzip data: ${(error as Error).message}`), { code: "Z_DATA_ERROR" });
  }
}

export async function* csvRows(text: AsyncIterable<string>): ReturnType<Platform["csvRows"]> {
  const { parse } = await import("csv-parse/browser/esm/sync");
  let whole = "";
  for await (const part of text) whole += part;
  const rows = parse(whole, {
    relax_column_count: true,
    skip_empty_lines: true,
    info: true,
    max_record_size: 64 * 2 ** 20,
  }) as unknown;
  for (const { record, info } of rows as { record: string[]; info: { lines: number } }[])
    yield { record, line: info.lines };
}

export const parquetFile: Platform["parquetFile"] = async (path) => readFileSync(path).buffer;

export const fileDigest: Platform["fileDigest"] = async (path, algorithm, prefix = "") => {
  const bytes = new Blob([prefix, readFileSync(path)]);
  const digest = await crypto.subtle.digest(algorithm === "sha1" ? "SHA-1" : "SHA-256", await bytes.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
};

/** FNV-1a in two halves: files in memory are nobody's but the page's. */
export const contentDigest: Platform["contentDigest"] = (path) => {
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (const byte of readFileSync(path)) {
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x85ebca6b);
  }
  return `fnv:${(a >>> 0).toString(16)}${(b >>> 0).toString(16)}`;
};

export const freeSpace: Platform["freeSpace"] = () => undefined;

export const assetPath: Platform["assetPath"] = (name) => `/assets/${name}`;

interface PageWorker {
  postMessage(data: unknown): void;
  terminate(): void;
  onmessage: ((event: { data: unknown }) => void) | null;
  onerror: ((event: { message: string }) => void) | null;
}

export const startThread: Platform["startThread"] = (code, data, receive, ended) => {
  const prelude =
    "const send = (message, moved = []) => postMessage(message, moved);" +
    "const receive = (f) => { onmessage = (event) => f(event.data); };\n";
  const body = `onmessage = ({ data }) => { onmessage = null; ${prelude}${code}\n};`;
  const page = globalThis as unknown as { Worker: new (url: string) => PageWorker };
  const worker = new page.Worker(URL.createObjectURL(new Blob([body], { type: "text/javascript" })));
  worker.onmessage = (event) => receive(event.data);
  worker.onerror = (event) => ended(event.message);
  worker.postMessage(data);
  return {
    post: (message) => worker.postMessage(message),
    hold: () => {},
    end: async () => worker.terminate(),
  };
};

// A timer would wait four milliseconds.
export const nextTurn: Platform["nextTurn"] = () =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    (port1 as unknown as { onmessage: () => void }).onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
export const env: Platform["env"] = () => undefined;
export const homedir: Platform["homedir"] = () => "/";
export const hostname: Platform["hostname"] = () => "browser";
export const processId: Platform["processId"] = () => 1;
export const processRuns: Platform["processRuns"] = (id) => id === 1;
export const runtime: Platform["runtime"] = { platform: "browser", arch: "wasm32" };
export const terminal: Platform["terminal"] = { isTTY: false, write: () => true };
