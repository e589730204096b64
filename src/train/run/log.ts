import { appendFileSync, existsSync, join, readFileSync } from "#platform";
import { writeError } from "../../formats/atomic.ts";
import { EventWriter, writeFileAtomic } from "../../formats/index.ts";
import type { RunFolder } from "./run-folder.ts";

/** Training curves: `log.jsonl`, one object a line, and a TensorBoard event file beside it. */
export class RunLog {
  readonly #path: string;
  #events: EventWriter | undefined;
  readonly #run: RunFolder;

  /** @param fromStep a resumed run drops what was logged after this step. */
  constructor(run: RunFolder, fromStep: number) {
    this.#run = run;
    const before = fromStep === 0 ? undefined : run.fileOf("log.jsonl");
    const kept = before === undefined ? [] : readLog(before).filter((entry) => (entry.step as number) <= fromStep);
    this.#path = join(run.path, run.nameFor("log.jsonl"));
    run.grows(this.#path);
    writeFileAtomic(this.#path, kept.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  }
  write(step: number, values: Record<string, number>): void {
    try {
      appendFileSync(this.#path, `${JSON.stringify({ step, ...values })}\n`);
    } catch (error) {
      throw writeError(this.#path, error);
    }
    if (this.#events === undefined) {
      this.#events = new EventWriter(this.#run.path);
      this.#run.grows(this.#events.path);
    }
    for (const [name, value] of Object.entries(values)) this.#events.scalar(name, value, step);
  }
}

/** Entries of a log; a last line that a killed process left torn is dropped. */
export function readLog(path: string): Record<string, number>[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return line === "" ? [] : [JSON.parse(line)];
      } catch {
        return [];
      }
    });
}
