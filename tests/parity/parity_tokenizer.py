#!/usr/bin/env python3
"""Compare `wit tokenizer encode` with open_clip's SimpleTokenizer on made-up texts. Run by hand:

    .venv/bin/python tests/parity/parity_tokenizer.py --wit build/tools/wit [--texts N] [--seed S]

Needs open_clip_torch 3.3.0, ftfy and regex (tools/setup --peers). Texts are drawn so that every step
of the cleaning has work: all of Unicode, marks in any order, character references, mojibake of every
encoding, escapes, controls, emoticons, long words. Prints each difference and exits 1 when there is
one.
"""
import argparse
import html.entities
import json
import os
import random
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENCODINGS = ["latin-1", "sloppy-windows-1252", "sloppy-windows-1251", "sloppy-windows-1250",
             "sloppy-windows-1253", "sloppy-windows-1254", "sloppy-windows-1257", "iso-8859-2",
             "macroman", "cp437"]
WORDS = ("a photo of the cat's house we'll they've CAFÉ naïve Ελλάς ΟΔΟΣ ΣΣ İstanbul ſtraße 'ſ "
         "Москва Київ 東京 日本語 서울 हिन्दी ไทย עברית العربية ﬁne ŉ Ǆ ＦＵＬＬ ｶﾀｶﾅ １２３ ½ Ⅷ "
         "“quotes” ‘single’ — – … à la às Ã Â © ® ™ € £ ¥ § ° × √ ≈ ‚Ä вЂ β€ ā€ ÃƒÂ© ┬â•— "
         "<start_of_text> <end_of_text> <ſtart_of_text> &amp; &AMP; &lt;b&gt; &eacute; &EACUTE; &SZLIG; "
         "&notit; &#8217; &#x201C; &#0; &#150; &#xD800; &#59; &amp;amp;lt; &nbsp; :) (╯°□°)╯ ¯\\_(ツ)_/¯ "
         "\x1b[31mred\x1b[0m \x1b[١m a\x00b \ufeff \x85 \u2028 \r\n \n \t \x1c \u3000 \u200b e\u0301 "
         "u\u0308\u0304 u\u0304\u0308 \u0345 α\u0345 \U0001F1EB\U0001F1F7 👩‍👩‍👧 \ufdd0 \ufffd \x1a").split(" ")


def any_char(rng):
    kind = rng.random()
    if kind < 0.25:
        return chr(rng.randrange(0x20, 0x7F))
    if kind < 0.45:
        return chr(rng.randrange(0x80, 0x250))
    if kind < 0.75:
        return chr(rng.choice([rng.randrange(0x250, 0x3000), rng.randrange(0x3000, 0xD800)]))
    if kind < 0.85:
        return chr(rng.randrange(0xF900, 0x10000))
    if kind < 0.95:
        return chr(rng.randrange(0x10000, 0x20000))
    return chr(rng.choice([rng.randrange(0x20), rng.randrange(0x20000, 0x110000)]))


def mojibake(rng, text, encodings):
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        try:
            data = text.encode("utf-8", "surrogatepass" if rng.random() < 0.1 else "strict")
            if rng.random() < 0.15:
                data = data.replace(b"\xa0", b" ")
            text = data.decode(rng.choice(encodings), rng.choice(["strict", "replace"]))
        except UnicodeError:
            break
    if rng.random() < 0.1:
        text = text.replace("\x9d", "\ufffd").replace("\x81", rng.choice(["\ufffd", "?", ""]))
    return text


def reference(rng, names):
    name = rng.choice(names)
    kind = rng.random()
    if kind < 0.3:
        return "&" + name
    if kind < 0.5:
        return "&" + name.upper()
    if kind < 0.6:
        return "&" + name.rstrip(";") + rng.choice(["x", "1", " ", "=", "é"])
    if kind < 0.7:
        return "&amp;" * rng.randrange(1, 4) + name
    number = rng.choice([rng.randrange(0x120), rng.randrange(0x120000)])
    return rng.choice(["&#%d", "&#%d;", "&#x%x;", "&#X%X", "&#%dz;", "&#00%d;"]) % number


