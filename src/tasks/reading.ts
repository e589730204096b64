import { DataError, type Part, parseRange, stratifiedSplit } from "../data/index.ts";
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

const firstOf = <E, A>({ parts }: Corpus<E, A>, order: readonly Part[]): Part =>
  order.find((part) => parts[part] !== undefined) ?? order[0];

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

/**
 * Whether values come so often that a share of each can be held out: classes that some examples share, scores (numbers, not all
 * whole) that are on ten examples each on average.
 */
function recur(values: readonly string[]): boolean {
  const different = new Set(values).size;
  return different < (areScores(values) ? values.length / 10 : values.length);
}

function split<E, A>({ split: own, stratum }: Reader<E, A>, examples: readonly E[], share: number, seed: number) {
  if (own !== undefined) return own(examples, share, seed);
  const values = stratum && examples.map(stratum);
  const cut = stratifiedSplit(examples.length, share, seed, values && recur(values) ? values : undefined);
  return { train: cut.train.map((i) => examples[i]), held: cut.held.map((i) => examples[i]) };
}

/**
 * What is learned from and what is held out, for every task:
 * - learned from is the training part; of a source without one, its only part, or the first of validation and test
 * - `validation` none: nothing is held out; a share: so much of it; a source: its validation part, else test, else all
 * - nothing said: the source's own validation part where it has a training part too, else a tenth
 * - a share is cut by class where classes recur, so that each has its part; by the seed, always the same
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
  const files = { train: corpus.files[part] ?? [] };
  const how = { labels: true, like: all.about };
  if (validation === "none") return { train, validation: { ...train, examples: [] }, files };
  if (validation === undefined && part === "train" && corpus.parts.validation !== undefined) {
    const held = await readHeld(corpus, "validation", how, reader, data);
    return { train, validation: held, files: { ...files, validation: corpus.files.validation } };
  }
  const share = validation === undefined ? 0.1 : Number(validation);
  if (share > 0 && share < 1) {
    const { train: left, held } = split(reader, train.examples, share, options.args?.seed ?? DEFAULTS.seed);
    return { train: { ...train, examples: left }, validation: { ...train, examples: held }, files };
  }
  const other = await reader.find(validation as string, options);
  const own = firstOf(other, TO_VALIDATE);
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

/** All of a source to predict on, with labels or without: its test part, else that for validation, else all. */
export async function readToPredict<E, A>(reader: Reader<E, A>, data: string, like?: A): Promise<Found<E, A>> {
  const corpus = await reader.find(data, { data });
  return read(corpus, firstOf(corpus, TO_MEASURE), { labels: false, like }, reader, data);
}
