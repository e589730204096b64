import { isFloat } from "../backend/dtypes.ts";
import { ShapeError } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";
import { powScalar, reciprocal } from "./power.ts";
import { areFloats, checkOperands, isFloatTensor, resultType, type Value } from "./promote.ts";
import { binary, sumTo, unary } from "./raw.ts";
import { inFloats, mixed } from "./whole.ts";

const mulScalar = unaryOp("mulScalar", "input");

const mulTensors = defineOp("mul", {
  forward(ctx, a: Tensor, b: Tensor) {
    ctx.save(a);
    ctx.save(b);
    return binary("mul", a, b);
  },
  backward(ctx, dy) {
    const [a, b] = ctx.saved;
    const g = dy as Tensor;
    return [
      ctx.needs(0) ? sumTo(binary("mul", g, b), a.shape) : undefined,
      ctx.needs(1) ? sumTo(binary("mul", g, a), b.shape) : undefined,
    ];
  },
});

const divTensors = defineOp("div", {
  forward(ctx, a: Tensor, b: Tensor) {
    ctx.save(b);
    return ctx.save(binary("div", a, b));
  },
  backward(ctx, dy) {
    const [b, y] = ctx.saved;
    const da = binary("div", dy as Tensor, b);
    return [
      ctx.needs(0) ? sumTo(da, ctx.inputs[0].shape) : undefined,
      ctx.needs(1) ? unary("neg", sumTo(binary("mul", da, y), b.shape)) : undefined,
    ];
  },
});

const powTensors = defineOp("pow", {
  forward(ctx, a: Tensor, b: Tensor) {
    ctx.save(a);
    ctx.save(b);
    return ctx.save(binary("pow", a, b));
  },
  backward(ctx, dy) {
    const [a, b, y] = ctx.saved;
    const g = dy as Tensor;
    let da: Tensor | undefined;
    let db: Tensor | undefined;
    if (ctx.needs(0)) {
      const slope = binary("mul", b, binary("pow", a, unary("addScalar", b, -1)));
      da = sumTo(binary("mul", g, slope), a.shape);
    }
    if (ctx.needs(1)) db = sumTo(binary("mul", g, binary("mul", y, unary("log", a))), b.shape);
    return [da, db];
  },
});

/**
 * $a\,b$ with broadcasting; either may be a number. Dtypes are promoted as in PyTorch; of two truth values the result is whether
 * both hold. $\partial a = b\,\partial y$, $\partial b = a\,\partial y$.
 */
export function mul(a: Value, b: Value): Tensor {
  if (typeof b === "number") {
    if (isFloatTensor(a)) return mulScalar(a, b);
  } else if (areFloats(a, b)) return mulTensors(a as Tensor, b as Tensor);
  return mixed("mul", a, b, mulTensors);
}

/**
 * $a / b$ with broadcasting; either may be a number. Of whole numbers too the result is a fraction, float32
 * ({@link floorDivide} gives whole ones). $\partial a = \partial y/b$, $\partial b = -y\,\partial y/b$.
 */
export function div(a: Value, b: Value): Tensor {
  if (typeof b === "number") {
    if (isFloatTensor(a)) return mulScalar(a, 1 / b);
  } else if (areFloats(a, b)) return divTensors(a as Tensor, b as Tensor);
  if (typeof a === "number" && isFloatTensor(b)) return mulScalar(reciprocal(b), a);
  checkOperands("div", a, b);
  const dtype = resultType(a, b);
  return inFloats(a, b, isFloat(dtype) ? dtype : "float32", divTensors);
}

/**
 * $a^b$ with broadcasting; either may be a number. Whole numbers to a whole power stay whole; a power below 0 of them is
 * refused where it is a number, as in PyTorch. $\partial a = b\,a^{b-1}\partial y$, $\partial b = y\ln a\,\partial y$.
 */
export function pow(a: Value, b: Value): Tensor {
  if (isFloatTensor(a) && typeof b === "number") return powScalar(a, b);
  if (areFloats(a, b)) return powTensors(a as Tensor, b as Tensor);
  checkOperands("pow", a, b);
  const dtype = resultType(a, b);
  if (dtype === "bool" && typeof b !== "boolean") throw new ShapeError("pow: not implemented for bool");
  if (typeof b === "number" && b < 0 && !isFloat(dtype)) {
    throw new ShapeError("pow: integers to negative integer powers are not allowed", "Convert it first: t.float().");
  }
  if (typeof b === "number" && dtype === "uint8" && b > 255) throw new ShapeError(`pow: ${b} does not fit uint8`);
  return mixed("pow", a, b, powTensors);
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link mul}. */
    mul(other: Tensor | number | boolean): Tensor;
    /** See {@link div}. */
    div(other: Tensor | number | boolean): Tensor;
    /** See {@link pow}. */
    pow(exponent: Tensor | number | boolean): Tensor;
  }
}
Tensor.prototype.mul = function (other) {
  return mul(this, other);
};
Tensor.prototype.div = function (other) {
  return div(this, other);
};
Tensor.prototype.pow = function (exponent) {
  return pow(this, exponent);
};
