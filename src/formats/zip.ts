import { Inflate } from "fflate";
import { type ByteSource, MemorySource, PartSource, type Refuse, readBytes } from "./bytes.ts";

/** Deflate shrinks no further than this; whatever claims to is refused before memory is asked for. */
const MAX_RATIO = 1032;
/** What packed members, which must be held whole, may unpack to by themselves; beyond it so many times the archive's size. */
const MIN_UNPACKED = 256 * 2 ** 20;
const UNPACKED = 200;
const MAX_MEMBERS = 1_000_000;
/** Members are held against their checksums in pieces. */
const PIECE = 1 << 20;

interface Member {
  method: number;
  packed: number;
  size: number;
  crc: number;
  header: number;
}

const TABLES = Array.from({ length: 8 }, () => new Int32Array(256));
for (let i = 0; i < 256; i++) {
  let c = i;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  TABLES[0][i] = c;
}
for (let k = 1; k < 8; k++)
  for (let i = 0; i < 256; i++) TABLES[k][i] = (TABLES[k - 1][i] >>> 8) ^ TABLES[0][TABLES[k - 1][i] & 255];

/** CRC-32 as in zip, eight bytes at a time; goes on from `before`, that of what comes first. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  let c = ~before;
  let i = 0;
  for (; i + 8 <= bytes.length; i += 8) {
    c ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    c =
      t7[c & 255] ^
      t6[(c >>> 8) & 255] ^
      t5[(c >>> 16) & 255] ^
      t4[c >>> 24] ^
      t3[bytes[i + 4]] ^
      t2[bytes[i + 5]] ^
      t1[bytes[i + 6]] ^
      t0[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) c = t0[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}

/** Members of a zip archive by name, found through its central directory; stored ones are read where they are asked for. */
export class ZipReader {
  readonly #source: ByteSource;
  readonly #members = new Map<string, Member>();
  readonly #refuse: Refuse;
  readonly #maxUnpacked: number;
  readonly #checked = new Set<string>();

