#!/usr/bin/env python3
"""Reads a wit dataset with nothing but its format pages and Python: checks every hash, prints the
samples as JSON lines. docs/formats/shard.md and manifest.md are the specification; LMDB's pages are
read here, XXH3 is beside this file. For small datasets: a megabyte takes seconds.
usage: read_shard.py DATASET [--list]        exit 0: all well; 1: a fault"""
import json
import os
import struct
import sys

from xxh3 import h64, h128

SOURCES = {1: "alt", 2: "title", 3: "figcaption", 4: "og_description", 5: "list", 6: "sitemap"}


def check(condition, text):
    if not condition:
        sys.exit(f"fault: {text}")


def read_manifest(path):
    text = open(path, "rb").read()
    tail = b',"manifest_hash":"'
    body, digest = text[: -(len(tail) + 35)], text[-35:-3]
    check(text[len(body) : len(body) + len(tail)] == tail and text[-3:] == b'"}\n', "no manifest_hash")
    check(h128(body).hex().encode() == digest, "manifest_hash")
    manifest = json.loads(text)
    check(manifest["schema"] == "wit.dataset/1" and manifest["format"]["major"] == 1, "format")
    return manifest


def read_hidden(root, shard):
    """Keys of records of the file that are no part of the dataset."""
    if "hidden" not in shard:
        return set()
    said = shard["hidden"]
    name = f"{shard['file'][:-5]}-{said['hash'][:16]}.hidden"
    data = open(os.path.join(root, "shards", name), "rb").read()
    check(h128(data).hex() == said["hash"], f"{name}: hash")
    magic, version, zero, count = struct.unpack_from("<8sIIQ", data)
    check((magic, version, zero, count) == (b"WITHID\0\n", 1, 0, said["count"]), f"{name}: header")
    keys = [data[at : at + 16] for at in range(24, len(data), 16)]
    check(keys == sorted(set(keys)) and len(keys) == count > 0, f"{name}: keys")
    return set(keys)


def lmdb_walk(data, page_bytes, page):
    """(flags, key, value) of each node under a page, in order."""
    if page == 2**64 - 1:
        return  # an empty database
    at = page * page_bytes
    number, kind, lower = struct.unpack_from("<Q2xHH", data, at)
    check(number == page, f"page {page} has another number")
    for (offset,) in struct.iter_unpack("<H", data[at + 16 : at + lower]):
        low, high, flags, key_bytes = struct.unpack_from("<HHHH", data, at + offset)
        body = at + offset + 8 + key_bytes
        size = low | high << 16
        if kind & 1:  # a branch: the node names a page
            yield from lmdb_walk(data, page_bytes, size | flags << 32)
            continue
        key, value = data[body - key_bytes : body], data[body : body + size]
        if flags & 1:  # the value lies in pages of its own
            first = struct.unpack_from("<Q", data, body)[0] * page_bytes + 16
            value = data[first : first + size]
        check(len(value) == size, "a value runs over the end")
        yield flags, key, value


def lmdb_open(data):
    """{name: [(key, value)]} of a file."""
    page_bytes = struct.unpack_from("<I", data, 40)[0]
    metas = [struct.unpack_from("<II", data, at + 16) + struct.unpack_from("<QQQ", data, at + 128)
             for at in (0, page_bytes)]  # magic, version, root of the main database, last page, transaction
    check(all(m[:2] == (0xBEEFC0DE, 1) for m in metas), "no LMDB file")
    newest = max(metas, key=lambda m: m[4])
    check((newest[3] + 1) * page_bytes == len(data), "the file was cut or added to")
    roots = {key: struct.unpack_from("<Q", db, 40)[0]
             for flags, key, db in lmdb_walk(data, page_bytes, newest[2]) if flags & 2}
    return {name: [node[1:] for node in lmdb_walk(data, page_bytes, root)] for name, root in roots.items()}


def read_record(key, value):
    """The 64-byte header, the tagged text fields, the image."""
    (version, flags, fmt, orientation, components, depth, image_flags, zero) = value[:8]
    width, height, count, fields = struct.unpack_from("<IIII", value, 8)
    (image_bytes,) = struct.unpack_from("<Q", value, 24)
    front_hash, reserved = struct.unpack_from("<QQ", value, 48)
    check(version == 1 and zero == 0 and reserved == 0, "record header")
    check(64 + fields + image_bytes == len(value), "record lengths")
    image = value[64 + fields :]
    check(h128(image) == value[32:48], "image hash")
    check(flags & 3 or key == value[32:48], "key is not the hash of the image")
    hi, lo = struct.unpack(">QQ", key)
    check(h64(value[64 : 64 + fields], h64(value[:48], hi ^ lo)) == front_hash, "front hash")
    captions, at = [], 64
    for _ in range(count):
        tag, source, length = struct.unpack_from("<HHI", value, at)
        check(tag == 1, "unknown tag")
        captions.append((value[at + 8 : at + 8 + length], source))
        at += 8 + length
    check(captions == sorted(set(captions)), "captions are not a sorted set")
    check(0 <= 64 + fields - at < 16 and not any(value[at : 64 + fields]), "padding")
    return {"format": fmt, "width": width, "height": height, "image": image, "captions": captions}


def main():
    root = sys.argv[1]
    manifest = read_manifest(os.path.join(root, "dataset.json"))
    bits = manifest["shard_bits"]
    samples = pairs = total = 0
    seen = set()
    for shard in manifest["shards"]:
        path = os.path.join(root, "shards", shard["file"])
        data = open(path, "rb").read()
        check(len(data) == shard["file_bytes"], f"{path}: size")
        check(h128(data).hex() == shard["file_hash"], f"{path}: file hash")
        databases = lmdb_open(data)
        origins = dict(databases[b"origin"])
        shard_samples = shard_pairs = shard_sum = 0
        hidden = read_hidden(root, shard)
        check([key for key, _ in databases[b"samples"]] == sorted(origins), f"{path}: keys")
        for key, value in databases[b"samples"]:
            check(int.from_bytes(key, "big") >> (128 - bits) == shard["prefix"], "prefix")
            record = read_record(key, value)
            if key in hidden:
                hidden.remove(key)
                continue
            check(key not in seen, f"{key.hex()} is in two shards")
            seen.add(key)
            places = [json.loads(line) for line in origins[key].splitlines()]
            shard_sum += int.from_bytes(h128(key + h128(value)), "big")
            shard_samples += 1
            shard_pairs += len(record["captions"])
            if "--list" in sys.argv:
                texts = [[t.decode("utf-8", "replace"), SOURCES[s]] for t, s in record["captions"]]
                print(json.dumps({"key": key.hex(), "bytes": len(record["image"]),
                                  "captions": texts, "urls": [p["url"] for p in places]}))
        check(not hidden, f"{path}: hidden keys without a record")
        check(shard_samples == shard["samples"] and shard_pairs == shard["pairs"], f"{path}: counts")
        check(f"{shard_sum % 2**128:032x}" == shard["sum"], f"{path}: sum")
        samples, pairs, total = samples + shard_samples, pairs + shard_pairs, total + shard_sum
    check(samples == manifest["samples"] and pairs == manifest["pairs"], "totals")
    content = struct.pack(">IQ", 1, samples) + (total % 2**128).to_bytes(16, "big")
    check(h128(content).hex() == manifest["hash"], "dataset hash")
    print(f"{manifest['hash']}  {samples} samples, {pairs} pairs: all well")


if __name__ == "__main__":
    main()
