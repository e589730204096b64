import type { EvaluateReport, TaskReport } from "../tasks/index.ts";
import type { CommonOptions } from "./common.ts";

const metrics = (values: Record<string, number>): string =>
  Object.entries(values)
    .map(([name, value]) => `  ${name.padEnd(24)}${Math.abs(value) >= 1000 ? value.toFixed(1) : value.toFixed(4)}`)
    .join("\n");

export function describeTraining(r: TaskReport): string {
  const head = `${r.task}, ${r.model}: ${r.parameters.toLocaleString("en-US")} parameters, ${r.epochs} epochs, ${r.steps} steps in ${r.seconds.toFixed(
    1,
  )} s (${r.examplesPerSecond.toLocaleString("en-US")} examples/s, ${r.backend} backend)`;
  const validation =
    r.validation === null ? "nothing was held out to validate on" : `validation:\n${metrics(r.validation)}`;
  return `${head}\n${validation}\nsaved in ${r.output}`;
}

export const describeEvaluation = (r: EvaluateReport): string =>
  `${r.task}: ${r.examples} examples in ${r.seconds.toFixed(1)} s\n${metrics(r.metrics)}`;

interface TaggedWord {
  entity?: string;
  entity_group?: string;
  score: number;
  word: string;
}
const tagged = ({ entity, entity_group, score, word }: TaggedWord): string =>
  entity_group === undefined ? `${word}/${entity}` : `${word} (${entity_group} ${score.toFixed(4)})`;

interface Filled {
  token_str: string;
  score: number;
}
const isFilled = (list: unknown): list is Filled[] => Array.isArray(list) && list[0]?.token_str !== undefined;
const filled = (list: readonly Filled[]): string =>
  list.map(({ token_str, score }) => `${token_str.trim()} ${score.toFixed(4)}`).join("  ");

interface Judged {
  label: string;
  score: number;
}
const isJudged = (list: readonly unknown[]): list is readonly Judged[] =>
  typeof (list[0] as Partial<Judged>)?.label === "string";
const judged = (list: readonly Judged[]): string =>
  list.map(({ label, score }) => `${label} ${score.toFixed(4)}`).join("  ");
/** What a text became, one of several. */
const writtenOf = (result: unknown): string | undefined => {
  const { generated_text, translation_text } = (result ?? {}) as Record<string, string | undefined>;
  return generated_text ?? translation_text;
};

/** One line for one prediction. */
export function line(result: unknown): string {
  if (isFilled(result)) return filled(result);
  if (Array.isArray(result) && isFilled(result[0])) return result.map(filled).join(" | ");
  if (Array.isArray(result) && typeof result[0] === "number") return result.map((x) => x.toPrecision(6)).join(" ");
  if (Array.isArray(result) && Array.isArray(result[0])) return JSON.stringify(result);
  if (Array.isArray(result) && isJudged(result)) return judged(result);
  if (Array.isArray(result) && writtenOf(result[0]) !== undefined) return result.map(writtenOf).join("\t");
  if (Array.isArray(result)) return result.map(tagged).join(" ");
  const { label, score, value } = result as { label?: string; score?: number; value?: number };
  const text = writtenOf(result);
  if (text !== undefined) return text;
  if (label !== undefined) return `${label}\t${(score ?? 0).toFixed(4)}`;
  if (value !== undefined) return String(Number(value.toPrecision(7)));
  if (score !== undefined) return score.toFixed(4);
  return JSON.stringify(result);
}

/** The result: one JSON object with `--json`, else the text. */
export function print(options: CommonOptions, json: unknown, text: () => string): void {
  process.stdout.write(`${options.json ? JSON.stringify(json) : text()}\n`);
}
/** Lines for the reader, beside the result. */
export const say = (options: CommonOptions) => (text: string) => {
  if (!options.quiet) process.stderr.write(`${text}\n`);
};
