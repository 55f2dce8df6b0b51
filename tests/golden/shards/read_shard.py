#!/usr/bin/env python3
"""Reads a wit dataset with nothing but its format pages, the lmdb and the xxhash wheels: checks every
hash, prints the samples as JSON lines. docs/formats/shard.md and manifest.md are the specification.

usage: read_shard.py DATASET [--list]        exit 0: all well; 1: a fault; 77: a wheel is missing
"""
import json
import os
import struct
import sys

try:
    import lmdb
    import xxhash
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SOURCES = {1: "alt", 2: "title", 3: "figcaption", 4: "og_description", 5: "list",
           6: "sitemap"}


def h128(data):
    return xxhash.xxh3_128_digest(data)  # 16 bytes, big-endian: the canonical form


def h64(data, seed=0):
    return xxhash.xxh3_64_intdigest(data, seed=seed)


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
        env = lmdb.open(path, subdir=False, readonly=True, lock=False, max_dbs=2)
        shard_samples = shard_pairs = shard_sum = 0
        hidden = read_hidden(root, shard)
        with env.begin() as txn:
            origins = txn.cursor(db=env.open_db(b"origin", txn, create=False))
            for key, value in txn.cursor(db=env.open_db(b"samples", txn, create=False)):
                check(int.from_bytes(key, "big") >> (128 - bits) == shard["prefix"], "prefix")
                record = read_record(key, value)
                if key in hidden:
                    hidden.remove(key)
                    continue
                check(key not in seen, f"{key.hex()} is in two shards")
                seen.add(key)
                check(origins.set_key(key), f"{key.hex()} has no origin")
                places = [json.loads(line) for line in origins.value().splitlines()]
                shard_sum += int.from_bytes(h128(key + h128(value)), "big")
                shard_samples += 1
                shard_pairs += len(record["captions"])
                if "--list" in sys.argv:
                    texts = [[t.decode("utf-8", "replace"), SOURCES[s]] for t, s in record["captions"]]
                    urls = [p["url"] for p in places]
                    print(json.dumps({"key": key.hex(), "bytes": len(record["image"]),
                                      "captions": texts, "urls": urls}))
        env.close()
        check(not hidden, f"{path}: hidden keys without a record")
        check(shard_samples == shard["samples"] and shard_pairs == shard["pairs"], f"{path}: counts")
        check(f"{shard_sum % 2**128:032x}" == shard["sum"], f"{path}: sum")
        samples, pairs, total = samples + shard_samples, pairs + shard_pairs, total + shard_sum
    check(samples == manifest["samples"] and pairs == manifest["pairs"], "totals")
    whole = struct.pack(">IQ", 1, samples) + (total % 2**128).to_bytes(16, "big")
    check(h128(whole).hex() == manifest["hash"], "dataset hash")
    print(f"{manifest['hash']}  {samples} samples, {pairs} pairs: all well")


if __name__ == "__main__":
    main()
