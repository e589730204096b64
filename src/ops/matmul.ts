import type { Gemm } from "../backend/backend.ts";
import { getPrecision } from "../backend/index.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { broadcastShapes, numel, type Shape, ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { contiguousCopy, empty, Tensor } from "../tensor/tensor.ts";
import { isFloatTensor, refuse } from "./promote.ts";
import { reshaped, sumTo, view } from "./raw.ts";
import { reshape, transpose } from "./reshape.ts";
import { wholeMatmul } from "./whole.ts";

/** A stack of matrices as the multiply takes it: row length, distance of one matrix from the next, stored transposed or not. */
interface Matrices {
  t: Tensor;
  ld: number;
  stride: number;
  trans: boolean;
}

/** Reads a tensor [batch…, rows, cols] in place where its strides allow, else through a copy. */
function matrices(input: Tensor, batch: Shape): Matrices {
  const lead = input.ndim - 2;
  let x = input;
  if (!(batch.length === lead && batch.every((s, d) => s === x.shape[d])) && lead > 0 && numel(batch) !== 1) {
    // Broadcast batches are written out, unless one matrix serves all (stride 0).
    if (numel(x.shape.slice(0, lead)) !== 1) {
      const shape = [...batch, ...x.shape.slice(lead)];
      const strides = [
        ...new Array(batch.length - lead).fill(0),
        ...x.strides.map((s, d) => (x.shape[d] === 1 ? 0 : s)),
      ];
      x = contiguousCopy(view(x, shape, x.offset, strides));
    }
  }
  const n = x.ndim;
  const [rows, cols] = [x.shape[n - 2], x.shape[n - 1]];
  const one = numel(x.shape.slice(0, n - 2)) === 1;
  const uniform = (s: readonly number[]) => {
    for (let d = 0; d + 1 < n - 2; d++) if (s[d] !== s[d + 1] * x.shape[d + 1]) return false;
    return true;
  };
  let s = x.strides;
  const usable = () => (cols <= 1 || s[n - 1] === 1) && (rows <= 1 || s[n - 2] >= Math.max(1, cols));
  const turned = () => (rows <= 1 || s[n - 2] === 1) && (cols <= 1 || s[n - 1] >= Math.max(1, rows));
  if (!((usable() || turned()) && (one || uniform(s)))) {
    x = contiguousCopy(x);
    s = x.strides;
  }
  const stride = one ? 0 : s[n - 3];
  if (usable()) return { t: x, ld: rows <= 1 ? Math.max(1, cols) : s[n - 2], stride, trans: false };
  return { t: x, ld: cols <= 1 ? Math.max(1, rows) : s[n - 1], stride, trans: true };
}

const flip = (x: Tensor): Tensor => {
  const n = x.ndim;
  const swap = (list: readonly number[]) => [...list.slice(0, n - 2), list[n - 1], list[n - 2]];
  return view(x, swap(x.shape), x.offset, swap(x.strides));
};

/** a·b of stacks of matrices, not recorded; written (or added) to `into` when given. */
export function multiply(a: Tensor, b: Tensor, into?: Tensor, accumulate = false): Tensor {
  const [m, k] = a.shape.slice(-2);
  const n = b.shape[b.ndim - 1];
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2), "matmul");
  const out = into ?? empty([...batch, m, n], a.dtype, a.backend);
  const count = numel(batch);
  if (out.numel === 0) return out;
  const left = matrices(a, batch);
  const right = matrices(b, batch);
  let rows = m;
  let repeats = count;
  // One right matrix for a whole stack of left ones is a single multiply of all their rows.
  if (count > 1 && right.stride === 0 && !left.trans && left.ld === k && left.stride === m * k) {
    rows = m * count;
    repeats = 1;
  }
  const g: Gemm = {
    batch: repeats,
    m: rows,
    n,
    k,
    lda: left.ld,
    strideA: left.stride,
    ldb: right.ld,
    strideB: right.stride,
    ldc: n,
    strideC: m * n,
    transA: left.trans,
    transB: right.trans,
    accumulate,
    activation: "none",
    precision: getPrecision(),
  };
  out.backend.gemm(out, left.t, right.t, undefined, undefined, g);
  return out;
}

