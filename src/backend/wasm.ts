import type { Door, WasmFile } from "./door.ts";
import { BackendError } from "./errors.ts";
import { ABI, ARITY, type NativeExports } from "./exports.ts";

// Modules of one function that uses one instruction of the extension.
const HEAD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10];
const SIMD = [...HEAD, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
const RELAXED = [...HEAD, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11];
const has = (module: number[]) => typeof WebAssembly !== "undefined" && WebAssembly.validate(new Uint8Array(module));

/**
 * The file for this engine: relaxed SIMD where it has it, threads where memory can be shared.
 * @throws BackendError where there is no WebAssembly SIMD.
 */
export function chooseFile(door: Door, shared = door.canShare): WasmFile {
  if (!has(SIMD)) {
    throw new BackendError(
      "this engine has no WebAssembly SIMD",
      "Chrome 91, Firefox 89, Safari 16.4 and Node 16 have it.",
    );
  }
  const relaxed = has(RELAXED) && door.env("SHOSHIN_ISA") !== "simd128";
  return `${relaxed ? "relaxed-simd" : "simd128"}${shared ? "-threads" : ""}`;
}

/** The engine gives no memory at all, shared or not as was asked. */
export class NoMemoryError extends BackendError {}

const PAGE = 65536;
const INITIAL = 256;
const MAX_THREADS = 32;
const STACK = 1 << 18;

/** 4, 2 or 1 GiB at most, whatever the engine grants; it grows from 16 MiB. */
function makeMemory(shared: boolean): { memory: WebAssembly.Memory; bytes: number } {
  let refused: unknown;
  for (const maximum of [65536, 32768, 16384]) {
    try {
      return { memory: new WebAssembly.Memory({ initial: INITIAL, maximum, shared }), bytes: maximum * PAGE };
    } catch (error) {
      refused = error;
    }
  }
  throw new NoMemoryError(`the engine grants no memory for WebAssembly: ${(refused as Error).message}`);
}

// Text, because a thread of Node, of a page and of a bundle would each look for a file in another place.
const THREAD = `
const env = { memory: data.memory, pow: Math.pow, log: Math.log, sin: Math.sin, cos: Math.cos, now: () => performance.now() };
const { exports } = new WebAssembly.Instance(data.module, { env });
exports.__stack_pointer.value = data.stack;
exports.__wasm_init_tls(data.tls);
exports.sh_worker(data.index);
`;

type Exports = Record<string, ((...args: number[]) => number) & WebAssembly.Global>;

/**
 * Opens the kernels as WebAssembly. The memory is the library's own; what is read is copied out of it, so growth detaches
 * nothing that a caller holds.
 * @throws BackendError for a file of another version, NoMemoryError when the engine grants no memory.
 */
export function openWasm(module: WebAssembly.Module, file: WasmFile, door: Door): NativeExports {
  const shared = file.endsWith("-threads");
  const { memory, bytes } = makeMemory(shared);
  const { pow, log, sin, cos } = Math;
  let e: Exports;
  try {
    const env = { memory, pow, log, sin, cos, now: () => performance.now() };
    e = new WebAssembly.Instance(module, { env }).exports as unknown as Exports;
  } catch (error) {
    throw new BackendError(`${file}.wasm cannot be opened: ${(error as Error).message}`, OTHER_VERSION);
  }
  const calls: Record<string, (...args: number[]) => number> = {};
  for (const [name, arity] of Object.entries(ARITY)) {
    if (e[`sh_${name}`]?.length !== arity)
      throw new BackendError(`${file}.wasm has no ${name} of ${arity} numbers`, OTHER_VERSION);
    calls[name] = e[`sh_${name}`];
  }
  e.__wasm_call_ctors();
  if (calls.abi() !== ABI)
    throw new BackendError(`${file}.wasm is of version ${calls.abi()}, not ${ABI}`, OTHER_VERSION);
  e.sh_limit(bytes);

  let seen = new Uint8Array(memory.buffer);
  const bytesNow = () => {
    if (seen.buffer !== memory.buffer) seen = new Uint8Array(memory.buffer);
    return seen;
  };
  const text = (address: number) => {
    const from = address >>> 0;
    const all = bytesNow();
    // A copy: shared memory cannot be decoded in place.
    return new TextDecoder().decode(all.slice(from, all.indexOf(0, from)));
  };
  const at = (handle: number, offset: number, array: ArrayBufferView) =>
    e.sh_address(handle, offset, array.byteLength) >>> 0;
  const view = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

  let started = 0;
  const start = (threads: number) => {
    const size = e.__tls_size.value as number;
    for (; started < threads - 1; started++) {
      const block = e.sh_block(STACK + size + 64);
      if (block === 0) return;
      const data = { module, memory, index: started, stack: block + STACK, tls: block + STACK };
      door.startThread(THREAD, data, () => {});
    }
  };
  const setThreads = e.sh_threads;
  calls.threads = (n) => {
    if (n > 0 && shared) {
      start(Math.min(n, MAX_THREADS));
      return setThreads(Math.min(n, MAX_THREADS));
    }
    return setThreads(n > 0 ? 1 : 0);
  };
  const wanted = Number(door.env("SHOSHIN_THREADS"));
  calls.threads(wanted >= 1 ? Math.floor(wanted) : door.cores);

  const params = e.sh_params() >>> 0;
  let block = new Float64Array(memory.buffer, params, 64);
  const isa = text(e.sh_isa());
  return {
    ...(calls as unknown as NativeExports),
    params() {
      if (block.buffer !== memory.buffer) block = new Float64Array(memory.buffer, params, 64);
      return block;
    },
    read(handle, offset, into) {
      const from = at(handle, offset, into);
      if (from !== 0) view(into).set(bytesNow().subarray(from, from + into.byteLength));
      return from !== 0;
    },
    write(handle, offset, source) {
      const to = at(handle, offset, source);
      if (to !== 0) bytesNow().set(view(source), to);
      return to !== 0;
    },
    error: () => text(e.sh_error()),
    isa: () => isa,
    isas: () => [isa],
    choose: (name) => name.replaceAll("_", "-") === isa.replaceAll("_", "-"),
    missing: () => null,
  };
}
const OTHER_VERSION = "The .wasm files and the JavaScript must come from the same version of shoshin.";
