"""What PyTorch gives for softmax and cross-entropy far from 0 and at infinities: python scripts/record/softmax.py > tests/ops/recorded/softmax.json"""
import json
import math

import torch
import torch.nn.functional as F

ROWS = {
    "10,000": [10000.0, 10000.5, 9999.0, 9990.0],
    "-10,000": [-10000.0, -10001.25, -9999.5, -10000.0],
    "1e30": [1e30, 1e30, 0.0, -1e30],
    "apart": [10000.0, 0.0, -10000.0, 88.0],
    "minus infinity": [-math.inf, 1.0, 2.0, 0.5],
    "infinity": [math.inf, 1.0, 2.0, 0.5],
    "NaN": [math.nan, 1.0, 2.0, 0.5],
    "nothing but minus infinity": [-math.inf] * 4,
    "16,777,216": [16777216.0, 16777214.0, 16777215.0, 16777216.0],
    "near 0": [0.1, -0.2, 0.3, 1.5],
}


def plain(t):
    return [v if math.isfinite(v) else str(v) for v in t.detach().reshape(-1).tolist()]


def gradient(f, row):
    x = torch.tensor([row], requires_grad=True)
    y = f(x)
    (y * torch.tensor([0.5, -1.0, 2.0, 0.25])[: y.shape[-1] if y.ndim else 1].reshape(y.shape if y.ndim == 0 else (1, -1))).sum().backward()
    return [plain(y), plain(x.grad)]


out = {}
for name, row in ROWS.items():
    out[name] = {"row": plain(torch.tensor(row)), "softmax": gradient(lambda x: F.softmax(x, -1), row),
                 "logSoftmax": gradient(lambda x: F.log_softmax(x, -1), row)}
    for target in (1, 3):
        for smoothing in (0.0, 0.1):
            t = torch.tensor([target])
            out[name][f"crossEntropy {target} {smoothing}"] = gradient(
                lambda x: F.cross_entropy(x, t, label_smoothing=smoothing, reduction="none"), row)
print(json.dumps(out, indent=0))
