import type { Backend, BackendName, Precision } from "./backend.ts";
import { BackendError } from "./errors.ts";
import { KernelBackend } from "./kernels.ts";
import { loadNative } from "./native.ts";
import { ReferenceBackend } from "./reference.ts";

let current: Backend | undefined;
let native: KernelBackend | undefined;
let reference: ReferenceBackend | undefined;
let precision: Precision = "float32";

const REBUILD = "Install g++ or clang++ and run `npm rebuild shoshin` (in the repository: `node native/build.mjs`).";

/**
 * The backend of new tensors: what SHOSHIN_BACKEND names, else the compiled kernels, else the reference backend with one
 * warning.
 */
export function backend(): Backend {
  if (current === undefined) {
    const asked = process.env.SHOSHIN_BACKEND;
    if (asked) current = open(asked);
    else {
      const { exports, reason } = loadNative();
      if (exports === undefined) {
        process.stderr.write(
          `warning: ${reason}; the reference backend serves, many times slower.\nhint: ${REBUILD}\n`,
        );
      }
      current = open(exports === undefined ? "reference" : "native");
    }
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
    const { exports, reason } = loadNative();
    if (exports === undefined) throw new BackendError(`the native backend is not available: ${reason}`, REBUILD);
    if (native === undefined) {
      native = new KernelBackend(exports);
      const missing = exports.missing();
      if (missing) {
        process.stderr.write(
          `warning: SHOSHIN_ISA=${missing} is not available here (${native.instructionSets.join(", ")}); using ${native.instructionSet}\n`,
        );
      }
    }
    return native;
  }
  throw new BackendError(`unknown backend ${name}`, "There are native and reference.");
}

/** Precision of multiplies: float32, or bf16 operands with float32 sums. */
export const getPrecision = (): Precision => precision;
export function setPrecision(value: Precision): void {
  if (value !== "float32" && value !== "bf16") throw new BackendError(`unknown precision ${value}`, "float32 or bf16.");
  precision = value;
}
