import { concat } from "../ops/index.ts";
import { empty, Tensor } from "../tensor/tensor.ts";

const FIRST = 32;

/**
 * Adds rows to what attention remembers, in place: the result is a view of a buffer with room for more, so that a token costs a
 * copy of its own rows alone. The buffer doubles when it is full. `past` shares its memory with the result from then on.
 * @param past [batch, heads, S, d], an earlier result; undefined at the start.
 * @param rows [batch, heads, T, d]
 * @param most rows that can ever be needed.
 * @returns [batch, heads, S + T, d]
 */
export function extend(past: Tensor | undefined, rows: Tensor, most: number): Tensor {
  // What is recorded must not be overwritten.
  if (rows.requiresGrad) return past === undefined ? rows : concat([past, rows], 2);
  const [batch, heads, added, size] = rows.shape;
  const held = past?.shape[2] ?? 0;
  const length = held + added;
  const place = (buffer: Tensor, room: number, from: number, to: number) =>
    new Tensor(buffer.storage, [batch, heads, to - from, size], buffer.offset + from * size, [
      heads * room * size,
      room * size,
      size,
      1,
    ]);
  let buffer = past;
  let room = past === undefined || size === 0 ? 0 : past.strides[1] / size;
  if (buffer === undefined || length > room) {
    room = Math.max(length, Math.min(most, Math.max(FIRST, 2 * length)));
    buffer = empty([batch, heads, room, size], rows.dtype, rows.backend);
    if (past !== undefined) place(buffer, room, 0, held).copy_(past);
  }
  place(buffer, room, held, length).copy_(rows);
  return place(buffer, room, 0, length);
}
