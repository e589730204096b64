"""Records how PyTorch prints tensors: python scripts/record/printing.py > tests/tensor/printing.json

Each case: values (row-major; null for a formula: ((i * 7919) % 1009 - 504) * scale), shape, dtype, and the text."""
import json
import math

import torch

inf, nan = math.inf, math.nan
cases = []


def wave(n, scale):
    return [((i * 7919) % 1009 - 504) * scale for i in range(n)]


def add(values, shape=None, dtype="float32", grad=False, scale=None, transposed=False):
    n = math.prod(shape) if shape is not None else len(values)
    flat = wave(n, scale) if values is None else values
    t = torch.tensor(flat, dtype=getattr(torch, dtype)).reshape(shape if shape is not None else [len(flat)])
    if transposed:
        t = t.transpose(0, -1)
    t.requires_grad_(grad)
    text = str(t).replace("torch.", "").replace("requires_grad=True", "requiresGrad=true")
    if dtype == "bool":
        text = text.replace("True", "true").replace("False", "false")
    if n == 0 and "size=(" in text:
        at = text.index("size=(")
        text = text[:at] + text[at:].replace("size=(", "shape=[").replace("),", "],").replace("))", "])").replace(",]", "]")
    case = {"shape": list(shape) if shape is not None else [len(flat)], "dtype": dtype, "text": text}
    if values is None:
        case["scale"] = scale
    else:
        case["values"] = [str(v) if isinstance(v, float) and not math.isfinite(v) else v for v in flat]
    if grad:
        case["grad"] = True
    if transposed:
        case["transposed"] = True
    cases.append(case)


add([0.1, 0.2, 0.3, 0.4], [2, 2])
add([1.0, 2.0, 3.0])
add([1.5, 2.0, 3.0])
add([3.14159265], [])
add([7.0], [])
add([nan], [])
add([-0.0], [])
add([0.0, -0.0, 0.0])
add([1.0, nan, inf, -inf])
add([1.5, nan, inf, -inf])
add([nan, nan])
add([inf, -inf, nan], [3, 1])
add([1e-5, 1.0])
add([1e-5, 1e-6, -3e-5])
add([1e5, 1.0])
add([1000.0, 1.0])
add([1001.0, 1.0])
add([1001.5, 1.0, nan])
add([1e9, 2e9])
add([1e8, 5e7])
add([123456.789, 99999.5])
add([1e30, -1e-30, 0.0])
add([3.4e38, 1.2e-38])
add([0.03125, 0.09375, -0.15625, 0.21875])
add([12345.5, 12346.5, 1.0])
add([0.00390625, 1e-5])
add([0.00005, 0.5])
add([0.99995, 0.99996, 1.00004])
add([-1.0, 10.0, -100.0], [3, 1])
add([-1.5, 10.25, -100.0, 0.0], [2, 2])
add([1, 2, 300], dtype="int32")
add([-1, 22, 333, -4444], [2, 2], dtype="int32")
add([5], [], dtype="int32")
add([0, 255, 17], dtype="uint8")
add([2**31 - 1, -(2**31)], dtype="int32")
add([0.1, 0.2], dtype="float64")
add([1e-10, 1.0, 12345.678901234], dtype="float64")
add([1.0, 2.0], dtype="float64")
add([True, False, True], dtype="bool")
add([True, False, True, False], [2, 2], dtype="bool")
add([], [0])
add([], [2, 0])
add([], [0, 3, 2])
add([], [0], dtype="int32")
add([], [2, 0], dtype="float64")
add([1.0, 2.0], grad=True)
add([0.5], [], grad=True)
add(None, [4], scale=0.25, grad=True)
add(None, [30], scale=0.01)
add(None, [30], scale=1)
add(None, [100], scale=1, dtype="int32")
add(None, [3, 40], scale=0.125)
add(None, [2, 3, 4], scale=0.5)
add(None, [2, 2, 2, 2], scale=0.001)
add(None, [2, 1, 3, 1, 2], scale=2)
add(None, [3, 5], scale=0.3, transposed=True)
add(None, [2, 3, 4], scale=1, transposed=True)
add(None, [10, 100], scale=0.5)
add(None, [1, 1], scale=0.5)
add(None, [1001], scale=0.5)
add(None, [1000], scale=0.5)
add(None, [50, 60], scale=0.01)
add(None, [7, 6, 30], scale=0.25)
add(None, [20, 10, 10], scale=3, dtype="int32")
add(None, [2000, 2], scale=0.1)
add(None, [2, 2000], scale=0.1, dtype="float64")
add(None, [40, 30], scale=0.5, transposed=True)
add(None, [1200, 1], scale=1000)
print(json.dumps(cases, indent=None, separators=(",", ":")).replace('{"shape"', '\n{"shape"'))
