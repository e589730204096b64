import type { Backend } from "./backend.ts";
import type { Door, WasmFile } from "./door.ts";

// Written out, so that bundlers find the files.
const FILES: Record<WasmFile, () => URL> = {
  simd128: () => new URL("../../assets/wasm/simd128.wasm", import.meta.url),
  "simd128-threads": () => new URL("../../assets/wasm/simd128-threads.wasm", import.meta.url),
  "relaxed-simd": () => new URL("../../assets/wasm/relaxed-simd.wasm", import.meta.url),
  "relaxed-simd-threads": () => new URL("../../assets/wasm/relaxed-simd-threads.wasm", import.meta.url),
};

interface Page {
  crossOriginIsolated?: boolean;
  SharedArrayBuffer?: unknown;
  document?: { baseURI: string };
  location?: { href: string };
  navigator?: { hardwareConcurrency?: number };
  Worker?: new (
    url: string,
  ) => { postMessage(data: unknown): void; onerror: ((event: { message: string }) => void) | null };
  URL: typeof URL;
}
const page = globalThis as unknown as Page;
let Reference: (new () => Backend) | undefined;
/** The folder that `useKernels` named, with a slash at its end. */
let folder: string | undefined;

export const door: Door = {
  env: () => undefined,
  warn: (text) => console.warn(text),
  note: (text) => console.info(text),
  useKernels(address) {
    const base = page.document?.baseURI ?? page.location?.href;
    folder = new URL(String(address).replace(/\/?$/, "/"), base).href;
  },
  makeReference: () => (Reference === undefined ? undefined : new Reference()),
  async loadReference() {
    Reference = (await import("./reference.ts")).ReferenceBackend;
  },
  takesAddons: false,
  cores: page.navigator?.hardwareConcurrency ?? 1,
  memory: 2 ** 32,
  loadNative: () => ({ reason: "a page has no compiled addon" }),
  weak: () => undefined,
  readWasm: () => undefined,
  async fetchWasm(name) {
    const url = folder === undefined ? FILES[name]() : new URL(`${name}.wasm`, folder);
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url}: ${answer.status} ${answer.statusText}`);
    return new Uint8Array(await answer.arrayBuffer());
  },
  canShare: page.crossOriginIsolated === true && page.SharedArrayBuffer !== undefined && page.Worker !== undefined,
  startThread(script, data, failed) {
    const code = `onmessage = ({ data }) => {\n${script}\n};`;
    const url = page.URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const worker = new (page.Worker as NonNullable<Page["Worker"]>)(url);
    worker.onerror = (event) => failed(event.message);
    worker.postMessage(data);
  },
};
