import { closeSync, fileStream, openSync, readSync, statSync } from "#platform";
import { ShoshinError } from "../backend/errors.ts";
import { checkOptions, type Known } from "../backend/options.ts";

/** A data file is missing, damaged or not what was expected. The message names the file and, where it can, the line. */
export class DataError extends ShoshinError {}

/** Limits against files that are made, or damaged, to ask for memory without end. */
export interface ReadLimits {
  /**
   * Bytes that a packed file (gzip, Parquet) may unpack to. Default 64 MiB, or 200 times its size where that is more; infinity
   * lifts the limit.
   */
  maxUnpacked?: number;
}

export const KNOWN_LIMITS: Known<ReadLimits> = { maxUnpacked: true };

const MIB = 2 ** 20;
/** What a packed file of so many bytes may unpack to. */
export const unpackedLimit = (fileBytes: number, { maxUnpacked }: ReadLimits): number =>
  maxUnpacked ?? Math.max(64 * MIB, 200 * fileBytes);

/** Longest line that is taken; longer ones are refused instead of filling the memory. */
export const MAX_LINE = 64 * 2 ** 20;

export function fileError(path: string, error: unknown): DataError {
  if (error instanceof DataError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const hints: Record<string, string> = {
    ENOENT: "Check the path; it is taken from the current folder.",
    EACCES: "The file may not be read by this user.",
    EISDIR: "This is a folder; name a file, or a folder in a published layout.",
    Z_DATA_ERROR: "The gzip file is damaged: copy or download it again.",
    Z_BUF_ERROR: "The gzip file is cut off: copy or download it again.",
  };
  return new DataError(`${path}: ${code === "ENOENT" ? "no such file" : message}`, hints[code ?? ""], { cause: error });
}

/** Whether a file begins with gzip's magic number, whatever it is called. What is read once only, a pipe, counts as plain. */
export function isGzip(path: string): boolean {
  const magic = new Uint8Array(2);
  try {
    if (!statSync(path).isFile()) return false;
    const fd = openSync(path, "r");
    try {
      readSync(fd, magic, 0, 2, 0);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw fileError(path, error);
  }
  return magic[0] === 0x1f && magic[1] === 0x8b;
}

/** The bytes of a file, unpacked if it {@link isGzip}. Throws {@link DataError} beyond the limit of what it may unpack to. */
export async function* openBytes(path: string, limits: ReadLimits = {}): AsyncGenerator<Uint8Array> {
  const packed = isGzip(path);
  if (!packed) {
    yield* fileStream(path, false);
    return;
  }
  const limit = unpackedLimit(statSync(path).size, limits);
  let size = 0;
  for await (const part of fileStream(path, true)) {
    size += part.length;
    if (size > limit) {
      throw new DataError(
        `${path}: unpacks to over ${limit} bytes, the limit for a file of its size`,
        "If it can be trusted, unpack it first (gunzip), or give { maxUnpacked: BYTES }.",
      );
    }
    yield part;
  }
}

/** The whole file, unpacked. */
export async function readBytes(path: string, limits?: ReadLimits): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  try {
    for await (const part of openBytes(path, limits)) parts.push(part);
  } catch (error) {
    throw fileError(path, error);
  }
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A file's path, or the bytes of a stream as they come. */
export type TextSource = string | AsyncIterable<Uint8Array>;

/**
 * Text of a file or stream piece by piece; a byte-order mark is dropped. `encoding` is one that TextDecoder knows.
 * @throws DataError at the first byte that is none of the encoding, or for an encoding that is unknown
 */
export async function* readText(source: TextSource, encoding = "utf-8", limits?: ReadLimits): AsyncGenerator<string> {
  const path = nameOf(source);
  const decoder = makeDecoder(path, encoding);
  let seen = 0;
  let utf16 = false;
  try {
    for await (const part of typeof source === "string" ? openBytes(source, limits) : source) {
      if (seen === 0) utf16 = (part[0] === 0xff && part[1] === 0xfe) || (part[0] === 0xfe && part[1] === 0xff);
      yield decoder.decode(part, { stream: true });
      seen += part.length;
    }
    yield decoder.decode();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_ENCODING_INVALID_ENCODED_DATA") {
      throw new DataError(
        `${path}: not ${decoder.encoding.toUpperCase()} (after byte ${seen})`,
        utf16
          ? "It begins as UTF-16 does; convert it first: iconv -f utf-16 -t utf-8."
          : "Convert it first, e.g. iconv -f latin1 -t utf-8 (or -f gb18030 for older Chinese files).",
      );
    }
    throw fileError(path, error);
  }
}

const nameOf = (source: TextSource): string => (typeof source === "string" ? source : "standard input");

/** What is used of a TextDecoder, whose type differs between Node and pages. */
interface Decoder {
  readonly encoding: string;
  decode(bytes?: Uint8Array, options?: { stream?: boolean }): string;
}

/** A decoder that refuses what is not of the encoding. Throws {@link DataError} for an encoding that is unknown. */
export function makeDecoder(path: string, encoding: string): Decoder {
  try {
    return new TextDecoder(encoding, { fatal: true });
  } catch {
    throw new DataError(
      `${path}: the encoding ${encoding} is unknown`,
      "Known are those of TextDecoder, as latin1 and gb18030.",
    );
  }
}

/** Lines without their ends (LF or CRLF), with their numbers from 1. */
export async function* readLines(
  source: TextSource,
  encoding?: string,
  limits?: ReadLimits,
): AsyncGenerator<{ line: number; text: string }> {
  checkOptions("readLines", limits, KNOWN_LIMITS);
  // The beginning of a line that has not ended, in the pieces in which it came: joined once, however long it gets.
  let rest: string[] = [];
  let length = 0;
  let line = 0;
  const ended = (text: string) => ({ line: ++line, text: text.endsWith("\r") ? text.slice(0, -1) : text });
  for await (const piece of readText(source, encoding, limits)) {
    const parts = piece.split("\n");
    const last = parts.pop() as string;
    if (parts.length > 0) {
      parts[0] = rest.join("") + parts[0];
      rest = [];
      length = 0;
    }
    rest.push(last);
    length += last.length;
    if (length > MAX_LINE) {
      throw new DataError(
        `${nameOf(source)}: line ${line + parts.length + 1} is longer than ${MAX_LINE / MIB} million characters`,
        "Break it into lines; texts and cells are no longer than that.",
      );
    }
    for (const text of parts) yield ended(text);
  }
  const text = rest.join("");
  if (text !== "") yield ended(text);
}
