import type { z } from "zod";
import { KEPT_FLOATS } from "./config-keys.ts";

interface Def {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
}
const defOf = (schema: z.ZodType): Def => schema._zod.def as unknown as Def;

/** What stands in a schema under defaults and what may be left out. */
function bare(schema: z.ZodType | undefined): z.ZodType | undefined {
  const inner = schema && defOf(schema).innerType;
  return inner === undefined ? schema : bare(inner);
}

/** Whether a schema is that of numbers with a fraction. */
function isFloat(schema: z.ZodType | undefined): boolean {
  const own = bare(schema);
  if (own === undefined) return false;
  const { type, options } = defOf(own);
  if (type === "union") return (options ?? []).some(isFloat);
  return type === "number" && !(own as z.ZodNumber).isInt;
}

/** The schema of what stands in a value under a key. */
function below(schema: z.ZodType | undefined, key: string): z.ZodType | undefined {
  const own = bare(schema);
  if (own === undefined) return undefined;
  const { shape, valueType, element, options } = defOf(own);
  return shape?.[key] ?? valueType ?? element ?? options?.map((o) => below(o, key)).find((s) => s !== undefined);
}

/**
 * JSON text of a configuration, two spaces a level. A whole number of a key that takes fractions is written with a point
 * (`1.0`), which strict readers of Python's want: JSON's numbers have one type there, Python's two.
 * @param schemaOf of each key of the file; undefined for those that are only kept.
 */
export function configJson(
  json: Readonly<Record<string, unknown>>,
  schemaOf: (key: string) => z.ZodType | undefined,
): string {
  const write = (value: unknown, schema: z.ZodType | undefined, float: boolean, indent: string): string => {
    if (typeof value === "number" && Number.isInteger(value) && float) {
      const text = String(value);
      return /e/.test(text) ? text : `${Object.is(value, -0) ? "-0" : text}.0`;
    }
    if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
    const inner = `${indent}  `;
    const entries = Array.isArray(value)
      ? value.map((v, i) => write(v, below(schema, String(i)), isFloat(below(schema, String(i))), inner))
      : Object.entries(value)
          .filter(([, v]) => v !== undefined)
          .map(([key, v]) => {
            const own = indent === "" ? schemaOf(key) : below(schema, key);
            const point = own === undefined ? KEPT_FLOATS.has(key) : isFloat(own);
            return `${JSON.stringify(key)}: ${write(v, own, point, inner)}`;
          });
    const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
    if (entries.length === 0) return open + close;
    return `${open}\n${entries.map((e) => inner + e).join(",\n")}\n${indent}${close}`;
  };
  return `${write(json, undefined, false, "")}\n`;
}
