#!/usr/bin/env python3
"""Write filter/word_marks.c: which characters beyond ASCII are no part of a word.

    python3 tools/scripts/make_word_marks.py > filter/word_marks.c

Categories are those of this Python's unicodedata, whose version is written into the file. Scripts
that write no spaces between words are ranges of blocks, given here.
"""
import sys
import unicodedata

ALONE = [  # Thai, Lao, Tibetan, Myanmar, Khmer; kana, bopomofo, ideographs
    (0x0E00, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x19E0, 0x19FF),
    (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x3035), (0x3038, 0x303C),
    (0x3041, 0x30FF), (0x3100, 0x312F), (0x31A0, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0xFF66, 0xFF9F),
    (0x1B000, 0x1B16F), (0x20000, 0x3FFFF),
]
JOINERS = (0x2019,)  # the typographic apostrophe


def class_of(code):
    category = unicodedata.category(chr(code))
    if code in JOINERS:
        return "JOINER"
    if category[0] == "Z" or category == "Cc" or code in (0x200B, 0xFEFF):
        return "SPACE"
    if category[0] in "PS" or category == "Cs" or code == 0xFFFD:
        return "MARK"
    if any(a <= code <= b for a, b in ALONE):
        return "INSIDE" if category[0] == "M" else "ALONE"
    if 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF:  # select a variant
        return "INSIDE"
    return "WORD"


def ranges():
    first, kind = 0x80, class_of(0x80)
    for code in range(0x81, 0x110001):
        now = class_of(code) if code < 0x110000 else None
        if now == kind:
            continue
        if kind != "WORD":
            yield first, code - 1, kind
        first, kind = code, now


def main():
    items = [f"{{ 0x{a:04X}, 0x{b:04X}, {kind} }}," for a, b, kind in ranges()]
    out = sys.stdout
    out.write(
        f"/* word_marks.c: made by tools/scripts/make_word_marks.py from Unicode "
        f"{unicodedata.unidata_version}; do not edit. */\n"
        '#include "words.h"\n\n'
        "#define SPACE WORDS_SPACE\n#define MARK WORDS_MARK\n#define ALONE WORDS_ALONE\n"
        "#define JOINER WORDS_JOINER\n#define INSIDE WORDS_INSIDE\n\n"
        "/* clang-format off */\n"
        "const struct words_range words_ranges[] = {\n")
    line = "   "
    for item in items:
        if len(line) + 1 + len(item) > 100:
            out.write(line + "\n")
            line = "   "
        line += " " + item
    out.write(line + "\n};\n/* clang-format on */\n\n"
              f"const size_t words_ranges_count = {len(items)};\n")


if __name__ == "__main__":
    main()
