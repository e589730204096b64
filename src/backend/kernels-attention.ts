import type { AttentionGradients, AttentionInputs, AttentionShape, Rows } from "./attention.ts";
import type { Operand } from "./backend.ts";
import type { NativeExports } from "./exports.ts";

/** Fills the parameter block as native/gate.h orders it. */
function pack(block: Float64Array, s: AttentionShape, out: Rows, lse: Operand | undefined, x: AttentionInputs) {
  let at = 0;
  const put = (...values: number[]) => {
    for (const value of values) block[at++] = value;
  };
  const rows = (r: Rows) => put(r.offset, r.strides[0], r.strides[1], r.strides[2]);
  put(s.batch, s.heads, s.groups, s.queries, s.keys, s.size, s.valueSize);
  put(s.causal ? 1 : 0, s.scale, s.dropout, s.key0, s.key1, s.site);
  for (const r of [out, x.q, x.k, x.v]) rows(r);
  const grid = (g: Rows | undefined) => put(g?.offset ?? 0, ...(g?.strides ?? [0, 0, 0, 0]));
  for (const g of [x.mask, x.bias]) grid(g);
  put(x.slopes?.offset ?? 0, lse?.offset ?? 0);
  return { rows, grid };
}
const handles = (...operands: (Operand | undefined)[]) => operands.map((x) => x?.storage.handle ?? 0);

export function callAttention(
  native: NativeExports,
  block: Float64Array,
  out: Rows,
  lse: Operand | undefined,
  x: AttentionInputs,
  s: AttentionShape,
): number {
  pack(block, s, out, lse, x);
  return native.attention(...handles(out, lse, x.q, x.k, x.v, x.mask, x.bias, x.slopes));
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
  const { rows, grid } = pack(block, s, out, lse, x);
  for (const r of [dout, d.q, d.k, d.v]) rows(r);
  grid(d.bias);
  const inputs = [x.q, x.k, x.v, x.mask, x.bias, x.slopes];
  return native.attention_backward(...handles(d.q, d.k, d.v, d.bias, dout, out, lse, ...inputs));
}
