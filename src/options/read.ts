import { nearestName, OptionError } from "../backend/options.ts";
import { checkValue, fits } from "./check.ts";
import { camel, flagOf, namesOf, ownName } from "./names.ts";
import type { AnyOption, Table } from "./option.ts";

/**
 * A value as an option wants it, of one that a file or a command line has: `"0.1"` is a number, `true` a text, a list of texts one
 * text with commas. What makes no sense stays as it is, for {@link checkValue} to refuse.
 */
export function convert(option: AnyOption, raw: unknown): unknown {
  const { kind } = option;
  const written = typeof raw === "string" ? raw.trim() : raw;
  switch (kind.type) {
    case "number":
      return typeof written === "string" && written !== "" && Number.isFinite(Number(written)) ? Number(written) : raw;
    case "boolean":
      return written === "true" ? true : written === "false" ? false : raw;
    case "null":
      return written === "null" ? null : raw;
    case "text": {
      if (kind.list && Array.isArray(raw)) return raw.map(String).join(",");
      return typeof raw === "number" ? String(raw) : raw;
    }
    case "choice": {
      // YAML 1.1 reads `no` as false.
      const name = raw === false && kind.choices.includes("no") ? "no" : raw;
      return typeof name === "string" && Object.hasOwn(kind.also ?? {}, name) ? kind.also?.[name] : name;
    }
    case "object":
      return isObject(raw) ? Object.fromEntries(Object.entries(raw).map(([k, v]) => inner(kind.table, k, v))) : raw;
    case "list":
      return (Array.isArray(raw) ? raw : [raw]).map((one) => convert(kind.of, one));
    case "either": {
      for (const one of kind.of) {
        const value = convert(one, raw);
        if (fits(one, value)) return value;
      }
      return raw;
    }
    case "handed":
      return raw;
  }
}

const isObject = (value: unknown): value is object =>
  value !== null && typeof value === "object" && !Array.isArray(value);

function inner(table: Table, written: string, raw: unknown): [string, unknown] {
  const name = ownName(table, written) ?? camel(written);
  return [name, Object.hasOwn(table, name) ? convert(table[name], raw) : raw];
}

/**
 * The value that a text of a command line says.
 * @param name as the user wrote it, for errors: `--learning-rate`
 * @param written several of a variadic list
 * @throws OptionError for what the option does not take
 */
export function parseText(name: string, option: AnyOption, written: string | readonly string[]): unknown {
  if (typeof written !== "string") return checked(name, option, written);
  let raw: unknown = written;
  if (option.kind.type === "list" || (written.includes(",") && hasList(option)))
    raw = written.split(",").map((one) => one.trim());
  if (option.kind.type === "object") {
    try {
      raw = JSON.parse(written);
    } catch (error) {
      throw new OptionError(`${name} ${written}: ${(error as Error).message}`, "Expected a JSON object.");
    }
  }
  return checked(name, option, raw);
}

const hasList = ({ kind }: AnyOption) => kind.type === "either" && kind.of.some((one) => one.kind.type === "list");

function checked(name: string, option: AnyOption, raw: unknown): unknown {
  if (option.kind.type === "handed") throw new OptionError(`${name} can only be handed over by a program`);
  const value = convert(option, raw);
  checkValue(name, option, value);
  return value;
}

/**
 * Names and values of a file (YAML, JSON, the body of a request), as the table has them. Names may be written in camelCase, with
 * hyphens, with underscores, or be aliases; `null` counts as not given.
 * @param where the file, for errors: `--config run.yaml`
 * @param refuse is asked about a name that the table has not before it is called unknown: throws, or returns true to leave it out
 * @throws OptionError for unknown names (with the nearest), names that come twice and values that an option does not take
 */
export function readValues(
  where: string,
  given: unknown,
  table: Table,
  refuse?: (name: string, value: unknown) => boolean | undefined,
): Record<string, unknown> {
  if (!isObject(given)) throw new OptionError(`${where}: expected names and values`);
  const seen = new Map<string, string>();
  const values: Record<string, unknown> = {};
  for (const [written, raw] of Object.entries(given)) {
    const name = ownName(table, written);
    if (name === undefined || table[name].kind.type === "handed") {
      if (refuse?.(camel(written), raw)) continue;
      const near = nearestName(camel(written), namesOf(table));
      throw new OptionError(
        `${where}: unknown option ${written}`,
        near === undefined ? undefined : `Did you mean ${flagOf(near).slice(2)}?`,
      );
    }
    const before = seen.get(name);
    if (before !== undefined)
      throw new OptionError(`${where}: ${before} and ${written} are the same option`, "Give one.");
    seen.set(name, written);
    if (raw !== null && raw !== undefined) values[name] = checked(`${where}: ${written}`, table[name], raw);
  }
  return values;
}
