import { door } from "#door";
import type { Backend, BackendName, Precision } from "./backend.ts";
import { BackendError } from "./errors.ts";
import { KernelBackend } from "./kernels.ts";
import { ReferenceBackend } from "./reference.ts";
import { chooseFile, openWasm } from "./wasm.ts";

let current: Backend | undefined;
let native: KernelBackend | undefined;
let wasm: KernelBackend | undefined;
let reference: ReferenceBackend | undefined;
let precision: Precision = "float32";

const REBUILD =
  "For full speed install g++ or clang++ and run `npm rebuild shoshin` (in the repository: `node native/build.mjs`).";

/** Why the addon is not there; undefined when it is. */
export const nativeProblem = (): string | undefined => door.loadNative().reason;

/**
 * The backend of new tensors: what SHOSHIN_BACKEND names, else the addon, else the same kernels as WebAssembly with one
 * warning. In a page `await ready()` comes first. Throws {@link BackendError} if there is none.
 */
export function backend(): Backend {
  if (current === undefined) {
    const asked = door.env("SHOSHIN_BACKEND");
    if (asked) current = open(asked);
    else {
      const { exports, reason } = door.loadNative();
      if (exports !== undefined) current = open("native");
      else {
        current = open("wasm");
        door.warn(`warning: ${reason}; the kernels run as WebAssembly, several times slower.\nhint: ${REBUILD}`);
      }
    }
  }
  return current;
}

/**
 * Fetches and compiles the kernels where that takes time, as in a page; in Node they are there already. Call it once before
 * the first tensor. Without WebAssembly SIMD the slow reference backend serves, with a warning.
 * @throws BackendError when the file cannot be fetched or is of another version.
 */
export async function ready(): Promise<Backend> {
  if (current !== undefined || door.loadNative().exports !== undefined) return backend();
  try {
    const file = chooseFile(door);
    wasm ??= new KernelBackend(openWasm(await WebAssembly.compile(await door.fetchWasm(file)), file, door), "wasm");
    current = wasm;
  } catch (error) {
    if (!(error instanceof BackendError)) {
      throw new BackendError(
        `the kernels cannot be loaded: ${(error as Error).message}`,
        "Serve assets/wasm beside the code.",
      );
    }
    if (!error.message.includes("SIMD")) throw error;
    door.warn(`warning: ${error.message}; the reference backend serves, many times slower.\nhint: ${error.hint}`);
    current = open("reference");
  }
  return current;
}

/** Chooses the backend of new tensors, by name or as one that exists; returns it. Throws {@link BackendError}. */
export function setBackend(choice: BackendName | Backend): Backend {
  current = typeof choice === "string" ? open(choice) : choice;
  return current;
}

function open(name: string): Backend {
  if (name === "reference") {
    reference ??= new ReferenceBackend();
    return reference;
  }
  if (name === "native") {
    const { exports, reason } = door.loadNative();
    if (exports === undefined) throw new BackendError(`the native backend is not available: ${reason}`, REBUILD);
    if (native === undefined) {
      native = new KernelBackend(exports);
      const missing = exports.missing();
      if (missing) {
        door.warn(
          `warning: SHOSHIN_ISA=${missing} is not available here (${native.instructionSets.join(", ")}); using ${native.instructionSet}`,
        );
      }
    }
    return native;
  }
  if (name === "wasm") {
    if (wasm === undefined) {
      const file = chooseFile(door);
      const bytes = door.readWasm(file);
      if (bytes === undefined) throw new BackendError("the kernels are not loaded yet", "First: await ready().");
      wasm = new KernelBackend(openWasm(new WebAssembly.Module(bytes), file, door), "wasm");
    }
    return wasm;
  }
  throw new BackendError(`unknown backend ${name}`, "There are native, wasm and reference.");
}

/** Precision of multiplies: float32, or bf16 operands with float32 sums. */
export const getPrecision = (): Precision => precision;
export function setPrecision(value: Precision): void {
  if (value !== "float32" && value !== "bf16") throw new BackendError(`unknown precision ${value}`, "float32 or bf16.");
  precision = value;
}
