import type { Backend } from "./backend.ts";
import type { NativeExports } from "./exports.ts";

/** Weak references that a collection empties at once, also while a job runs, and collections on demand. */
export interface WeakTable {
  /** A token, above 0; 0 when there is no memory for it. */
  watch(target: object): number;
  unwatch(token: number): void;
  /** Fills the array with the tokens of the dead, which are forgotten; how many. */
  dead(into: Int32Array): number;
  /** Collects young objects, or all. */
  collect(full: boolean): void;
}
/** What the addon has beyond the kernels. */
export type AddonExports = NativeExports & Omit<WeakTable, "collect">;

/** What differs between Node and a page; package.json's `#door` chooses door-node.ts or door-browser.ts. */
export interface Door {
  /** An environment variable; a page has none. */
  env(name: string): string | undefined;
  warn(text: string): void;
  /** Says what is worth knowing and no fault. */
  note(text: string): void;
  /** Where the kernels' files lie, in place of where the package has them: a folder, in a page its address. */
  useKernels(address: string | URL): void;
  /** The oracle in loops; undefined where it has not been loaded. */
  makeReference(): Backend | undefined;
  /** Loads it where that takes time: a page does without it unless it is asked for. */
  loadReference(): Promise<void>;
  /** Whether an addon could be here, so that its absence is worth a warning. */
  readonly takesAddons: boolean;
  /** Processors. */
  readonly cores: number;
  /** Bytes of memory that this process may have. */
  readonly memory: number;
  /** The addon, or why there is none. */
  loadNative(): { exports?: AddonExports; reason?: string };
  /** Undefined where the engine has none. */
  weak(): WeakTable | undefined;
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