def make_text(rng, names, suspects):
    kind = rng.random()
    if kind < 0.15:
        return "".join(any_char(rng) for _ in range(rng.randrange(1, 40)))
    if kind < 0.35:
        words = [rng.choice(WORDS) for _ in range(rng.randrange(1, 8))]
        return mojibake(rng, rng.choice([" ", " ", ""]).join(words), ENCODINGS)
    if kind < 0.45:
        # Any characters of mojibake side by side: what the rules are about.
        return "".join(rng.choice([rng.choice(suspects), rng.choice(suspects), rng.choice("aZ. \n1_")])
                       for _ in range(rng.randrange(1, 9)))
    if kind < 0.55:
        base = "".join(any_char(rng) for _ in range(rng.randrange(1, 10)))
        return rng.choice(WORDS) + mojibake(rng, base, ENCODINGS) + rng.choice(WORDS)
    if kind < 0.65:
        return " ".join(rng.choice([reference(rng, names), rng.choice(WORDS)])
                        for _ in range(rng.randrange(1, 6)))
    if kind < 0.67:
        return "".join(rng.choice("abcdefgh") for _ in range(rng.randrange(40, 400)))
    words = [rng.choice(WORDS) for _ in range(rng.randrange(1, 12))]
    for _ in range(rng.randrange(3)):
        words.insert(rng.randrange(len(words) + 1), any_char(rng))
    return rng.choice([" ", " ", "", "\n"]).join(words)


def every_character(suspects):
    """Each character alone and between letters; pairs and a sample of triples of mojibake."""
    for c in range(0x110000):
        if not 0xD800 <= c < 0xE000:
            yield f"a{chr(c)}B{chr(c)}\u0301 Σ{chr(c)} 1{chr(c)}"
    for a in suspects:
        for b in suspects:
            yield a + b
            yield "x" + a + b + "y"
            yield "x " + a + b + " "


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--wit", default=os.path.join(ROOT, "build/tools/wit"))
    parser.add_argument("--vocab", default=os.path.join(ROOT, ".cache/bpe_simple_vocab_16e6.txt.gz"))
    parser.add_argument("--texts", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", action="store_true", help="every character, every suspect pair")
    args = parser.parse_args()

    import ftfy.bad_codecs  # noqa: F401
    import ftfy.chardata
    from open_clip.tokenizer import SimpleTokenizer
    tokenizer = SimpleTokenizer(args.vocab)
    rng = random.Random(args.seed)
    names = sorted(html.entities.html5)
    suspects = sorted({bytes([b]).decode(e) for e in ENCODINGS for b in range(0x80, 0x100)} |
                      {"\ufffd", "\ufb01", "\u0490", "\u2015"})
    if args.every:
        texts = list(every_character(suspects))
    else:
        texts = [make_text(rng, names, suspects) for _ in range(args.texts)]
    texts = [t for t in texts if not any(0xD800 <= ord(c) < 0xE000 for c in t)]

    differ = 0
    with tempfile.TemporaryFile("w+") as source:
        for text in texts:
            source.write(json.dumps({"text": text}) + "\n")
        source.seek(0)
        out = subprocess.run([args.wit, "tokenizer", "encode", "--vocab", args.vocab], stdin=source,
                             stdout=subprocess.PIPE, check=True, text=True).stdout
    lines = out.split("\n")[:-1]
    assert len(lines) == len(texts), (len(lines), len(texts))
    for text, line in zip(texts, lines):
        got = json.loads(line)
        tokens = [tokenizer.sot_token_id] + tokenizer.encode(text) + [tokenizer.eot_token_id]
        want = (tokens if len(tokens) <= 77 else tokens[:76] + [tokenizer.eot_token_id])
        want = want + [0] * (77 - len(want))
        if got["ids"] != want or got["n"] != len(tokens):
            differ += 1
            if differ <= 40:
                print(json.dumps({"text": text, "wit": got["ids"][:got["n"]], "n": got["n"],
                                  "open_clip": tokens[:77], "open_clip_n": len(tokens)}))
    print(f"{len(texts)} texts, {differ} differ (seed {args.seed})")
    return 1 if differ else 0


sys.exit(main())
