import { ShoshinError } from "../../backend/errors.ts";
import { checkOptions, type Known, nearestName, OptionError } from "../../backend/options.ts";
import type { BleuTokenizer } from "./texts/bleu-tokenize.ts";
import type { References } from "./texts/references.ts";
import type { Values } from "./values.ts";

/** Numbers by name. */
export type Metrics = Record<string, number>;

/** What predictions are measured by, for each kind of them. */
export interface MetricInputs {
  /** One class for each example: ids from 0. */
  classes: { predicted: Values; targets: Values; classes: number };
  /** One number for each example, in the unit of the targets. */
  numbers: { predicted: Values; targets: Values };
  /** How alike pairs are: only the order and the proportions of the numbers mean something. */
  similarities: { predicted: Values; targets: Values };
  /** A tag for each word of each sentence. `names`: all tags that there are; left out: those that occur. */
  tags: {
    predicted: readonly (readonly string[])[];
    targets: readonly (readonly string[])[];
    names?: readonly string[];
  };
  /** Texts that were written, and what they are held against. `tokenize`: how BLEU cuts them; `13a`. */
  texts: { written: readonly string[]; references: References; tokenize?: BleuTokenizer };
  /**
   * Tokens of texts that were guessed. `total`: the sum of their losses in nats; `units`: how many of what perplexity is per
   * (words, or characters), where that is not the tokens; `hits`: tokens that were guessed right, where they were counted.
   */
  tokens: { total: number; tokens: number; units?: number; characters?: number; hits?: number };
}
export type MetricKind = keyof MetricInputs;

const KINDS: Known<MetricInputs> = {
  classes: true,
  numbers: true,
  similarities: true,
  tags: true,
  texts: true,
  tokens: true,
};
/** Kinds of predictions that are measured alike. */
export const METRIC_KINDS = Object.keys(KINDS) as readonly MetricKind[];

export interface MetricDefinition<K extends MetricKind> {
  /** What it is called in reports, or the names of all that it gives, in order. */
  name: string | readonly string[];
  /** Of which predictions, or of which several. */
  kind: K | readonly K[];
  /** Whether less is better: false. */
  lower?: boolean;
  /** One number, or those of all names; undefined where there is nothing to measure, as entities among tags that mark none. */
  compute(input: MetricInputs[K]): number | Metrics | undefined;
}

/** A metric, or a family of metrics that are counted together. */
export interface Metric {
  readonly names: readonly string[];
  readonly kinds: readonly MetricKind[];
  readonly lower: boolean;
  /** @throws ShoshinError where it gives anything but numbers under its names. */
  compute(input: MetricInputs[MetricKind]): Metrics | undefined;
}

const KNOWN: Known<MetricDefinition<MetricKind>> = { name: true, kind: true, lower: true, compute: true };

/** Throws OptionError, with the nearest that there is, for what is no kind of predictions. */
export function checkKind(where: string, kind: unknown): void {
  if (typeof kind === "string" && Object.hasOwn(KINDS, kind)) return;
  const near = nearestName(String(kind), METRIC_KINDS);
  throw new OptionError(
    `${where}: unknown kind ${String(kind)}`,
    `${near === undefined ? "" : `Did you mean ${near}? `}There are: ${METRIC_KINDS.join(", ")}.`,
  );
}

/**
 * What a metric is: `defineMetric({ name: "mae", kind: "numbers", lower: true, compute: ({ predicted, targets }) => … })`. It
 * takes a line in the registry (`metrics/index.ts`), and every task of its kind reports it.
 * @throws OptionError for an option or a kind that there is not, or a name that is none.
 */
export function defineMetric<K extends MetricKind>(definition: MetricDefinition<K>): Metric {
  checkOptions("defineMetric", definition ?? null, KNOWN);
  const { name, kind, lower = false, compute } = definition;
  const names = typeof name === "string" ? [name] : name;
  if (!Array.isArray(names) || names.length === 0 || names.some((each) => typeof each !== "string" || each === ""))
    throw new OptionError(`defineMetric: name is ${String(name)}; expected a text, or a list of texts`);
  const where = `metric ${names.join(", ")}`;
  const kinds = (typeof kind === "string" ? [kind] : kind) as readonly MetricKind[];
  if (!Array.isArray(kinds) || kinds.length === 0) throw new OptionError(`${where}: kind is ${String(kind)}`);
  for (const each of kinds) checkKind(where, each);
  if (typeof lower !== "boolean") throw new OptionError(`${where}: lower is ${String(lower)}; expected true or false`);
  if (typeof compute !== "function") throw new OptionError(`${where}: compute is no function`);
  return {
    names,
    kinds,
    lower,
    compute(input) {
      const given = compute(input as MetricInputs[K]);
      if (given === undefined) return undefined;
      const values = typeof given === "number" && names.length === 1 ? { [names[0]]: given } : given;
      const own = Object.keys(values ?? {});
      if (
        typeof values !== "object" ||
        own.length !== names.length ||
        !names.every((n) => typeof values?.[n] === "number")
      )
        throw new ShoshinError(
          `${where}: compute gave ${typeof values === "object" ? own.join(", ") || "nothing" : String(values)}`,
          `It returns ${names.length === 1 ? "a number" : `numbers under the names ${names.join(", ")}`}, or undefined.`,
        );
      return Object.fromEntries(names.map((each) => [each, values[each]]));
    },
  };
}

/** Metrics are numbers by name. Throws ShoshinError for anything else that a function of the user's gave. */
export function checkMetrics(what: string, metrics: unknown, where = "Trainer"): Metrics {
  const wrong = (found: string) =>
    new ShoshinError(`${where}: ${what} gave ${found}`, "It returns numbers by name: { accuracy: 0.9 }.");
  if (metrics === null || typeof metrics !== "object" || Array.isArray(metrics) || metrics instanceof Map)
    throw wrong(
      metrics === null || metrics === undefined
        ? String(metrics)
        : `${metrics instanceof Map ? "a Map" : Array.isArray(metrics) ? "an array" : `a ${typeof metrics}`}`,
    );
  for (const [name, value] of Object.entries(metrics))
    if (typeof value !== "number") throw wrong(`${name}: ${String(value)} (${value === null ? "null" : typeof value})`);
  return metrics as Metrics;
}
