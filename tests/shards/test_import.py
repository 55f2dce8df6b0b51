"""`wit shards import`: tars by Python's tarfile in every dialect, folders, tars written by img2dataset
itself (from .venv, where tools/setup --peers has put it), broken ones, kills, and the way out and back
in. Python's standard library only; what differs ends the program with a sentence."""

import contextlib
import functools
import gzip
import hashlib
import http.server
import json
import os
import random
import signal
import subprocess
import tarfile
import threading
import time

from interop import (GOLDEN, VENV, WIT, import_of, refusals, run_tests, sample, shown, tar_of,
                     venv_has, wit)


def test_dialects(tmp):
    """Long names, folders and packing change nothing: one dataset, whatever the tar's dialect."""
    members = [("a folder", None), ("README", b"no sample's")]
    deep = "/".join(["deep" * 10] * 3)
    for i, image in enumerate(GOLDEN[:12]):
        key = f"{i:09d}" if i % 3 else f"{deep}/{'long' * 20}{i}"
        members += sample(key, image, f"words {i} \u732b\n" if i == 4 else f"words {i}",
                          {"url": f"http://EXAMPLE.test/{i}.img#part", "width": 3})
    hashes = set()
    for name, fmt in [("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT),
                      ("pax", tarfile.PAX_FORMAT)]:
        usable = members
        if name == "ustar":  # it has no room for such a name
            usable = [(n.replace("long" * 20, "long" * 5), d) for n, d in members]
        tar = tar_of(tmp / f"{name}.tar", usable, fmt)
        hashes.add(import_of(tmp / name, tar)["dataset"]["hash"])
        packed = tmp / f"{name}.tar.gz"
        packed.write_bytes(gzip.compress(tar.read_bytes()))
        report = import_of(tmp / f"{name}-gz", packed)
        hashes.add(report["dataset"]["hash"])
        assert report["stored"] == 12 and report["refused"] == 0 and report["ignored"] == 1, report
    assert len(hashes) == 1, hashes
    said = shown(tmp / "pax", tmp)
    for i, image in enumerate(GOLDEN[:12]):
        one = said[image.read_bytes()]
        assert one["captions"] == [{"text": f"words {i}" + (" \u732b" if i == 4 else ""),
                                    "source": "list"}], one
        assert one["origin"][0]["url"] == f"http://example.test/{i}.img", one
        assert one["origin"][0]["fetched_at_s"] == 1_700_000_000


def test_what_samples_say(tmp):
    """Facts, invented URLs, duplicates, and every reason to refuse."""
    a, b, c = GOLDEN[0], GOLDEN[20], GOLDEN[40]
    cut = ("cut.jpg", next(p for p in GOLDEN if p.suffix == ".jpg").read_bytes()[:-2])
    facts = {"url": "http://a.test/x.jpg", "caption": "by facts", "key": "0", "status": "success",
             "error_message": None, "width": 1, "height": 1, "original_width": 640,
             "original_height": 480, "exif": "{\"Make\": \"x\"}", "sha256": "00" * 32,
             "similarity": float("nan"), "LICENSE": "NaN, \"Infinity\""}
    tar = tar_of(tmp / "00 0.tar", [
        *sample("0", a, None, facts),
        *sample("1 \u00e9", b, "no facts"),
        *sample("2", c, "the same image"), *sample("3", c, "again"),
        *sample("4", GOLDEN[5], "  \n"),
        *sample("5", GOLDEN[6], None, {"url": "ftp://x.test/a", "caption": "not of the web"}),
        *sample("6", GOLDEN[7], "broken facts", b"{\"url\": "),
        ("7.txt", b"no image"), cut, ("cut.txt", b"cut"),
        ("8.jpg", b"<html>"), ("8.caption", b"a page"),
        ("9.jpg", GOLDEN[8].read_bytes()), ("9.seg.png", b"x"), ("9.png", b"second"),
        ("9.txt", b"\xff bytes"), ("10.cls", b"5"),
    ])
    report = import_of(tmp / "out", tar)
    want = {"samples": 12, "stored": 7, "refused": 5, "facts_broken": 1, "ignored": 3, "known": 0}
    assert {k: report[k] for k in want} == want, report
    assert report["dataset"]["samples"] == 6 and report["dataset"]["duplicate_images"] == 1, report
    said = shown(tmp / "out", tmp)
    one = said[a.read_bytes()]
    assert one["captions"] == [{"text": "by facts", "source": "list"}], one
    seen = one["origin"][0]["seen"][0]
    assert seen["extra"] == {
        "similarity": None, "LICENSE": "NaN, \"Infinity\"",
        "imported": {"from": "00 0.tar", "key": "0", "original_width": 640,
                     "original_height": 480, "exif": "{\"Make\": \"x\"}",
                     "sha256": "00" * 32}}, seen
    two = said[b.read_bytes()]
    assert two["origin"][0]["url"] == f"tar:00%200.tar/1%20%C3%A9?xxh128={two['key']}", two
    assert [x["text"] for x in said[c.read_bytes()]["captions"]] == ["again", "the same image"]
    assert said[GOLDEN[6].read_bytes()]["origin"][0]["url"].startswith("tar:00%200.tar/5?xxh128=")
    assert said[GOLDEN[8].read_bytes()]["captions"][0]["text"] == "\ufffd bytes"
    reasons = sorted(reason for _, reason in refusals(tmp / "out"))
    assert reasons == sorted(["no_caption", "no_image", "no_image", "image_broken",
                              "not_an_image"]), reasons
    kept = import_of(tmp / "kept", tar, more=["--keep-empty", "--verify", "decode"])
    assert kept["stored"] == 8 and kept["dataset"]["samples"] == 7, kept


def test_faults(tmp):
    """A tar that is missing, cut, without an end or no tar: said, and the others are taken."""
    whole = tar_of(tmp / "whole.tar", [m for i in range(4) for m in
                                       sample(f"{i}", GOLDEN[i], f"words {i}")])
    data = whole.read_bytes()
    (tmp / "cut.tar").write_bytes(data[:len(data.rstrip(b"\0")) - 700])
    (tmp / "no_end.tar").write_bytes(data.rstrip(b"\0") + bytes(-len(data.rstrip(b"\0")) % 512))
    (tmp / "none.tar").write_bytes(b"<html>" * 300)
    (tmp / "cut.tar.gz").write_bytes(gzip.compress(data)[:-9])
    (tmp / "empty.tar").write_bytes(b"")
    for name, samples in [("cut", 3), ("no_end", 4), ("none", 0), ("cut.tar.gz", None),
                          ("empty", 0), ("missing", 0)]:
        file = tmp / (name if name.endswith("gz") else f"{name}.tar")
        report = import_of(tmp / f"out-{name}", file, code=3)
        assert report["faults"] == 1, (name, report)
        assert samples is None or report["stored"] == samples, (name, report)
    report = import_of(tmp / "all", tmp / "none.tar", whole, tmp / "missing.tar", code=3)
    assert report["faults"] == 2 and report["dataset"]["samples"] == 4, report
    (tmp / "nothing").mkdir()
    import_of(tmp / "all", tmp / "nothing", code=3)
    wit("shards", "import", whole, "--from", "zip", "--out", tmp / "x", code=2)
    wit("shards", "import", "--from", "files", "--out", tmp / "x", code=2)


def test_again_and_kills(tmp):
    """Killed anywhere and run again it is the same dataset; what was taken is left out."""
    rng = random.Random(5)
    jpeg = next(p for p in GOLDEN if p.name == "jpeg-420.jpg").read_bytes()
    for t in range(3):
        members = []
        for i in range(700):  # bytes behind its end make an image another one
            members += [(f"{t}{i:05d}.jpg", jpeg + rng.randbytes(2000)),
                        (f"{t}{i:05d}.txt", f"words {i % 50}".encode())]
        tar_of(tmp / f"{t}.tar", members)
    whole = import_of(tmp / "whole", tmp)
    assert whole["stored"] == 2100 and whole["sources"] == 3, whole
    again = import_of(tmp / "whole", tmp)
    assert again["kept"] == 3 and again["samples"] == 0, again
    (tmp / "whole/collect/imports.jsonl").unlink()
    again = import_of(tmp / "whole", tmp)
    assert again["known"] == 2100 and again["dataset"] == whole["dataset"], again
    command = [WIT, "shards", "import", tmp, "--from", "webdataset", "--out", tmp / "killed"]
    for _ in range(12):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.002, 0.12))
        child.send_signal(signal.SIGKILL)
        child.wait(timeout=60)
    killed = import_of(tmp / "killed", tmp)
    assert killed["dataset"] == whole["dataset"], (killed, whole)
    wit("shards", "verify", tmp / "killed")
    moved = import_of(tmp / "killed", tmp / "0.tar", "--no-seal")
    assert moved["kept"] == 1 and moved["dataset"] is None, moved


