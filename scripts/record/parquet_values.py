"""Records Parquet files as pyarrow writes them, with decimals, bytes, dates and an awkward name:

    python3 scripts/record/parquet_values.py tests/data/values.parquet tests/data/integers.parquet
"""

import datetime, sys
from decimal import Decimal as D
import pyarrow as pa, pyarrow.parquet as pq

small = [D("0.57"), D("-1.15"), None]
table = pa.table(
    {
        "bytes": pa.array(small, pa.decimal128(9, 2)),
        "large": pa.array([D("12345678901234567890.12"), D("-0.07"), None], pa.decimal128(38, 2)),
        "list": pa.array([small[:2], [], None], pa.list_(pa.decimal128(18, 2))),
        "binary": pa.array([b"\xff\xfe", b"ab", None]),
        "text": ["\ufeffa", "\ufeffb", ""],
        "date": pa.array([datetime.date(2020, 1, 2)] * 2 + [None]),
        "__proto__": ["x", "y", "z"],
    }
)
for path, integers in [(sys.argv[1], False), (sys.argv[2], True)]:
    pq.write_table(
        table,
        path,
        store_decimal_as_integer=integers,
        store_schema=False,
        write_statistics=False,
        use_dictionary=["bytes"],
        compression="none",
    )
