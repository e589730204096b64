import {
  type ColumnMetaData,
  type CompressionCodec,
  type FileMetaData,
  type PageHeader,
  parquetMetadataAsync,
  parquetSchema,
  type RowGroup,
  type SchemaTree,
} from "hyparquet";
import { parquetHeader, readColumn } from "hyparquet/src/column.js";
import { assembleAsync, asyncGroupToRows } from "hyparquet/src/rowgroup.js";
import { getTreePath } from "hyparquet/src/schema.js";
import { compressors } from "hyparquet-compressors";
import { parquetFile } from "#platform";
import type { Refuse } from "../formats/bytes.ts";
import { crc32 } from "../formats/zip.ts";
import { classLabels } from "./class-labels.ts";
import { DataError, fileError, type ReadLimits, unpackedLimit } from "./lines.ts";
import { type Allowance, type ColumnDecoder, checkDictionary, checkPage, type PageBytes } from "./parquet-check.ts";
import { valueReader } from "./parquet-values.ts";

type Row = Record<string, unknown>;
type File = Awaited<ReturnType<typeof parquetFile>>;

/** Rows are made of the decoded columns in groups of this many. */
const WINDOW = 50_000;
/** Rows and values that any file may hold; beyond them so many for each byte. */
const VALUES = 1 << 24;
const VALUES_PER_BYTE = 1000;

/** A column of a row group, its pages checked and unpacked. */
interface Chunk {
  decoder: ColumnDecoder;
  view: DataView;
}

const DAMAGED = "The file is damaged: copy or download it again.";

const whole = (n: unknown): number => (typeof n === "bigint" || typeof n === "number" ? Number(n) : Number.NaN);

/** Where a column's pages lie in the file. */
function rangeOf(meta: ColumnMetaData, size: number, refuse: Refuse): [number, number] {
  const start = whole(meta.dictionary_page_offset) || whole(meta.data_page_offset);
  const end = start + whole(meta.total_compressed_size);
  if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 4 && end >= start && end <= size))
    refuse(`its pages are said to lie at bytes ${start} to ${end} of ${size}`);
  return [start, end];
}

/** Whether packed data ends as gzip does: in the checksum of what it unpacks to. Raw deflate has none. */
function endsInChecksum(packed: Uint8Array, values: Uint8Array): boolean {
  const { buffer, byteOffset, length } = packed;
  if (length < 18 || packed[0] !== 0x1f || packed[1] !== 0x8b) return true;
  return new DataView(buffer, byteOffset, length).getUint32(length - 8, true) === crc32(values);
}

/** The parts of a page, unpacked into memory of its own. */
function unpack(
  header: PageHeader,
  bytes: Uint8Array<ArrayBuffer>,
  codec: CompressionCodec,
  allowance: Allowance,
  refuse: Refuse,
): PageBytes {
  if (header.crc !== undefined && crc32(bytes) !== header.crc >>> 0) refuse("the checksum of a page is wrong");
  const second = header.type === "DATA_PAGE_V2" ? header.data_page_header_v2 : undefined;
  const before = second && second.repetition_levels_byte_length + second.definition_levels_byte_length;
  const levels = before ?? 0;
  const size = whole(header.uncompressed_page_size) - levels;
  if (!Number.isSafeInteger(size) || size < 0 || !(levels >= 0 && levels <= bytes.length))
    refuse(`a page of ${header.uncompressed_page_size} bytes, ${levels} of them levels`);
  allowance.bytes -= size;
  if (allowance.bytes < 0)
    throw new DataError(
      `a page that unpacks to ${size} bytes is beyond the limit for a file of this size`,
      "If the file can be trusted, give { maxUnpacked: BYTES }.",
    );
  const packed = bytes.subarray(levels);
  let values: Uint8Array;
  if (codec === "UNCOMPRESSED" || second?.is_compressed === false) values = packed;
  else {
    const run = compressors[codec] ?? refuse(`pages are packed by ${codec}, which is not known`);
    values = size === 0 && packed.length === 0 ? packed : run(packed, size);
  }
  if (codec === "GZIP" && !endsInChecksum(packed, values)) refuse("the checksum of a page is wrong");
  if (values?.length !== size) refuse(`a page of ${values?.length} bytes, where its header says ${size}`);
  return { levels: bytes.subarray(0, levels), values };
}

/** Checks a column's pages one after the other, and leaves them unpacked for the decoder. */
function checkChunk(
  bytes: Uint8Array<ArrayBuffer>,
  meta: ColumnMetaData,
  schemaPath: SchemaTree[],
  rows: number,
  allowance: Allowance,
  refuse: Refuse,
): Chunk {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = { view, offset: 0 };
  const unpacked = new Map<number, Uint8Array>();
  const { element } = schemaPath[schemaPath.length - 1];
  if (element.type !== meta.type) refuse(`values of the type ${meta.type}, where the schema says ${element.type}`);
  const decoder: ColumnDecoder = {
    pathInSchema: meta.path_in_schema,
    type: meta.type,
    ...valueReader(element, refuse),
    schemaPath,
    // The pages lie ready, by the place of what they are unpacked from.
    codec: "UNPACKED" as CompressionCodec,
    compressors: {
      UNPACKED: (packed: Uint8Array) => unpacked.get(packed.byteOffset),
    } as unknown as ColumnDecoder["compressors"],
  };
  let entries: number | undefined;
  const seen = { values: 0, rows: 0 };
  // As the decoder reads: a last byte alone is no page.
  while (reader.offset < bytes.length - 1) {
    const header = parquetHeader(reader);
    const size = header.compressed_page_size;
    if (!Number.isInteger(size) || size < 0 || size > bytes.length - reader.offset)
      refuse(`a page of ${size} bytes, where ${bytes.length - reader.offset} are left`);
    const own = bytes.subarray(reader.offset, reader.offset + size);
    const page = unpack(header, own, meta.codec, allowance, refuse);
    unpacked.set(own.byteOffset + page.levels.length, page.values);
    reader.offset += size;
    if (header.type === "DICTIONARY_PAGE") {
      entries = checkDictionary(header, page, decoder, allowance, refuse);
    } else if (header.type === "DATA_PAGE" || header.type === "DATA_PAGE_V2") {
      const found = checkPage(header, page, decoder, entries, allowance, refuse);
      seen.values += found.values;
      seen.rows += found.rows;
    } else refuse(`a page of the unknown kind ${header.type}`);
  }
  if (seen.values !== whole(meta.num_values) || seen.rows !== rows)
    refuse(`${seen.values} values in ${seen.rows} rows, where ${meta.num_values} in ${rows} are said`);
  return { decoder, view };
}

