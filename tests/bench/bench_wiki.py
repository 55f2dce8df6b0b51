"""Counting a Wikipedia dump into a list: wit beside `bzip2 -dc`, per second of CPU.

    python3 tests/bench/bench_wiki.py [--build build] [--plain-mb 2000] [--rounds 3] [--memory MB] [--dir DIR]

The dump is made once from the golden sample by bench_wiki_dump (multistream, 100 pages a stream;
vocabularies that grow) and kept in DIR. Sides take turns: `bzip2 -dc > /dev/null`, wit with one
thread, wit with two. Rates are plain MB per second of CPU, so 0.7 of bzip2's says that everything
behind unpacking costs 0.43 of it. With a smaller dump,
--memory scaled down with it spills as often as the whole one does. Wall time and peak memory are printed for each run of wit; lists of
one and two threads have to be equal.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench_common  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("WIT_SHARED", ROOT / ".." / "shared"))


def dump_make(build, folder, plain_mb):
    """The dump's path and its plain size in MB."""
    sample = folder / "sample.xml"
    dump = folder / f"dump-{plain_mb}.xml.bz2"
    if not dump.exists():
        with open(sample, "wb") as out:
            subprocess.run(["bzip2", "-dc", SHARED / "golden/allowlist/enwiki-sample.xml.bz2"],
                           check=True, stdout=out)
        part = dump.with_suffix(".part")
        with open(part, "wb") as out:
            subprocess.run([build / "tests/bench/bench_wiki_dump", sample, str(plain_mb)], check=True,
                           stdout=out)
        part.rename(dump)
    return dump


def run(argv, **kwargs):
    """(CPU seconds, wall seconds, peak MB) of one process."""
    start = time.monotonic()
    child = subprocess.Popen(argv, **kwargs)
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise SystemExit(f"{argv[0]} ended with {status}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss / 1000


def wit_side(build, dump, folder, plain_mb, threads, options):
    def side():
        out = folder / f"list-{threads}.txt"
        cpu, wall, peak = run([build / "tools/wit", "allowlist", "build", "--wiki", dump, "--out", out,
                               "--threads", str(threads), *options],
                              stdout=subprocess.DEVNULL)
        print(json.dumps({"threads": threads, "cpu_s": round(cpu, 2), "wall_s": round(wall, 2),
                          "peak_mb": round(peak)}), flush=True)
        return plain_mb, cpu, wall
    return side


def bzip2_side(dump, plain_mb):
    def side():
        cpu, wall, _ = run(["bzip2", "-dc", dump], stdout=subprocess.DEVNULL)
        print(json.dumps({"bzip2_cpu_s": round(cpu, 2), "wall_s": round(wall, 2)}), flush=True)
        return plain_mb, cpu, wall
    return side


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--plain-mb", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bigrams", default="pmi:20")
    parser.add_argument("--memory", type=int, default=768)
    parser.add_argument("--dir", type=pathlib.Path, default=ROOT / ".cache" / "bench-wiki")
    args = parser.parse_args()
    args.dir.mkdir(parents=True, exist_ok=True)
    dump = dump_make(args.build, args.dir, args.plain_mb)
    options = ["--bigrams", args.bigrams, "--memory", str(args.memory)]
    bzip2 = bzip2_side(dump, args.plain_mb)
    sides = {f"wit-{n}": wit_side(args.build, dump, args.dir, args.plain_mb, n, options)
             for n in (1, 2)}
    for name, wit in sides.items():
        bench_common.alternate(f"wiki.{name}", "plain MB/s", {name: wit, "bzip2": bzip2},
                               rounds=args.rounds, inputs=bench_common.hash_of(dump), warmup=0)
    lists = [(args.dir / f"list-{n}.txt").read_bytes() for n in (1, 2)]
    if lists[0] != lists[1]:
        raise SystemExit("lists of one and of two threads differ")
    print(json.dumps({"lists_equal": True, "entries": lists[0].count(b"\n")}))


if __name__ == "__main__":
    main()
