#!/usr/bin/env python3
"""Captions per second on one core: wit's tokenizer, open_clip's, Hugging Face's.

    .venv/bin/python tests/bench/bench_tokenizer.py [--build build] [--rounds 5]

Two inputs: "ascii", glosses of WordNet (wordnet-base), and "mixed", the same with three of ten lines
replaced by translated messages of installed programs (.mo files), both of the same median length.
Each side encodes the texts once a round; open_clip and Hugging Face keep their word caches between
rounds, wit starts cold. Hugging Face's pipeline is CLIP's without ftfy and references, so it does less.
"""
import argparse
import gettext
import glob
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from bench_common import alternate, hash_of  # noqa: E402

LANGUAGES = "de fr es pt pl cs ru uk el tr vi hi th ar he zh_CN ja ko".split()
PEER_LINES = 6000


def glosses():
    lines = []
    for kind in ("noun", "verb", "adj", "adv"):
        with open(f"/usr/share/wordnet/data.{kind}", encoding="ascii", errors="ignore") as f:
            lines += [line.split(" | ", 1)[1].strip() for line in f if " | " in line]
    return [line for line in lines if 20 <= len(line) <= 120]


def translations():
    lines = []
    for language in LANGUAGES:
        for path in sorted(glob.glob(f"/usr/share/locale/{language}/LC_MESSAGES/*.mo")):
            try:
                with open(path, "rb") as f:
                    messages = gettext.GNUTranslations(f)._catalog
            except (OSError, ValueError, IndexError):
                continue
            lines += [m for m in messages.values() if isinstance(m, str) and "\n" not in m
                      and 12 <= len(m) <= 120 and not m.isascii()]
    return lines


def hugging_face(vocab):
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    from open_clip.tokenizer import bytes_to_unicode
    lines = gzip.open(vocab).read().decode().split("\n")[1:48895]
    merges = [tuple(line.split()) for line in lines]
    names = list(bytes_to_unicode().values())
    names += [n + "</w>" for n in names] + ["".join(m) for m in merges]
    names += ["<|startoftext|>", "<|endoftext|>"]
    t = Tokenizer(models.BPE({n: i for i, n in enumerate(names)}, merges,
                             end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    t.normalizer = normalizers.Sequence([normalizers.NFC(),
                                         normalizers.Replace(Regex(r"\s+"), " "),
                                         normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""),
                             behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.enable_truncation(75)
    return t


def timed(amount, fn):
    cpu, wall = time.process_time(), time.monotonic()
    fn()
    return amount, time.process_time() - cpu, time.monotonic() - wall


def sides_for(args, path, lines):
    program = os.path.join(args.build, "tests/bench/bench_tokenize")

    def run_wit():
        out = json.loads(subprocess.run([program, args.vocab, path], check=True,
                                        capture_output=True).stdout)
        return out["captions"], out["cpu_s"], out["wall_s"]

    sides = {"wit": run_wit}
    some = lines[:PEER_LINES]
    try:
        from open_clip.tokenizer import SimpleTokenizer
        clip = SimpleTokenizer(args.vocab)
        sides["open_clip"] = lambda: timed(len(some), lambda: [clip.encode(t) for t in some])
        hf = hugging_face(args.vocab)
        many = lines[:10 * PEER_LINES]
        sides["hugging_face"] = lambda: timed(len(many), lambda: hf.encode_batch(many))
    except ImportError as e:
        print(json.dumps({"bench": "tokenizer", "skipped": str(e)}))
    return sides


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--vocab", default=os.path.join(ROOT, ".cache/bpe_simple_vocab_16e6.txt.gz"))
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    rng = random.Random(1)
    ascii_lines, other = glosses(), translations()
    rng.shuffle(ascii_lines)
    rng.shuffle(other)
    share = len(other) and min(0.3, len(other) / len(ascii_lines))
    mixed = [other[i % len(other)] if rng.random() < share else t for i, t in enumerate(ascii_lines)]
    with tempfile.TemporaryDirectory() as folder:
        for name, lines in (("ascii", ascii_lines), ("mixed", mixed)):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as f:
                f.write("\n".join(lines) + "\n")
            alternate(f"tokenizer.{name}", "captions/s", sides_for(args, path, lines),
                      rounds=args.rounds, inputs=f"{len(lines)} lines {hash_of(path)}")


main()
