"""Fetching images: wit's crawler beside img2dataset, one core each, a server on another.

    .venv/bin/python tests/bench/bench_crawl.py [--images 2000] [--rounds 5] [--build build]
                                                [--sides wit,img2dataset,bare] [--dir /dev/shm]
                                                [--resize 256] [--keep DIR] [--timeout 300]

Both get the same JPEGs (distinct, log-normal sizes: median 60 kB, mean 100 kB) from one nginx on
loopback and end with a finished dataset of their bytes and captions in memory (tmpfs): wit crawls
one page that holds all images with alt texts and seals, img2dataset takes a list of URLs and
captions and writes tars without decoding. Settings favour the peer: no EXIF, no SHA-256 (the number
of its threads hardly matters); wit walks each JPEG to its end, hashes it and syncs its logs. After
each run what was stored is counted, outside of the timing: a run counts only if it has every image,
byte for byte in sum.

The third side, bare, is a loop of libuv, libcurl and XXH3-128 that writes what comes into one file
(peer_bare_loop.c): the least that fetching can cost. Beside it stands what wit needs for the crawl
alone, without the seal.

With --resize both store images whose larger side has so many pixels, as JPEG of quality 95; then the
number of images counts, and of wit that each has that size.

CPU seconds are those of the process with all its children. Starting Python and its imports costs
img2dataset seconds that a long run doesn't feel, so there is a second number, "work": what the
worker needed for downloading and storing alone (peer_img2dataset.py); of wit everything is work.
Peak RSS is that of the largest process.
"""

import argparse
import html
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

from bench_common import alternate, hash_of, spread_pct

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEER = pathlib.Path(__file__).resolve().with_name("peer_img2dataset.py")
MEDIAN_BYTES, MEAN_BYTES = 60e3, 100e3
LEAST_BYTES, MOST_BYTES = 2500, 1500000
QUALITY = 90
SHEET_PX = (3200, 2400)
MARGIN_PX = 64  # the largest cut can still lie in as many places, so that no two are equal
SHEETS = 3
START_S, STOP_S, POLL_S = 10, 10, 0.02
WARMUP = 1


# ---- inputs -------------------------------------------------------------------------------------

def sheets():
    """A few large photo-like pictures; images are cut out of them."""
    import numpy as np
    from bench_loader import photo
    return [photo(np.random.default_rng(i), *SHEET_PX) for i in range(SHEETS)]


def encode(sheet, w, h, x, y, path):
    from PIL import Image
    Image.fromarray(sheet[y:y + h, x:x + w]).save(path, "JPEG", quality=QUALITY)
    return os.path.getsize(path)


def generate(folder, count):
    """Writes count JPEGs and returns their names and sizes. The same bytes for the same Pillow."""
    import numpy as np
    pictures = sheets()
    sigma = (2 * np.log(MEAN_BYTES / MEDIAN_BYTES)) ** 0.5
    rng = np.random.default_rng(7)
    made = []
    bytes_per_px = 0.25
    for i in range(count):
        want = float(np.clip(MEDIAN_BYTES * np.exp(sigma * rng.normal()), LEAST_BYTES, MOST_BYTES))
        ratio = float(rng.choice([1.0, 4 / 3, 3 / 2, 3 / 4]))
        name = f"{i:06}.jpg"
        for _ in range(2):  # the second time with what the first one told
            px = want / bytes_per_px
            w = int(np.clip((px * ratio) ** 0.5, 32, SHEET_PX[0] - MARGIN_PX))
            h = int(np.clip((px / ratio) ** 0.5, 32, SHEET_PX[1] - MARGIN_PX))
            x = int(rng.integers(0, SHEET_PX[0] - w + 1))
            y = int(rng.integers(0, SHEET_PX[1] - h + 1))
            size = encode(pictures[i % SHEETS], w, h, x, y, folder / name)
            bytes_per_px = size / (w * h)
        made.append((name, size))
    if len({hash_of(folder / name) for name, _ in made}) != count:
        sys.exit("bench_crawl: two images are equal")
    return made


def kept(folder, count):
    """The images of an earlier run, or new ones that a later run finds: names and sizes."""
    listed = folder / "made.json"
    if listed.exists():
        made = json.loads(listed.read_text())
        if len(made) == count:
            return [tuple(row) for row in made]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = generate(folder, count)
    listed.write_text(json.dumps(made))
    return made


def caption(i):
    from bench_loader import WORDS
    rng = random.Random(i)
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(4, 12))) + f" {i}"