def test_folders(tmp):
    """Folders in folders, names with dots; what has no image is no sample."""
    src = tmp / "src"
    (src / "a" / "b").mkdir(parents=True)
    for i, (name, image) in enumerate([("one.two", GOLDEN[0]), ("one", GOLDEN[1]),
                                       ("a/b/x", GOLDEN[2])]):
        (src / f"{name}{image.suffix}").write_bytes(image.read_bytes())
        (src / f"{name}.txt").write_text(f"words {i}\n")
    (src / "a/b/x.json").write_text(json.dumps({"url": "http://x.test/1"}))
    (src / "00000_stats.json").write_text("{}")
    (src / "notes.txt").write_text("notes")
    (src / ".hidden.jpg").write_bytes(b"x")
    os.symlink("..", src / "a" / "loop")
    report = import_of(tmp / "out", src, fmt="files")
    assert report["stored"] == 3 and report["refused"] == 0 and report["ignored"] == 2, report
    said = shown(tmp / "out", tmp)
    for i in range(3):
        assert said[GOLDEN[i].read_bytes()]["captions"][0]["text"] == f"words {i}"
    assert said[GOLDEN[2].read_bytes()]["origin"][0]["url"] == "http://x.test/1"
    assert said[GOLDEN[0].read_bytes()]["origin"][0]["url"].startswith("files:src/one.two?xxh128=")
    assert import_of(tmp / "out", src, fmt="files")["kept"] == 1


