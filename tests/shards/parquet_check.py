"""Tables that wit wrote, read by pyarrow: parquet_check.py rows A.parquet B.jsonl compares rows,
parquet_check.py export OUT a table with the facts in its tar. Exits with a sentence where they
differ."""

import json
import pathlib
import sys
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq


def typed(table):
    for field in table.schema:
        number = "width" in field.name or "height" in field.name
        assert field.type == (pa.int32() if number else pa.string()), field
    return table.to_pylist()


def unpacked(row):
    return {**row, "extra": row["extra"] and json.loads(row["extra"])}


def rows(parquet, jsonl):
    have = [unpacked(r) for r in typed(pq.read_table(parquet))]
    want = [json.loads(line) for line in open(jsonl, encoding="utf-8")]
    assert have and have == want, next((h, w) for h, w in zip(have, want) if h != w)
    print(f"{len(have)} rows are equal")


def export(out):
    kept = count = 0
    for path in sorted(pathlib.Path(out).glob("*.tar")):
        have = typed(pq.read_table(path.with_suffix(".parquet")))
        with tarfile.open(path, "r:") as tar:
            want = [json.load(tar.extractfile(m)) for m in tar if m.name.endswith(".json")]
        assert len(have) == len(want)
        for row, facts in zip(map(unpacked, have), want):
            extra = row.pop("extra")
            assert row == {name: facts[name] for name in row}, (row, facts)
            for name in extra or {}:
                assert name in ("page", "source") or facts[name] == extra[name]
            kept += extra is not None
            count += 1
    assert count > 10 and kept > 0
    print(f"{count} rows are the facts of their tars, {kept} with kept columns")


{"rows": rows, "export": export}[sys.argv[1]](*sys.argv[2:])
