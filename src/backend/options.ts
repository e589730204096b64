import { closest, distance } from "fastest-levenshtein";
import { ShoshinError } from "./errors.ts";

/** An option has a name that nobody knows, or one that is known elsewhere and not done here. */
export class OptionError extends ShoshinError {}

/** The names of T's properties, all of them: `const KNOWN: Known<LinearOptions> = { bias: true }` fails to compile when one is missing. */
export type Known<T> = { readonly [K in keyof Required<T>]: true };

const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, "");

/** The known name that `name` was most likely meant to be; undefined if none is near. Case, `-` and `_` do not count. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const names = [...known];
  if (names.length === 0) return undefined;
  const wanted = plain(name);
  const best = closest(wanted, names.map(plain));
  const letters = (text: string) => [...text].sort().join("");
  const near =
    distance(wanted, best) <= Math.max(1, Math.floor(Math.max(wanted.length, best.length) / 3)) ||
    // Two letters that stand the other way round.
    (distance(wanted, best) === 2 && letters(wanted) === letters(best));
  const holds = (other: string) =>
    wanted.length >= 4 && (plain(other).includes(wanted) || wanted.includes(plain(other)));
  return near ? names.find((other) => plain(other) === best) : names.find(holds);
}

/** The options among `given` that a door knows: for code that takes more and hands some of it on. */
export const knownOptions = <T>(given: object, known: Known<T>): T =>
  Object.fromEntries(Object.entries(given).filter(([name]) => Object.hasOwn(known, name))) as T;

/** The usual case, without making anything: layers and operations ask at every call. */
function allKnown(given: unknown, known: Readonly<Record<string, unknown>>, refused: object): boolean {
  if (given === null || typeof given !== "object" || Array.isArray(given)) return false;
  for (const name in given) if ((known[name] !== true && !Object.hasOwn(known, name)) || name in refused) return false;
  return true;
}

/**
 * Refuses what is not known: every public door calls this once with what it was given. `undefined` counts as not given.
 * @param where the door, as the user called it: `Linear`, `Trainer: args`.
 * @param known its keys: a {@link Known}, or a table of options
 * @param refused names of the field that are not done here, with what to do instead; wins over `known`.
 * @param what they are called: `option`, `input`
 * @throws OptionError that names the option, the nearest known one, and all that there are.
 */
export function checkOptions(
  where: string,
  given: unknown,
  known: Readonly<Record<string, unknown>>,
  refused: Readonly<Record<string, string>> = {},
  what = "option",
): void {
  if (given === undefined || allKnown(given, known, refused)) return;
  if (given === null || typeof given !== "object" || Array.isArray(given)) {
    throw new OptionError(
      `${where}: expected an object of ${what}s, found ${given === null ? "null" : Array.isArray(given) ? "an array" : typeof given}`,
    );
  }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    // A known name wins over a refused one in another spelling: `attention_mask`, `past_key_values`.
    if (Object.hasOwn(refused, name)) throw new OptionError(`${where}: ${name} is not supported`, refused[name]);
    if (Object.hasOwn(known, name)) continue;
    const other = Object.keys(refused).find((key) => plain(key) === plain(name));
    if (other !== undefined) throw new OptionError(`${where}: ${name} is not supported`, refused[other]);
    const names = Object.keys(known);
    const near = nearestName(name, names);
    throw new OptionError(
      `${where}: unknown ${what} ${name}`,
      `${near === undefined ? "" : `Did you mean ${near}? `}${names.length === 0 ? "There are none." : `There are: ${names.join(", ")}.`}`,
    );
  }
}
