/** Where a tensor lies, in bytes after the header. */
export interface TensorEntry {
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

type Refuse = (what: string) => never;

/** Keys of the outermost object, in order; JSON.parse keeps only the last of two equal ones. */
function topLevelKeys(text: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "{" || c === "[") depth++;
    else if (c === "}" || c === "]") depth--;
    else if (c === '"') {
      const begin = i++;
      while (i < text.length && text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
      if (depth === 1 && /^\s*:/.test(text.slice(i + 1, i + 64))) keys.push(JSON.parse(text.slice(begin, i + 1)));
    }
  }
  return keys;
}

/**
 * Reads and validates a header: known dtypes, whole shapes without overflow, ranges of the right size that cover the data of
 * `size` bytes without gap or overlap, no name twice. Calls `refuse` with what is wrong.
 */
export function parseHeader(
  text: string,
  size: number,
  bytesOf: Readonly<Record<string, number>>,
  refuse: Refuse,
): { entries: Map<string, TensorEntry>; metadata: Record<string, string> } {
  let header: unknown;
  if (!text.startsWith("{")) refuse("the header does not begin with {");
  try {
    header = JSON.parse(text);
  } catch (error) {
    refuse(`the header is not JSON: ${(error as Error).message}`);
  }
  if (header === null || typeof header !== "object" || Array.isArray(header)) refuse("the header is no object");
  const seen = new Set<string>();
  for (const key of topLevelKeys(text)) {
    if (seen.has(key)) refuse(`the header names ${JSON.stringify(key.slice(0, 200))} twice`);
    seen.add(key);
  }
  const entries = new Map<string, TensorEntry>();
  const metadata: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(header as Record<string, unknown>)) {
    if (value === null || typeof value !== "object") refuse(`${name}: expected an object`);
    if (name === "__metadata__") {
      for (const [key, entry] of Object.entries(value as object)) {
        if (typeof entry !== "string") refuse(`__metadata__.${key} is no string`);
        metadata[key] = entry as string;
      }
      continue;
    }
    entries.set(name, entryOf(name, value as Record<string, unknown>, bytesOf, refuse));
  }
  let at = 0;
  for (const [name, { begin, end }] of [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at) refuse(`${name} begins at byte ${begin} of the data; expected ${at} (a gap or an overlap)`);
    at = end;
  }
  if (at !== size) refuse(`the tensors take ${at} bytes, the file holds ${size} (cut off, or with something appended)`);
  return { entries, metadata };
}

const whole = (x: unknown): x is number => typeof x === "number" && Number.isSafeInteger(x) && x >= 0;

function entryOf(
  name: string,
  value: Record<string, unknown>,
  bytesOf: Readonly<Record<string, number>>,
  refuse: Refuse,
): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(bytesOf, dtype))
    return refuse(`${name}: unknown dtype ${typeof dtype === "string" ? dtype.slice(0, 80) : typeof dtype}`);
  if (!Array.isArray(shape) || !shape.every(whole)) return refuse(`${name}: the shape is no list of whole numbers`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(whole)) {
    return refuse(`${name}: data_offsets are not two whole numbers`);
  }
  const [begin, end] = offsets as [number, number];
  const bytes = (shape as number[]).reduce((n, s) => n * s, bytesOf[dtype]);
  const said = `${dtype} [${(shape as number[]).slice(0, 16)}${shape.length > 16 ? ", …" : ""}]`;
  if (!(bytes <= Number.MAX_SAFE_INTEGER)) return refuse(`${name}: ${said} overflows`);
  if (!Number.isInteger(bytes)) return refuse(`${name}: ${said} does not end with a byte`);
  if (end - begin !== bytes) return refuse(`${name}: ${said} takes ${bytes} bytes, its range ${end - begin}`);
  return { dtype, shape: shape as number[], begin, end };
}
