import type { NativeExports } from "./exports.ts";

/** What differs between Node and a page; package.json's `#door` chooses door-node.ts or door-browser.ts. */
export interface Door {
  /** An environment variable; a page has none. */
  env(name: string): string | undefined;
  warn(text: string): void;
  /** Says what is worth knowing and no fault. */
  note(text: string): void;
  /** Where the kernels' files lie, in place of where the package has them: a folder, in a page its address. */
  useKernels(address: string | URL): void;
  /** Whether an addon could be here, so that its absence is worth a warning. */
  readonly takesAddons: boolean;
  /** Processors. */
  readonly cores: number;
  /** The addon, or why there is none. */
  loadNative(): { exports?: NativeExports; reason?: string };
  /** A file of assets/wasm at once; undefined where it must be fetched. */
  readWasm(name: WasmFile): Uint8Array<ArrayBuffer> | undefined;
  fetchWasm(name: WasmFile): Promise<Uint8Array<ArrayBuffer>>;
  /** Whether threads can share memory here. */
  readonly canShare: boolean;
  /** Runs a script in a thread with `data` in the variable `data`; `failed` is called if it ends. */
  startThread(script: string, data: unknown, failed: (why: string) => void): void;
}

export const WASM_FILES = ["simd128", "simd128-threads", "relaxed-simd", "relaxed-simd-threads"] as const;
export type WasmFile = (typeof WASM_FILES)[number];
