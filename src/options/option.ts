/** What kind of value an option takes, as plain data. */
export type Kind =
  | ({ readonly type: "number"; readonly whole: boolean } & Limits)
  | { readonly type: "text"; readonly empty: boolean; readonly list: boolean }
  | { readonly type: "boolean"; readonly switch: boolean }
  | { readonly type: "choice"; readonly choices: readonly string[]; readonly called?: string; readonly also?: Also }
  | { readonly type: "object"; readonly table: Table }
  | { readonly type: "list"; readonly of: AnyOption; readonly variadic: boolean }
  | { readonly type: "either"; readonly of: readonly AnyOption[] }
  | { readonly type: "null" }
  | { readonly type: "handed" };

/** Where a number must lie. */
export interface Limits {
  /** The least. */
  readonly from?: number;
  /** What it must be greater than. */
  readonly above?: number;
  /** The greatest. */
  readonly to?: number;
  /** What it must be less than. */
  readonly below?: number;
}
/** Other names of choices, with what they mean: Transformers' `adamw_torch` for `adamw`. */
type Also = Readonly<Record<string, string>>;

/** What an option says of itself beside its kind. */
export interface Facts<T> {
  /** A line for `--help`. */
  readonly help: string;
  /** What holds where nothing is given. */
  readonly default?: T;
  /** Other names of the same, in camelCase: of the command line and of files, not of programs. */
  readonly alias?: string;
  /** What stands for the value in `--help`: `n`, `file`. */
  readonly argument?: string;
  /** What `--help` says of the default that the default does not: `more on small data`. */
  readonly note?: string;
  /** Heard, and not shown in `--help`. */
  readonly hidden?: boolean;
  /** It must be given. */
  readonly required?: boolean;
}

/** An option: a row of a {@link Table}, whose key is its name in camelCase. */
export interface Option<T> extends Facts<T> {
  readonly kind: Kind;
}
/** One with a default. */
export interface Stated<T> extends Option<T> {
  readonly default: T;
}
// biome-ignore lint/suspicious/noExplicitAny: a table holds options of every type
export type AnyOption = Option<any>;
/** Options by their names. */
export type Table = Readonly<Record<string, AnyOption>>;
/** A table with a row for every property of `T`: fails to compile when one is missing. */
export type TableOf<T> = { readonly [K in keyof Required<T>]: Option<Required<T>[K]> };

/** Makes options of one kind from what they say of themselves. */
interface Maker<T, More = unknown> {
  (facts: Facts<T> & More & { readonly default: T }): Stated<T>;
  (facts: Facts<T> & More): Option<T>;
}

function numbers(whole: boolean): Maker<number, Limits> {
  return (({ from, above, to, below, ...facts }: Facts<number> & Limits) => ({
    argument: whole ? "n" : "x",
    ...facts,
    kind: { type: "number", whole, from, above, to, below },
  })) as Maker<number, Limits>;
}
/** A number. */
export const real = numbers(false);
/** A whole number. */
export const whole = numbers(true);

/** A text, not an empty one unless `empty`; with `list`, one that holds several, parted by commas: files may give a list. */
export const text = (({
  empty = false,
  list = false,
  ...facts
}: Facts<string> & { empty?: boolean; list?: boolean }) => ({
  argument: "text",
  ...facts,
  kind: { type: "text", empty, list },
})) as Maker<string, { empty?: boolean; list?: boolean }>;

/** True or false; on the command line it stands alone: `--nesterov`, `--no-nesterov`. */
export const flag = ((facts: Facts<boolean>) => ({
  ...facts,
  kind: { type: "boolean", switch: true },
})) as Maker<boolean>;

/** True or false; on the command line one of the two is written: `--load-best-model-at-end false`. */
export const truth = ((facts: Facts<boolean>) => ({
  argument: "true|false",
  ...facts,
  kind: { type: "boolean", switch: false },
})) as Maker<boolean>;

/** How errors call the choices (`optimizer`), and their other names. */
interface Choices {
  readonly called?: string;
  readonly also?: Also;
}
/** One of some names. */
export const oneOf = ((choices: readonly string[], { called, also, ...facts }: Facts<string> & Choices) => ({
  argument: "name",
  ...facts,
  kind: { type: "choice", choices, called, also },
})) as {
  <const C extends string>(choices: readonly C[], facts: Facts<C> & Choices & { readonly default: C }): Stated<C>;
  <const C extends string>(choices: readonly C[], facts: Facts<C> & Choices): Option<C>;
};

/** An object of further options; on the command line as JSON. */
export const object = ((table: Table, facts: Facts<object>) => ({
  argument: "json",
  ...facts,
  kind: { type: "object", table },
})) as {
  <T extends Table>(table: T, facts: Facts<Values<T>> & { readonly default: Values<T> }): Stated<Values<T>>;
  <T extends Table>(table: T, facts: Facts<Values<T>>): Option<Values<T>>;
};

/** Several values; on the command line parted by commas, or, where they are `variadic`, by spaces. */
export function list<T>(
  of: Option<T>,
  { variadic = false, ...facts }: Facts<readonly T[]> & { readonly variadic?: boolean },
): Option<readonly T[]> {
  const argument = facts.argument ?? (variadic ? of.argument : `${of.argument},…`);
  return { ...facts, argument, kind: { type: "list", of, variadic } };
}

/** A value of any of some kinds, tried in order. */
export function either<const O extends readonly AnyOption[]>(
  of: O,
  facts: Facts<ValueOf<O[number]>>,
): Option<ValueOf<O[number]>> {
  return { ...facts, argument: facts.argument ?? of[0].argument, kind: { type: "either", of } };
}

/** `null`: for {@link either}. */
export const nothing: Option<null> = { help: "none", kind: { type: "null" } };

/** What only a program can hand over: functions, tensors, tokenizers. Neither command line nor files take it. */
export const handed = <T>(facts: Facts<T>): Option<T> => ({ ...facts, kind: { type: "handed" } });

/** The type of an option's values. */
export type ValueOf<O> = O extends Option<infer T> ? T : never;
/** What may be given for a table's options; the rows' documentation goes with them. */
export type Values<T extends Table> = { -readonly [K in keyof T]?: ValueOf<T[K]> };

type StatedKeys<T extends Table> = { [K in keyof T]: T[K] extends Stated<unknown> ? K : never }[keyof T];
/** What holds once the defaults are there: options without one may still be missing. */
export type Resolved<T extends Table> = Required<Pick<Values<T>, StatedKeys<T>>> &
  Pick<Values<T>, Exclude<keyof T, StatedKeys<T>>>;