class Inputs:
    """One page that holds all images, and the same as a list for img2dataset."""

    def __init__(self, base, port, made):
        self.count, self.bytes = len(made), sum(size for _, size in made)
        url = f"http://127.0.0.1:{port}"
        self.scope = f"{url}/page.html"
        self.seeds, self.list = base / "seeds.txt", base / "list.jsonl"
        self.urls = base / "urls.txt"
        self.urls.write_text("".join(f"{url}/images/{name}\n" for name, _ in made))
        self.seeds.write_text(self.scope + "\n")
        with open(base / "site" / "page.html", "w") as page, open(self.list, "w") as rows:
            page.write("<!doctype html><title>pictures</title>\n")
            for i, (name, _) in enumerate(made):
                page.write(f'<p><img src="images/{name}" alt="{html.escape(caption(i))}">\n')
                row = {"url": f"{url}/images/{name}", "caption": caption(i)}
                rows.write(json.dumps(row) + "\n")


# ---- server -------------------------------------------------------------------------------------

CONF = """
daemon off;
{user}
pid {base}/nginx.pid;
error_log {base}/error.log warn;
worker_processes 1;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    types {{ text/html html; image/jpeg jpg; }}
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    open_file_cache max=100000 inactive=600s;
    client_body_temp_path {base}/body;
    proxy_temp_path {base}/proxy;
    fastcgi_temp_path {base}/fastcgi;
    uwsgi_temp_path {base}/uwsgi;
    scgi_temp_path {base}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {base}/site;
        location = /robots.txt {{
            default_type text/plain;
            return 200 "User-agent: *\\nAllow: /\\n";
        }}
    }}
}}
"""


def free_port():
    """Below the range that outgoing connections take theirs from."""
    for _ in range(100):
        port = random.randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    sys.exit("bench_crawl: no free port")


class Server:
    """nginx as a child in the foreground, on a core of its own."""

    def __init__(self, base, port, core):
        nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if not nginx:
            sys.exit("bench_crawl: nginx is missing; run tools/setup")
        user = "user root;" if os.geteuid() == 0 else ""  # its workers must read what we own
        (base / "nginx.conf").write_text(CONF.format(base=base, port=port, user=user))
        self.child = subprocess.Popen(
            ["taskset", "-c", core, nginx, "-p", str(base), "-e", str(base / "error.log"),
             "-c", str(base / "nginx.conf")], stdin=subprocess.DEVNULL)
        try:
            self.wait(port, base / "error.log")
        except BaseException:
            self.stop()
            raise

    def wait(self, port, log):
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"bench_crawl: nginx does not answer on port {port}: "
                 f"{log.read_text() if log.exists() else 'it wrote no log'}")

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


# ---- sides --------------------------------------------------------------------------------------

def peak_rss(pid):
    """Bytes; the largest of a process and those below it so far. (ru_maxrss would begin with our
    own: it outlives exec.)"""
    peak = 0
    try:
        with open(f"/proc/{pid}/status") as f:
            for line in f:
                if line.startswith("VmHWM:"):
                    peak = 1024 * int(line.split()[1])
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                peak = max([peak, *(peak_rss(int(child)) for child in f.read().split())])
    except (FileNotFoundError, ProcessLookupError):
        pass  # it has just ended
    return peak


