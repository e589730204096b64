import type { Shape } from "../../tensor/shape.ts";
import { showShape } from "../../tensor/shape.ts";

/** What loading a checkpoint found, by parameter name. */
export interface LoadReport {
  /** In the model, not in the checkpoint: new, with random values (a fresh head, say). */
  missing: string[];
  /** In the checkpoint, not in the model. */
  unexpected: string[];
  /** Of another shape, and new therefore; only with `ignoreMismatchedSizes`. */
  mismatched: string[];
  /** What else there is to know: keys of config.json that nobody knows, weights that were not tied as it says. */
  warnings: string[];
}

/** Names with the numbers in them gathered: `layer.{0, 1}.weight`. */
export function gathered(names: readonly string[]): string[] {
  const groups = new Map<string, Set<number>[]>();
  for (const name of names) {
    const pattern = name.replace(/(?<=\.)\d+(?=\.|$)/g, "*");
    const sets = groups.get(pattern) ?? [];
    groups.set(pattern, sets);
    for (const [i, [digits]] of [...name.matchAll(/(?<=\.)\d+(?=\.|$)/g)].entries()) {
      sets[i] ??= new Set();
      sets[i].add(Number(digits));
    }
  }
  return [...groups].map(([pattern, sets]) => {
    let at = 0;
    return pattern.replace(/(?<=\.)\*(?=\.|$)/g, () => {
      const numbers = [...(sets[at++] ?? [])].sort((a, b) => a - b);
      if (numbers.length === 1) return String(numbers[0]);
      if (numbers.length > 10) return `{${numbers[0]}...${numbers[numbers.length - 1]}}`;
      return `{${numbers.join(", ")}}`;
    });
  });
}

/** A few names for a message, numbers gathered. */
export function someOf(names: readonly string[], most = 6): string {
  const all = gathered(names);
  return all.length > most ? `${all.slice(0, most).join(", ")} and ${all.length - most} more` : all.join(", ");
}

const NOTES = {
  UNEXPECTED: "in the checkpoint, and not used: normal for the head of another task",
  MISSING: "not in the checkpoint, so new, with random values: to be trained before it is of use",
  MISMATCH: "of another shape in the checkpoint, so new, with random values",
};

/**
 * The report as one text, a table with the numbers of layers gathered, as Transformers prints it; undefined where there is
 * nothing to say.
 * @param shapes of names that do not fit: in the checkpoint, in the model.
 */
export function showReport(
  { missing, unexpected, mismatched, warnings }: LoadReport,
  architecture: string,
  source: string,
  shapes: ReadonlyMap<string, readonly [Shape, Shape]> = new Map(),
): string | undefined {
  const rows: [string, keyof typeof NOTES, string][] = [
    ...gathered(unexpected).map((name) => [name, "UNEXPECTED", ""] as [string, "UNEXPECTED", string]),
    ...gathered(missing).map((name) => [name, "MISSING", ""] as [string, "MISSING", string]),
    ...mismatched.map((name): [string, "MISMATCH", string] => {
      const both = shapes.get(name);
      return [name, "MISMATCH", both === undefined ? "" : `${showShape(both[0])} there, ${showShape(both[1])} here`];
    }),
  ];
  if (rows.length + warnings.length === 0) return undefined;
  const widths = [0, 1].map((i) => Math.max(...rows.map((row) => row[i].length), i === 0 ? 3 : 6));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join(" | ")
      .trimEnd();
  const used = Object.entries(NOTES).filter(([status]) => rows.some((row) => row[1] === status));
  const table = [
    line(["Key", "Status", ""]),
    `${"-".repeat(widths[0])}-+-${"-".repeat(widths[1])}-+-`,
    ...rows.map(line),
    ...used.map(([status, note]) => `- ${status}: ${note}.`),
  ];
  return [`${architecture} LOAD REPORT from: ${source}`, ...warnings, ...(rows.length > 0 ? table : [])].join("\n");
}
