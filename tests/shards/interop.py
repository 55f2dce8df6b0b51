"""What test_import.py and test_in_place.py share: tars, the command, what it says of a dataset."""

import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(os.environ["WIT_SOURCE_ROOT"])
WIT = os.environ["WIT"]
VENV = ROOT / ".venv" / "bin" / "python"

GOLDEN = sorted(p for p in (ROOT / "tests/golden/image/images").iterdir()
                if p.suffix in (".jpg", ".png", ".webp", ".gif"))


def venv_has(module):
    """Did tools/setup --peers, or somebody, install it?"""
    return VENV.exists() and not subprocess.run([VENV, "-c", f"import {module}"],
                                                capture_output=True).returncode


def wit(*args, code=0):
    done = subprocess.run([WIT, *map(str, args)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
    return done


def import_of(out, *sources, code=0, fmt="webdataset", more=()):
    done = wit("shards", "import", *sources, "--from", fmt, "--out", out, "--json", *more, code=code)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["schema"] == "wit.shards.imported/1", lines
    return lines[-1]


def shown(dataset, folder):
    """{image bytes: what show says} of a dataset."""
    found = {}
    image = pathlib.Path(folder, "shown.img")
    count = json.loads(wit("shards", "stat", dataset, "--json").stdout)["samples"]
    for i in range(count):
        said = json.loads(wit("shards", "show", dataset, "--index", i, "--json", "--image",
                              image).stdout)
        found[image.read_bytes()] = said
    return found


def refusals(dataset):
    """[(url, reason)] of what was refused."""
    text = wit("crawl", "outcomes", dataset, "--format", "jsonl").stdout
    rows = [json.loads(line) for line in text.splitlines()]
    return [(r["url"], r["error_message"]) for r in rows if r["status"] != "success"]


def tar_of(path, members, fmt=tarfile.PAX_FORMAT, mode="w"):
    with tarfile.open(path, mode, format=fmt) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            if data is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
                continue
            info.size = len(data)
            info.mtime = 1_700_000_000
            tar.addfile(info, io.BytesIO(data))
    return path


def sample(key, image, words=None, facts=None):
    members = [(f"{key}{image.suffix}", image.read_bytes())]
    if words is not None:
        members.append((f"{key}.txt", words.encode()))
    if facts is not None:
        members.append((f"{key}.json", facts if isinstance(facts, bytes)
                        else json.dumps(facts, indent=4).encode()))
    return members


def run_tests(tests):
    """Those of a module's globals that are tests, or those named on the command line."""
    for name, test in list(tests.items()):
        if name.startswith("test_") and (len(sys.argv) < 2 or name in sys.argv[1:]):
            with tempfile.TemporaryDirectory(prefix="wit-interop-") as folder:
                test(pathlib.Path(folder))
            print(name, "ok", flush=True)
