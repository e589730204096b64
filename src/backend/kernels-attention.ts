import type { AttentionGradients, AttentionInputs, AttentionShape, Rows } from "./attention.ts";
import type { Operand } from "./backend.ts";
import type { NativeExports } from "./exports.ts";

/** Fills the parameter block as native/gate.h orders it; returns how much of it is filled. */
function pack(block: Float64Array, s: AttentionShape, out: Rows, lse: Operand | undefined, x: AttentionInputs): number {
  block[0] = s.batch;
  block[1] = s.heads;
  block[2] = s.groups;
  block[3] = s.queries;
  block[4] = s.keys;
  block[5] = s.size;
  block[6] = s.valueSize;
  block[7] = s.causal ? 1 : 0;
  block[8] = s.scale;
  block[9] = s.dropout;
  block[10] = s.key0;
  block[11] = s.key1;
  block[12] = s.site;
  let at = packRows(block, 13, out);
  at = packRows(block, at, x.q);
  at = packRows(block, at, x.k);
  at = packRows(block, at, x.v);
  at = packGrid(block, at, x.mask);
  at = packGrid(block, at, x.bias);
  block[at++] = x.slopes?.offset ?? 0;
  block[at++] = lse?.offset ?? 0;
  return at;
}
function packRows(block: Float64Array, at: number, { offset, strides }: Rows): number {
  block[at] = offset;
  for (let d = 0; d < 3; d++) block[at + 1 + d] = strides[d];
  return at + 4;
}
function packGrid(block: Float64Array, at: number, grid: Rows | undefined): number {
  block[at] = grid?.offset ?? 0;
  for (let d = 0; d < 4; d++) block[at + 1 + d] = grid?.strides[d] ?? 0;
  return at + 5;
}
const handle = (x: Operand | undefined): number => x?.storage.handle ?? 0;

export function callAttention(
  native: NativeExports,
  block: Float64Array,
  out: Rows,
  lse: Operand | undefined,
  x: AttentionInputs,
  s: AttentionShape,
): number {
  pack(block, s, out, lse, x);
  const [o, l, q, k, v] = [handle(out), handle(lse), handle(x.q), handle(x.k), handle(x.v)];
  return native.attention(o, l, q, k, v, handle(x.mask), handle(x.bias), handle(x.slopes));
}

export function callAttentionBackward(
  native: NativeExports,
  block: Float64Array,
  d: AttentionGradients,
  dout: Rows,
  out: Rows,
  lse: Operand,
  x: AttentionInputs,
  s: AttentionShape,
): number {
  let at = pack(block, s, out, lse, x);
  for (const r of [dout, d.q, d.k, d.v]) at = packRows(block, at, r);
  packGrid(block, at, d.bias);
  const handles = [d.q, d.k, d.v, d.bias, dout, out, lse, x.q, x.k, x.v, x.mask, x.bias, x.slopes].map(handle);
  return native.attention_backward(...handles);
}
