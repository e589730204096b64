/// <reference lib="esnext.disposable" preserve="true" />
import "../backend/dispose.ts";
import { ShoshinError } from "../backend/errors.ts";
import { disown, own, Scope, state } from "./memory.ts";
import { Tensor } from "./tensor.ts";

/** Tensors in a result, as deep as an array in an object (an LSTM's `state`). */
function tensorsIn(value: unknown, depth = 0): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (value === null || typeof value !== "object" || depth > 1) return [];
  return Object.values(value).flatMap((v) => tensorsIn(v, depth + 1));
}

/**
 * Runs `fn` in a scope of its own: everything it makes is freed at its end except the tensors it returns, alone, in
 * arrays or as the values of objects, two levels deep. `fn` must not be asynchronous (no scope may be open across an `await`).
 */
export function tidy<T>(fn: () => T): T {
  if (state.depth > 0) return fn();
  const inner = new Scope();
  try {
    const result = fn();
    if (result instanceof Promise) {
      result.catch(() => {});
      throw new ShoshinError(
        "noGrad or tidy was given an asynchronous function",
        "Await first, and compute inside it.",
      );
    }
    for (const t of tensorsIn(result)) {
      if (t.storage.owner !== inner) continue;
      disown(t.storage);
      own(t.storage, inner.outer);
    }
    return result;
  } finally {
    inner[Symbol.dispose]();
  }
}

/** Runs `fn` without recording, in a scope of its own as {@link tidy} does. Throws whatever `fn` throws. */
export function noGrad<T>(fn: () => T): T {
  const before = state.gradEnabled;
  state.gradEnabled = false;
  try {
    return tidy(fn);
  } finally {
    state.gradEnabled = before;
  }
}

/** Runs `fn` with recording, inside `noGrad`. */
export function enableGrad<T>(fn: () => T): T {
  const before = state.gradEnabled;
  state.gradEnabled = true;
  try {
    return fn();
  } finally {
    state.gradEnabled = before;
  }
}
