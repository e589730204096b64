type Row = Record<string, unknown>;
type Decode = (value: unknown) => unknown;

const isObject = (x: unknown): x is Row => x !== null && typeof x === "object" && !Array.isArray(x);

/** How the values of a feature become names; undefined for a feature without names. */
function decoder(feature: unknown): Decode | undefined {
  const inner = Array.isArray(feature) ? feature[0] : isObject(feature) ? feature.feature : undefined;
  if (inner !== undefined) {
    const each = decoder(inner);
    return each && ((value) => (Array.isArray(value) ? value.map(each) : value));
  }
  if (!isObject(feature) || feature._type !== "ClassLabel" || !Array.isArray(feature.names)) return undefined;
  const names = feature.names.map(String);
  return (value) => {
    const id = typeof value === "bigint" ? Number(value) : value;
    if (id === -1) return null;
    return typeof id === "number" ? (names[id] ?? value) : value;
  };
}

/**
 * Puts names where a Parquet file of Hugging Face's `datasets` holds the numbers of a `ClassLabel` (or lists of them); −1, a
 * label that is kept secret, becomes null.
 * @param metadata what the file says under the key `huggingface`: `{"info": {"features": {…}}}`. Anything else changes nothing.
 */
export function classLabels(metadata: string | undefined): (row: Row) => Row {
  let features: unknown;
  try {
    const root: unknown = JSON.parse(metadata ?? "null");
    features = isObject(root) && isObject(root.info) ? root.info.features : undefined;
  } catch {
    // No metadata that we know: numbers stay numbers.
  }
  const columns = Object.entries(isObject(features) ? features : {}).flatMap(([name, feature]) => {
    const decode = decoder(feature);
    return decode === undefined ? [] : [[name, decode] as const];
  });
  if (columns.length === 0) return (row) => row;
  return (row) => {
    for (const [name, decode] of columns) if (name in row) row[name] = decode(row[name]);
    return row;
  };
}
