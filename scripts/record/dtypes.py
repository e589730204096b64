"""What PyTorch gives for every operation and pair of dtypes: python scripts/record/dtypes.py > tests/ops/recorded/dtypes.json

Rows: [operation, left, right, dtype of the result, its values], or [operation, left, right, null, the error]. An operand is a
dtype (a vector of VALUES or OTHERS), "dtype()" (its first element, without dimensions), or a number, true or false.
"""
import json
import math
import warnings

import torch

warnings.simplefilter("ignore")
VALUES = {
    "bool": [True, False, True, False],
    "uint8": [0, 1, 7, 200],
    "int32": [-3, 0, 7, 16777217],
    "int64": [-3, 0, 7, 16777217],
    "float32": [-2.5, -0.0, 3.0, math.nan],
    "float64": [-2.5, 0.1, 3.0, math.inf],
}
OTHERS = {
    "bool": [True, True, False, False],
    "uint8": [2, 1, 7, 100],
    "int32": [2, -1, 7, 16777216],
    "int64": [3, -1, 7, 16777216],
    "float32": [0.5, 0.0, 3.0, 2.0],
    "float64": [0.1, 0.1, 3.0, -2.0],
}
NUMBERS = [2, -1, 2.5, 0, 300, True]

BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow,
    "maximum": torch.maximum, "minimum": torch.minimum, "eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le,
    "gt": torch.gt, "ge": torch.ge, "floorDivide": torch.floor_divide, "remainder": torch.remainder,
    "logicalAnd": torch.logical_and, "logicalOr": torch.logical_or, "logicalXor": torch.logical_xor,
    "where": lambda a, b: torch.where(torch.tensor([True, False, True, False]), a, b),
    "concat": lambda a, b: torch.cat([a, b]),
}
LEFT_NUMBER = {"sub": lambda n, t: torch.rsub(t, n) if not isinstance(n, bool) else n - t, "div": lambda n, t: n / t,
               "where": BINARY["where"]}
IN_PLACE = {"add_": torch.Tensor.add_, "sub_": torch.Tensor.sub_, "mul_": torch.Tensor.mul_, "div_": torch.Tensor.div_,
            "copy_": torch.Tensor.copy_}
NUMBER_IN_PLACE = {**{k: v for k, v in IN_PLACE.items() if k != "copy_"}, "fill_": torch.Tensor.fill_,
                   "maskedFill_": lambda t, n: t.masked_fill_(torch.tensor([True, False, True, False]), n)}
UNARY = {
    **{name: getattr(torch, name) for name in ["neg", "abs", "sign", "square", "sqrt", "rsqrt", "reciprocal", "exp", "log",
                                               "log1p", "expm1", "sin", "cos", "sigmoid", "tanh", "relu", "sum", "mean",
                                               "prod", "amax", "amin", "argmax", "argmin", "any", "all"]},
    "gelu": torch.nn.functional.gelu, "silu": torch.nn.functional.silu, "elu": torch.nn.functional.elu,
    "softplus": torch.nn.functional.softplus, "leakyRelu": torch.nn.functional.leaky_relu,
    "logicalNot": torch.logical_not, "variance": torch.var,
    "softmax": lambda x: torch.softmax(x, -1), "logSoftmax": lambda x: torch.log_softmax(x, -1),
    "sum0": lambda x: x.reshape(2, 2).sum(0), "prod1": lambda x: x.reshape(2, 2).prod(1),
    "amax0": lambda x: x.reshape(2, 2).amax(0), "argmin1": lambda x: x.reshape(2, 2).argmin(1),
    "any1": lambda x: x.reshape(2, 2).any(1), "all0": lambda x: x.reshape(2, 2).all(0),
    "clamp": lambda x: x.clamp(1, 5), "clampHalf": lambda x: x.clamp(0.5, 5.5), "clampMin": lambda x: x.clamp(min=2),
    "tril": lambda x: x.reshape(2, 2).tril(), "matmul": lambda x: x.reshape(2, 2) @ x.reshape(2, 2),
    "maskedFill": lambda x: x.masked_fill(torch.tensor([True, False, True, False]), 2),
    "maskedFillHalf": lambda x: x.masked_fill(torch.tensor([True, False, True, False]), 2.5),
    **{to: (lambda kind: lambda x: x.to(getattr(torch, kind)))(to) for to in VALUES},
}

rows = []


def number(v):
    if isinstance(v, bool):
        return v
    return v if math.isfinite(v) else str(v)


def put(name, left, right, run):
    try:
        y = run()
        kind = str(y.dtype).split(".")[1]
        rows.append([name, left, right, kind, [number(v) for v in y.reshape(-1).tolist()]])
    except (RuntimeError, TypeError, IndexError, NotImplementedError) as error:
        rows.append([name, left, right, None, str(error).split("\n")[0][:120]])


def make(table, kind):
    if kind.endswith("()"):
        return torch.tensor(table[kind[:-2]][0], dtype=getattr(torch, kind[:-2]))
    return torch.tensor(table[kind], dtype=getattr(torch, kind))


for name, f in BINARY.items():
    for a in VALUES:
        for b in OTHERS:
            put(name, a, b, lambda: f(make(VALUES, a), make(OTHERS, b)))
            if name not in ("concat", "ne", "le", "gt", "ge", "logicalOr", "logicalXor"):
                put(name, a, b + "()", lambda: f(make(VALUES, a), make(OTHERS, b + "()")))
for name in ("add", "mul", "lt"):
    for a in VALUES:
        for b in OTHERS:
            put(name, a + "()", b, lambda: BINARY[name](make(VALUES, a + "()"), make(OTHERS, b)))
            put(name, a + "()", b + "()", lambda: BINARY[name](make(VALUES, a + "()"), make(OTHERS, b + "()")))
for name in ("add", "sub", "mul", "div", "pow", "eq", "ne", "lt", "le", "gt", "ge", "floorDivide", "remainder", "where"):
    for a in VALUES:
        for n in NUMBERS:
            put(name, a, n, lambda: BINARY[name](make(VALUES, a), n))
for name, f in LEFT_NUMBER.items():
    for b in OTHERS:
        for n in NUMBERS:
            put(name, n, b, lambda: f(n, make(OTHERS, b)))
for name, f in IN_PLACE.items():
    for a in VALUES:
        for b in OTHERS:
            put(name, a, b, lambda: f(make(VALUES, a), make(OTHERS, b)))
for name, f in NUMBER_IN_PLACE.items():
    for a in VALUES:
        for n in NUMBERS:
            put(name, a, n, lambda: f(make(VALUES, a), n))
for name, f in UNARY.items():
    for a in VALUES:
        # Casts of what no whole number is are undefined.
        values = VALUES if name not in VALUES or a not in ("float32", "float64") else {a: [-2.5, 0.0, 3.9, 255.5]}
        put(name, a, None, lambda: f(make(values, a)))

print("[")
print(",\n".join(json.dumps(row, separators=(",", ":")) for row in rows))
print("]")