def end_group(child):
    """Ends a command with all below it: asked first, since what tracks semaphores of Python's
    multiprocessing cleans up when the others have gone."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + STOP_S / 2
        try:
            while time.monotonic() < end:
                os.killpg(child.pid, kind)
                child.poll()
                time.sleep(POLL_S)
        except ProcessLookupError:
            break
    child.wait()


def run_measured(argv, log, timeout_s, env=None):
    """Runs a command: (CPU seconds with children, wall seconds, RSS of the largest process)."""
    start, peak = time.monotonic(), 0
    with open(log, "wb") as out:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=subprocess.STDOUT, start_new_session=True, env=env)
    try:
        while True:
            pid, status, used = os.wait4(child.pid, os.WNOHANG)
            if pid:
                child.returncode = os.waitstatus_to_exitcode(status)
                break
            if time.monotonic() - start > timeout_s:
                sys.exit(f"bench_crawl: {argv[3]} took more than {timeout_s} s")
            peak = max(peak, peak_rss(child.pid))
            time.sleep(POLL_S)
    finally:
        if child.returncode is None:
            end_group(child)
    if child.returncode != 0:
        text = pathlib.Path(log).read_text(errors="replace")
        sys.exit(f"bench_crawl: exit status {child.returncode} of {' '.join(argv)}\n{text[-3000:]}")
    return used.ru_utime + used.ru_stime, time.monotonic() - start, peak


class Side:
    """Whole runs of one program into a fresh folder, and what they cost. name: in messages."""
    name = ""

    def __init__(self, args, base):
        self.args, self.out, self.log = args, base / f"out-{self.name}", base / f"{self.name}.log"
        self.pin = ["taskset", "-c", args.client_core]
        self.cpu, self.work, self.rss = [], [], []  # one of each for every round

    def run(self, inputs):
        shutil.rmtree(self.out, ignore_errors=True)
        try:
            costs = [run_measured(self.pin + argv, self.log, self.args.timeout, self.env())
                     for argv in self.commands(inputs)]
            found = self.stored()
            if self.args.resize:  # what is stored is no longer what was served
                whole = found[0] == inputs.count and 0 < found[1] < inputs.bytes
            else:
                whole = found == (inputs.count, inputs.bytes)
            if not whole:
                text = self.log.read_text(errors="replace")
                sys.exit(f"bench_crawl: {self.name} has {found[0]} images of {found[1]} bytes, "
                         f"not {inputs.count} of {inputs.bytes}\n{text[-3000:]}")
        finally:
            shutil.rmtree(self.out, ignore_errors=True)
        cpu, wall, rss = (list(column) for column in zip(*costs))
        self.cpu.append(cpu)
        self.work.append(self.work_cpu(sum(cpu)))
        self.rss.append(max(rss))
        return inputs.count, sum(cpu), sum(wall)

    def work_cpu(self, total):
        return total

    def env(self):
        return {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}


class Wit(Side):
    name = "wit"

    def commands(self, inputs):
        args = self.args
        wit = str(pathlib.Path(args.build) / "tools" / "wit")
        return [[wit, "crawl", "--seeds", str(inputs.seeds), "--out", str(self.out),
                 "--scope", inputs.scope, "--allow-net", "127.0.0.1/32",
                 "--host", f"127.0.0.1:0:{args.concurrency}", "--delay-ms", "0",
                 "--concurrency", "1024", "--max-in-flight", str(args.concurrency),
                 "--reactors", "1", "--contact", "https://example.org/bench",
                 *(["--resize", str(args.resize), "--image-threads", "1"] if args.resize else [])],
                [wit, "shards", "seal", str(self.out), "--threads", "1"]]

    def stored(self):
        self.check_sizes()
        wit = str(pathlib.Path(self.args.build) / "tools" / "wit")
        out = subprocess.run([wit, "shards", "stat", str(self.out), "--json"], check=True,
                             stdout=subprocess.PIPE).stdout
        stat = json.loads(out)
        return min(stat["samples"], stat["pairs"]), stat["image_bytes"]

    def check_sizes(self):
        if not self.args.resize:
            return
        wit = str(pathlib.Path(self.args.build) / "tools" / "wit")
        out = subprocess.run([wit, "shards", "ls", str(self.out), "--json"], check=True,
                             stdout=subprocess.PIPE).stdout
        sizes = {max(s["width"], s["height"]) for s in map(json.loads, out.splitlines())}
        if sizes != {self.args.resize}:
            sys.exit(f"bench_crawl: wit stored images of {sorted(sizes)[:5]} px")


class Img2dataset(Side):
    name = "img2dataset"

    def commands(self, inputs):
        return [[sys.executable, str(PEER), str(inputs.list),
                 "--input_format", "jsonl", "--url_col", "url", "--caption_col", "caption",
                 "--output_folder", str(self.out), "--output_format", self.args.peer_format,
                 *(["--image_size", str(self.args.resize), "--resize_mode", "keep_ratio_largest"]
                   if self.args.resize else ["--disable_all_reencoding", "True"]),
                 "--extract_exif", "False",
                 "--compute_hash", "None", "--processes_count", "1",
                 "--thread_count", str(self.args.peer_threads)]]

    def env(self):
        return {**super().env(), "NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "disabled"}

    def work_cpu(self, total):
        lines = self.log.read_text(errors="replace").splitlines()
        return sum(json.loads(line)["work_cpu_s"] for line in lines if line.startswith('{"work_'))

    def stored(self):
        tars, files = list(self.out.glob("*.tar")), list(self.out.glob("*/*.jpg"))
        sizes = [f.stat().st_size for f in files]
        for path in tars:
            with tarfile.open(path) as tar:
                sizes += [m.size for m in tar if m.name.endswith(".jpg")]
        return len(sizes), sum(sizes)


class Bare(Side):
    name = "bare"

    def commands(self, inputs):
        loop = str(pathlib.Path(self.args.build) / "tests" / "bench" / "peer_bare_loop")
        return [[loop, str(inputs.urls), str(self.out), str(self.args.concurrency)]]

    def stored(self):
        told = json.loads(self.log.read_text())
        if os.path.getsize(self.out) != told["bytes"]:
            sys.exit("bench_crawl: bare's file is not what it told")
        self.out.unlink()
        return told["images"], told["bytes"]


# ---- report -------------------------------------------------------------------------------------

def say(**fields):
    print(json.dumps({"bench": "crawl.images", **fields}), flush=True)


def report(sides, images):
    """CPU seconds for 1,000 images, all of them and those of the work, and their ratios."""
    costs = {"whole": {}, "work": {}}
    for side in sides:
        runs = side.cpu[WARMUP:]
        costs["whole"][side.name] = whole = [1000 * sum(parts) / images for parts in runs]
        costs["work"][side.name] = work = [1000 * cpu / images for cpu in side.work[WARMUP:]]
        say(side=side.name, unit="CPU s/1000 images", median=round(statistics.median(whole), 3),
            spread_pct=round(spread_pct(whole), 1), work_median=round(statistics.median(work), 3),
            work_spread_pct=round(spread_pct(work), 1),
            by_command=[round(1000 * statistics.median(p) / images, 3) for p in zip(*runs)],
            peak_rss_mb=round(max(side.rss[WARMUP:]) / 1e6, 1), n=len(runs))
    ours = sides[0]
    for peer in sides[1:]:
        for what, by_side in costs.items():
            ratios = [y / x for x, y in zip(by_side[ours.name], by_side[peer.name])]
            say_ratio(f"CPU of {peer.name}/{ours.name}, {what}", ratios)
        if peer.name == "bare" and ours.name == "wit":
            say_ratio("CPU of wit's crawl/bare",
                      [x[0] / y[0] for x, y in zip(ours.cpu[WARMUP:], peer.cpu[WARMUP:])])


def say_ratio(name, ratios):
    say(ratio=name, median=round(statistics.median(ratios), 2), least=round(min(ratios), 2),
        most=round(max(ratios), 2))


def bench(args, base):
    images = base / "site" / "images"
    images.parent.mkdir(parents=True)
    if args.keep:
        made = kept(pathlib.Path(args.keep), args.images)
        images.symlink_to(pathlib.Path(args.keep).resolve())
    else:
        images.mkdir()
        made = generate(images, args.images)
    if args.generate:
        return
    port = free_port()
    inputs = Inputs(base, port, made)
    sizes = sorted(size for _, size in made)
    say(images=inputs.count, bytes=inputs.bytes, mean=inputs.bytes // inputs.count,
        median=sizes[len(sizes) // 2], page_bytes=(base / "site/page.html").stat().st_size)
    kinds = {"wit": Wit, "img2dataset": Img2dataset, "bare": Bare}
    sides = [kinds[name](args, base) for name in args.sides]
    server = Server(base, port, args.server_core)
    try:
        os.sched_setaffinity(0, {int(args.server_core)})  # watching must not disturb the clients
        alternate("crawl.images", "images/CPU s",
                  {side.name: (lambda side=side: side.run(inputs)) for side in sides},
                  rounds=args.rounds, warmup=WARMUP,
                  inputs=hash_of(*(images / name for name, _ in made)))
    finally:
        server.stop()
    report(sides, args.images)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--dir", default="/dev/shm", help="where inputs and outputs lie meanwhile")
    parser.add_argument("--sides", default="wit,img2dataset")
    parser.add_argument("--client-core", default="0")
    parser.add_argument("--server-core", default="1")
    parser.add_argument("--concurrency", type=int, default=64, help="of wit's requests")
    parser.add_argument("--peer-threads", type=int, default=16)
    parser.add_argument("--peer-format", default="webdataset", choices=["webdataset", "files"])
    parser.add_argument("--resize", type=int, default=0, metavar="PX",
                        help="store images of this size; 0: as served")
    parser.add_argument("--keep", help="folder of the images, used again when it has so many")
    parser.add_argument("--generate", action="store_true", help="only make the images of --keep")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one command")
    args = parser.parse_args()
    args.sides = args.sides.split(",")
    if not args.sides or set(args.sides) - {"wit", "img2dataset", "bare"}:
        parser.error("--sides takes wit, img2dataset and bare")
    if args.resize and "bare" in args.sides:
        parser.error("bare resizes nothing")
    if args.images < 2 or args.rounds < 1:
        parser.error("--images must be at least 2 and --rounds at least 1")
    for stop in (signal.SIGTERM, signal.SIGHUP):  # so that what began is ended and removed
        signal.signal(stop, lambda *_: sys.exit("bench_crawl: ended by a signal"))
    base = pathlib.Path(tempfile.mkdtemp(prefix="wit-bench-crawl-", dir=args.dir))
    try:
        bench(args, base)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
