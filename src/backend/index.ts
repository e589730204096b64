import type { Backend, BackendName, Precision } from "./backend.ts";
import { ReferenceBackend } from "./reference.ts";

let current: Backend | undefined;
let reference: ReferenceBackend | undefined;
let precision: Precision = "float32";

/** The backend of new tensors. */
export function backend(): Backend {
  current ??= open("reference");
  return current;
}

/** Chooses the backend of new tensors, by name or as one that exists; returns it. */
export function setBackend(choice: BackendName | Backend): Backend {
  current = typeof choice === "string" ? open(choice) : choice;
  return current;
}

function open(_name: BackendName): Backend {
  reference ??= new ReferenceBackend();
  return reference;
}

/** Precision of multiplies: float32, or bf16 operands with float32 sums. */
export const getPrecision = (): Precision => precision;
export function setPrecision(value: Precision): void {
  precision = value;
}
