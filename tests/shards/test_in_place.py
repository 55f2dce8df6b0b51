"""`wit shards index`: a dataset whose samples stay in tars, held against the import of the same tars,
read by every verb and by the loader, and what comes of tars that were cut or changed. Python's standard
library only; what differs ends the program with a sentence."""

import gzip
import json
import os
import pathlib
import shutil
import struct
import tarfile

from interop import GOLDEN, import_of, run_tests, sample, shown, tar_of, wit


def index_of(out, *tars, code=0, more=()):
    done = wit("shards", "index", *tars, "--out", out, "--json", *more, code=code)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["schema"] == "wit.shards.indexed/1", lines
    return lines[-1], [(x["key"], x["reason"]) for x in lines
                       if x["schema"] == "wit.shards.refused/1"]


def tars_make(tmp):
    """Three tars in three dialects with a sample of each golden image, some images twice, some
    refused."""
    folder = tmp / "tars"
    folder.mkdir()
    for t, fmt in enumerate((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        members = [("README", b"no sample's")]
        for i, image in enumerate(GOLDEN[t::3]):
            members += sample(f"{t}{i:05d}", image, f"words {i} of {t}\n",
                              {"url": f"http://h{i % 4}.test/{t}/{i}", "n": i} if i % 3 else None)
        again = GOLDEN[t::3][1]
        members += sample(f"{t}90000", again, "the same image",
                          {"url": f"http://h1.test/{t}/1", "n": 1})
        members += sample(f"{t}90001", again, "", None)
        members += [(f"{t}90002.jpg", b"broken"), (f"{t}90002.txt", b"broken")]
        if t == 2:
            members += sample("folder/" * 20 + "long", GOLDEN[2], "a long name")
        tar_of(folder / f"{t}.tar", members, fmt)
    return folder


def listed(dataset):
    text = wit("shards", "ls", dataset, "--json").stdout
    return sorted((s["key"], s["hash"], json.dumps(s["captions"]), s["bytes"], s["format"],
                   s["width"], s["height"]) for s in map(json.loads, text.splitlines()))


def parts_of(index):
    """A reader of docs/formats/tar-index.md: where the tar is, and its entries."""
    data = index.read_bytes()
    assert data[:8] == b"WITTAR\0\n" and struct.unpack_from("<I", data, 8)[0] == 1
    path_bytes, = struct.unpack_from("<I", data, 12)
    tar_bytes, mtime = struct.unpack_from("<Qq", data, 16)
    samples, file_bytes = struct.unpack_from("<QQ", data, 48)
    assert file_bytes == len(data)
    path = data[128:128 + path_bytes].decode()
    at = 128 + (path_bytes + 15) // 16 * 16
    entries = []
    for i in range(samples):
        key = data[at + 48 * i:at + 48 * i + 16].hex()
        image, image_bytes, front, front_bytes, origin_bytes = struct.unpack_from(
            "<QQQII", data, at + 48 * i + 16)
        entries.append((key, image, image_bytes, data[front:front + front_bytes],
                        data[front + front_bytes:front + front_bytes + origin_bytes]))
    return path, tar_bytes, mtime, entries


def test_equals_an_import(tmp):
    tars = tars_make(tmp)
    imported = import_of(tmp / "imported", tars)
    report, refused = index_of(tmp / "placed", tars)
    assert report["dataset"]["hash"] == imported["dataset"]["hash"], (report, imported)
    assert report["samples"] == imported["samples"] and report["refused"] == imported["refused"]
    assert report["known"] == 4 and sorted(set(r for _, r in refused)) == [
        "no_caption", "not_an_image"], (report, refused)
    assert listed(tmp / "placed") == listed(tmp / "imported")
    there = shown(tmp / "imported", tmp)
    for image, said in shown(tmp / "placed", tmp).items():
        assert said["origin"] == there[image]["origin"], (said, there[image])
    for verb in ("stat", "verify"):
        wit("shards", verb, tmp / "placed")
    for depth, read in (("--fast", "fast"), ("--new", "full"), ("--new", "full")):
        text = wit("shards", "verify", tmp / "placed", depth, "--json").stdout
        assert all(json.loads(s)["depth"] == read for s in text.splitlines()[:-1]), text
    a, b = (json.loads(wit("shards", "stat", tmp / d, "--json").stdout)
            for d in ("placed", "imported"))
    assert {k: v for k, v in a.items() if k not in ("bytes", "shards")} == {
        k: v for k, v in b.items() if k not in ("bytes", "shards")}
    one = listed(tmp / "placed")[5]
    shown_one = json.loads(wit("shards", "show", tmp / "placed", one[0], "--json").stdout)
    assert shown_one["hash"] == one[1]
    # The loader: every sample once in an epoch, as the list says.
    count = len(listed(tmp / "placed"))
    plan = wit("load", tmp / "placed", "--batch", count, "--plan").stdout
    keys = json.loads(plan.splitlines()[0])["keys"]
    assert sorted(keys) == [s[0] for s in listed(tmp / "placed")], keys
    wit("load", tmp / "placed", "--batch", count, "--size", 32, "--steps", 2)
    # Out again, and in.
    wit("shards", "export", tmp / "placed", "--to", "webdataset", "--out", tmp / "out")
    back = import_of(tmp / "back", tmp / "out")
    assert back["dataset"]["hash"] == imported["dataset"]["hash"]


def test_format(tmp):
    tars = tars_make(tmp)
    index_of(tmp / "placed", tars)
    images = {p.read_bytes() for p in GOLDEN}
    found = 0
    for index in sorted((tmp / "placed/shards").iterdir()):
        path, tar_bytes, mtime, entries = parts_of(index)
        tar = (tmp / "placed" / path).resolve()
        assert tar.parent == tars.resolve() and path.startswith("../tars/")
        assert tar.stat().st_size == tar_bytes and tar.stat().st_mtime_ns == mtime
        data = tar.read_bytes()
        found += len(entries)
        assert [e[1] for e in entries] == sorted(e[1] for e in entries), "in the tar's order"
        for key, at, length, front, origin in entries:
            assert data[at:at + length] in images
            assert front[0] == 1 and struct.unpack_from("<Q", front, 24)[0] == length
            assert json.loads(origin.splitlines()[0])["seen"]
    assert found == len(GOLDEN), found


def test_dups(tmp):
    """Near-duplicates of samples in tars; what they were found by is kept, and goes with its tar."""
    tars = tars_make(tmp)
    report, _ = index_of(tmp / "placed", tars)
    import_of(tmp / "imported", tars)

    def found(dataset):
        text = wit("shards", "dups", dataset, "--json").stdout
        lines = [json.loads(line) for line in text.splitlines()]
        return sorted(sorted(s["key"] for s in x["samples"]) for x in lines[:-1]), lines[-1]

    def hashes_kept():
        return {p: p.stat().st_mtime_ns for p in (tmp / "placed/shards").glob("*.phash")}

    first = found(tmp / "placed")
    assert first == found(tmp / "imported") and first[1]["clusters"] > 0, first
    kept = hashes_kept()
    assert len(kept) == 3 == report["dataset"]["shards"], kept
    assert found(tmp / "placed") == first and hashes_kept() == kept
    index_of(tmp / "placed", tars / "0.tar")
    assert len(hashes_kept()) == 1
    # One image in two tars is two samples, and a cluster.
    for name in ("a", "b"):
        tar_of(tmp / f"{name}.tar", sample(name, GOLDEN[0], name))
    index_of(tmp / "two", tmp / "a.tar", tmp / "b.tar")
    assert found(tmp / "two")[1]["in_clusters"] == 2


def test_again(tmp):
    tars = tars_make(tmp)
    names = [tars / f"{t}.tar" for t in range(3)]
    first, _ = index_of(tmp / "placed", *names)
    before = {p: p.stat().st_mtime_ns for p in (tmp / "placed").rglob("*") if p.is_file()}
    again, _ = index_of(tmp / "placed", *names)
    assert again["kept"] == 3 and again["dataset"] == first["dataset"], again
    assert before == {p: p.stat().st_mtime_ns for p in before}, "nothing was written"
    (tmp / "placed/dataset.json").unlink()  # as a kill before the last rename leaves it
    again, _ = index_of(tmp / "placed", *names, more=["--threads", 1])
    assert again["kept"] == 3 and again["dataset"] == first["dataset"], again
    fewer, _ = index_of(tmp / "placed", *names[:2])
    assert fewer["kept"] == 2 and fewer["dataset"]["samples"] < first["dataset"]["samples"]
    assert len(list((tmp / "placed/shards").iterdir())) == 2
    tar_of(names[1], sample("x", GOLDEN[0], "x"))
    changed, _ = index_of(tmp / "placed", *names)
    assert changed["kept"] == 1 and changed["faults"] == 0, changed
    wit("shards", "verify", tmp / "placed")


def test_moved_cut_and_changed(tmp):
    tars = tars_make(tmp)
    index_of(tmp / "placed", tars)
    sound = listed(tmp / "placed")
    # Both moved together; copied, so that times differ.
    (tmp / "elsewhere").mkdir()
    shutil.copytree(tars, tmp / "elsewhere/tars", copy_function=shutil.copyfile)
    shutil.copytree(tmp / "placed", tmp / "elsewhere/placed")
    os.rename(tars, tmp / "gone")
    assert listed(tmp / "elsewhere/placed") == sound
    said = wit("shards", "ls", tmp / "placed", code=1).stderr
    assert "tars/0.tar" in said and "cannot open" in said, said
    os.rename(tmp / "gone", tars)
    assert listed(tmp / "placed") == sound
    # One byte of one image, size and time as they were: the others are read, that one is not.
    tar = tars / "1.tar"
    data, times = bytearray(tar.read_bytes()), tar.stat()
    entries = [e for i in (tmp / "placed/shards").iterdir() for e in parts_of(i)[3]
               if parts_of(i)[0].endswith("1.tar")]
    key, at, length = entries[3][:3]
    data[at + length // 2] ^= 1
    tar.write_bytes(data)
    os.utime(tar, ns=(times.st_atime_ns, times.st_mtime_ns))
    said = wit("shards", "show", tmp / "placed", key, code=1).stderr
    assert "hash" in said, said
    wit("shards", "show", tmp / "placed", entries[2][0])
    said = wit("shards", "verify", tmp / "placed", code=1).stdout
    assert "record 3" in said, said
    # Cut, or another tar of the same size.
    data[at + length // 2] ^= 1
    for fault in (data[:-20480], data + bytes(512), data[:512].replace(b"R", b"r") + data[512:]):
        tar.write_bytes(fault)
        said = wit("shards", "verify", tmp / "placed", code=1).stdout
        assert "was cut or changed since it was indexed" in said, said
        wit("shards", "ls", tmp / "placed", code=1)
        wit("load", tmp / "placed", "--batch", 8, "--size", 32, "--verify", "never", code=1)
    # The index itself.
    tar.write_bytes(data)
    os.utime(tar, ns=(times.st_atime_ns, times.st_mtime_ns))
    wit("shards", "verify", tmp / "placed")
    index = next(i for i in (tmp / "placed/shards").iterdir() if parts_of(i)[0].endswith("1.tar"))
    whole = index.read_bytes()
    for at in (0, 20, 50, 90, 130, 200, 300, len(whole) - 5):
        index.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
        wit("shards", "verify", tmp / "placed", code=1)
    index.write_bytes(whole[:-1])
    wit("shards", "ls", tmp / "placed", code=1)
    wit("shards", "verify", tmp / "placed", "--fast", code=1)
    said = wit("shards", "repair", tmp / "placed", code=1).stderr
    assert "wit shards index" in said, said
    index.unlink()
    index_of(tmp / "placed", tars)
    assert index.read_bytes() == whole


def test_refused(tmp):
    tars = tars_make(tmp)
    (tmp / "0.tar.gz").write_bytes(gzip.compress((tars / "0.tar").read_bytes()))
    report, _ = index_of(tmp / "packed", tmp / "0.tar.gz", tars / "1.tar", tmp / "none.tar", code=3)
    assert report["faults"] == 2 and report["dataset"]["shards"] == 1, report
    cut = tmp / "cut.tar"
    cut.write_bytes((tars / "0.tar").read_bytes().rstrip(b"\0")[:-3000])
    report, _ = index_of(tmp / "cut", cut, code=3)
    assert report["stored"] > 5, report
    wit("shards", "verify", tmp / "cut")
    import_of(tmp / "sealed", tars / "0.tar")
    for args in (("index", tars, "--out", tmp / "sealed"), ("seal", tmp / "packed"),
                 ("repair", tmp / "packed"),
                 ("remove", tmp / "packed", "--reason", "asked", "--domain", "h1.test"),
                 ("import", tars, "--from", "webdataset", "--out", tmp / "packed")):
        wit("shards", *args, code=1)
    wit("shards", "index", tars, code=2)
    wit("shards", "index", tars, "--out", tmp / "x", "--from", "files", code=2)


run_tests(globals())
