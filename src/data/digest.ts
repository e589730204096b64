import { contentDigest, nextTurn, statSync } from "#platform";
import { checkOptions, type Known } from "../backend/options.ts";
import { DataError } from "./lines.ts";
import type { Part, Source } from "./source.ts";

/** A file of data by its content. */
export interface DataFile {
  /** Its path below the folder that holds all of them. */
  name: string;
  /** Bytes. */
  size: number;
  /** Of its content, named by its algorithm: `sha256:…`. */
  digest: string;
}

/** What a run learned from or was measured on: enough to say later whether it is still the same. */
export interface DataRecord {
  /** As it was named: a path, `glue:TASK`, `hub:OWNER/NAME` … */
  source?: string;
  files?: DataFile[];
  examples?: number;
}

export interface DataRecordOptions {
  /** The parts that are read, one or several; left out: all that there are. */
  parts?: Part | readonly Part[];
  /** What the user called it; left out: the source's own name. */
  name?: string;
  examples?: number;
}
const KNOWN: Known<DataRecordOptions> = { parts: true, name: true, examples: true };

/** Digests of this process, by path, for files that are as they were. */
const known = new Map<string, { state: string; digest: string }>();
/** A file that was written a moment ago may be written again without a change of its time. */
const SETTLED_MS = 2000;

function digestOf(path: string): Omit<DataFile, "name"> {
  try {
    const { size, mtimeMs } = statSync(path);
    const state = `${size} ${mtimeMs}`;
    const before = known.get(path);
    if (before?.state === state) return { size, digest: before.digest };
    const digest = contentDigest(path);
    if (mtimeMs !== undefined && Date.now() - mtimeMs > SETTLED_MS) known.set(path, { state, digest });
    return { size, digest };
  } catch (error) {
    throw new DataError(`${path}: cannot be read: ${(error as Error).message}`);
  }
}

/** Names below the deepest folder that holds all of the files. */
function namesOf(paths: readonly string[]): string[] {
  const parts = paths.map((path) => path.split(/[/\\]/));
  let common = 0;
  while (parts.every((names) => names.length > common + 1 && names[common] === parts[0][common])) common++;
  return parts.map((names) => names.slice(common).join("/"));
}

/**
 * Digests of the files of a source. They are read once, a megabyte at a time, and again only after they have changed.
 * @throws DataError for a file that cannot be read.
 */
export async function dataRecord(source: Source, options: DataRecordOptions = {}): Promise<DataRecord> {
  checkOptions("dataRecord", options, KNOWN);
  const { name = source.name, examples, parts = Object.keys(source.parts) as Part[] } = options;
  const paths = [...new Set([parts].flat().flatMap((part) => source.parts[part] ?? []))];
  const names = paths.length === 0 ? [] : namesOf(paths);
  const files: DataFile[] = [];
  for (const [i, path] of paths.entries()) {
    files.push({ name: names[i], ...digestOf(path) });
    await nextTurn();
  }
  return { source: name, files, ...(examples === undefined ? {} : { examples }) };
}
