#!/usr/bin/env python3
"""Seal a collection beside `cp --reflink=never` of its logs and XXH3-128 of the copies.

    tests/bench/bench_seal.py [--build build-release] [--dir /var/tmp] [--rounds 5]
        [--samples 33000] [--bytes 30000] [--candidates 2] [--memory BYTES] [--cold] [--bits N]
        [--sides seal,values,space]

Makes the collection once (images of log-normal sizes, 30,000 bytes in the mean; 1 GB), then in
turns, from warm cache unless --cold (posix_fadvise DONTNEED on the logs before each side):

    seal    wit shards seal, beside cp and a hash of each copy; the same with an fsync of the copies,
            as the seal does of its shards. CPU and wall seconds, peak resident memory.
    values  XXH3-128 of every value of the sealed shards through the reader, in one thread, beside
            `cat shards | xxh128sum` (bench_shards hash: the same hash, 64 KiB a read as xxhsum);
            and with every check that the reader makes.
    space   bytes of the shard files over the bytes of their values.
"""

import argparse
import glob
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench_common  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(argv, **kwargs):
    """(cpu seconds, wall seconds, peak resident KiB, stdout) of one child."""
    start = time.monotonic()
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, **kwargs)
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{argv[0]} ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss, out


def drop(paths):
    """Take files out of the page cache."""
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def warm(paths):
    for path in paths:
        with open(path, "rb") as f:
            while f.read(1 << 22):
                pass


class Bench:
    def __init__(self, args):
        self.args = args
        self.wit = os.path.join(args.build, "tools", "wit")
        if not os.path.exists(self.wit):
            self.wit = os.path.join(args.build, "wit")
        self.tool = os.path.join(args.build, "tests", "bench", "bench_shards")
        self.data = os.path.join(args.dir, "data")
        self.copy = os.path.join(args.dir, "copy")
        self.peaks = []

    def logs(self):
        return sorted(glob.glob(os.path.join(self.data, "collect", "*.log")))

    def shards(self):
        return sorted(glob.glob(os.path.join(self.data, "shards", "*.lmdb")))

    def make(self):
        a = self.args
        run([self.tool, "make", self.data, str(a.samples), str(a.bytes), str(a.candidates)])
        self.log_bytes = sum(os.path.getsize(p) for p in self.logs())

    def prepare(self):
        (drop if self.args.cold else warm)(self.logs())

    def seal(self):
        shutil.rmtree(os.path.join(self.data, "shards"), ignore_errors=True)
        manifest = os.path.join(self.data, "dataset.json")
        if os.path.exists(manifest):
            os.unlink(manifest)
        os.sync()
        self.prepare()
        argv = [self.wit, "shards", "seal", self.data, "--json"]
        if self.args.memory:
            argv += ["--memory", str(self.args.memory)]
        if self.args.bits is not None:
            argv += ["--bits", str(self.args.bits)]
        if self.args.threads:
            argv += ["--threads", str(self.args.threads)]
        cpu, wall, peak, _ = run(argv)
        self.peaks.append(peak)
        return self.log_bytes / 1e6, cpu, wall

    def peer(self, sync):
        shutil.rmtree(self.copy, ignore_errors=True)
        os.mkdir(self.copy)
        os.sync()
        self.prepare()
        logs = self.logs()
        cpu, wall, _, _ = run(["cp", "--reflink=never", *logs, self.copy])
        copies = [os.path.join(self.copy, os.path.basename(p)) for p in logs]
        if sync:
            more = run(["sync", *copies])
            cpu, wall = cpu + more[0], wall + more[1]
        more = run([self.tool, "hash", *copies])
        return self.log_bytes / 1e6, cpu + more[0], wall + more[1]

    def values(self, how):
        warm(self.shards())
        cpu, wall, _, out = run([self.tool, how, self.data])
        return int(out.split()[0]) / 1e6, cpu, wall

    def cat(self):
        warm(self.shards())
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        subprocess.run(["sh", "-c", 'cat "$@" | "$0" hash', self.tool, *self.shards()], check=True,
                       stdout=subprocess.DEVNULL)
        wall = time.monotonic() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return sum(os.path.getsize(p) for p in self.shards()) / 1e6, cpu, wall

    def space(self):
        with open(os.path.join(self.data, "dataset.json")) as f:
            m = json.load(f)
        files = sum(s["file_bytes"] for s in m["shards"])
        values = int(run([self.tool, "values", self.data])[3].split()[0])
        origins = int(run([self.tool, "origins", self.data])[3].split()[0])
        print(json.dumps({"bench": "seal.space", "samples": m["samples"], "file_bytes": files,
                          "sample_values": values, "origin_values": origins,
                          "over_values_pct": round(100 * (files / (values + origins) - 1), 2),
                          "over_sample_values_pct": round(100 * (files / values - 1), 2)}))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default=os.path.join(ROOT, "build-release"))
    p.add_argument("--dir", default=None)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--samples", type=int, default=33000)
    p.add_argument("--bytes", type=int, default=30000)
    p.add_argument("--candidates", type=int, default=2)
    p.add_argument("--memory", type=int, default=0)
    p.add_argument("--bits", type=int, default=None)
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--cold", action="store_true")
    p.add_argument("--sides", default="seal,values,space")
    args = p.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-seal-", dir=args.dir) as scratch:
        args.dir = scratch
        bench = Bench(args)
        bench.make()
        sides = args.sides.split(",")
        what = f"{args.samples} samples of {args.bytes} bytes, {bench.log_bytes} bytes of logs"
        if "seal" in sides:
            bench_common.alternate(
                "seal" + (".cold" if args.cold else ""), "MB of logs/s",
                {"wit": bench.seal, "cp+hash": lambda: bench.peer(False),
                 "cp+sync+hash": lambda: bench.peer(True)},
                rounds=args.rounds, inputs=what, per=("wall", "cpu"))
            print(json.dumps({"bench": "seal", "memory_option": args.memory,
                              "peak_resident_MiB": round(max(bench.peaks) / 1024, 1)}))
        else:
            bench.seal()
            print(json.dumps({"bench": "seal", "memory_option": args.memory,
                              "peak_resident_MiB": round(max(bench.peaks) / 1024, 1)}))
        if "values" in sides:
            bench_common.alternate(
                "seal.values", "MB/s",
                {"reader, one hash": lambda: bench.values("values"), "cat | hash": bench.cat,
                 "reader, all checks": lambda: bench.values("read")},
                rounds=args.rounds, inputs=what, per=("wall", "cpu"))
        if "space" in sides:
            bench.space()


if __name__ == "__main__":
    main()
