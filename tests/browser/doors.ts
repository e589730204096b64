import { WASM_FILES, type WasmFile } from "../../src/backend/door.ts";
import { door } from "../../src/backend/door-browser.ts";
import type { NativeExports } from "../../src/backend/exports.ts";
import { openWasm } from "../../src/backend/wasm.ts";

// Stands in for tests/backend/doors.ts in a page: every file that this page can open.
const usable = WASM_FILES.filter((file) => door.canShare || !file.endsWith("-threads"));
const opened = await Promise.all(
  usable.map(
    async (file): Promise<[WasmFile, NativeExports]> => [
      file,
      openWasm(await WebAssembly.compile(await door.fetchWasm(file)), file, door),
    ],
  ),
);

export function allDoors(): [string, NativeExports, string][] {
  return opened.map(([file, exports]) => [file, exports, exports.isa()]);
}
