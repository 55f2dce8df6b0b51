#!/usr/bin/env python3
"""Write core/text/charset_table.c: encodings, their labels, and the single-byte tables.

    python3 -m venv V && V/bin/pip install webencodings
    V/bin/python tools/scripts/make_charsets.py > core/text/charset_table.c

Labels are those of the WHATWG Encoding Standard as the webencodings package lists them. Single-byte
tables are Python's codecs, corrected where the standard's indexes differ: bytes 0x80 to 0x9F that
Windows leaves undefined are the C1 controls, KOI8-U has the two letters of KOI8-RU, and windows-1255
has U+05BA.
"""
import webencodings.labels

SINGLE = {
    "ibm866": "cp866", "koi8-r": "koi8_r", "koi8-u": "koi8_u", "macintosh": "mac_roman",
    "windows-874": "cp874", "x-mac-cyrillic": "mac_cyrillic", "iso-8859-8-i": "iso8859_8",
}
SINGLE.update({"iso-8859-%d" % n: "iso8859_%d" % n for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)})
SINGLE.update({"windows-125%d" % n: "cp125%d" % n for n in range(9)})
PATCHES = {
    "koi8-u": {0xAE: 0x045E, 0xBE: 0x040E},
    "windows-1255": {0xCA: 0x05BA},
    "x-mac-cyrillic": {0xA2: 0x0490, 0xB6: 0x0491, 0xFF: 0x20AC},
    "macintosh": {0xDB: 0x20AC},
}
# Encodings with several bytes: the ICU converter that is nearest to the standard's index.
ICU = {
    "gbk": "gb18030", "gb18030": "gb18030", "big5": "Big5-HKSCS", "euc-jp": "euc-jp-2007",
    "iso-2022-jp": "ISO-2022-JP", "shift_jis": "ibm-943_P15A-2003", "euc-kr": "windows-949-2000",
    "utf-16be": "UTF-16BE", "utf-16le": "UTF-16LE",
}


def table_of(name):
    row = []
    for byte in range(0x80, 0x100):
        try:
            point = ord(bytes([byte]).decode(SINGLE[name]))
        except UnicodeDecodeError:
            point = byte if name.startswith("windows") and byte < 0xA0 else 0xFFFD
        row.append(PATCHES.get(name, {}).get(byte, point))
    return row


def main():
    labels = webencodings.labels.LABELS
    names = sorted(set(labels.values()))
    print("/* charset_table.c: written by tools/scripts/make_charsets.py; do not edit. */")
    print("/* clang-format off */")
    print('#include "charset_table.h"\n')
    for name in names:
        if name in SINGLE:
            print("static const uint16_t table_%s[128] = {" % name.replace("-", "_"))
            row = ["0x%04X" % p for p in table_of(name)]
            for i in range(0, 128, 12):
                print("    " + ", ".join(row[i:i + 12]) + ",")
            print("};\n")
    print("const struct wit_charset charset_all[CHARSET_COUNT] = {")
    for name in names:
        kind = "SINGLE" if name in SINGLE else "ICU" if name in ICU else {
            "utf-8": "UTF8", "replacement": "REPLACEMENT", "x-user-defined": "USER_DEFINED"}[name]
        table = "table_" + name.replace("-", "_") if name in SINGLE else "NULL"
        icu = '"%s"' % ICU[name] if name in ICU else "NULL"
        print('    { "%s", CHARSET_%s, %s, %s },' % (name, kind, table, icu))
    print("};\n")
    print("/* Sorted by the bytes of the label. */")
    print("const struct charset_label charset_labels[CHARSET_LABEL_COUNT] = {")
    for label in sorted(labels):
        print('    { "%s", %d },' % (label, names.index(labels[label])))
    print("};")


main()
