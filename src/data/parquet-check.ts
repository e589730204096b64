import type { DataPageHeader, PageHeader } from "hyparquet";
import type { readColumn } from "hyparquet/src/column.js";
import { deltaBinaryUnpack } from "hyparquet/src/delta.js";
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from "hyparquet/src/schema.js";
import type { Refuse } from "../formats/bytes.ts";

/** What hyparquet knows of a column. */
export type ColumnDecoder = Parameters<typeof readColumn>[2];

/** What may still be made of a file: a damaged count must not ask for memory or time without end. */
export interface Allowance {
  /** Bytes that pages unpack to. */
  bytes: number;
  /** Values that they hold. */
  values: number;
}

/** Bytes of a page as they are unpacked, apart from its levels in the second version of the format. */
export interface PageBytes {
  levels: Uint8Array;
  values: Uint8Array;
}

const bitsFor = (max: number): number => 32 - Math.clz32(max);

/** Reads forward through a part of a page. */
class Reader {
  readonly view: DataView;
  offset = 0;
  readonly #refuse: Refuse;

  constructor(bytes: Uint8Array, refuse: Refuse) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#refuse = refuse;
  }
  get left(): number {
    return this.view.byteLength - this.offset;
  }
  need(bytes: number): void {
    if (!(bytes >= 0 && bytes <= this.left)) this.#refuse(`${bytes} bytes are wanted where ${this.left} are left`);
  }
  byte(): number {
    this.need(1);
    return this.view.getUint8(this.offset++);
  }
  uint32(): number {
    this.need(4);
    this.offset += 4;
    return this.view.getUint32(this.offset - 4, true);
  }
  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      if (scale > 2 ** 35) this.#refuse("a number of over five bytes");
    }
  }
  part(bytes: number): Uint8Array {
    this.need(bytes);
    this.offset += bytes;
    return new Uint8Array(this.view.buffer, this.view.byteOffset + this.offset - bytes, bytes);
  }
}

/**
 * Runs of equal and of packed numbers (RLE, bit-packed hybrid): that `count` numbers of up to `max` lie in them. Of those that
 * equal `wanted` the number is returned.
 */
function checkRuns(
  reader: Reader,
  { count, width, max, wanted }: { count: number; width: number; max: number; wanted: number },
  refuse: Refuse,
): number {
  let found = 0;
  const tooLarge = (value: number): never => refuse(`a level or place of ${value}, where ${max} is the largest`);
  for (let seen = 0; seen < count; ) {
    const header = reader.varint();
    const packed = header % 2 === 1;
    const run = Math.floor(header / 2);
    if (run === 0) refuse("a run of no values");
    if (!packed) {
      if (run > count - seen) refuse(`a run of ${run} values where ${count - seen} are left`);
      let value = 0;
      for (let i = 0; i < Math.ceil(width / 8); i++) value += reader.byte() * 2 ** (8 * i);
      if (value > max) tooLarge(value);
      if (value === wanted) found += run;
      seen += run;
      continue;
    }
    // Eight numbers take `width` bytes; what is behind the last value may be left out.
    const numbers = Math.min(8 * run, count - seen);
    if (8 * run - numbers >= 8 * Math.ceil(Math.max(1, count) / 8) + 512)
      refuse(`a run of ${8 * run} values where ${count - seen} are left`);
    const bytes = reader.part(Math.min(run * width, reader.left));
    if (bytes.length < Math.ceil((numbers * width) / 8)) refuse("packed numbers are cut off");
    if (width === 0) {
      if (wanted === 0) found += numbers;
    } else {
      for (let i = 0, bit = 0; i < numbers; i++, bit += width) {
        let value = 0;
        for (let got = 0; got < width; ) {
          const shift = (bit + got) & 7;
          const take = Math.min(8 - shift, width - got);
          value += ((bytes[(bit + got) >> 3] >> shift) & ((1 << take) - 1)) * 2 ** got;
          got += take;
        }
        if (value > max) tooLarge(value);
        if (value === wanted) found++;
      }
    }
    seen += numbers;
  }
  return found;
}

/** Numbers packed as differences (DELTA_BINARY_PACKED): that there are `count`, in blocks of a sound size. */
function checkDelta(reader: Reader, count: number, refuse: Refuse): void {
  const start = reader.offset;
  const [block, parts, total] = [reader.varint(), reader.varint(), reader.varint()];
  const each = block / parts;
  if (block === 0 || block > 1 << 20 || block % 128 !== 0 || !Number.isInteger(each) || each % 32 !== 0)
    refuse(`blocks of ${block} values in ${parts} parts`);
  if (total !== count) refuse(`${total} packed values where ${count} are said`);
  reader.offset = start;
}

/** Lengths packed as differences, with the reader behind them. */
function lengths(reader: Reader, count: number, refuse: Refuse): Int32Array {
  checkDelta(reader, count, refuse);
  const list = new Int32Array(count);
  deltaBinaryUnpack(reader, count, list);
  for (const length of list) if (length < 0) refuse(`a text of ${length} bytes`);
  return list;
}
const sum = (list: Int32Array): number => list.reduce((n, x) => n + x, 0);

const WIDTHS: Readonly<Record<string, number>> = { INT32: 4, INT64: 8, INT96: 12, FLOAT: 4, DOUBLE: 8 };

