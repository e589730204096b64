import { checkOptions, type Known } from "../../backend/options.ts";
import { accuracyOfClasses, accuracyOfTags, accuracyOfTokens } from "./accuracy.ts";
import { pearsonOf, spearmanOf } from "./correlation.ts";
import { entities } from "./entities.ts";
import { determination, meanAbsoluteError, rootMeanSquaredError } from "./errors.ts";
import { f1 } from "./f1.ts";
import { matthews } from "./matthews.ts";
import { checkKind, type Metric, type MetricInputs, type MetricKind, type Metrics } from "./metric.ts";
import { bitsPerCharacter, perplexityOf, tokenCount, tokenPerplexity } from "./perplexity.ts";
import { bleu } from "./texts/bleu.ts";
import { chrf } from "./texts/chrf.ts";

/** The metrics that there are. Reports have those of a kind in this order. */
export const METRICS: readonly Metric[] = [
  ...[accuracyOfClasses, f1, matthews],
  ...[pearsonOf, spearmanOf, rootMeanSquaredError, meanAbsoluteError, determination],
  ...[accuracyOfTags, entities],
  ...[bleu, chrf],
  ...[perplexityOf, accuracyOfTokens, tokenCount, tokenPerplexity, bitsPerCharacter],
];

/** The metrics of a kind of predictions, in the order of reports. Throws OptionError for a kind that there is not. */
export function metricsOf(kind: MetricKind): readonly Metric[] {
  checkKind("metricsOf", kind);
  return METRICS.filter(({ kinds }) => kinds.includes(kind));
}

export interface MeasureOptions {
  /** Names that stand before the others. */
  first?: readonly string[];
}
const KNOWN: Known<MeasureOptions> = { first: true };

/**
 * All metrics of a kind of predictions.
 * @throws OptionError for a kind that there is not; ShoshinError for predictions and targets that do not fit together, or none.
 */
export function measure<K extends MetricKind>(kind: K, input: MetricInputs[K], options: MeasureOptions = {}): Metrics {
  checkOptions("measure", options, KNOWN);
  const { first = [] } = options;
  const all: Metrics = {};
  for (const metric of metricsOf(kind)) Object.assign(all, metric.compute(input));
  const ahead = first.filter((name) => Object.hasOwn(all, name));
  return { ...Object.fromEntries(ahead.map((name) => [name, all[name]])), ...all };
}

const LOWER = new Set(METRICS.flatMap(({ lower, names }) => (lower ? names : [])));

/** Whether less of a metric is better, by its name, also with `eval_` before it: losses, errors, perplexities. */
export function lowerIsBetter(name: string): boolean {
  const own = name.replace(/^eval_/, "");
  return LOWER.has(own) || own.endsWith("loss");
}
