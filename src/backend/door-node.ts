import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import type { AddonExports, Door, WasmFile, WeakTable } from "./door.ts";
import { BackendError } from "./errors.ts";
import { ABI } from "./exports.ts";
import { ReferenceBackend } from "./reference.ts";

// Kept in a variable: bundlers would take every file that a pattern might mean. A bundle of CommonJS has none.
const here: string | undefined = import.meta.url;
/** The folder that `useKernels` named. */
let folder: string | undefined;
const file = (name: string, inPackage: string): string => {
  if (folder !== undefined) return join(folder, name);
  return here === undefined ? name : fileURLToPath(new URL(`../../${inPackage}/${name}`, here));
};

let loaded: ReturnType<Door["loadNative"]> | undefined;

function loadAddon(): ReturnType<Door["loadNative"]> {
  const places = folder === undefined ? ["build", `prebuilt/${process.platform}-${process.arch}`] : [""];
  let reason =
    folder === undefined
      ? "the addon has not been built (no C++ compiler at installation?)"
      : `there is no shoshin.node in ${folder}`;
  for (const place of places) {
    const path = file("shoshin.node", `native/${place}`);
    if (!existsSync(path)) continue;
    try {
      // Not `require`: bundlers would follow it, or cut it off.
      const addon = { exports: {} };
      process.dlopen(addon, path);
      const exports = addon.exports as AddonExports;
      if (exports.abi?.() === ABI) {
        const block = exports.params();
        return { exports: { ...exports, params: () => block } };
      }
      reason = "the addon is of another version";
    } catch (error) {
      reason = `the addon does not load: ${(error as Error).message}`;
    }
  }
  return { reason };
}

/** Node's own `gc`, without a flag on the command line; nothing where the engine keeps it. */
function collector(): WeakTable["collect"] {
  const exposed = (globalThis as { gc?: (options?: object) => void }).gc;
  let gc = exposed;
  if (gc === undefined) {
    try {
      setFlagsFromString("--expose-gc");
      gc = runInNewContext("gc") as typeof exposed;
      setFlagsFromString("--no-expose-gc");
    } catch {
      // The collections that the engine makes by itself must do.
    }
  }
  if (typeof gc !== "function") return () => {};
  const run = gc;
  // Without an argument all is collected, in every version.
  return (full) => (full ? run() : run({ type: "minor" }));
}

let table: WeakTable | undefined;
function weak(): WeakTable | undefined {
  if (table !== undefined) return table;
  const addon = door.loadNative().exports;
  if (addon === undefined) return undefined;
  let run: WeakTable["collect"] | undefined;
  const collect = (full: boolean) => {
    run ??= collector();
    run(full);
  };
  table = { watch: addon.watch, unwatch: addon.unwatch, dead: addon.dead, collect };
  return table;
}

// A container's limit, where the machine says so.
const { constrainedMemory } = process as { constrainedMemory?: () => number | undefined };
const constrained = constrainedMemory?.call(process) || Number.POSITIVE_INFINITY;

function readWasm(name: WasmFile): Uint8Array<ArrayBuffer> {
  const path = file(`${name}.wasm`, "assets/wasm");
  if (!existsSync(path))
    throw new BackendError(
      `the kernels are not where they should be: no file ${path}`,
      "Where a bundler moves the code: keep shoshin out of the bundle (esbuild --external:shoshin, webpack's externals, Next.js' serverExternalPackages), or copy its assets/wasm and say where: await ready({ kernels: folder }).",
    );
  return new Uint8Array(readFileSync(path));
}

export const door: Door = {
  env: (name) => process.env[name],
  warn: (text) => void process.stderr.write(`${text}\n`),
  note: (text) => void process.stderr.write(`${text}\n`),
  useKernels(address) {
    folder = address instanceof URL || address.startsWith("file:") ? fileURLToPath(address) : resolve(address);
    loaded = undefined;
  },
  makeReference: () => new ReferenceBackend(),
  loadReference: async () => {},
  takesAddons: true,
  cores: availableParallelism(),
  memory: Math.min(totalmem(), constrained),
  loadNative() {
    loaded ??= loadAddon();
    return loaded;
  },
  weak,
  readWasm,
  fetchWasm: async (name) => readWasm(name),
  canShare: true,
  startThread(script, data, failed) {
    const code = `const data = require("node:worker_threads").workerData;\n${script}`;
    const worker = new Worker(code, { eval: true, workerData: data });
    worker.unref();
    worker.on("error", (error) => failed(error.message));
    worker.on("exit", (code) => failed(`it ended with status ${code}`));
  },
};
