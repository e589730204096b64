import { terminal } from "#platform";
import { checkOptions, type Known } from "../../backend/options.ts";
import type { Log, TrainerCallbacks } from "./callback.ts";
import type { Terminal } from "./progress.ts";

export interface PrinterOptions {
  /** Where lines go; stderr. */
  stream?: Terminal;
}
const KNOWN: Known<PrinterOptions> = { stream: true };

/** A line for every point of the curve and every evaluation, for logs that no one watches. */
export class PrinterCallback implements TrainerCallbacks {
  readonly #stream: Terminal;

  constructor(options: PrinterOptions = {}) {
    checkOptions("PrinterCallback", options, KNOWN);
    this.#stream = options.stream ?? terminal;
  }
  onLog({ step, epoch, logs }: Log): void {
    this.#stream.write(`${JSON.stringify({ step, epoch, ...logs })}\n`);
  }
  onNote({ text }: { text: string }): void {
    this.#stream.write(`${text}\n`);
  }
}