def test_out_and_in(tmp):
    """What wit exports comes back as the same dataset: captions, sources, pages, rights."""
    members = []
    for i, image in enumerate(GOLDEN[:20]):
        captions = [{"text": f"{k} of {i}\n", "source": ["alt", "title", "sitemap"][k % 3]}
                    for k in range(1 + i % 4)]
        if i == 7:
            captions = [{"text": "", "source": "list"}]
        seen = [{"caption": k, "page": f"http://p.test/{k}", "extra": {"n": k}}
                for k in range(len(captions))]
        origin = [{"url": f"http://{h}.test/{i}", "final_url": f"http://c.test/{i}",
                   "fetched_at_s": 1_600_000_000 + i, "headers": "content-type: image/png\n",
                   "rights": "x-robots-tag: all\n" if i % 2 else "", "seen": seen,
                   "seen_total": len(seen)} for h in ("a", "b")[:1 + i % 2]]
        if i == 9:  # of very many places not all captions are listed
            origin[0]["seen"] = seen[:1]
        if i == 7:
            origin[0]["seen"].append({"caption": None, "page": "http://p.test/none"})
        members += sample(f"{i:05d}", image, captions[0]["text"],
                          {"wit_key": "0" * 32, "captions": captions, "origin": origin})
    first = import_of(tmp / "first", tar_of(tmp / "ours.tar", members))
    assert first["stored"] == 20 and first["refused"] == 0, first
    for fmt in ("webdataset", "files"):
        for captions in ("first", "all"):
            out = tmp / f"{fmt}-{captions}"
            wit("shards", "export", tmp / "first", "--to", fmt, "--out", out, "--per-shard", 7,
                "--captions", captions)
            back = import_of(tmp / f"{fmt}-{captions}-back", out, fmt=fmt)
            assert back["dataset"] == first["dataset"], (fmt, back, first)
    there = shown(tmp / "first", tmp)
    for image, said in shown(tmp / "files-all-back", tmp).items():
        assert said["captions"] == there[image]["captions"]
        assert said["origin"] == there[image]["origin"], (said, there[image])
    assert len(there[GOLDEN[9].read_bytes()]["captions"]) == 2


