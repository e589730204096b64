import { named, shownAs } from "../backend/inspect.ts";
import { checkOptions, type Known } from "../backend/options.ts";
import { tensor } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { TensorDataset } from "./dataset.ts";
import { DataError } from "./lines.ts";
import { type Records, readRecords } from "./records.ts";
import { stratifiedSplit } from "./split.ts";
import { isMissing, TabularEncoder } from "./tabular.ts";

export interface SplitOptions {
  /** The column to predict. */
  target: string;
  /** Share of the rows that is held back for the test, 0 to below 1. Default 0.2. */
  test?: number;
  /** Share held back for validation, 0 to below 1. Default 0. */
  validation?: number;
  seed?: number;
  /** Learn the target as numbers or as classes. Left out: numbers if every value is one, else classes. */
  kind?: "regression" | "classification";
}

const SPLIT: Known<SplitOptions> = { target: true, test: true, validation: true, seed: true, kind: true };

/** A table as tensors. The test part (and the validation part) had no influence on means, deviations and categories. */
export interface TableSplit {
  /** Columns of `x` after encoding. */
  features: number;
  encoder: TabularEncoder;
  /** Names of the classes; y holds their positions. Undefined for a target of numbers. */
  classes: string[] | undefined;
  /** x: float32 [n, features]; y: float32 [n, 1] in the target's own unit, or int32 [n] classes. */
  train: TensorDataset;
  validation: TensorDataset;
  test: TensorDataset;
}

/** Rows of text cells under named columns. */
export class Table implements Iterable<Record<string, string>> {
  readonly path: string;
  readonly columns: readonly string[];
  readonly rows: readonly string[][];

  /** Throws {@link DataError} when a name is given twice. */
  constructor(columns: readonly string[], rows: readonly string[][], path = "the table") {
    const seen = new Set<string>();
    const twice = columns.find((name) => seen.size === seen.add(name).size);
    if (twice !== undefined) throw new DataError(`${path}: two columns are called ${twice}`);
    this.path = path;
    this.columns = columns;
    this.rows = rows;
  }

  /** Rows. */
  get length(): number {
    return this.rows.length;
  }
  *[Symbol.iterator](): Generator<Record<string, string>> {
    for (const row of this.rows) yield Object.fromEntries(this.columns.map((name, i) => [name, row[i]]));
  }

  #at(name: string): number {
    const at = this.columns.indexOf(name);
    if (at < 0) throw new DataError(`${this.path}: there is no column ${name}`, `It has: ${this.columns.join(", ")}.`);
    return at;
  }
  /** Cells of a column. Throws {@link DataError} if there is none of this name. */
  column(name: string): string[] {
    const at = this.#at(name);
    return this.rows.map((row) => row[at]);
  }
  /** A column as numbers, missing ones NaN. Throws {@link DataError} naming the first cell that is neither. */
  numbers(name: string): Float64Array {
    return Float64Array.from(this.column(name), (cell, i) => {
      if (isMissing(cell)) return Number.NaN;
      const value = Number(cell);
      if (Number.isFinite(value)) return value;
      throw new DataError(`${this.path}: row ${i + 1}, column ${name}: expected a number, found ${cell.slice(0, 40)}`);
    });
  }

  /**
   * Cuts the rows at random (classes in equal shares) and encodes them: numbers standardised by the training part, words
   * one-hot. Rows whose target is missing are left out.
   * @throws DataError for an unknown target, shares that leave nothing to train on, or no column to learn from.
   */
  split(options: SplitOptions): TableSplit {
    checkOptions("Table.split", options, SPLIT);
    const { target, test = 0.2, validation = 0, seed = 42, kind } = options;
    const at = this.#at(target);
    if (!(test >= 0 && validation >= 0 && test + validation < 1)) {
      throw new DataError(`split: test ${test} and validation ${validation} must be shares that leave some rows`);
    }
    const rows = this.rows.filter((row) => !isMissing(row[at]));
    const isNumber = (cell: string) => Number.isFinite(Number(cell));
    const regression =
      (kind ?? (rows.every((row) => isNumber(row[at])) ? "regression" : "classification")) === "regression";
    const odd = regression ? rows.find((row) => !isNumber(row[at])) : undefined;
    if (odd !== undefined) {
      throw new DataError(`${this.path}: ${target} is ${odd[at]}, no number`, 'For classes: kind: "classification".');
    }
    const groups = regression ? undefined : rows.map((row) => row[at].trim());
    const cut = (share: number, from: number[], salt: number) => {
      if (share === 0) return { train: from, held: [] as number[] };
      const parts = stratifiedSplit(from.length, share, seed + salt, groups && from.map((i) => groups[i]));
      return { train: parts.train.map((i) => from[i]), held: parts.held.map((i) => from[i]) };
    };
    const first = cut(
      test,
      rows.map((_, i) => i),
      0,
    );
    const second = cut(validation / (1 - test), first.train, 1);
    const pick = (list: number[]) => list.map((i) => rows[i]);
    if (second.train.length === 0) throw new DataError(`${this.path}: no row is left to train on`);
    const encoder = TabularEncoder.fit(this.columns, pick(second.train), [at]);
    const classes = groups && [...new Set(groups)].sort();
    const part = (list: number[]): TensorDataset => {
      const x = encoder.transform(this.columns, pick(list), this.path);
      const y: Tensor =
        classes === undefined
          ? tensor(
              Float32Array.from(list, (i) => Number(rows[i][at])),
              [list.length, 1],
            )
          : tensor(
              Int32Array.from(list, (i) => classes.indexOf(rows[i][at].trim())),
              [list.length],
            );
      return new TensorDataset(tensor(x, [list.length, encoder.features]), y);
    };
    return {
      features: encoder.features,
      encoder,
      classes,
      train: part(second.train),
      validation: part(second.held),
      test: part(first.held),
    };
  }
}

export interface TableOptions {
  /** The first row names the columns. Default true; else they are called `0`, `1`, … */
  header?: boolean;
}

const TABLE: Known<TableOptions> = { header: true };

const reader =
  (format: Records["format"]) =>
  async (path: string, options: TableOptions = {}): Promise<Table> => {
    checkOptions(`read${format[0].toUpperCase()}${format.slice(1)}`, options, TABLE);
    const { header = true } = options;
    const { names, rows } = await readRecords(path, format);
    if (names !== undefined) return new Table(names, rows, path);
    if (!header)
      return new Table(
        rows[0].map((_, i) => String(i)),
        rows,
        path,
      );
    if (rows.length === 1) throw new DataError(`${path}: there is a header and nothing below it`);
    return new Table(
      rows[0].map((name) => name.trim()),
      rows.slice(1),
      path,
    );
  };

/** A file of comma-separated values (RFC 4180; gzipped too) whole, whatever it is called. Throws {@link DataError}. */
export const readCsv = reader("csv");
/** A file of tab-separated values, which have no quoting. Throws {@link DataError}. */
export const readTsv = reader("tsv");
/** A file with a JSON object on every line. Throws {@link DataError}. */
export const readJsonl = reader("jsonl");
/** A Parquet file. Throws {@link DataError}. */
export const readParquet = reader("parquet");

shownAs(Table, ({ length, columns }) => named("Table", { length, columns }));
