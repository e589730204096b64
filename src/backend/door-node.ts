import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Door, WasmFile } from "./door.ts";
import { BackendError } from "./errors.ts";
import { ABI, type NativeExports } from "./exports.ts";

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
      const exports = addon.exports as NativeExports;
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
  takesAddons: true,
  cores: availableParallelism(),
  loadNative() {
    loaded ??= loadAddon();
    return loaded;
  },
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
