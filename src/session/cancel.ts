/** A call's own signal: it is aborted with the caller's, and when the session closes. */
export class Cancel {
  readonly #controller = new AbortController();
  readonly #from: AbortSignal | undefined;
  readonly #tell: () => void;

  constructor(from: AbortSignal | undefined) {
    this.#from = from;
    this.#tell = () => this.abort(from?.reason);
    if (from?.aborted) this.#tell();
    else from?.addEventListener("abort", this.#tell, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }
  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }
  /** Throws the reason once it has been aborted. */
  check(): void {
    this.signal.throwIfAborted();
  }
  /** Lets go of the caller's signal, which may live much longer. */
  end(): void {
    this.#from?.removeEventListener("abort", this.#tell);
  }

  /** Waits for work, or for the end of patience: then the work goes on, and nobody waits. */
  async race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    let tell = () => {};
    const aborted = new Promise<never>((_, reject) => {
      tell = () => reject(signal.reason);
      if (signal.aborted) tell();
      else signal.addEventListener("abort", tell, { once: true });
    });
    try {
      return await Promise.race([work, aborted]);
    } finally {
      signal.removeEventListener("abort", tell);
    }
  }
}