@contextlib.contextmanager
def server(folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as s:
        threading.Thread(target=s.serve_forever, daemon=True).start()
        try:
            yield s.server_address[1]
        finally:
            s.shutdown()


def img2dataset(listed, out, *args):
    # Its main() forks workers that import numpy and OpenCV: seconds.
    code = "from img2dataset.main import main; main()"
    subprocess.run([VENV, "-c", code, "--url_list", listed, "--output_folder", out,
                    "--input_format", "csv", "--url_col", "url", "--caption_col", "text",
                    "--processes_count", "1", "--thread_count", "8", "--number_sample_per_shard",
                    "10", "--save_additional_columns", "[\"score\"]", *args],
                   check=True, capture_output=True, timeout=240)


def test_img2dataset(tmp):
    """What img2dataset 1.47 writes is taken in as it stands, and is what a crawl of the same list
    would have stored."""
    if not venv_has("img2dataset"):
        print("img2dataset is not in .venv (tools/setup --peers): its part is left out")
        return
    web = tmp / "web"
    web.mkdir()
    names = [p for p in GOLDEN if p.name in (
        "jpeg-420.jpg", "jpeg-422.jpg", "jpeg-444.jpg", "jpeg-grey.jpg", "jpeg-progressive.jpg",
        "jpeg-restart.jpg", "png-rgb.png", "png-rgba.png", "png-palette-trns.png",
        "webp-lossy.webp", "png-grey.png", "png-interlaced.png", "jpeg-low-quality.jpg")]
    for p in names:
        (web / p.name).write_bytes(p.read_bytes())
    with server(web) as port:
        listed = tmp / "list.csv"
        listed.write_text("url,text,score\n" + "".join(
            f"http://127.0.0.1:{port}/{p.name},\"words, of {p.name} \u732b\",0.{i}\n"
            for i, p in enumerate(names)) + f"http://127.0.0.1:{port}/gone.jpg,gone,1\n")
        img2dataset(listed, tmp / "raw", "--output_format", "webdataset",
                    "--disable_all_reencoding", "True")
        img2dataset(listed, tmp / "small", "--output_format", "files", "--image_size", "32",
                    "--resize_mode", "keep_ratio_largest")
        wit("crawl", "--list", listed, "--caption-col", "text", "--keep-cols", "score", "--out",
            tmp / "crawled", "--allow-net", "127.0.0.0/8", "--ignore", "robots", code=0)
    crawled = json.loads(wit("shards", "seal", tmp / "crawled", "--json").stdout)
    report = import_of(tmp / "raw-in", tmp / "raw")
    assert report["stored"] == len(names) and report["refused"] == 0, report
    assert report["dataset"]["hash"] == crawled["hash"], (report, crawled)
    for image, said in shown(tmp / "raw-in", tmp).items():
        seen = said["origin"][0]["seen"][0]
        assert seen["extra"]["imported"]["sha256"] == hashlib.sha256(image).hexdigest(), seen
        assert seen["extra"]["score"] >= 0, seen
    report = import_of(tmp / "small-in", tmp / "small", fmt="files")
    assert report["stored"] == len(names), report
    for image, said in shown(tmp / "small-in", tmp).items():
        assert max(said["width"], said["height"]) == 32 and said["stored"] == "as fetched", said
    images = {p.read_bytes() for p in (tmp / "small").rglob("*.jpg")}
    assert images == set(shown(tmp / "small-in", tmp)), "the images are the files' bytes"


run_tests(globals())
