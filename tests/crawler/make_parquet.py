"""Lists as parquet and, for comparison, as jsonl: what test_list_parquet reads. Needs pyarrow.
make_parquet.py FOLDER"""

import base64
import json
import pathlib
import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 3000
rng = random.Random(4)
words = ["a red kite", "Katze \U0001F408", "two\nlines\ttab", "", None, "  ", "\"quoted\", twice", "x" * 5000]


def row(i):
    return {
        "URL": None if i % 97 == 5 else f"  http://x.test/{i}.jpg " if i % 13 else f"http://é.test/{i}?a=1,2",
        "TEXT": rng.choice(words),
        "unused": "u" * rng.randrange(200),
        "sha256": "%064x" % rng.getrandbits(256),
        "punsafe": None if i % 31 == 0 else rng.random(),
        "n": rng.randrange(-2**31, 2**31),
        "big": rng.randrange(-2**63, 2**63),
        "small": i % 200,
        "yes": i % 3 == 0,
        "tags": None if i % 7 == 0 else [rng.choice(["p", "q", None]) for _ in range(i % 4)],
        "box": [[0.5, 0.25, float(i), 1.0]] * (i % 3),
        "o": {"a": i, "b": None if i % 2 else "b"},
        "kind": rng.choice(["photo", "drawing"]),
    }


schema = pa.schema([
    ("unused", pa.string()), ("TEXT", pa.string()), ("URL", pa.large_string()),
    ("sha256", pa.string()), ("punsafe", pa.float64()), ("n", pa.int32()), ("big", pa.int64()),
    ("small", pa.uint8()), ("yes", pa.bool_()), ("tags", pa.list_(pa.string())),
    ("box", pa.list_(pa.list_(pa.float32()))), ("o", pa.struct([("a", pa.int64()), ("b", pa.string())])),
    ("kind", pa.dictionary(pa.int8(), pa.string())),
])
out = pathlib.Path(sys.argv[1])
rows = [row(i) for i in range(ROWS)]
table = pa.Table.from_pylist(rows, schema)
for name, options in {
    "snappy": {"compression": "snappy", "row_group_size": 170},
    "zstd": {"compression": "zstd", "row_group_size": 1000, "data_page_version": "2.0"},
    "gzip": {"compression": "gzip", "use_dictionary": False},
    "plain": {"compression": "none", "write_statistics": False, "store_schema": False},
}.items():
    pq.write_table(table, out / f"{name}.parquet", **options)
with open(out / "same.jsonl", "w", encoding="utf-8") as lines:
    for r in rows:
        lines.write(json.dumps(r, ensure_ascii=False) + "\n")

# What text in a parquet file may be as well: bytes that are no UTF-8; dates; numbers as captions.
odd = pa.table({
    "url": pa.array([b"http://x.test/1", b"http://x.test/\xff", b"http://x.test/3"], pa.binary()),
    "caption": pa.array([b"caf\xe9", b"\xe7\x8c\xab", None], pa.binary()),
    "day": pa.array([0, 1, None], pa.date32()),
    "year": pa.array([2020, 2021, 2022], pa.uint64()),
})
pq.write_table(odd, out / "odd.parquet")
pq.write_table(odd.slice(0, 0), out / "empty.parquet")
pq.write_table(pa.table({"url": ["http://x.test/long"] * 3, "caption": ["a", "b" * (6 << 20), "c"]}),
               out / "long.parquet")
# 2 KiB that become 2 GiB: a page of zeros.
bomb = pa.table({"url": pa.array([b"\0" * (1 << 28)] * 7, pa.binary())})
pq.write_table(bomb, out / "bomb.parquet", compression="zstd", use_dictionary=False,
               data_page_size=1 << 31, write_statistics=False)