function checkPlain(reader: Reader, count: number, { type, element }: ColumnDecoder, refuse: Refuse): void {
  if (type === "BOOLEAN") reader.need(Math.ceil(count / 8));
  else if (type === "BYTE_ARRAY") for (let i = 0; i < count; i++) reader.part(reader.uint32());
  else {
    const width = type === "FIXED_LEN_BYTE_ARRAY" ? Number(element.type_length) : WIDTHS[type];
    if (!(width > 0)) refuse(`values of the type ${type} with a width of ${width}`);
    reader.need(count * width);
  }
}

function checkValues(
  reader: Reader,
  count: number,
  encoding: string,
  decoder: ColumnDecoder,
  entries: number | undefined,
  allowance: Allowance,
  refuse: Refuse,
): void {
  const { type } = decoder;
  if (encoding === "PLAIN") checkPlain(reader, count, decoder, refuse);
  else if (encoding === "PLAIN_DICTIONARY" || encoding === "RLE_DICTIONARY") {
    if (entries === undefined) refuse("places in a dictionary that is not there");
    if (count === 0 && reader.left === 0) return;
    const width = reader.byte();
    if (width > 32) refuse(`places of ${width} bits`);
    if (count > 0 && entries === 0) refuse("places in an empty dictionary");
    checkRuns(reader, { count, width, max: (entries as number) - 1, wanted: -1 }, refuse);
  } else if (encoding === "RLE") {
    const part = new Reader(reader.part(reader.uint32()), refuse);
    checkRuns(part, { count, width: 1, max: 1, wanted: -1 }, refuse);
  } else if (encoding === "BYTE_STREAM_SPLIT") {
    checkPlain(reader, count, decoder, refuse);
  } else if (encoding === "DELTA_BINARY_PACKED") {
    if (type !== "INT32" && type !== "INT64") refuse(`differences of the type ${type}`);
    checkDelta(reader, count, refuse);
  } else if (encoding === "DELTA_LENGTH_BYTE_ARRAY") {
    reader.need(sum(lengths(reader, count, refuse)));
  } else if (encoding === "DELTA_BYTE_ARRAY") {
    const shared = lengths(reader, count, refuse);
    const rest = lengths(reader, count, refuse);
    reader.need(sum(rest));
    for (let i = 0, before = 0; i < count; i++) {
      if (shared[i] > before) refuse(`a text shares ${shared[i]} bytes with one of ${before}`);
      before = shared[i] + rest[i];
    }
    allowance.bytes -= sum(shared) + sum(rest);
    if (allowance.bytes < 0) refuse("texts that share their beginnings without end: a bomb");
  } else refuse(`values in the unknown form ${encoding}`);
}

const counts = (refuse: Refuse, ...list: number[]): void => {
  for (const n of list) if (!Number.isInteger(n) || n < 0) refuse(`a count of ${n}`);
};

/**
 * That the levels and values of a page are those that its header counts, before the decoder, which believes them, sees them.
 * @param entries of the column's dictionary
 * @returns values, and rows that begin in it
 */
export function checkPage(
  header: PageHeader,
  page: PageBytes,
  decoder: ColumnDecoder,
  entries: number | undefined,
  allowance: Allowance,
  refuse: Refuse,
): { values: number; rows: number } {
  const [depth, defined] = [getMaxRepetitionLevel(decoder.schemaPath), getMaxDefinitionLevel(decoder.schemaPath)];
  const second =
    header.type === "DATA_PAGE_V2"
      ? (header.data_page_header_v2 as NonNullable<PageHeader["data_page_header_v2"]>)
      : undefined;
  const said = second ?? (header.data_page_header as DataPageHeader);
  const { num_values: count, encoding } = said;
  counts(refuse, count);
  allowance.values -= count;
  if (allowance.values < 0) refuse(`${count} values more than a file of this size may hold`);
  const levels = new Reader(second === undefined ? page.values : page.levels, refuse);
  const level = (max: number, bytes: number | undefined, wanted: number): number => {
    if (max === 0) return count;
    const part = new Reader(levels.part(bytes ?? levels.uint32()), refuse);
    return checkRuns(part, { count, width: bitsFor(max), max, wanted }, refuse);
  };
  const rows = level(depth, second?.repetition_levels_byte_length, 0);
  const present = level(defined, second?.definition_levels_byte_length, defined);
  if (second !== undefined) {
    counts(refuse, second.num_nulls);
    if (second.num_nulls !== count - present)
      refuse(`${second.num_nulls} values are said to be missing, ${count - present} are`);
  }
  const values = second === undefined ? levels : new Reader(page.values, refuse);
  checkValues(values, present, String(encoding), decoder, entries, allowance, refuse);
  return { values: count, rows };
}

/** The same of a dictionary; its number of entries. */
export function checkDictionary(
  header: PageHeader,
  page: PageBytes,
  decoder: ColumnDecoder,
  allowance: Allowance,
  refuse: Refuse,
): number {
  const count = header.dictionary_page_header?.num_values ?? -1;
  counts(refuse, count);
  allowance.values -= count;
  if (allowance.values < 0) refuse(`${count} values more than a file of this size may hold`);
  checkPlain(new Reader(page.values, refuse), count, decoder, refuse);
  return count;
}
