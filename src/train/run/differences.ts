import type { DataRecord } from "../../data/index.ts";
import { ARGUMENT_NAMES, DEFAULTS } from "../arguments/arguments.ts";
import { isObject, plainSettings, type RunAbout, type RunRecord, VERSION } from "./run-record.ts";

/** A field in which a run differs from what it shall go on as. */
export interface Difference {
  field: string;
  was: unknown;
  now: unknown;
  /** For the reader. */
  text: string;
}

/** Settings that a run may go on with in another way: how long, what is kept and told, and on what it is computed. */
const MAY_DIFFER = new Set([
  ...["numTrainEpochs", "maxSteps"],
  ...["saveStrategy", "saveSteps", "saveTotalLimit"],
  ...["loggingStrategy", "loggingSteps", "loggingFirstStep", "loggingDir", "reportTo"],
  ...["threads", "backend", "device"],
]);
const ARGUMENTS = new Set<string>(ARGUMENT_NAMES);

function shown(value: unknown): string {
  if (value === undefined) return "not given";
  const text = typeof value === "string" ? value || '""' : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
const say = (field: string, was: unknown, now: unknown): Difference => ({
  ...{ field, was, now },
  text: `${field} was ${shown(was)}, is now ${shown(now)}`,
});

/** Two lists of as many things, objects among them. */
function bothLists(was: unknown, now: unknown): Record<string, unknown>[] | undefined {
  if (!Array.isArray(was) || !Array.isArray(now) || was.length !== now.length) return undefined;
  return was.some((each) => each !== null && typeof each === "object") ? [{ ...was }, { ...now }] : undefined;
}

/** Where two values differ, down to the fields of objects. */
function* compare(field: string, was: unknown, now: unknown): Generator<Difference> {
  if (JSON.stringify(was) === JSON.stringify(now)) return;
  const nested = isObject(was) && isObject(now) ? [was, now] : bothLists(was, now);
  if (nested === undefined) yield say(field, was, now);
  else {
    const [a, b] = nested;
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
      yield* compare(`${field}.${key}`, a[key], b[key]);
  }
}

/** Texts that are JSON are compared by what they hold: a model's configuration tells by its own names where it differs. */
function compareTexts(field: string, was: string, now: string): Difference[] {
  if (was === now) return [];
  try {
    const both = [JSON.parse(was), JSON.parse(now)];
    return [...compare(field, both[0], both[1])].map((each) => {
      const inside = each.field
        .slice(field.length)
        .replace(/^(\.\d+)+\./, "")
        .replace(/^\./, "");
      return say(/[a-z]/i.test(inside) ? inside : each.field, each.was, each.now);
    });
  } catch {
    // A text as any other.
  }
  return [say(field, was, now)];
}

/** The first object in a text of JSON: a model's configuration. */
function objectIn(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text);
    return [value].flat(2).find(isObject) ?? {};
  } catch {
    return {};
  }
}
/** Texts that versions made in other ways: of the model's configuration what both tell. */
function* compareLoosely(was: string, now: string): Generator<Difference> {
  const [a, b] = [objectIn(was), objectIn(now)];
  for (const key of Object.keys(a)) if (key in b) yield* compare(key, a[key], b[key]);
}

function* compareSettings(record: RunRecord, about: RunAbout): Generator<Difference> {
  const was = record.settings;
  const now = plainSettings(about.settings);
  const defaults = DEFAULTS as unknown as Record<string, unknown>;
  // What only one side can know is not held against the other: a training without a task, a record of an older version.
  const whole = record.version === VERSION && record.task !== undefined && about.task !== undefined;
  for (const name of new Set([...Object.keys(was), ...Object.keys(now)])) {
    if (MAY_DIFFER.has(name)) continue;
    if (!whole && !ARGUMENTS.has(name)) continue;
    if (coveredByData(name, record, about)) continue;
    const [a, b] = [name in was ? was[name] : defaults[name], name in now ? now[name] : defaults[name]];
    if (record.version < VERSION && (a === undefined || b === undefined)) continue;
    yield* compare(name, a, b);
  }
}

