import type { Resolved, Table, Values } from "./option.ts";

/** The defaults of a table, under its names; options without one are left out. */
export function defaultsOf<T extends Table>(table: T): Resolved<T> {
  const stated = Object.entries(table).filter(([, { default: value }]) => value !== undefined);
  return Object.fromEntries(stated.map(([name, { default: value }]) => [name, value])) as Resolved<T>;
}

/** Some rows of a table. */
export const pick = <T extends object, K extends keyof T>(table: T, ...names: readonly K[]): Pick<T, K> =>
  Object.fromEntries(names.map((name) => [name, table[name]])) as Pick<T, K>;

/** All rows of a table but some. */
export const omit = <T extends object, K extends keyof T>(table: T, ...names: readonly K[]): Omit<T, K> =>
  Object.fromEntries(Object.entries(table).filter(([name]) => !names.includes(name as K))) as Omit<T, K>;

/** What of an object belongs to a table: for doors that take more and hand some of it on. */
export const valuesFor = <T extends Table>(table: T, given: object): Values<T> =>
  Object.fromEntries(Object.entries(given).filter(([name]) => Object.hasOwn(table, name))) as Values<T>;

/** A table with other defaults, those that a preset has, and what is to be said of them; what the table has not is left out. */
export const withDefaults = <T extends Table>(
  table: T,
  defaults: Readonly<Record<string, unknown>>,
  notes: Readonly<Record<string, string | undefined>> = {},
): T =>
  Object.fromEntries(
    Object.entries(table).map(([name, option]) => [
      name,
      {
        ...option,
        ...(Object.hasOwn(defaults, name) ? { default: defaults[name] } : {}),
        ...(Object.hasOwn(notes, name) ? { note: notes[name] } : {}),
      },
    ]),
  ) as T;
