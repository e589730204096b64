import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import { UsageError } from "./usage.ts";

/** What `--config` names: YAML or JSON, names and values. Throws UsageError for a file that cannot be read. */
export function readConfig(path: string): object {
  let values: unknown;
  try {
    values = parseYaml(readFileSync(path, "utf8"));
  } catch (error) {
    throw new UsageError(`--config ${path}: ${(error as Error).message}`);
  }
  // A file with nothing but comments.
  if (values === null) return {};
  if (typeof values !== "object" || Array.isArray(values))
    throw new UsageError(`--config ${path}: expected names and values`);
  return values;
}