  /**
   * `refuse` is called for whatever is damaged, encrypted, packed in an unknown way, twice there, or a bomb.
   * @param maxUnpacked bytes that a packed member may unpack to
   */
  constructor(source: ByteSource, refuse: Refuse, maxUnpacked = Math.max(MIN_UNPACKED, UNPACKED * source.size)) {
    this.#source = source;
    this.#refuse = refuse;
    this.#maxUnpacked = maxUnpacked;
    const { at, size, count } = this.#directory();
    if (count > MAX_MEMBERS) refuse(`the archive claims ${count} members; the limit is ${MAX_MEMBERS}`);
    const bytes = readBytes(source, at, size, refuse);
    const view = new DataView(bytes.buffer);
    const decoder = new TextDecoder();
    let total = 0;
    for (let i = 0, p = 0; i < count; i++) {
      if (p + 46 > size || view.getUint32(p, true) !== 0x02014b50) refuse("the archive's directory is damaged");
      const lengths = [view.getUint16(p + 28, true), view.getUint16(p + 30, true), view.getUint16(p + 32, true)];
      const end = p + 46 + lengths[0] + lengths[1] + lengths[2];
      if (end > size) refuse("the archive's directory is cut off");
      const name = decoder.decode(bytes.subarray(p + 46, p + 46 + lengths[0]));
      if (view.getUint16(p + 8, true) & 1) refuse(`${name} is encrypted`);
      const member = {
        method: view.getUint16(p + 10, true),
        crc: view.getUint32(p + 16, true),
        packed: view.getUint32(p + 20, true),
        size: view.getUint32(p + 24, true),
        header: view.getUint32(p + 42, true),
      };
      this.#widen(member, view, p + 46 + lengths[0], lengths[1]);
      if (member.method !== 0 && member.method !== 8)
        refuse(`${name} is packed by the unknown method ${member.method}`);
      if (member.method === 0 && member.packed !== member.size) refuse(`${name}: two sizes of what is not packed`);
      if (member.size > MAX_RATIO * member.packed)
        refuse(`${name} claims to unpack ${member.packed} bytes to ${member.size}: a zip bomb`);
      if (this.#members.has(name)) refuse(`${name} is in the archive twice`);
      total += member.packed;
      this.#members.set(name, member);
      p = end;
    }
    if (total > source.size) refuse("the members overlap: a zip bomb");
  }

  /** Where the central directory lies, from the record at the archive's end. */
  #directory(): { at: number; size: number; count: number } {
    const { size } = this.#source;
    const tail = readBytes(this.#source, Math.max(0, size - 65557), Math.min(size, 65557), this.#refuse);
    const view = new DataView(tail.buffer);
    let p = tail.length - 22;
    while (p >= 0 && view.getUint32(p, true) !== 0x06054b50) p--;
    if (p < 0) this.#refuse("no zip archive, or cut off: its directory is missing");
    const found = {
      count: view.getUint16(p + 10, true),
      size: view.getUint32(p + 12, true),
      at: view.getUint32(p + 16, true),
    };
    if (found.count < 0xffff && found.size < 0xffffffff && found.at < 0xffffffff) return found;
    if (p < 20 || view.getUint32(p - 20, true) !== 0x07064b50) return found;
    const wide = new DataView(
      readBytes(this.#source, this.#long(view, p - 20 + 8), 56, this.#refuse).buffer as ArrayBuffer,
    );
    if (wide.getUint32(0, true) !== 0x06064b50) this.#refuse("the archive's zip64 record is damaged");
    return { count: this.#long(wide, 32), size: this.#long(wide, 40), at: this.#long(wide, 48) };
  }
  #long(view: DataView, at: number): number {
    const value = view.getBigUint64(at, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.#refuse(`the archive names byte ${value}`);
    return Number(value);
  }
  /** Sizes and places over 4 GiB are in an extra field. */
  #widen(member: Member, view: DataView, begin: number, length: number): void {
    for (let p = begin; p + 4 <= begin + length; ) {
      const end = p + 4 + view.getUint16(p + 2, true);
      if (end > begin + length) break;
      if (view.getUint16(p, true) === 1) {
        let q = p + 4;
        for (const key of ["size", "packed", "header"] as const) {
          if (member[key] !== 0xffffffff) continue;
          if (q + 8 > end) this.#refuse("the archive's directory is damaged");
          member[key] = this.#long(view, q);
          q += 8;
        }
      }
      p = end;
    }
  }

  names(): string[] {
    return [...this.#members.keys()];
  }
  has(name: string): boolean {
    return this.#members.has(name);
  }
  /** A member's size, unpacked, in bytes. */
  size(name: string): number {
    return this.#member(name).size;
  }
  #member(name: string): Member {
    return this.#members.get(name) ?? this.#refuse(`the archive has no ${name}`);
  }
  /** A member's bytes: a part of the file where it is stored, in memory where it is packed. Its checksum is not looked at. */
  open(name: string): ByteSource {
    const member = this.#member(name);
    const packed = this.#packed(name, member);
    if (member.method === 8 && member.size > this.#maxUnpacked)
      this.#refuse(
        `${name} unpacks to ${member.size} bytes; the limit is ${this.#maxUnpacked} (give { maxUnpacked: BYTES } if it can be trusted)`,
      );
    return member.method === 0 ? packed : new MemorySource(this.#inflate(name, member, packed), this.#refuse);
  }
  /** A member's bytes as they lie in the file. */
  #packed(name: string, member: Member): ByteSource {
    const local = new DataView(readBytes(this.#source, member.header, 30, this.#refuse).buffer as ArrayBuffer);
    if (local.getUint32(0, true) !== 0x04034b50) this.#refuse(`${name}: its header is damaged`);
    const start = member.header + 30 + local.getUint16(26, true) + local.getUint16(28, true);
    return new PartSource(this.#source, start, member.packed, this.#refuse);
  }
  /** A member's bytes, held against their checksum (once) before they are given. */
  check(name: string): ByteSource {
    const source = this.open(name);
    if (this.#checked.has(name)) return source;
    let crc = 0;
    for (let at = 0; at < source.size; at += PIECE)
      crc = crc32(readBytes(source, at, Math.min(PIECE, source.size - at), this.#refuse), crc);
    if (crc !== this.#member(name).crc) this.#refuse(`${name}: the checksum is wrong, the file is damaged`);
    this.#checked.add(name);
    return source;
  }
  /** The first bytes of a member, `most` at the most. */
  head(name: string, most: number): Uint8Array {
    const member = this.#member(name);
    const size = Math.min(member.size, most);
    const source = this.#packed(name, member);
    return member.method === 0
      ? readBytes(source, 0, size, this.#refuse)
      : this.#inflate(name, { ...member, size }, source, false);
  }
  /** @param whole unpack all, and hold its size against what the directory says */
  #inflate(name: string, member: Member, packed: ByteSource, whole = true): Uint8Array {
    const out = new Uint8Array(member.size);
    let length = 0;
    const inflate = new Inflate((part) => {
      if (!whole) {
        out.set(part.subarray(0, out.length - length), length);
        length += Math.min(part.length, out.length - length);
        return;
      }
      if (length + part.length > out.length)
        this.#refuse(`${name} unpacks to more than the ${out.length} bytes it claims`);
      out.set(part, length);
      length += part.length;
    });
    const piece = 1 << 16;
    try {
      for (let at = 0; at < packed.size && (whole || length < out.length); at += piece) {
        const n = Math.min(piece, packed.size - at);
        inflate.push(readBytes(packed, at, n, this.#refuse), at + n === packed.size);
      }
    } catch (error) {
      if (!("code" in (error as object))) throw error;
      this.#refuse(`${name} cannot be unpacked: ${(error as Error).message}`);
    }
    if (length !== out.length) this.#refuse(`${name} unpacks to ${length} bytes and claims ${out.length}`);
    return out;
  }
}

const WIDE = 0xffffffff;
function record(size: number, fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(size);
  fill(new DataView(bytes.buffer));
  return bytes;
}

/**
 * The chunks of a zip archive whose members are stored, each beginning at a multiple of 64 bytes as PyTorch lays them out;
 * zip64 from 4 GiB on. A member's bytes are asked for when its turn comes.
 */
export function* zipChunks(members: Iterable<readonly [string, () => Uint8Array]>): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [text, data] of members) {
    const name = encoder.encode(text);
    const bytes = data();
    const size = bytes.byteLength;
    const crc = crc32(bytes);
    const wide = size >= WIDE;
    const fixed = 30 + name.length + (wide ? 20 : 0);
    // A padding field takes at least its own four bytes.
    const padding = 4 + ((64 - ((at + fixed + 4) % 64)) % 64);
    const header = record(fixed + padding, (v) => {
      v.setUint32(0, 0x04034b50, true);
      v.setUint16(4, wide ? 45 : 20, true);
      v.setUint16(6, 0x0800, true);
      v.setUint16(12, 0x21, true);
      v.setUint32(14, crc, true);
      v.setUint32(18, wide ? WIDE : size, true);
      v.setUint32(22, wide ? WIDE : size, true);
      v.setUint16(26, name.length, true);
      v.setUint16(28, (wide ? 20 : 0) + padding, true);
      if (wide) {
        v.setUint32(30 + name.length, 1 | (16 << 16), true);
        v.setBigUint64(34 + name.length, BigInt(size), true);
        v.setBigUint64(42 + name.length, BigInt(size), true);
      }
      v.setUint16(fixed, 0x4246, true);
      v.setUint16(fixed + 2, padding - 4, true);
    });
    header.set(name, 30);
    const far = wide || at >= WIDE;
    const entry = record(46 + name.length + (far ? 28 : 0), (v) => {
      v.setUint32(0, 0x02014b50, true);
      v.setUint16(4, far ? 45 : 20, true);
      v.setUint16(6, far ? 45 : 20, true);
      v.setUint16(8, 0x0800, true);
      v.setUint16(14, 0x21, true);
      v.setUint32(16, crc, true);
      v.setUint32(20, far ? WIDE : size, true);
      v.setUint32(24, far ? WIDE : size, true);
      v.setUint16(28, name.length, true);
      v.setUint16(30, far ? 28 : 0, true);
      v.setUint32(42, far ? WIDE : at, true);
      if (far) {
        v.setUint32(46 + name.length, 1 | (24 << 16), true);
        for (const [i, n] of [size, size, at].entries()) v.setBigUint64(50 + name.length + 8 * i, BigInt(n), true);
      }
    });
    entry.set(name, 46);
    directory.push(entry);
    yield header;
    yield bytes;
    at += header.length + size;
  }
  const size = directory.reduce((n, entry) => n + entry.length, 0);
  yield* directory;
  const count = directory.length;
  if (at >= WIDE || count >= 0xffff) {
    yield record(76, (v) => {
      v.setUint32(0, 0x06064b50, true);
      v.setBigUint64(4, 44n, true);
      v.setUint16(12, 45, true);
      v.setUint16(14, 45, true);
      for (const [i, n] of [count, count, size, at].entries()) v.setBigUint64(24 + 8 * i, BigInt(n), true);
      v.setUint32(56, 0x07064b50, true);
      v.setBigUint64(64, BigInt(at + size), true);
      v.setUint32(72, 1, true);
    });
  }
  yield record(22, (v) => {
    v.setUint32(0, 0x06054b50, true);
    v.setUint16(8, Math.min(count, 0xffff), true);
    v.setUint16(10, Math.min(count, 0xffff), true);
    v.setUint32(12, Math.min(size, WIDE), true);
    v.setUint32(16, Math.min(at, WIDE), true);
  });
}
