import { beforeEach, it } from "vitest";
import { type BackendName, backend, setBackend } from "../src/index.ts";

export const BACKENDS = ["native", "wasm", "reference"] as const;

/** Whether this machine, or this page, can compute with it. */
export function hasBackend(name: BackendName): boolean {
  const before = backend().name;
  try {
    setBackend(name);
    setBackend(before);
    return true;
  } catch {
    return false;
  }
}

/** `it` for the tests of a `describe` that compute with one backend: they are skipped where there is none. */
export function itOn(name: BackendName): typeof it {
  if (!hasBackend(name)) return it.skip as typeof it;
  beforeEach(() => setBackend(name));
  return it;
}
