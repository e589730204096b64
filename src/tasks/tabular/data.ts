import { splitHeader } from "../../data/columns.ts";
import {
  builtinPart,
  DataError,
  fetchSource,
  isMissing,
  type Part,
  type Records,
  readRecords,
  type Source,
  targetColumn,
} from "../../data/index.ts";
import { downloads } from "../downloads.ts";
import type { Found, How, Reader } from "../reading.ts";

/** A row of a table. */
export interface Row {
  /** In the order of the table's columns. */
  readonly cells: string[];
  /** What is to be predicted; undefined where it is missing. */
  readonly target: string | undefined;
  readonly path: string;
  readonly line: number;
}

/** A table's columns. */
export interface TableAbout {
  readonly names: readonly string[];
  /** The column that is predicted, among them; −1 where it is not there. */
  readonly at: number;
  readonly path: string;
}

type Named = { names: string[]; rows: string[][]; lines: number[] };
const isPosition = (name: string, width: number) => /^\d+$/.test(name) && Number(name) < width;

/**
 * Rows with column names; a file without header gets names by position, from 0.
 * @param wanted the column to predict, if it was named
 * @param like what was read before: the same columns are named in the same way
 */
function withNames({ names, rows, lines }: Records, wanted: string | undefined, like: TableAbout | undefined): Named {
  if (names !== undefined) return { names, rows, lines };
  const first = rows[0].map((cell) => cell.trim());
  const header = () => ({ names: first, rows: rows.slice(1), lines: lines.slice(1) });
  const without = () => ({ names: first.map((_, c) => String(c)), rows, lines });
  // As pandas writes a table whose columns have no names.
  if (first.length > 1 && first.every((cell, c) => cell === String(c))) return header();
  const needed = like?.names.filter((_, c) => c !== like.at) ?? [];
  if (needed.length > 0 && needed.every((name) => first.includes(name))) return header();
  const known = wanted === undefined ? needed : [wanted, ...needed];
  if (known.length > 0 && known.every((name) => isPosition(name, first.length))) return without();
  const found = splitHeader({ names, rows, lines } as Records, wanted === undefined ? [] : [wanted]);
  if (found.names !== undefined) return header();
  const numeric = first.some((cell) => cell !== "" && Number.isFinite(Number(cell)));
  return numeric || rows.length === 1 ? without() : header();
}

/** Rows in the order of the first file's columns. Throws DataError where one of them is missing. */
function alike({ names, rows, lines }: Named, order: readonly string[], path: string): Named {
  if (order.every((name, c) => names[c] === name)) return { names, rows, lines };
  const places = order.map((name) => {
    const at = names.indexOf(name);
    if (at >= 0) return at;
    throw new DataError(`${path}: there is no column ${name}`, `It has: ${names.join(", ")}.`);
  });
  return { names: [...order], rows: rows.map((row) => places.map((at) => row[at])), lines };
}

/** Rows of one part of a source, whatever the order of the columns in its files. */
async function readPart(
  source: Source,
  part: Part,
  kind: "classes" | "numbers",
  labelColumn: string | undefined,
  { labels, like }: How<TableAbout>,
): Promise<Found<Row, TableAbout>> {
  const wanted = labelColumn ?? like?.names[like.at];
  const examples: Row[] = [];
  let about: TableAbout | undefined;
  for (const path of source.parts[part] ?? []) {
    const read = withNames(await readRecords(path), wanted, like);
    const { names, rows, lines } = about === undefined ? read : alike(read, about.names, path);
    if (about === undefined) {
      // Rows to predict on, and test parts whose answers are kept secret, come without it.
      const at =
        wanted !== undefined && !labels
          ? names.indexOf(wanted)
          : targetColumn(names, rows, wanted, kind === "numbers", path);
      about = { names, at, path };
    }
    const { at } = about;
    rows.forEach((cells, i) => {
      if (source.builtin && builtinPart(i) !== part) return;
      const cell = cells[at] ?? "";
      examples.push({ cells, target: isMissing(cell) ? undefined : cell.trim(), path, line: lines[i] });
    });
  }
  if (about === undefined) throw new DataError(`${source.name}: no table`);
  return { examples, about };
}

/** Tables of rows, of which one column is predicted. */
export const tableReader = (kind: "classes" | "numbers"): Reader<Row, TableAbout> => ({
  called: "rows",
  async find(data, options) {
    const source = await fetchSource(data, "rows", downloads(options));
    const parts = Object.keys(source.parts) as Part[];
    return {
      files: source.parts,
      parts: Object.fromEntries(
        parts.map((part) => [part, (how: How<TableAbout>) => readPart(source, part, kind, options.labelColumn, how)]),
      ),
    };
  },
  usable: ({ target }) => target !== undefined,
  // A class, also where its name is a number.
  stratum: kind === "classes" ? ({ target }) => `class ${target}` : undefined,
});
