/** Base of every error that the library raises on purpose: what happened, and in `hint` what to do about it. */
export class ShoshinError extends Error {
  /** What to do, in one sentence; shown by the command line as `hint: …`. */
  readonly hint: string | undefined;

  constructor(message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.hint = hint;
  }
}

/** A kernel refused its arguments, or a backend cannot do what was asked of it. */
export class BackendError extends ShoshinError {}

/** Memory could not be had. */
export class OutOfMemoryError extends BackendError {}

/** A tensor was used after its memory had been given back. */
export class UseAfterFreeError extends ShoshinError {}

/** Hint of {@link UseAfterFreeError}. */
export const FREED =
  "A tensor made by a graph lives until the next graph begins, one made in noGrad or a scope until its end, " +
  "a loader's batch until the next one: take t.item(), t.detach() or t.keep() while it lives.";
