import { readFileSync } from "node:fs";
import type { Door } from "../../src/backend/door.ts";
import { door } from "../../src/backend/door-node.ts";
import type { NativeExports } from "../../src/backend/exports.ts";
import { openWasm } from "../../src/backend/wasm.ts";

/** The kernels as WebAssembly, with threads and without. */
export function wasmDoor(threads: boolean, over: Partial<Door> = {}): NativeExports {
  const file = threads ? "simd128-threads" : "simd128";
  const bytes = readFileSync(new URL(`../../assets/wasm/${file}.wasm`, import.meta.url));
  return openWasm(new WebAssembly.Module(new Uint8Array(bytes)), file, { ...door, ...over });
}

/** Every way to the kernels that this machine has: name, exports, instruction set to choose. */
export function allDoors(): [string, NativeExports, string][] {
  const { exports: native } = door.loadNative();
  const addon = (native?.isas() ?? []).map((isa): [string, NativeExports, string] => [
    isa,
    native as NativeExports,
    isa,
  ]);
  const wasm = [true, false].map((threads): [string, NativeExports, string] => [
    threads ? "wasm, threads" : "wasm",
    wasmDoor(threads),
    "simd128",
  ]);
  return [...addon, ...wasm];
}
