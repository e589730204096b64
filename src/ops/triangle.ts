import { tensor, zeros } from "../tensor/create.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { where } from "./where.ts";

function triangle(name: string, x: Tensor, keep: (row: number, column: number) => boolean): Tensor {
  checkTensor(name, x);
  if (x.ndim < 2) throw new ShapeError(`${name}: a triangle needs two dimensions, found ${showShape(x.shape)}`);
  const [rows, columns] = x.shape.slice(-2);
  const mask = Uint8Array.from({ length: rows * columns }, (_, n) =>
    keep(Math.floor(n / columns), n % columns) ? 1 : 0,
  );
  return where(tensor(mask, [rows, columns], { dtype: "bool" }), x, zeros([], { dtype: x.dtype }));
}

/**
 * The last two dimensions' elements on and below the diagonal, 0 above; `diagonal` above 0 keeps so many more diagonals,
 * below 0 fewer. Throws {@link ShapeError} for fewer than two dimensions.
 */
export const tril = (x: Tensor, diagonal = 0): Tensor => triangle("tril", x, (row, column) => column <= row + diagonal);
/** Likewise those on and above the diagonal. */
export const triu = (x: Tensor, diagonal = 0): Tensor => triangle("triu", x, (row, column) => column >= row + diagonal);

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link tril}. */
    tril(diagonal?: number): Tensor;
    /** See {@link triu}. */
    triu(diagonal?: number): Tensor;
  }
}
Tensor.prototype.tril = function (diagonal) {
  return tril(this, diagonal);
};
Tensor.prototype.triu = function (diagonal) {
  return triu(this, diagonal);
};
