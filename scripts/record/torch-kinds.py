"""Writes tests/formats/torch-kinds.json: files of torch 2.13 with lazy views, attributes, new types, and neighbours that cannot be
read, packed with gzip, in base64.

    python scripts/record/torch-kinds.py
"""

import base64
import gzip
import io
import json
import pathlib
import warnings

import torch

warnings.simplefilter("ignore")
w = torch.arange(6.0).reshape(2, 3)
c = torch.tensor([1 + 2j, 3 - 4j])
d = torch.tensor([1 + 2j, 3 - 4j])
tagged = w.clone()
tagged.tag = "x"
parameter = torch.nn.Parameter(w.clone())
parameter.note = {"a": [1, "b"]}
f8 = torch.tensor([1.5, -2.0, 0.0])

readable = {
    "w": w,
    "neg": torch._neg_view(w),
    "neg_t": torch._neg_view(w.t()),
    "neg_int": torch._neg_view(torch.tensor([1, -2, 3])),
    "conj": c.conj(),
    "imag_of_conj": d.conj().imag,
    "tagged": tagged,
    "parameter": parameter,
    "buffer": torch.nn.Buffer(w.clone()),
    "neg_parameter": torch.nn.Parameter(torch._neg_view(w).detach()),
    "expanded": torch.tensor([1.0]).expand(4),
    "empty": torch.zeros(0, 3),
    "scalar": torch.tensor(3.0),
    "u16": torch.tensor([1, 65535], dtype=torch.uint16),
}
readable |= {
    str(t).removeprefix("torch."): f8.to(t)
    for t in (torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz)
}
neighbours = {
    "complex128": c.to(torch.complex128),
    "sparse": torch.eye(3).to_sparse(),
    "sparse_csr": torch.eye(3).to_sparse_csr(),
    "quantised": torch.quantize_per_tensor(w, 0.1, 10, torch.quint8),
    "quantised_channels": torch.quantize_per_channel(w, torch.tensor([0.1, 0.2]), torch.tensor([0, 0]), 0, torch.qint8),
    "meta": torch.empty(3, device="meta"),
    "nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "float4": torch.tensor([1, 2], dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
}


def packed(value, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    return base64.b64encode(gzip.compress(file.getvalue(), 9, mtime=0)).decode()


files = {
    "zip": packed(readable | neighbours),
    "old": packed(readable | neighbours, _use_new_zipfile_serialization=False),
}
torch.serialization.set_crc32_options(False)
files["no checksums"] = packed(readable | neighbours)

# What they hold, by torch itself: bits of negated and complex numbers are resolved.
values = {}
for name, t in readable.items():
    t = t.detach().resolve_conj().resolve_neg()
    t = torch.view_as_real(t).flatten() if t.is_complex() else t
    values[name] = t.float().flatten().tolist()
path = pathlib.Path(__file__).parents[2] / "tests/formats/torch-kinds.json"
path.write_text(json.dumps({"files": files, "values": values, "neighbours": list(neighbours)}, indent=1) + "\n")
