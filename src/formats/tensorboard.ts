import { appendFileSync, dirname, hostname, mkdirSync, processId, writeFileSync } from "#platform";
import { writeError } from "./atomic.ts";

/** TensorBoard's event files: TFRecords (length, masked CRC-32C, data, masked CRC-32C) of Event messages. */

const CRC = new Uint32Array(256).map((_, i) => {
  let c = i;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c >>> 0;
});
function maskedCrc(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const b of bytes) c = CRC[(c ^ b) & 255] ^ (c >>> 8);
  c = (c ^ 0xffffffff) >>> 0;
  return (((c >>> 15) | (c << 17)) + 0xa282ead8) >>> 0;
}

function varint(value: number): number[] {
  const out: number[] = [];
  let v = value;
  while (v >= 128) {
    out.push((v % 128) + 128);
    v = Math.floor(v / 128);
  }
  out.push(v);
  return out;
}
const fixed = (size: 4 | 8, value: number): number[] => {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  if (size === 4) view.setFloat32(0, value, true);
  else view.setFloat64(0, value, true);
  return [...bytes];
};
const message = (field: number, bytes: number[]): number[] => [(field << 3) | 2, ...varint(bytes.length), ...bytes];
const text = (field: number, value: string): number[] => message(field, [...new TextEncoder().encode(value)]);

function record(data: number[]): Uint8Array {
  const bytes = Uint8Array.from(data);
  const out = new Uint8Array(bytes.length + 16);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(bytes.length), true);
  view.setUint32(8, maskedCrc(out.subarray(0, 8)), true);
  out.set(bytes, 12);
  view.setUint32(12 + bytes.length, maskedCrc(bytes), true);
  return out;
}

/** One event: field 1 wall time, 2 step, 3 version or 5 summary { 1 value { 1 tag, 2 simple_value } }. */
export function scalarEvent(tag: string, value: number, step: number, seconds: number): Uint8Array {
  const summary = message(1, [...text(1, tag), (2 << 3) | 5, ...fixed(4, value)]);
  return record([(1 << 3) | 1, ...fixed(8, seconds), 2 << 3, ...varint(step), ...message(5, summary)]);
}

/** Appends scalars to a new event file, which TensorBoard finds by its name. */
export class EventWriter {
  readonly path: string;

  /** @param folder the log directory; made if needed. Throws WriteError. */
  constructor(folder: string, now = Date.now()) {
    this.path = `${folder}/events.out.tfevents.${Math.floor(now / 1000)}.${hostname()}.${processId()}.0`;
    try {
      mkdirSync(dirname(this.path), { recursive: true });
      writeFileSync(this.path, record([(1 << 3) | 1, ...fixed(8, now / 1000), ...text(3, "brain.Event:2")]));
    } catch (error) {
      throw writeError(this.path, error);
    }
  }
  scalar(tag: string, value: number, step: number, now = Date.now()): void {
    try {
      appendFileSync(this.path, scalarEvent(tag, value, step, now / 1000));
    } catch (error) {
      throw writeError(this.path, error);
    }
  }
}