/** Rows of a group in pieces, as objects. */
async function* groupRows(chunks: readonly Chunk[], schema: SchemaTree, count: number): AsyncGenerator<Row[]> {
  for (let selectStart = 0; selectStart < count; selectStart += WINDOW) {
    const selectEnd = Math.min(count, selectStart + WINDOW);
    const asyncColumns = chunks.map(({ decoder, view }) => ({
      pathInSchema: decoder.pathInSchema,
      data: (async () =>
        readColumn({ view, offset: 0 }, { groupStart: 0, selectStart, selectEnd, groupRows: count }, decoder))(),
    }));
    await Promise.allSettled(asyncColumns.map(({ data }) => data));
    const group = assembleAsync({ groupStart: 0, groupRows: count, asyncColumns }, schema);
    await Promise.allSettled(group.asyncColumns.map(({ data }) => data));
    const names = group.asyncColumns.map(({ pathInSchema }) => pathInSchema[0]);
    if (!names.includes("__proto__")) yield await asyncGroupToRows(group, selectStart, selectEnd, undefined, "object");
    else {
      // As an object's key that is assigned to, it would be lost.
      const rows = await asyncGroupToRows(group, selectStart, selectEnd, undefined, "array");
      yield rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
    }
  }
}

/** Rows of every group, and what the file says of itself. */
function rowCounts(metadata: FileMetaData, refuse: Refuse): number[] {
  const rows = metadata.row_groups.map((group) => whole(group.num_rows));
  const total = rows.reduce((n, x) => n + x, 0);
  if (!rows.every((n) => Number.isSafeInteger(n) && n >= 0) || total !== whole(metadata.num_rows))
    refuse(`${metadata.num_rows} rows are said, the groups say ${total}`);
  return rows;
}

async function readGroup(
  file: File,
  group: RowGroup,
  rows: number,
  schema: SchemaTree,
  allowance: Allowance,
  refuse: Refuse,
): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for (const { meta_data: meta, file_path } of group.columns) {
    if (meta === undefined || file_path !== undefined)
      return refuse("columns that lie in other files or are encrypted");
    const where: Refuse = (what) => refuse(`column ${meta.path_in_schema.join(".").slice(0, 80)}: ${what}`);
    const [start, end] = rangeOf(meta, file.byteLength, where);
    const bytes = new Uint8Array(await file.slice(start, end));
    chunks.push(checkChunk(bytes, meta, getTreePath(schema, meta.path_in_schema), rows, allowance, where));
  }
  return chunks;
}

/**
 * Rows of a Parquet file one by one, with their places from 1. Every page is held against its header, its checksum where it has
 * one, and the limits of {@link ReadLimits} before it is decoded.
 * @throws DataError for a damaged file
 */
export async function* parquetRows(path: string, limits: ReadLimits = {}): AsyncGenerator<[number, Row]> {
  const refuse: Refuse = (what) => {
    throw new DataError(`${path}: ${what}`, DAMAGED);
  };
  try {
    const file = await parquetFile(path);
    if (file.byteLength < 12) refuse(`no Parquet file: it has ${file.byteLength} bytes`);
    const metadata = await parquetMetadataAsync(file);
    const schema = parquetSchema(metadata);
    const counts = rowCounts(metadata, refuse);
    const named = classLabels(metadata.key_value_metadata?.find(({ key }) => key === "huggingface")?.value);
    const allowance: Allowance = {
      bytes: unpackedLimit(file.byteLength, limits),
      values: VALUES + VALUES_PER_BYTE * file.byteLength,
    };
    let at = 0;
    for (const [g, group] of metadata.row_groups.entries()) {
      const chunks = await readGroup(file, group, counts[g], schema, allowance, refuse);
      for await (const part of groupRows(chunks, schema, counts[g])) for (const row of part) yield [++at, named(row)];
    }
  } catch (error) {
    if (error instanceof DataError) {
      if (error.message.startsWith(path)) throw error;
      throw new DataError(`${path}: ${error.message}`, error.hint);
    }
    if (/^E[A-Z]+$/.test((error as NodeJS.ErrnoException).code ?? "")) throw fileError(path, error);
    const own = error instanceof TypeError || error instanceof RangeError;
    const what = own ? "what it says of itself makes no sense" : (error as Error).message;
    throw new DataError(`${path}: no Parquet file, or damaged: ${what}`, DAMAGED, { cause: error });
  }
}
