import { existsSync, join } from "#platform";
import { DataError, type Part, parseRange, stratifiedSplit } from "../data/index.ts";
import { shuffled } from "../data/split.ts";
import { DEFAULTS } from "../train/index.ts";
import type { EvaluateOptions, TaskOptions } from "./settings.ts";

/** Examples of a part, and what was found or chosen while they were read: columns, languages, sizes. */
export interface Found<E, A = unknown> {
  readonly examples: readonly E[];
  readonly about: A;
}
/** How a part is read. */
export interface How<A> {
  /** Examples without a label are an error, or left out; else they may come without. */
  labels: boolean;
  /** What was chosen for the part that is trained on. */
  like?: A;
}
/** The parts of a source; each is read when it is asked for. */
export interface Corpus<E, A = unknown> {
  readonly parts: Readonly<Partial<Record<Part, (how: How<A>) => Promise<Found<E, A>>>>>;
  /** What else is measured, by what is put behind the names of its metrics. */
  readonly beside?: Readonly<Record<string, (how: How<A>) => Promise<Found<E, A>>>>;
  /** Paths by part, for the record of a run. */
  readonly files: Readonly<Partial<Record<Part, readonly string[]>>>;
}

/** How a task's examples are read. */
export interface Reader<E, A = unknown> {
  /** Finds a source, here or on the hub. Throws DataError, HubError. */
  find(source: string, options: TaskOptions | EvaluateOptions): Promise<Corpus<E, A>>;
  /** What there are none of, if there are none: `examples`. */
  readonly called: string;
  /** Whether an example can be learned from and measured; all can. */
  labelled?(example: E): boolean;
  /** Whether an example is taken; those that are not are counted by `range`, and left out. All are. */
  usable?(this: void, example: E): boolean;
  /** What a split keeps in proportion where it recurs: the class. */
  stratum?(example: E): string;
  /** Splits in a way of its own. */
  split?(examples: readonly E[], share: number, seed: number): { train: E[]; held: E[] };
}

/** Examples to learn from, and those that are held out. */
export interface Lessons<E, A = unknown> {
  readonly train: Found<E, A>;
  readonly validation: Found<E, A>;
  /** Paths that they were read from. */
  readonly files: { train: readonly string[]; validation?: readonly string[] };
}

/** The parts in the order in which they are wanted. */
const TO_LEARN: readonly Part[] = ["train", "validation", "test"];
const TO_VALIDATE: readonly Part[] = ["validation", "test", "train"];
const TO_MEASURE: readonly Part[] = ["test", "validation", "train"];

type Parts = Readonly<Partial<Record<Part, unknown>>>;
const firstOf = ({ parts }: { parts: Parts }, order: readonly Part[]): Part =>
  order.find((part) => parts[part] !== undefined) ?? order[0];
/** The part of a source that is predicted on: its test part, else that for validation, else all. */
export const partToPredict = (source: { parts: Parts }): Part => firstOf(source, TO_MEASURE);

const sameFiles = (a: readonly string[] = [], b: readonly string[] = []): boolean =>
  a.length > 0 && a.length === b.length && a.every((path, i) => join(path) === join(b[i]));

async function read<E, A>(corpus: Corpus<E, A>, part: Part, how: How<A>, reader: Reader<E, A>, source: string) {
  const found = await corpus.parts[part]?.(how);
  if (found === undefined || found.examples.length === 0) throw new DataError(`${source}: no ${reader.called}`);
  return found;
}
const taken = <E, A>({ usable = () => true }: Reader<E, A>, examples: readonly E[]) => examples.filter(usable);
async function readHeld<E, A>(corpus: Corpus<E, A>, part: Part, how: How<A>, reader: Reader<E, A>, source: string) {
  const found = await read(corpus, part, how, reader, source);
  const examples = taken(reader, found.examples);
  if (examples.length === 0)
    throw new DataError(`${source}: no ${reader.called} to validate on among its ${part} part`);
  return { ...found, examples };
}

/** Numbers that are no classes: some are not whole. */
export const areScores = (labels: readonly (string | undefined)[]): boolean =>
  labels.every((label) => label !== undefined && label.trim() !== "" && Number.isFinite(Number(label))) &&
  labels.some((label) => !Number.isInteger(Number(label)));

/** Whether scores (numbers, not all whole) come so often that a share of each can be held out: on ten examples on average. */
const recur = (scores: readonly string[]): boolean => new Set(scores).size < scores.length / 10;

/** Holds out a share at random, but of no class the last example: what training never shows cannot be measured. */
function sparing(classes: readonly string[], share: number, seed: number): ReturnType<typeof stratifiedSplit> {
  const left = new Map<string, number>();
  for (const name of classes) left.set(name, (left.get(name) ?? 0) + 1);
  const room = Math.max(1, Math.round(classes.length * share));
  const held = new Set<number>();
  for (const i of shuffled(classes.length, seed)) {
    const others = (left.get(classes[i]) ?? 0) - 1;
    if (held.size === room || others === 0) continue;
    left.set(classes[i], others);
    held.add(i);
  }
  const side = (out: boolean) => [...classes.keys()].filter((i) => held.has(i) === out);
  return { train: side(false), held: side(true) };
}

/** Classes, from so many on, of which one example each is no validation part but half of the data. */
const MANY = 10;

function cut(values: readonly string[], share: number, seed: number): ReturnType<typeof stratifiedSplit> {
  const n = values.length;
  if (areScores(values)) return stratifiedSplit(n, share, seed, recur(values) ? values : undefined);
  const byClass = stratifiedSplit(n, share, seed, values);
  // One of each of many small classes is far more than the share: half of the examples where there are two of each.
  const held = byClass.held.length;
  const few = new Set(values).size < MANY;
  return few || held <= 2 * share * n || 3 * held <= n ? byClass : sparing(values, share, seed);
}

