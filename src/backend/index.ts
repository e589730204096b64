import { door } from "#door";
import type { Backend, BackendName, Precision } from "./backend.ts";
import { BackendError } from "./errors.ts";
import { KernelBackend } from "./kernels.ts";
import { checkOptions, type Known } from "./options.ts";
import { chooseFile, NoMemoryError, openWasm } from "./wasm.ts";

let current: Backend | undefined;
let native: KernelBackend | undefined;
let wasm: KernelBackend | undefined;
let reference: Backend | undefined;
let precision: Precision = "float32";

const REBUILD =
  "For full speed install g++ or clang++ and run `npm rebuild shoshin` (in the repository: `node native/build.mjs`).";

const warnSlow = (reason: string | undefined) =>
  door.warn(`warning: ${reason}; the kernels run as WebAssembly, several times slower.\nhint: ${REBUILD}`);

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
        warnSlow(reason);
      }
    }
  }
  return current;
}

export interface ReadyOptions {
  /**
   * Where the kernels' files lie, for bundlers that move the code away from them: a folder with the files of the package's
   * assets/wasm (in Node also `shoshin.node`, the addon); in a page its address, taken relative to the page. Left out: the package's.
   */
  kernels?: string | URL;
  /** The backend of new tensors; left out: the fastest. A page loads "reference", the slow oracle, only when it is named here. */
  backend?: BackendName;
}
const READY: Known<ReadyOptions> = { kernels: true, backend: true };
let kernelsFrom: string | undefined;

/**
 * Fetches and compiles the kernels where that takes time, as in a page; in Node they are there already. Call it once before
 * the first tensor. A page that may not share memory gets one thread, and is told; without WebAssembly SIMD the slow reference
 * backend serves, with a warning.
 * @throws BackendError when a file cannot be fetched or is of another version, or `kernels` comes after they were loaded.
 */
export async function ready(options: ReadyOptions = {}): Promise<Backend> {
  checkOptions("ready", options, READY);
  const { kernels } = options;
  if (kernels !== undefined) {
    if (typeof kernels !== "string" && !(kernels instanceof URL))
      throw new BackendError(`ready: kernels must be an address or a folder, found ${typeof kernels}`);
    if (current !== undefined && kernelsFrom !== String(kernels))
      throw new BackendError("ready: the kernels have been loaded already", "Call it before the first tensor is made.");
    kernelsFrom = String(kernels);
    if (current === undefined) door.useKernels(kernels);
  }
  if (options.backend === "reference") await door.loadReference();
  if (options.backend === "wasm") await openFetched();
  if (options.backend !== undefined) return setBackend(options.backend);
  if (current !== undefined || door.loadNative().exports !== undefined) return backend();
  try {
    current = await openFetched();
    if (door.takesAddons) warnSlow(door.loadNative().reason);
  } catch (error) {
    if (!(error instanceof BackendError)) {
      throw new BackendError(
        `the kernels cannot be loaded: ${(error as Error).message}`,
        "Serve the files of the package's assets/wasm and say where: await ready({ kernels: address }).",
      );
    }
    if (!error.message.includes("SIMD")) throw error;
    door.warn(`warning: ${error.message}; the reference backend serves, many times slower.\nhint: ${error.hint}`);
    await door.loadReference();
    current = open("reference");
  }
  return current;
}

/**
 * A backend by name, loaded where that takes time; that of new tensors stays what it is. Without a name that one, which is loaded
 * as by {@link ready} where there is none yet.
 */
export async function loadBackend(name?: BackendName): Promise<Backend> {
  if (name === undefined) return current ?? ready();
  if (name === "reference") await door.loadReference();
  return name === "wasm" ? openFetched() : open(name);
}

const ONE_THREAD =
  "For more serve the page with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.";

async function openFetched(): Promise<KernelBackend> {
  const fetched = async (shared: boolean) => {
    const file = chooseFile(door, shared);
    return new KernelBackend(openWasm(await WebAssembly.compile(await door.fetchWasm(file)), file, door), "wasm");
  };
  const alone = (why: string) => {
    door.note(`shoshin: ${why}: the kernels run on one thread.\nhint: ${ONE_THREAD}`);
    return fetched(false);
  };
  if (wasm === undefined) {
    if (!door.canShare) wasm = await alone("this page may not share memory between threads");
    else {
      try {
        wasm = await fetched(true);
      } catch (error) {
        if (!(error instanceof NoMemoryError)) throw error;
        wasm = await alone(`no shared memory is to be had (${error.message})`);
      }
    }
  }
  return wasm;
}

/** Chooses the backend of new tensors, by name or as one that exists; returns it. Throws {@link BackendError}. */
export function setBackend(choice: BackendName | Backend): Backend {
  current = typeof choice === "string" ? open(choice) : choice;
  return current;
}

/** That of new tensors, if one was chosen or used already. */
export const backendHere = (): Backend | undefined => current;

/** Does synchronous work in which new tensors lie on a backend; afterwards they lie where they did. */
export function onBackend<T>(own: Backend | undefined, work: () => T): T {
  if (own === undefined || own === current) return work();
  const before = current;
  current = own;
  try {
    return work();
  } finally {
    current = before;
  }
}

function open(name: string): Backend {
  if (name === "reference") {
    reference ??= door.makeReference();
    if (reference === undefined)
      throw new BackendError(
        "the reference backend is not loaded yet",
        'First: await ready({ backend: "reference" }).',
      );
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
