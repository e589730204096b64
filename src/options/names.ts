import type { Table } from "./option.ts";

/** `--learning-rate` for `learningRate`. */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;

/** `learningRate` for `learning-rate`, `learning_rate` and itself. */
export const camel = (name: string): string => name.replace(/[-_]+([a-zA-Z0-9])/g, (_, c: string) => c.toUpperCase());

/** A table's own name for a name in any spelling or an alias; undefined where it has none. */
export function ownName(table: Table, written: string): string | undefined {
  const name = camel(written);
  if (Object.hasOwn(table, name)) return name;
  return Object.keys(table).find((own) => table[own].alias === name);
}

/** All names that a table hears, aliases among them. */
export const namesOf = (table: Table): string[] =>
  Object.entries(table).flatMap(([name, { alias }]) => (alias === undefined ? [name] : [name, alias]));
