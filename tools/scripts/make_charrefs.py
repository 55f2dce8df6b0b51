#!/usr/bin/env python3
"""Write core/text/charref_table.c from Python's copy of the HTML entity list.

    tools/scripts/make_charrefs.py > core/text/charref_table.c

The list (https://html.spec.whatwg.org/entities.json) is closed: the standard says no name will ever
be added, so this runs once. The table is sorted by bytes, and an index by first letter bounds the
search.
"""
import html.entities
import string

LETTERS = string.ascii_uppercase + string.ascii_lowercase


def main():
    names = sorted(html.entities.html5.items())
    assert len(names) == 2231
    print("/* charref_table.c: written by tools/scripts/make_charrefs.py; do not edit. */")
    print("/* clang-format off */")
    print('#include "charref_table.h"\n')
    print("/* Sorted by the bytes of the name. */")
    print("const struct charref_entry charref_entries[CHARREF_COUNT] = {")
    for name, text in names:
        points = [ord(c) for c in text] + [0]
        print('    { "%s", %d, { 0x%X, 0x%X } },' % (name, len(name), points[0], points[1]))
    print("};\n")
    print("/* Entries of LETTERS[i] are [first[i], first[i + 1]). */")
    first = [sum(1 for name, _ in names if name[0] < c) for c in LETTERS] + [len(names)]
    print("const uint16_t charref_first[53] = {")
    for i in range(0, len(first), 12):
        print("    " + ", ".join(str(f) for f in first[i:i + 12]) + ",")
    print("};")


main()