const matmulOp = defineOp("matmul", {
  forward(ctx, a: Tensor, b: Tensor) {
    ctx.save(a);
    ctx.save(b);
    return multiply(a, b);
  },
  backward(ctx, dy) {
    const [a, b] = ctx.saved;
    const g = dy as Tensor;
    let da: Tensor | undefined;
    let db: Tensor | undefined;
    if (ctx.needs(0)) {
      if (sameBatch(a, g)) da = ctx.into(0, (out, add) => multiply(g, flip(b), out, add));
      else da = sumTo(multiply(g, flip(b)), a.shape);
    }
    if (ctx.needs(1)) {
      if (sameBatch(b, g)) db = ctx.into(1, (out, add) => multiply(flip(a), g, out, add));
      else if (b.ndim === 2 && sameBatch(a, g)) {
        // One right matrix for the whole stack: its gradient is one product over all rows.
        db = ctx.into(1, (out, add) => multiply(flip(rows(a)), rows(g), out, add));
      } else db = sumTo(multiply(flip(a), g), b.shape);
    }
    return [da, db];
  },
});

const sameBatch = (x: Tensor, g: Tensor): boolean =>
  x.ndim === g.ndim && x.shape.slice(0, -2).every((s, d) => s === g.shape[d]);

const rows = (x: Tensor): Tensor => {
  const cols = x.shape[x.ndim - 1];
  return reshaped(x, [cols === 0 ? 0 : x.numel / cols, cols]);
};

/**
 * Matrix product with NumPy's rules: $y_{\dots ij} = \sum_p a_{\dots ip} b_{\dots pj}$; batch dimensions broadcast; a vector
 * counts as a row on the left and as a column on the right. $\partial a = \partial y\,b^\top$, $\partial b = a^\top\partial y$.
 * Whole numbers of one dtype are multiplied exactly, in loops.
 * @throws ShapeError unless the inner sizes and the dtypes agree.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkTensor("matmul", a);
  checkTensor("matmul", b);
  if (a.ndim === 0 || b.ndim === 0) throw new ShapeError("matmul: expected vectors or matrices, found a scalar");
  const left = a.ndim === 1 ? reshape(a, [1, a.shape[0]]) : a;
  const right = b.ndim === 1 ? reshape(b, [b.shape[0], 1]) : b;
  if (left.shape[left.ndim - 1] !== right.shape[right.ndim - 2]) {
    throw new ShapeError(
      `matmul: shapes ${showShape(a.shape)} and ${showShape(b.shape)}: inner sizes ` +
        `${left.shape[left.ndim - 1]} and ${right.shape[right.ndim - 2]} differ`,
      "The last dimension of the left one must equal the last but one of the right one; transpose() one of them?",
    );
  }
  if (a.dtype !== b.dtype) {
    throw new ShapeError(
      `matmul: ${a.dtype} against ${b.dtype}: expected one dtype`,
      "Convert one of them: t.to(dtype).",
    );
  }
  if (a.dtype === "bool") refuse("matmul", a.dtype);
  const y = isFloatTensor(a) ? matmulOp(left, right) : wholeMatmul(left, right, a.dtype);
  if (a.ndim > 1 && b.ndim > 1) return y;
  const shape = [...y.shape];
  if (b.ndim === 1) shape.splice(shape.length - 1, 1);
  if (a.ndim === 1) shape.splice(shape.length - (b.ndim === 1 ? 1 : 2), 1);
  return reshape(y, shape);
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link matmul}. */
    matmul(other: Tensor): Tensor;
    /** Transposed matrix: the last two dimensions exchanged. */
    readonly T: Tensor;
  }
}
Tensor.prototype.matmul = function (other) {
  return matmul(this, other);
};
Object.defineProperty(Tensor.prototype, "T", {
  get(this: Tensor) {
    return transpose(this, -2, -1);
  },
});
