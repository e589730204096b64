import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Door, WasmFile } from "./door.ts";
import { ABI, type NativeExports } from "./exports.ts";

let loaded: ReturnType<Door["loadNative"]> | undefined;

function loadAddon(): ReturnType<Door["loadNative"]> {
  const places = ["build", `prebuilt/${process.platform}-${process.arch}`];
  let reason = "the addon has not been built (no C++ compiler at installation?)";
  for (const place of places) {
    const path = fileURLToPath(new URL(`../../native/${place}/shoshin.node`, import.meta.url));
    if (!existsSync(path)) continue;
    try {
      const exports = createRequire(import.meta.url)(path) as NativeExports;
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
  return new Uint8Array(readFileSync(new URL(`../../assets/wasm/${name}.wasm`, import.meta.url)));
}

export const door: Door = {
  env: (name) => process.env[name],
  warn: (text) => void process.stderr.write(`${text}\n`),
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