/** Whether a setting that names data says no more than the digests of its files. */
function coveredByData(name: string, { data: was }: RunAbout, { data: now }: RunAbout): boolean {
  const role = name === "data" ? "train" : name === "validation" ? "validation" : undefined;
  return role !== undefined && was[role]?.files !== undefined && now[role]?.files !== undefined;
}

const CALLED: Readonly<Record<string, string>> = { train: "data" };

/** What is held out of the training data has its name, and is held against it by its files. */
const heldOut = (role: string, { data }: RunAbout) => role !== "train" && data[role]?.source === data.train?.source;

/** @param how.settled no setting differs: else how many examples there are, and under which name, follows from that */
function* compareData(
  role: string,
  was: DataRecord,
  now: DataRecord,
  { settled, cut }: { settled: boolean; cut: boolean },
): Generator<Difference> {
  const field = CALLED[role] ?? `${role} data`;
  const tell = (text: string): Difference => ({ field: `data.${role}`, was, now, text: `${field}: ${text}` });
  const before = yield* compareFiles(was, now, tell);
  if (!settled) return;
  if (!cut && (was.files === undefined || now.files === undefined)) {
    if (was.source !== undefined && now.source !== undefined && was.source !== now.source)
      yield tell(`was ${was.source}, is now ${now.source}`);
  }
  // Other files have other numbers of examples as a matter of course.
  if (!before && was.examples !== undefined && now.examples !== undefined && was.examples !== now.examples)
    yield tell(`there were ${was.examples} examples, now there are ${now.examples}`);
}

/** By name, where the contents in their order are not the same: what was moved or renamed has not changed. */
function* compareFiles(
  { files: was }: DataRecord,
  { files: now }: DataRecord,
  tell: (text: string) => Difference,
): Generator<Difference, boolean> {
  if (was === undefined || now === undefined) return false;
  const digests = (files: typeof was) => files.map(({ digest }) => digest).join();
  if (digests(was) === digests(now)) return false;
  const [old, found] = [was, now].map((files) => new Map(files.map((file) => [file.name, file])));
  let told = false;
  const once = (text: string) => {
    told = true;
    return tell(text);
  };
  if (old.size === 1 && found.size === 1 && was[0].name !== now[0].name) {
    yield once(`was ${was[0].name}, is now ${now[0].name}, with other content`);
    return true;
  }
  for (const [name, { digest }] of old) {
    const other = found.get(name);
    if (other === undefined) yield once(`${name} is not there any more`);
    else if (other.digest !== digest) yield once(`${name} has other content`);
  }
  for (const name of found.keys()) if (!old.has(name)) yield once(`${name} is new`);
  if (!told) yield once("its files are read in another order");
  return true;
}

/**
 * The fields in which what shall go on differs from the run that was begun, without those that may: epochs and steps, saving,
 * logging, threads, backend.
 */
export function differencesOf(record: RunRecord, about: RunAbout): Difference[] {
  const found: Difference[] = [];
  if (record.task !== undefined && about.task !== undefined)
    found.push(...compare("task", record.task, about.task), ...compare("model", record.model, about.model));
  found.push(...compareSettings(record, about));
  const settled = found.length === 0;
  for (const role of new Set([...Object.keys(record.data), ...Object.keys(about.data)])) {
    const [was, now] = [record.data[role], about.data[role]];
    const cut = heldOut(role, record) && heldOut(role, about);
    if (was !== undefined && now !== undefined) found.push(...compareData(role, was, now, { settled, cut }));
    else if (record.version === VERSION && settled)
      found.push({
        ...{ field: `data.${role}`, was, now },
        text: `${CALLED[role] ?? `${role} data`}: there was ${was === undefined ? "none" : "some"}, now there is ${now === undefined ? "none" : "some"}`,
      });
  }
  const { fingerprint: was } = record;
  const { fingerprint: now } = about;
  // What the caller's own text tells follows from settings and data where these have changed. Older versions told other things in it.
  if (found.length > 0) return found;
  const same = record.version === VERSION;
  if (was !== undefined && now !== undefined)
    return same ? compareTexts("fingerprint", was, now) : [...compareLoosely(was, now)];
  if (same && (was ?? "") !== (now ?? "")) return [say("fingerprint", was, now)];
  return found;
}
