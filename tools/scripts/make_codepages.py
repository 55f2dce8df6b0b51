#!/usr/bin/env python3
"""Write loader/tokenizer_codepages.c: what bytes 0x80 to 0xFF mean in eight single-byte encodings.

    python3 tools/scripts/make_codepages.py > loader/tokenizer_codepages.c

The mappings are the Unicode Consortium's, as Python's codecs hold them. A byte without a meaning
stands for the code point of its own number, as web browsers read it.
"""
import sys

PAGES = ["cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1257", "iso8859-2", "mac_roman", "cp437"]


def main():
    out = sys.stdout
    out.write("/* tokenizer_codepages.c: written by tools/scripts/make_codepages.py; do not edit. */\n")
    out.write('#include "tokenizer.h"\n\n/* clang-format off */\n')
    out.write("const uint16_t tokenizer_codepages[TOKENIZER_CODEPAGES][128] = {\n")
    for page in PAGES:
        out.write(f"    {{ /* {page} */\n")
        for row in range(0x80, 0x100, 8):
            line = "       "
            for b in range(row, min(row + 8, 0x100)):
                c = bytes([b]).decode(page, errors="replace")
                line += f" 0x{b if c == chr(0xFFFD) else ord(c):04X},"
            out.write(line + "\n")
        out.write("    },\n")
    out.write("};\n")


main()
