/// <reference lib="esnext.disposable" preserve="true" />
import "../backend/dispose.ts";
import { ShoshinError } from "../backend/errors.ts";
import { disown, own, Scope, state } from "./memory.ts";
import { Tensor } from "./tensor.ts";

/** Hands the tensors in a result that a scope owns to the one around it, as deep as an array in an object (an LSTM's `state`). */
function handOn(value: unknown, inner: Scope, depth: number): void {
  if (value instanceof Tensor) {
    if (value.storage.owner !== inner) return;
    disown(value.storage);
    own(value.storage, inner.outer);
  } else if (value !== null && typeof value === "object" && depth <= 1 && !ArrayBuffer.isView(value)) {
    for (const v of Array.isArray(value) ? value : Object.values(value)) handOn(v, inner, depth + 1);
  }
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
    handOn(result, inner, 0);
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