function split<E, A>({ split: own, stratum }: Reader<E, A>, examples: readonly E[], share: number, seed: number) {
  if (own !== undefined) return own(examples, share, seed);
  const { train, held } = stratum
    ? cut(examples.map(stratum), share, seed)
    : stratifiedSplit(examples.length, share, seed);
  return { train: train.map((i) => examples[i]), held: held.map((i) => examples[i]) };
}

/** The share that `validation` says; undefined for a source. Throws DataError for a number that is no share. */
function shareOf(validation: string | undefined): number | undefined {
  if (validation === undefined) return 0.1;
  const share = Number(validation);
  if (share > 0 && share < 1) return share;
  if (validation.trim() !== "" && (Number.isNaN(share) || existsSync(validation))) return undefined;
  throw new DataError(
    `--validation ${validation}: expected a share above 0 and below 1, a source, or none`,
    "A tenth: --validation 0.1. Nothing: --validation none.",
  );
}

/**
 * What is learned from and what is held out, for every task:
 * - learned from is the training part; of a source without one, its only part, or the first of validation and test
 * - `validation` none: nothing is held out; a share: so much of it; a source: its validation part, else test, else all
 * - nothing said: the source's own validation part where it has a training part too, else a tenth
 * - a share is cut by class, so that each has its part, or by score where scores recur; by the seed, always the same
 * - no class loses its last example to the share: of classes that come once nothing is held out
 * - `range` cuts what is learned from, before anything is held out of it
 * @throws DataError where there is nothing to learn from
 */
export async function readToLearn<E, A>(reader: Reader<E, A>, options: TaskOptions): Promise<Lessons<E, A>> {
  const { data, validation, say } = options;
  const [from, to] = parseRange(options.range);
  const corpus = await reader.find(data, options);
  const part = firstOf(corpus, TO_LEARN);
  if (part !== "train") say?.(`${data} has no training part: its ${part} part is trained on`);
  const all = await read(corpus, part, { labels: true }, reader, data);
  const ranged = all.examples.slice(from, to);
  if (ranged.length === 0)
    throw new DataError(`${data}: no ${reader.called} in the range ${options.range}; there are ${all.examples.length}`);
  const train = { ...all, examples: taken(reader, ranged) };
  if (train.examples.length === 0) throw new DataError(`${data}: no ${reader.called} that can be learned from`);
  const without = ranged.length - train.examples.length;
  if (without > 0)
    say?.(`${data}: ${without} of ${ranged.length} ${reader.called} have nothing to be learned, and are left out`);
  const files = { train: corpus.files[part] ?? [] };
  const how = { labels: true, like: all.about };
  if (validation === "none") return { train, validation: { ...train, examples: [] }, files };
  if (validation === undefined && part === "train" && corpus.parts.validation !== undefined) {
    const held = await readHeld(corpus, "validation", how, reader, data);
    return { train, validation: held, files: { ...files, validation: corpus.files.validation } };
  }
  const share = shareOf(validation);
  if (share !== undefined) {
    const { train: left, held } = split(reader, train.examples, share, options.args?.seed ?? DEFAULTS.seed);
    if (held.length === 0) say?.(`${data}: nothing can be held out; there is no validation`);
    return { train: { ...train, examples: left }, validation: { ...train, examples: held }, files };
  }
  const other = await reader.find(validation as string, options);
  const own = firstOf(other, TO_VALIDATE);
  if (own === part && sameFiles(other.files[own], corpus.files[part]))
    say?.(`${validation}: what is trained on is validated on too; the results will flatter`);
  const held = await readHeld(other, own, how, reader, validation as string);
  return { train, validation: held, files: { ...files, validation: other.files[own] } };
}

/** Examples to measure on, those of `range`: of the test part where all of it is labelled, else of validation, else all. */
export interface Measured<E, A = unknown> extends Found<E, A> {
  /** Measured too, by what is put behind the names of its metrics. */
  readonly beside: Readonly<Record<string, Found<E, A>>>;
}
export async function readToMeasure<E, A>(
  reader: Reader<E, A>,
  options: EvaluateOptions,
  like?: A,
): Promise<Measured<E, A>> {
  const { data } = options;
  const [from, to] = parseRange(options.range);
  const corpus = await reader.find(data, options);
  let found: Found<E, A> | undefined;
  const parts = TO_MEASURE.filter((part) => corpus.parts[part] !== undefined);
  for (const part of parts) {
    // The last one says what it lacks.
    found = await corpus.parts[part]?.({ labels: part === parts.at(-1), like });
    const { labelled = () => true, usable = () => true } = reader;
    // A test part without labels, as GLUE's, cannot be measured.
    if (found?.examples.every(labelled) && found.examples.some(usable)) break;
    found = found && { ...found, examples: [] };
  }
  const examples = taken(reader, found?.examples.slice(from, to) ?? []);
  if (found === undefined || examples.length === 0)
    throw new DataError(
      `${data}: no ${reader.called} to measure${options.range === undefined ? "" : ` in the range ${options.range}`}`,
    );
  const beside: Record<string, Found<E, A>> = {};
  for (const [ending, read] of Object.entries(corpus.beside ?? {})) beside[ending] = await read({ labels: true, like });
  return { ...found, examples, beside };
}

/** {@link partToPredict}, with labels or without. */
export async function readToPredict<E, A>(reader: Reader<E, A>, data: string, like?: A): Promise<Found<E, A>> {
  const corpus = await reader.find(data, { data });
  return read(corpus, partToPredict(corpus), { labels: false, like }, reader, data);
}
