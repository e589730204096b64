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

/** A tensor was read after its memory had been given back. */
export class UseAfterFreeError extends ShoshinError {}
