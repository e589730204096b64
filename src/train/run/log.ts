import { appendFileSync, existsSync, join, readFileSync } from "#platform";
import { writeError } from "../../formats/atomic.ts";
import { EventWriter, writeFileAtomic } from "../../formats/index.ts";
import type { RunFolder } from "./run-folder.ts";

/** What happened to a run, between the points of its curves. */
export type RunEventName = "begin" | "resumed" | "checkpoint" | "end";
/** A line of a log that is no point of a curve. */
export type RunEvent = { event: RunEventName; time: string; step: number } & Record<string, unknown>;

/**
 * A run's history in `log.jsonl`, one object a line: points of its curves (`{ step, "train/loss": … }`) and events
 * (`{ event: "begin", … }`). The points lie in a TensorBoard event file too.
 */
export class RunLog {
  readonly #path: string;
  #events: EventWriter | undefined;
  readonly #run: RunFolder;

  /**
   * @param fromStep a resumed run drops the points after this step: they come again.
   */
  constructor(run: RunFolder, fromStep: number) {
    this.#run = run;
    const before = run.fileOf("log.jsonl");
    const kept =
      before === undefined ? [] : readHistory(before).filter((e) => isEvent(e) || Number(e.step) <= fromStep);
    this.#path = join(run.path, run.nameFor("log.jsonl"));
    run.grows(this.#path);
    writeFileAtomic(this.#path, kept.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    if (kept.length === 0) this.event("begin", fromStep, { id: run.id });
    else this.event("resumed", fromStep);
    run.onEnd((status, error) => this.event("end", this.#step, { status, ...(error === undefined ? {} : { error }) }));
    this.#step = fromStep;
  }
  #step = 0;

  /** A point of the curves. */
  write(step: number, values: Record<string, number>): void {
    this.#append({ step, ...values });
    this.#step = step;
    if (this.#events === undefined) {
      this.#events = new EventWriter(this.#run.path);
      this.#run.grows(this.#events.path);
    }
    for (const [name, value] of Object.entries(values)) this.#events.scalar(name, value, step);
  }
  /** Something that happened after `step` steps. */
  event(event: RunEventName, step: number, more: Record<string, unknown> = {}): void {
    this.#append({ event, time: new Date().toISOString(), step, ...more });
  }
  #append(entry: object): void {
    try {
      appendFileSync(this.#path, `${JSON.stringify(entry)}\n`);
    } catch (error) {
      throw writeError(this.#path, error);
    }
  }
}

const isEvent = (entry: Record<string, unknown>): entry is RunEvent => typeof entry.event === "string";

/** All lines of a log, points and events; a last line that a killed process left torn is dropped. */
export function readHistory(path: string): Record<string, unknown>[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        const entry = JSON.parse(line);
        return entry !== null && typeof entry === "object" ? [entry] : [];
      } catch {
        return [];
      }
    });
}

/** The points of a log's curves. */
export const readLog = (path: string): Record<string, number>[] =>
  readHistory(path).filter((entry) => !isEvent(entry)) as Record<string, number>[];
