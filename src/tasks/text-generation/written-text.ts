/** The text of a continuation while its tokens come: pieces for the reader, and an end before any of the stop strings. */
export class WrittenText {
  readonly #textOf: (ids: readonly number[]) => string;
  readonly #ids: number[];
  readonly #prompt: string;
  readonly #stop: readonly string[];
  readonly #onText: ((piece: string) => void) | undefined;
  #shown = 0;

  constructor(
    prompt: readonly number[],
    textOf: (ids: readonly number[]) => string,
    { stop = [], onText }: { stop?: readonly string[]; onText?: (piece: string) => void },
  ) {
    this.#textOf = textOf;
    this.#ids = [...prompt];
    this.#prompt = textOf(prompt);
    this.#stop = stop;
    this.#onText = onText;
  }

  /** What has been written. A character whose bytes are not all there yet waits. */
  #whole(): string {
    const text = this.#textOf(this.#ids).slice(this.#prompt.length);
    return text.endsWith("\ufffd") ? text.replace(/\ufffd+$/, "") : text;
  }
  #end(text: string): number | undefined {
    const ends = this.#stop.map((s) => text.indexOf(s)).filter((at) => at >= 0);
    return ends.length > 0 ? Math.min(...ends) : undefined;
  }
  #show(text: string, to: number): void {
    if (to <= this.#shown) return;
    this.#onText?.(text.slice(this.#shown, to));
    this.#shown = to;
  }

  /** Takes the next token; true when a stop string has come up. */
  add(id: number): boolean {
    this.#ids.push(id);
    const text = this.#whole();
    if (this.#end(text) !== undefined) return true;
    // Text that may be the beginning of a stop string waits.
    this.#show(text, text.length - Math.max(0, ...this.#stop.map((s) => s.length - 1)));
    return false;
  }
  /** All of it, shown to the end. */
  finish(): string {
    const whole = this.#whole();
    const text = whole.slice(0, this.#end(whole));
    this.#show(text, text.length);
    return text;
  }
}
