#!/usr/bin/env python3
r"""Write loader/tokenizer_letters.c: which characters are \p{L} and \p{N} for the word pattern.

    python3 tools/scripts/make_letters.py > loader/tokenizer_letters.c

Needs PyPI's regex, the module that open_clip's tokenizer matches words with: its version of Unicode
decides, not that of the ICU at hand. The class is what the pattern itself says about a character.
"""
import importlib.metadata
import sys

import regex

LETTER = regex.compile(r"[\p{L}]+", regex.IGNORECASE)
NUMBER = regex.compile(r"[\p{N}]", regex.IGNORECASE)
OTHER = regex.compile(r"[^\s\p{L}\p{N}]+", regex.IGNORECASE)
SPACE = regex.compile(r"\s", regex.IGNORECASE)


def class_of(c):
    s = chr(c)
    if LETTER.fullmatch(s):
        return "L"
    if NUMBER.fullmatch(s):
        return "N"
    if OTHER.fullmatch(s) or SPACE.fullmatch(s):
        return None
    return "S"


def main():
    ranges = []
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000:
            continue
        kind = class_of(c)
        if kind is None:
            continue
        if ranges and ranges[-1][2] == kind and ranges[-1][1] == c - 1:
            ranges[-1][1] = c
        else:
            ranges.append([c, c, kind])
    print("/* tokenizer_letters.c: written by tools/scripts/make_letters.py with regex "
          f"{importlib.metadata.version('regex')};")
    print(" * do not edit. */")
    print('#include "tokenizer.h"\n')
    print("/* clang-format off */")
    print("#define L TOKENIZER_LETTER\n#define N TOKENIZER_NUMBER\n#define S TOKENIZER_SKIPPED\n")
    print(f"const struct tokenizer_range tokenizer_letters[TOKENIZER_LETTERS] = {{")
    line = "   "
    for first, last, kind in ranges:
        item = f" {{0x{first:X}, 0x{last:X}, {kind}}},"
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line + "\n};")
    print(len(ranges), "ranges", file=sys.stderr)


main()
