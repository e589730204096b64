import { type Command, Option } from "commander";
import { nearestName, OptionError } from "../backend/options.ts";
import { type AnyOption, camel, flagOf, namesOf, ownName, parseText, type Table } from "../options/index.ts";
import { UsageError } from "./usage.ts";

/** What a command line has for an option, before it is read; by its name or alias. */
export type Flags = ReadonlyMap<string, unknown>;

const variadic = ({ kind }: AnyOption) => kind.type === "list" && kind.variadic;
/** How an option is written: `--epochs <n>`. */
const termOf = (flag: string, option: AnyOption): string => {
  if (option.kind.type === "boolean" && option.kind.switch) return flag;
  return `${flag} <${option.argument ?? "value"}${variadic(option) ? "..." : ""}>`;
};
const shown = (value: unknown): string => {
  if (typeof value === "number" && value !== 0 && Math.abs(value) < 1e-3) return value.toExponential();
  return typeof value === "string" ? value : JSON.stringify(value);
};

/** What `--help` says of an option: what it is for, its default, its other name. */
export function describe(name: string, option: AnyOption): string {
  const { help, kind, default: value, alias, note, required } = option;
  // A switch that is off is off; what takes true or false is told either way.
  const off = value === false && kind.type === "boolean" && kind.switch;
  const plain = value === undefined || off || isEmpty(value) ? [] : [shown(value)];
  const says = [...plain, ...(note === undefined ? [] : [note])];
  const more = [
    ...(kind.type === "choice" ? [kind.choices.join(", ")] : []),
    ...(value === true && kind.type === "boolean" && kind.switch
      ? [`default; off: ${flagOf(`no-${name}`)}`]
      : says.length === 0
        ? []
        : [`default: ${says.join(", ")}`]),
    ...(alias === undefined ? [] : [`also ${flagOf(alias)}`]),
    ...(required ? ["required"] : []),
  ];
  return more.length === 0 ? help : `${help} (${more.join("; ")})`;
}
const isEmpty = (value: unknown) => typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** The rows of a table as commander shows them. */
export const shownOptions = (table: Table, group?: string): Option[] =>
  Object.entries(table)
    .filter(([, { hidden, kind }]) => !hidden && kind.type !== "handed")
    .map(([name, option]) => {
      const made = new Option(termOf(flagOf(name), option), describe(name, option));
      return group === undefined ? made : made.helpGroup(group);
    });

/**
 * Lets a command take a table's options: `--learning-rate <x>`, aliases, and `--no-…` of those that stand alone. Values are read
 * by {@link readFlags}, for what an option takes may depend on others.
 */
export function addTable(command: Command, table: Table): Command {
  const there = new Set(command.options.map(({ long }) => long));
  const add = (flags: string, help: string, hidden: boolean) => {
    const [long] = flags.split(" ");
    if (there.has(long)) return;
    there.add(long);
    command.addOption(new Option(flags, help).hideHelp(hidden));
  };
  for (const [name, option] of Object.entries(table)) {
    const { kind, alias, hidden = false } = option;
    if (kind.type === "handed") continue;
    const help = describe(name, option);
    add(termOf(flagOf(name), option), help, hidden);
    if (alias !== undefined) add(termOf(flagOf(alias), option), help, true);
    if (kind.type === "boolean" && kind.switch) add(flagOf(`no-${name}`), help, true);
  }
  return command;
}

/** What the command line gave, and not what commander says where nothing was given. */
export const flagsOf = (command: Command): Flags =>
  new Map(
    command.options
      .map((option) => option.attributeName())
      .filter((name) => command.getOptionValueSource(name) === "cli")
      .map((name) => [name, command.getOptionValue(name)]),
  );

/**
 * The values of the flags that were given, under the table's names.
 * @param refuse is called for one that the table has not: throws, or returns true to leave it out
 * @throws OptionError for values that an option does not take
 */
export function readFlags(
  flags: Flags,
  table: Table,
  refuse?: (name: string, value: unknown) => boolean | undefined,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const by = new Map<string, string>();
  for (const [written, raw] of flags) {
    const name = ownName(table, written);
    if (name === undefined) {
      if (refuse?.(written, raw)) continue;
      throw new UsageError(`${flagOf(written)} is not for this command`);
    }
    const before = by.get(name);
    if (before !== undefined)
      throw new UsageError(`${flagOf(before)} and ${flagOf(written)} are the same option`, "Give one of them.");
    by.set(name, written);
    const text = typeof raw === "string" || Array.isArray(raw);
    values[name] = text ? parseText(flagOf(written), table[name], raw) : raw;
  }
  return values;
}

/** Throws UsageError where an option that must be given is not. */
export function checkRequired(values: Readonly<Record<string, unknown>>, table: Table): void {
  for (const [name, { required, help }] of Object.entries(table))
    if (required && values[name] === undefined) throw new UsageError(`${flagOf(name)} is missing`, `Give ${help}.`);
}

/** The error for a flag that a command line has not: what else to do, or the nearest that it has. */
export function unknownFlag(flag: string, table: Table, refused: Readonly<Record<string, string>> = {}): OptionError {
  const name = camel(flag.replace(/^-+/, "").replace(/=.*$/s, ""));
  if (Object.hasOwn(refused, name)) return new OptionError(`${flag} is not supported`, refused[name]);
  const near = nearestName(name, namesOf(table));
  return new OptionError(`unknown option ${flag}`, near === undefined ? undefined : `Did you mean ${flagOf(near)}?`);
}
