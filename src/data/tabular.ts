import { z } from "zod";
import { DataError } from "./lines.ts";

const columnSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("number"),
    name: z.string(),
    mean: z.number(),
    std: z.number().positive(),
    missing: z.boolean(),
  }),
  z.object({ kind: z.literal("category"), name: z.string(), values: z.array(z.string()) }),
]);
const schema = z.object({ version: z.literal(1), columns: z.array(columnSchema) });
export type TabularState = z.infer<typeof schema>;
type Column = z.infer<typeof columnSchema>;

const MISSING = new Set(["", "na", "n/a", "nan", "null", "none", "?"]);
export const isMissing = (cell: string): boolean => MISSING.has(cell.trim().toLowerCase());
const isNumber = (cell: string) => Number.isFinite(Number(cell));

/** Most different values that a column of words may have. */
const MAX_CATEGORIES = 1000;

/**
 * Rows of cells as vectors: numbers standardised (a missing one becomes the mean, and a column of its own says so), words one-hot
 * with values that were not seen as all 0. What was learned from the training rows is saved with the model.
 */
export class TabularEncoder {
  readonly columns: readonly Column[];

  private constructor(columns: readonly Column[]) {
    this.columns = columns;
  }

  /** Length of a row's vector. */
  get features(): number {
    return this.columns.reduce((n, c) => n + (c.kind === "number" ? 1 + Number(c.missing) : c.values.length), 0);
  }

  /** Learns from training rows; `skip` are columns that are no features. Throws {@link DataError} if none is left. */
  static fit(names: readonly string[], rows: readonly string[][], skip: readonly number[]): TabularEncoder {
    const columns: Column[] = [];
    names.forEach((name, c) => {
      if (skip.includes(c)) return;
      const cells = rows.map((row) => row[c]);
      const known = cells.filter((cell) => !isMissing(cell));
      if (known.length > 0 && known.every(isNumber)) {
        const values = known.map(Number);
        const mean = values.reduce((a, b) => a + b, 0) / values.length;
        const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
        columns.push({
          kind: "number",
          name,
          mean,
          std: Math.sqrt(variance) || 1,
          missing: known.length < cells.length,
        });
        return;
      }
      const values = [...new Set(known)].sort();
      if (values.length > MAX_CATEGORIES) return;
      columns.push({ kind: "category", name, values });
    });
    if (columns.every((c) => c.kind === "category" && c.values.length === 0))
      throw new DataError("no column is left to learn from");
    return new TabularEncoder(columns);
  }

  /** Vectors of rows whose columns have these names: [rows, features]. Throws {@link DataError} naming a missing column or a bad cell. */
  transform(names: readonly string[], rows: readonly string[][], path: string): Float32Array {
    const found = new Map(names.map((name, i) => [name, i]).reverse() as [string, number][]);
    const places = this.columns.map(({ name }) => {
      const at = found.get(name);
      if (at === undefined)
        throw new DataError(`${path}: the model needs a column ${name}`, `It has: ${names.join(", ")}.`);
      return at;
    });
    const width = this.features;
    const out = new Float32Array(rows.length * width);
    rows.forEach((row, r) => {
      let at = r * width;
      this.columns.forEach((column, i) => {
        const cell = row[places[i]];
        if (column.kind === "category") {
          const value = column.values.indexOf(cell);
          if (value >= 0) out[at + value] = 1;
          at += column.values.length;
          return;
        }
        if (isMissing(cell)) {
          if (column.missing) out[at + 1] = 1;
        } else {
          const value = Number(cell);
          if (!Number.isFinite(value)) {
            throw new DataError(
              `${path}: row ${r + 1}, column ${column.name}: expected a number, found ${cell.slice(0, 40)}`,
            );
          }
          out[at] = (value - column.mean) / column.std;
        }
        at += 1 + Number(column.missing);
      });
    });
    return out;
  }

  toJSON(): TabularState {
    return { version: 1, columns: [...this.columns] };
  }
  /** Throws {@link DataError} for anything that `toJSON` did not make. */
  static fromJSON(value: unknown): TabularEncoder {
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw new DataError(`the saved table encoder is damaged: ${parsed.error.issues[0].message}`);
    return new TabularEncoder(parsed.data.columns);
  }
}
