import { appendFileSync, existsSync, join, readFileSync } from "#platform";
import { writeError } from "../formats/atomic.ts";
import { EventWriter, writeFileAtomic } from "../formats/index.ts";

/** Training curves: `log.jsonl`, one object a line, and a TensorBoard event file beside it. */
export class RunLog {
  readonly #path: string;
  #events: EventWriter | undefined;
  readonly #folder: string;

  /** @param fromStep a resumed run drops what was logged after this step. */
  constructor(folder: string, fromStep: number) {
    this.#folder = folder;
    this.#path = join(folder, "log.jsonl");
    const kept = readLog(this.#path).filter((entry) => (entry.step as number) <= fromStep);
    writeFileAtomic(this.#path, fromStep === 0 ? "" : kept.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  }
  write(step: number, values: Record<string, number>): void {
    try {
      appendFileSync(this.#path, `${JSON.stringify({ step, ...values })}\n`);
    } catch (error) {
      throw writeError(this.#path, error);
    }
    this.#events ??= new EventWriter(this.#folder);
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
