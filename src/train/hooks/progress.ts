import pc from "picocolors";
import { terminal } from "#platform";
import { checkOptions } from "../../backend/options.ts";
import type { HubProgress } from "../../hub/index.ts";
import type { Evaluated, StepEnd, TrainerCallbacks, TrainerControl } from "./callback.ts";

/** Seconds as 0:07, 12:34 or 1:02:03. */
export function clock(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)];
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

export interface ProgressUpdate {
  done: number;
  total: number;
  epoch: number;
  epochs: number;
  loss: number;
  examplesPerSecond: number;
}

/** The part of a terminal's stream that is used. */
export interface Terminal {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

/** One line on a terminal, redrawn a few times a second; elsewhere a line now and then. Goes to stderr. */
export class Progress {
  readonly #stream: Terminal;
  readonly #quiet: boolean;
  /** When something was shown last, or could have been for the first time. */
  #last: number | undefined;
  #first: { time: number; done: number } | undefined;
  #open = false;

  constructor(options: { quiet?: boolean; stream?: Terminal } = {}) {
    checkOptions("Progress", options, { quiet: true, stream: true });
    const { quiet = false, stream = terminal } = options;
    this.#quiet = quiet;
    this.#stream = stream;
  }

  update(u: ProgressUpdate): void {
    const rate =
      u.examplesPerSecond >= 100
        ? Math.round(u.examplesPerSecond).toLocaleString("en-US")
        : u.examplesPerSecond.toFixed(1);
    this.#show(
      u.done,
      u.total,
      u.done >= u.total,
      () => `epoch ${u.epoch}/${u.epochs}  step ${u.done}/${u.total}  loss ${u.loss.toFixed(4)}  ${rate} examples/s`,
    );
  }

  /** Files that come from the hub. */
  download({ repository, done, total, files, filesDone }: HubProgress): void {
    const MB = (bytes: number) => (bytes / 1e6).toFixed(1);
    this.#show(
      done,
      total,
      filesDone === files,
      () => `${repository}  ${filesDone}/${files} files  ${MB(done)}/${MB(total)} MB`,
    );
    if (filesDone === files) this.end();
  }

  #show(done: number, total: number, last: boolean, facts: () => string): void {
    if (this.#quiet) return;
    const now = performance.now();
    this.#first ??= { time: now, done };
    const every = this.#stream.isTTY ? 100 : 10_000;
    this.#last ??= this.#stream.isTTY ? now - every : now;
    if (now - this.#last < every && !last) return;
    this.#last = now;
    const worked = done - this.#first.done;
    const left = worked > 0 ? (((now - this.#first.time) / worked) * (total - done)) / 1000 : Number.NaN;
    const text = `${facts()}  ${Number.isFinite(left) ? `${clock(left)} left` : ""}`;
    if (!this.#stream.isTTY) {
      this.#stream.write(`${text.trimEnd()}\n`);
      return;
    }
    const width = Math.max(0, Math.min(24, (this.#stream.columns ?? 80) - text.length - 4));
    const full = Math.round((width * Math.min(done, total)) / Math.max(1, total));
    const bar = width < 6 ? "" : `${pc.cyan("━".repeat(full))}${pc.dim("━".repeat(width - full))}  `;
    this.#stream.write(`\r\x1b[2K${bar}${text}`);
    this.#open = true;
  }

  /** A lasting line above the bar. */
  note(text: string): void {
    if (this.#quiet) return;
    this.end();
    this.#stream.write(`${text}\n`);
  }
  end(): void {
    if (this.#open) this.#stream.write("\r\x1b[2K");
    this.#open = false;
  }
}

export interface ProgressCallbackOptions {
  /** Where the line goes; stderr. */
  stream?: Terminal;
}

/** Where training is, on one line; a lasting one for every evaluation, and for notes. */
export class ProgressCallback implements TrainerCallbacks {
  readonly #options: ProgressCallbackOptions;
  #progress: Progress;

  constructor(options: ProgressCallbackOptions = {}) {
    checkOptions("ProgressCallback", options, { stream: true });
    this.#options = options;
    this.#progress = new Progress(options);
  }
  onTrainBegin(): void {
    this.#progress = new Progress(this.#options);
  }
  onStepEnd({ step, epoch, loss }: StepEnd, { state }: TrainerControl): void {
    const { maxSteps: total, numTrainEpochs: epochs, examplesPerSecond } = state;
    this.#progress.update({ done: step, total, epoch: epoch + 1, epochs, loss, examplesPerSecond });
  }
  onEvaluate({ step, epoch, metrics }: Evaluated): void {
    const facts = Object.entries(metrics).map(([name, value]) => `${name} ${value.toFixed(4)}`);
    this.#progress.note(`epoch ${epoch}  step ${step}  validation: ${facts.join("  ")}`);
  }
  onEpochEnd(): void {
    this.#progress.end();
  }
  onTrainEnd(): void {
    this.#progress.end();
  }
  onNote({ text }: { text: string }): void {
    this.#progress.note(text);
  }
}
