"""Read an export with Python's tarfile, or its folders, and hold it against the dataset as `wit
shards show` gives it. Called by test_export: export_check.py DATASET OUT webdataset|files CAPTIONS
PER_SHARD; exits with a sentence where something differs. Python's standard library only."""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

SUFFIXES = {"jpeg": "jpg", "png": "png", "webp": "webp", "gif": "gif"}


def wit(*args):
    return subprocess.run([os.environ["WIT"], *map(str, args)], check=True, capture_output=True,
                          timeout=60).stdout


def samples_of(dataset):
    """(what show says, image bytes) of every sample, in the dataset's order."""
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder, "image")
        count = json.loads(wit("shards", "stat", dataset, "--json"))["samples"]
        for i in range(count):
            shown = wit("shards", "show", dataset, "--index", i, "--json", "--image", image)
            yield json.loads(shown), image.read_bytes()


def members_of(out, shard, layout):
    """(name, bytes) of a shard, in its order."""
    if layout == "files":
        folder = out / shard
        return [(p.name, p.read_bytes()) for p in sorted(folder.iterdir())]
    path = out / f"{shard}.tar"
    assert path.stat().st_size % 10240 == 0
    listed = subprocess.run(["tar", "tf", path], check=True, capture_output=True, text=True)
    assert not listed.stderr, listed.stderr
    with tarfile.open(path, "r:") as tar:
        members = []
        for m in tar:
            assert m.isreg() and m.uid == m.gid == m.mtime == 0 and m.mode == 0o644, m
            members.append((m.name, tar.extractfile(m).read()))
    assert listed.stdout.split() == [name for name, _ in members]
    return members


def words(captions, mode):
    texts = [c["text"] for c in captions]
    if mode == "first":
        return texts[0]
    flat = [t.replace("\n", " ").replace("\r", " ") for t in texts]
    return ("\n" if mode == "all" else " ").join(flat)


def place_of(shown):
    """Origin and entry of the first caption."""
    for origin in shown["origin"]:
        for entry in origin["seen"]:
            if entry["caption"] == 0:
                return origin, entry
    return shown["origin"][0], {}


def check_facts(facts, key, caption, shown, image):
    origin, entry = place_of(shown)
    fetched = origin.get("fetched", shown)
    as_fetched = fetched is shown
    want = {
        "url": origin["url"], "caption": caption, "key": key, "status": "success",
        "error_message": None, "width": shown["width"], "height": shown["height"],
        "original_width": fetched["width"], "original_height": fetched["height"],
        "sha256": hashlib.sha256(image).hexdigest() if as_fetched else None,
        "wit_key": shown["key"], "wit_hash": shown["hash"],
        "page": entry.get("page"), "source": shown["captions"][0]["source"],
        "captions": shown["captions"], "origin": shown["origin"],
    }
    for name, value in entry.get("extra", {}).items():
        want.setdefault(name, value)
    assert facts == want, (facts, want)


def main(dataset, out, layout, mode, per_shard):
    out, per_shard = pathlib.Path(out), int(per_shard)
    samples = list(samples_of(dataset))
    digits = len(str(per_shard - 1)) if per_shard > 1 else 0
    shards = -(-len(samples) // per_shard)
    suffix = ".tar" if layout == "webdataset" else ""
    names = {"export.json"}
    for n in range(shards):
        part = samples[n * per_shard:(n + 1) * per_shard]
        names |= {f"{n:05}{suffix}", f"{n:05}_stats.json"}
        members = members_of(out, f"{n:05}", layout)
        assert len(members) == 3 * len(part)
        found = {}
        for i, (shown, image) in enumerate(part):
            key = f"{n * 10 ** digits + i:0{5 + digits}}"
            image_name = f"{key}.{SUFFIXES[shown['format']]}"
            own = members[3 * i:3 * i + 3]  # members of a sample stand together
            assert {name for name, _ in own} == {image_name, f"{key}.txt", f"{key}.json"}, own
            if layout == "webdataset":
                assert own[0][0] == image_name
            found = dict(own)
            assert found[image_name] == image
            caption = words(shown["captions"], mode)
            assert found[f"{key}.txt"].decode() == caption
            check_facts(json.loads(found[f"{key}.json"]), key, caption, shown, image)
        stats = json.loads((out / f"{n:05}_stats.json").read_text())
        assert stats["count"] == stats["successes"] == stats["status_dict"]["success"] == len(part)
        size = ((out / f"{n:05}.tar").stat().st_size if suffix
                else sum(len(data) for _, data in members))
        assert stats["bytes"] == size
    assert {p.name for p in out.iterdir()} == names
    print(f"{len(samples)} samples in {shards} shards are right")


if __name__ == "__main__":
    main(*sys.argv[1:])
