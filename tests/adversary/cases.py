"""The table of hostile cases: a row each, with what must come of it.

    name      the case's domain is NAME.test
    does      in words
    expect    below
    serve     the hostile answer: bytes, or a function that gives an async generator of bytes
    seconds   from the first question for its name to the last byte
    also      {URL: reason} of other pages and images in the log of refusals
    texts     words that must have come out with kept images
    absent    words that must not
    requests  the most that the case may be asked for
    wait      seconds before the well-behaved page is sent

What of the site is hostile; the rest of it is well-behaved:

    page      /, which is a seed. expect: "read" (the image that it shows was asked for), or the
              reason that it was refused for
    robots    /robots.txt; expect as for a page
    dns       the answers for the name; expect as for a page
    image     /i, which the page at / shows with the words "words of NAME". expect: "kept", or the
              reason
    address   the page shows the image `url`, whose path is /NAME. expect: the reason, or "absent"
              (no address was seen there)
    space     every page, by path and host. expect: "subject reason" of the report, or
              "few requests"

{PRT} is the port, which is as long as that. Nobody gets a second try (--retries 0); pages of a
domain are at most PAGES_MOST, barren ones BARREN_MOST in a row.
"""

import dataclasses
import gzip
import os
import random
import struct
import typing
import zlib

from wire import (after, chunk, chunked, forever, image, jpeg, jpeg_of_size, jpeg_scans,
                  jpeg_segment, png, redirect, response, silence, zipped)

PAGES_MOST, BARREN_MOST = 120, 40
CHANCE = random.Random(3)
QUICK, SLOW = 15, 45  # seconds; the crawler's own deadline of a request is 30
MARK = '<img src="/m.png" alt="marker picture">'
PAGE = f"<!doctype html><title>page</title>{MARK}".encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"


@dataclasses.dataclass
class Case:
    kind: str
    name: str
    does: str
    expect: str
    serve: typing.Any = None
    zone: typing.Any = None
    url: str = ""
    scheme: str = "http"
    seconds: float = QUICK
    also: dict = dataclasses.field(default_factory=dict)
    texts: tuple = ()
    absent: tuple = ()
    requests: int = 40
    wait: float = 0

    def seed(self, port):
        return f"{self.scheme}://{self.name}.test:{port}/"

    def hostile(self):
        """The path of the hostile answer."""
        return {"page": "/", "image": "/i", "robots": "/robots.txt"}.get(self.kind)

    def page(self, port):
        show = {"image": "/i", "address": self.url.replace("{PRT}", str(port))}.get(self.kind)
        mark = f'<img src="{show}" alt="words of {self.name}">' if show else MARK
        return response(f"<!doctype html><title>{self.name}</title>{mark}")

    def reply(self, path, host, port):
        if path == self.hostile():
            return self.serve.replace(b"{PRT}", b"%d" % port) if isinstance(self.serve, bytes) \
                else self.serve
        if path in ("/m.png", f"/{self.name}"):
            return image(png(self.name))
        if self.kind == "space" and path != "/robots.txt":
            return response(self.serve(path, host))
        if path != "/":
            return response(status=404)
        return after(self.wait, self.page(port)) if self.wait else self.page(port)


CASES = []


def table(kind):
    def row(name, does, expect, serve=None, **more):
        CASES.append(Case(kind, name, does, expect, serve, **more))
    return row


page, robots, dns = table("page"), table("robots"), table("dns")
picture, address, space = table("image"), table("address"), table("space")


def raw(*lines, body=PAGE):
    return HEAD + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def html(body, kind="text/html; charset=utf-8", **kwargs):
    return response(body, kind, **kwargs)


# ---- pages: bodies ---------------------------------------------------------------------------

page("endless-body", "a body without end", "read", forever(raw(), b"x" * 65536))
page("endless-chunks", "chunks without end", "read",
     forever(chunked(PAGE, end=b""), b"8000\r\n" + b"x" * 32768 + b"\r\n"))
page("drip-body", "a byte of the body a second", "too_slow",
     forever(raw(b"Content-Length: 1000000"), b"x", 1), seconds=SLOW)
page("drip-header", "a byte of a header line a second", "too_slow",
     forever(HEAD + b"X-Slow: ", b"x", 1), seconds=SLOW)
page("drip-status", "a byte of the status line a second", "too_slow",
     forever(b"HTTP/1.1 200 ", b"x", 1), seconds=SLOW)
page("drip-enough", "1,200 bytes a second without end", "timeout",
     forever(raw(b"Content-Length: 1000000"), b"x" * 1200, 1), seconds=SLOW)
page("silence", "takes the request and says nothing", "too_slow", silence(), seconds=SLOW)
page("hang-up", "closes at once", "reset", b"")
page("close-in-header", "closes inside a header line", "truncated", HEAD + b"X-Cut: ")
page("length-too-long", "announces more than it sends", "truncated",
     raw(b"Content-Length: 100000"))
page("length-huge", "announces 2^63-1 bytes", "truncated",
     raw(b"Content-Length: 9223372036854775807"))
page("length-overflow", "announces 2^70 bytes, which counts as nothing said", "read",
     raw(b"Content-Length: 1180591620717411303424"))
page("length-too-short", "sends more than it announces", "read",
     raw(b"Content-Length: %d" % len(PAGE), body=PAGE + b"<img src=/late.png alt=late-words>" * 99),
     absent=("late-words",))
page("length-negative", "announces -5 bytes", "bad_response", raw(b"Content-Length: -5"))
page("length-word", "announces 'many' bytes", "bad_response", raw(b"Content-Length: many"))
page("length-twice", "two lengths that differ", "truncated",
     raw(b"Content-Length: 10", b"Content-Length: 100000"))
page("length-and-chunks", "a length, and chunks that say otherwise", "read",
     chunked(PAGE, headers=["Content-Length: 3"]))
page("chunk-not-hex", "a chunk size that is no number", "reset",
     raw(b"Transfer-Encoding: chunked", body=b"zz\r\nhello\r\n0\r\n\r\n"))
page("chunk-huge", "a chunk of 2^64 bytes", "reset",
     raw(b"Transfer-Encoding: chunked", body=b"10000000000000000\r\nhello"))
page("chunk-cut", "closes inside a chunk", "truncated",
     raw(b"Transfer-Encoding: chunked", body=b"ffff\r\n" + PAGE))
page("chunk-no-end", "closes before the last chunk", "truncated", chunked(PAGE, end=b""))
page("chunk-extension", "a chunk extension of a megabyte", "read",
     raw(b"Transfer-Encoding: chunked", body=b"%x;" % len(PAGE) + b"x" * 1000000 + b"\r\n" + PAGE +
         b"\r\n0\r\n\r\n"))
page("trailer-flood", "trailers without end", "headers_too_big",
     forever(chunked(PAGE, end=b"0\r\n"), b"X-Trailer: more and more\r\n" * 100))
page("transfer-unknown", "Transfer-Encoding: gorilla", "bad_response",
     raw(b"Transfer-Encoding: gorilla"))
page("gzip-bomb", "200 kB that unpack to 200 MB", "read", zipped(PAGE + bytes(200 << 20)))
page("gzip-endless", "a gzip stream of zeros without end", "read",
     forever(raw(b"Content-Encoding: gzip", body=gzip.compress(PAGE)[:10] +
                 (z := zlib.compressobj(9, zlib.DEFLATED, -15)).compress(PAGE) +
                 z.flush(zlib.Z_FULL_FLUSH)),
             (z := zlib.compressobj(9, zlib.DEFLATED, -15)).compress(bytes(1 << 20)) +
             z.flush(zlib.Z_FULL_FLUSH)))
page("gzip-nested", "gzip in gzip in gzip", "read",
     zipped(b"", encoding="gzip, gzip, gzip",
            packed=gzip.compress(gzip.compress(gzip.compress(PAGE + bytes(50 << 20))))))
page("gzip-garbage", "says gzip, sends none", "bad_response",
     zipped(b"", packed=b"this is not compressed at all"))
page("gzip-cut", "gzip that ends early: what came is read", "no pairs",
     zipped(b"", packed=gzip.compress(PAGE * 50)[:60]))
page("gzip-crc", "gzip with a wrong checksum", "bad_response",
     zipped(b"", packed=gzip.compress(PAGE)[:-8] + bytes(8)))
page("encoding-unknown", "Content-Encoding: gorilla", "bad_response",
     zipped(b"", encoding="gorilla", packed=PAGE))
page("encoding-flood", "a hundred encodings", "bad_response",
     zipped(b"", packed=PAGE, encoding=", ".join(["gzip"] * 100)))

# ---- pages: heads ----------------------------------------------------------------------------

page("header-count", "10,000 header lines", "headers_too_big",
     raw(*[b"X-%d: y" % i for i in range(10000)]))
page("header-long", "a header line of a megabyte", "headers_too_big",
     raw(b"X-Long: " + b"y" * 1000000))
page("header-endless", "header lines without end", "headers_too_big",
     forever(HEAD, b"X-Flood: more and more and more\r\n" * 50))
page("header-no-newline", "a header line without end", "headers_too_big",
     forever(HEAD + b"X-Flood: ", b"y" * 65536))
page("header-nul", "NUL in a header", "bad_response", raw(b"X-Nul: a\0b"))
page("header-no-colon", "header lines that are none", "bad_response",
     raw(b"no colon here", b" folded"))
page("header-cookies", "150 cookies of 300 bytes", "read",
     raw(*[b"Set-Cookie: c%d=" % i + b"v" * 300 for i in range(150)]))
page("status-garbage", "no status line", "bad_response", b"HELLO WORLD\r\n\r\n" + PAGE)
page("status-word", "HTTP/1.1 OK", "bad_response", b"HTTP/1.1 OK OK\r\n\r\n" + PAGE)
page("status-long", "a status line of 200 kB", "headers_too_big",
     b"HTTP/1.1 200 " + b"x" * 200000 + b"\r\n\r\n" + PAGE)
page("status-000", "status 000", "bad_response", b"HTTP/1.1 000 Zero\r\n\r\n")
page("status-999", "status 999", "http_999", response(status=999))
page("http-09", "a body without a head, as HTTP/0.9", "bad_response", PAGE)
page("http-3", "HTTP/3 in the clear", "bad_response", b"HTTP/3 200\r\n\r\n" + PAGE)
page("http-ssh", "an SSH server", "bad_response", b"SSH-2.0-OpenSSH_9.2\r\n")
page("continue-flood", "100 Continue without end", "headers_too_big",
     forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100))
page("switching", "101 Switching Protocols", "http_101",
     b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n" + PAGE)
page("status-204", "204 with a body", "http_204", response(PAGE, status=204))
page("status-205", "205 without one", "http_205", response(status=205))
page("status-206", "206 that nobody asked for", "http_206", response(PAGE, status=206))
page("status-304", "304 that nobody asked for", "http_304", response(status=304))
page("status-401", "401 with a challenge", "http_401",
     response(status=401, headers=['WWW-Authenticate: Basic realm="x"']))
page("status-407", "407, as if it were a proxy", "http_407",
     response(status=407, headers=['Proxy-Authenticate: Basic realm="x"']))
page("error-endless", "404 with a body without end", "http_404",
     forever(b"HTTP/1.1 404 No\r\n\r\n", b"x" * 65536))
page("retry-after-ages", "429 and a Retry-After of 20 digits", "http_429",
     response(status=429, headers=["Retry-After: 99999999999999999999"]))
page("retry-after-negative", "503, Retry-After: -1", "http_503",
     response(status=503, headers=["Retry-After: -1"]))
page("retry-after-past", "503, Retry-After in 1970", "http_503",
     response(status=503, headers=["Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"]))
page("type-image", "an image as a page", "not_html", image(png("page")))
page("type-endless", "a Content-Type of 60 kB", "not_html",
     html(PAGE, "text/html" + "x" * 60000))
page("tls-on-plain", "https to a server that speaks none", "tls", scheme="https")

# ---- pages: redirects ------------------------------------------------------------------------

page("redirect-loop", "redirects to itself", "redirected", redirect("/"))
page("redirect-chain", "a chain of redirects without end", "redirected", redirect("/1"))
page("redirect-file", "to file:///etc/passwd", "bad_redirect", redirect("file:///etc/passwd"))
page("redirect-data", "to data:text/html", "bad_redirect", redirect("data:text/html,<p>x"))
page("redirect-ftp", "to ftp", "bad_redirect", redirect("ftp://127.0.0.2:{PRT}/x"))
page("redirect-gopher", "to gopher", "bad_redirect", redirect("gopher://127.0.0.2:{PRT}/_GET"))
page("redirect-script", "to javascript:", "bad_redirect", redirect("javascript:alert(1)"))
page("redirect-empty", "without Location", "bad_redirect", response(status=302))
page("redirect-garbage", "to a Location that is none", "bad_redirect", redirect("http://[::1/%%%"))
page("redirect-long", "to a Location of 60 kB", "redirected", redirect("/" + "x" * 60000))
page("redirect-300", "300 Multiple Choices", "http_300", redirect("/m.png", 300))
page("redirect-304", "305 Use Proxy", "http_305", redirect("http://127.0.0.2:{PRT}/", 305))
page("redirect-twice", "two Locations", "redirected",
     response(status=302, headers=["Location: /m.png", "Location: http://127.0.0.2:{PRT}/twice"]),
     also={"http://redirect-twice.test:{PRT}/m.png": "not_html"})
page("redirect-denied", "to a forbidden address", "redirected",
     redirect("http://127.0.0.2:{PRT}/denied"),
     also={"http://127.0.0.2:{PRT}/denied": "address_denied"})
page("redirect-decimal", "to a forbidden address in decimal", "redirected",
     redirect("http://2130706434:{PRT}/dec"), also={"http://127.0.0.2:{PRT}/dec": "address_denied"})
page("redirect-user", "to an allowed name as user of a forbidden address", "redirected",
     redirect("http://redirect-user.test@127.0.0.2:{PRT}/user"),
     also={"http://redirect-user.test@127.0.0.2:{PRT}/user": "address_denied"})
page("redirect-relative-host", "//127.0.0.2", "redirected", redirect("//127.0.0.2:{PRT}/rel"),
     also={"http://127.0.0.2:{PRT}/rel": "address_denied"})
page("redirect-backslash", r"\\127.0.0.2", "redirected", redirect(r"\\127.0.0.2:{PRT}\back"),
     also={"http://127.0.0.2:{PRT}/back": "address_denied"})
page("redirect-grows", "to a path that repeats", "redirected", redirect("/a/a/a/a/a"))
page("redirect-crlf", "a Location with an encoded line break", "redirected",
     redirect("/m.png%0d%0aSet-Cookie:x"),
     also={"http://redirect-crlf.test:{PRT}/m.png%0d%0aSet-Cookie:x": "http_404"})

# ---- pages: markup ---------------------------------------------------------------------------

BIDI = "\u202e\u2066evil\u2069\u200b picture of bidi\x07\x1b[31m"

page("charset-utf7", "UTF-7, which no browser reads", "read",
     html(b"+ADw-img src=+ACI-/x.png+ACI- alt=utf7-words+AD4-" + PAGE, "text/html; charset=utf-7"),
     absent=("utf7-words",))
page("charset-utf16", "UTF-16 without a mark, named in the header", "read",
     html(PAGE.decode().encode("utf-16-le"), "text/html; charset=utf-16le"))
page("charset-utf16-lie", "says UTF-16, is ASCII", "no pairs",
     html(PAGE, "text/html; charset=utf-16"))
page("charset-surrogates", "lone surrogates and overlong bytes", "read",
     html(b'<img src="/m.png" alt="broken \xed\xa0\x80\xc0\xaf\xff words of surrogates">'),
     texts=("broken \ufffd\ufffd\ufffd\ufffd\ufffd\ufffd words of surrogates",))
page("charset-iso-2022", "ISO-2022-JP that never leaves its escape", "read",
     html(PAGE + b"\x1b$B<img src=/x.png alt=inside-escape>", "text/html; charset=iso-2022-jp"),
     absent=("inside-escape",))
page("charset-replacement", "ISO-2022-KR, an encoding that hides markup", "no pairs",
     html(b"\x0e" + PAGE, "text/html; charset=iso-2022-kr"))
page("charset-unknown", "an encoding that nobody knows", "read",
     html(PAGE, "text/html; charset=" + "x" * 5000))
page("charset-meta-flood", "10,000 meta charsets", "read",
     html(b"<meta charset=utf-16>" * 10000 + PAGE, "text/html"))
page("binary", "random bytes called HTML", "no pairs",
     html(CHANCE.randbytes(1 << 20).replace(b"<", b"."), "text/html"))
page("nul-bytes", "NUL between all bytes", "no pairs", html(b"\0".join(
    PAGE[i:i + 1] for i in range(len(PAGE)))))
page("alt-megabyte", "words of a megabyte", "read",
     html('<img src="/m.png" alt="' + "long words " * 95000 + '">'), texts=("long words " * 5000,),
     absent=("long words " * 6000,))
page("alt-controls", "words with bidi marks, bells and escapes: kept, as words are not cleaned",
     "read", html(f'<img src="/m.png" alt="{BIDI}">'), texts=(BIDI,))
page("alt-newlines", "words with line breaks and JSON", "read",
     html('<img src="/m.png" alt="a &#10;&#13;&#0; picture&quot;},{&quot;words">'),
     texts=('a \ufffd picture"},{"words',), absent=("\n", "\r", "\0"))
page("attributes", "100,000 attributes", "read",
     html(b"<p " + b" ".join(b"a%d=1" % i for i in range(100000)) + b">" + PAGE))
page("attribute-long", "an attribute of 3 MB", "read",
     html(b'<p title="' + b"x" * 3000000 + b'">' + PAGE))
page("tag-open", "a tag that never ends", "read", html(PAGE + b"<img alt='" + b"y" * 3000000))
page("comment-open", "a comment that never ends", "read", html(PAGE + b"<!--" + b"y" * 3000000))
page("script-open", "a script that never ends", "read",
     html(PAGE + b"<script>" + b"<!--<script>" * 200000))
page("nesting", "800,000 nested elements", "read", html(b"<b>" * 800000 + PAGE))
page("nesting-figures", "100,000 nested figures", "read", html(b"<figure>" * 100000 + PAGE))
page("nesting-svg", "100,000 nested svg and math", "read",
     html(PAGE + b"<svg><math>" * 100000))
page("references", "a million character references", "read",
     html(PAGE + b"<p title='" + b"&NotSquareSuperset" * 50000 + b"'>" + b"&amp" * 500000))
for i in range(6):
    page(f"links-million-{i}", "as many links as fit", "read",
         html(PAGE + b"".join(b"<a href=//x.invalid/%d>" % n for n in range(180000))))
for i in range(6):
    page(f"pairs-million-{i}", "as many pairs as fit, all of one long caption", "read",
         html(PAGE + b"<figure><figcaption>" + b"long " * 12000 + b"</figcaption>" +
              b"".join(b"<img src=data:,%d>" % n for n in range(150000)) + b"</figure>"))
page("link-schemes", "links to everything but the web", "read",
     html(PAGE + b"".join(b"<a href='%s'>" % u for u in (
         b"javascript:alert(1)", b"data:text/html,x", b"file:///etc/passwd", b"ftp://127.0.0.2/x",
         b"gopher://127.0.0.2", b"blob:http://127.0.0.2/x", b"ws://127.0.0.2", b"//[::1",
         b"\x00"))),
     requests=5)
page("image-schemes", "images from everything but the web", "read",
     html(PAGE + b"".join(b"<img src='%s' alt='scheme-words'>" % u for u in (
         b"javascript:alert(1)", b"data:image/png;base64,AAAA", b"file:///etc/passwd",
         b"ftp://127.0.0.2/x"))), absent=("scheme-words",))
page("base-denied", "a base at a forbidden address", "read",
     html(b"<base href='http://127.0.0.2:{PRT}/'>" + b"<img src='based' alt='words of base'>" +
          MARK.replace("/m.png", "http://base-denied.test:{PRT}/m.png").encode()),
     also={"http://127.0.0.2:{PRT}/based": "address_denied"})
page("base-data", "a base of data:", "read",
     html(b"<base href='data:text/html,x'>" + PAGE))
page("base-script", "a base of javascript:", "read",
     html(b"<base href='javascript:x'>" + PAGE))
page("refresh-denied", "a meta refresh to a forbidden address", "read",
     html(PAGE + b"<meta http-equiv=refresh content='0;url=http://127.0.0.2:{PRT}/refresh'>"))
page("frames", "frames, objects and embeds at forbidden addresses", "read",
     html(PAGE + b"".join(b"<%s src='http://127.0.0.2:{PRT}/f' data='http://127.0.0.2:{PRT}/f'>" % t
                          for t in (b"iframe", b"frame", b"object", b"embed", b"script",
                                    b"video"))))
page("srcset-flood", "a srcset of 100,000 candidates", "read",
     html(PAGE + b"<img alt='srcset words' srcset='" +
          b"".join(b"//x.invalid/%d %dw," % (i, i + 1) for i in range(60000)) + b"'>"))

# ---- images ----------------------------------------------------------------------------------

PNG, JPEG = png("one of many"), jpeg()
for i in range(8):
    picture(f"image-endless-{i}", "an image without end", "too_big",
            forever(image(jpeg(), "image/jpeg", length=False), os.urandom(65536)))
picture("image-drip", "a byte of an image a second", "too_slow",
        forever(image(PNG[:40], length=len(PNG)), b"x", 1), seconds=SLOW)
picture("image-announces", "announces an image of 5 GB", "too_big",
        image(PNG, length=5 << 30))
picture("image-good", "a good one, so that the others mean something", "kept", image(png("good")))
picture("jpeg-good", "a good JPEG", "kept", image(JPEG, "image/jpeg"))
picture("jpeg-cut", "half a JPEG", "image_broken", image(JPEG[:len(JPEG) // 2], "image/jpeg"))
picture("jpeg-cut-end", "a JPEG without its last marker", "image_broken",
        image(JPEG[:-2], "image/jpeg"))
picture("jpeg-pixels", "a JPEG of 65,500 x 65,500", "image_over_limits",
        image(jpeg_of_size(65500, 65500), "image/jpeg"))
picture("jpeg-zero", "a JPEG of 0 x 10", "image_broken", image(jpeg_of_size(0, 10), "image/jpeg"))
picture("jpeg-scans", "a JPEG of 5,000 scans", "image_over_limits",
        image(jpeg_scans(5000), "image/jpeg"))
picture("jpeg-exif", "a JPEG with 300 EXIF blocks", "kept",
        image(JPEG[:2] + jpeg_segment(0xE1, b"Exif\0\0MM\0*" + b"\xff" * 60000) * 300 + JPEG[2:],
              "image/jpeg"))
picture("jpeg-exif-loop", "EXIF whose directory is its own next", "kept",
        image(JPEG[:2] + jpeg_segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01"
                                      b"\0\x63\0\0\0\0\0\x08") + JPEG[2:], "image/jpeg"))
picture("jpeg-html", "a JPEG with a page behind its end", "kept",
        image(JPEG + b"<html><script>alert(1)</script>", "text/html"))
picture("jpeg-segment-lies", "a segment longer than the file", "image_broken",
        image(JPEG[:2] + b"\xff\xe0\xff\xff" + JPEG[2:], "image/jpeg"))
picture("png-cut", "half a PNG", "image_broken", image(PNG[:len(PNG) // 2]))
picture("png-crc", "a PNG with a wrong checksum", "image_broken",
        image(PNG.replace(b"one of many", b"one of MANY")))
picture("png-pixels", "a PNG of 100,000 x 100,000", "image_over_limits",
        image(png(width=100000, height=100000)))
picture("png-zero", "a PNG of 0 x 0", "image_broken", image(png(width=0, height=0)))
picture("png-sign", "a PNG of 2^32-1 x 1", "image_broken", image(png(width=0xFFFFFFFF)))
picture("png-ztxt", "a PNG whose text unpacks to 100 MB", "kept",
        image(png("ztxt", before=chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(100 << 20))))))
picture("png-iccp", "a PNG whose profile unpacks to 100 MB", "kept",
        image(png("iccp", before=chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(100 << 20))))))
picture("png-data-bomb", "a PNG whose data unpack to 100 MB", "kept",
        image(png("data", data=zlib.compress(bytes(100 << 20)))))
picture("png-chunk-lies", "a chunk of 2^31 bytes", "image_broken",
        image(PNG[:33] + struct.pack(">I", 0x7FFFFFFF) + PNG[37:]))
picture("png-chunks", "100,000 empty chunks", "kept",
        image(png("chunks", before=chunk(b"teSt", b"") * 100000)))
picture("png-zip", "a PNG with an archive behind its end", "kept",
        image(png("zip") + b"PK\x03\x04" + bytes(1000) + b"PK\x05\x06" + bytes(18)))
picture("gif", "a GIF that is a script too", "image_broken",
        image(b"GIF89a/*\x01\x00\x80\x00\x00" + b"*/=1;alert(1)//;", "image/gif"))
picture("webp", "the head of a WebP", "image_broken",
        image(b"RIFF\xff\xff\xff\x7fWEBPVP8L\xff\xff\xff\x7f/" + bytes(20), "image/webp"))
picture("svg", "an SVG with a script", "not_an_image",
        image(b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
              "image/svg+xml"))
picture("svg-entities", "an SVG of a billion laughs", "not_an_image",
        image(b"<!DOCTYPE s [<!ENTITY a 'aa'><!ENTITY b '&a;&a;&a;'>]><svg>&b;</svg>",
              "image/svg+xml"))
picture("html-as-jpeg", "an error page called image/jpeg", "not_an_image",
        image(b"<html><h1>Not here</h1></html>", "image/jpeg"))
picture("empty", "an empty image", "not_an_image", image(b""))
picture("one-byte", "an image of one byte", "not_an_image", image(b"\x89"))
picture("magic-only", "the first bytes of a PNG", "image_broken", image(PNG[:8]))
picture("image-204", "204 for an image", "http_204", image(PNG, status=204))
picture("image-206", "a part of an image", "http_206", image(PNG, status=206))
picture("image-type-lies", "a PNG called text/html", "kept", image(png("lies"), "text/html"))
picture("image-gzip", "an image in gzip that nobody asked for", "not_an_image",
        zipped(png("gzipped"), "image/png"))
picture("image-loop", "an image that redirects to itself", "too_many_redirects", redirect("/i"))
picture("image-file", "an image that redirects to a file", "bad_redirect",
        redirect("file:///etc/hostname"))
picture("image-metadata", "an image that redirects to cloud metadata", "address_denied",
        redirect("http://169.254.169.254/latest/meta-data/"))
picture("image-denied", "an image that redirects to a forbidden address", "address_denied",
        redirect("http://127.0.0.2:{PRT}/x.png"))
picture("image-denied-v6", "an image that redirects to ::1", "address_denied",
        redirect("http://[::1]:{PRT}/x.png"))
picture("image-denied-mapped", "an image that redirects to a mapped address", "address_denied",
        redirect("http://[::ffff:127.0.0.2]:{PRT}/x.png"))
picture("image-length", "an image shorter than announced", "truncated",
        image(PNG, length=len(PNG) + 100))

# ---- addresses in all spellings --------------------------------------------------------------

for name, host in (
        ("dotted", "127.0.0.2"), ("decimal", "2130706434"), ("hex", "0x7f000002"),
        ("hex-dotted", "0x7f.0x0.0x0.0x2"), ("octal", "0177.0.0.2"),
        ("octal-whole", "017700000002"),
        ("short-two", "127.2"), ("short-three", "127.0.2"), ("mixed", "0x7f.0.2"),
        ("dot-behind", "127.0.0.2."), ("encoded", "%31%32%37.0.0.2"),
        ("encoded-dots", "127%2e0%2e0%2e2"),
        ("full-width", "\uff11\uff12\uff17.0.0.\uff12"),
        ("ideographic-dots", "127\u30020\uff0e0\uff612"),
        ("circled", "\u2460\u2461\u2466.\u24ea.\u24ea.\u2461"), ("soft-hyphen", "127\u00ad.0.0.2"),
        ("user", "address-user.test@127.0.0.2"),
        ("user-port", "address-user-port.test:80@127.0.0.2"),
        ("user-encoded", "address%2dx.test%2f@127.0.0.2"), ("zero", "0.0.0.0"), ("zero-short", "0"),
        ("v6-loopback", "[::1]"), ("v6-any", "[::]"), ("v6-mapped", "[::ffff:127.0.0.2]"),
        ("v6-mapped-hex", "[::ffff:7f00:2]"), ("v6-compatible", "[::127.0.0.2]"),
        ("v6-long", "[0000:0000:0000:0000:0000:0000:0000:0001]"),
        ("v6-nat64", "[64:ff9b::127.0.0.2]"), ("v6-6to4", "[2002:7f00:2::1]"),
        ("v6-teredo", "[2001:0:7f00:2::]"), ("v6-private", "[fd00::1]"), ("v6-link", "[fe80::1]"),
        ("v6-multicast", "[ff02::1]"), ("private-10", "10.0.0.1"), ("private-172", "172.16.0.1"),
        ("private-192", "192.168.0.1"), ("cgnat", "100.64.0.1"), ("link-local", "169.254.169.254"),
        ("link-local-hex", "0xa9fea9fe"), ("azure", "168.63.129.16"),
        ("broadcast", "255.255.255.255"),
        ("multicast", "224.0.0.1"), ("reserved", "240.0.0.1"), ("benchmark", "198.18.0.1"),
        ("documentation", "192.0.2.1")):
    address(f"address-{name}", f"an image at {host}", "address_denied",
            url=f"http://{host}:{{PRT}}/address-{name}")
for name, host in (
        ("overflow", "4294967298"), ("octet", "127.0.0.258"), ("five-parts", "127.0.0.0.2"),
        ("octal-nine", "0189.0.0.2"), ("encoded-slash", "127.0.0.2%2f.test"),
        ("encoded-nul", "a%00b"),
        ("space", "127.0.0.2 .test"), ("v6-open", "[::1"), ("v6-zone", "[fe80::1%25eth0]"),
        ("empty", "")):
    address(f"address-{name}", f"an image at '{host}', which is no host", "absent",
            url=f"http://{host}:{{PRT}}/address-{name}")
address("address-localhost", "an image at localhost", "dns_failed",
        url="http://localhost:{PRT}/address-localhost")
address("address-file", "a file as an image", "absent", url="file:///address-file")

# ---- names -----------------------------------------------------------------------------------


def always(*records):
    """These records for the type that they are of; what is an alias goes with all."""
    return lambda name, kind, times: [r for r in records if r[0] in (kind, "CNAME")]


def first_then(first, later):
    """For the first question one address, for further ones another; kept for no time."""
    return lambda name, kind, times: \
        [("A", first if times == 1 else later, 0)] if kind == "A" else []


def says(what):
    return lambda name, kind, times: what


for name, record in (
        ("loopback", ("A", "127.0.0.2")), ("private", ("A", "10.1.2.3")),
        ("zero", ("A", "0.0.0.0")),
        ("metadata", ("A", "169.254.169.254")), ("broadcast", ("A", "255.255.255.255")),
        ("v6-loopback", ("AAAA", "::1")), ("v6-mapped", ("AAAA", "::ffff:127.0.0.2")),
        ("v6-nat64", ("AAAA", "64:ff9b::7f00:2")), ("v6-6to4", ("AAAA", "2002:7f00:2::")),
        ("v6-private", ("AAAA", "fd00::2"))):
    dns(f"dns-{name}", f"the name stands for {record[1]}", "address_denied", zone=always(record))
dns("dns-mixed", "an allowed and forbidden addresses", "read",
    zone=always(("A", "127.0.0.2"), ("A", "127.0.0.1"), ("AAAA", "::1"), ("AAAA", "fd00::1")))
dns("dns-rebind-back", "forbidden first, allowed later", "address_denied",
    zone=first_then("127.0.0.2", "127.0.0.1"))
dns("dns-alias-denied", "an alias of a forbidden address", "address_denied",
    zone=always(("CNAME", "inner.dns-alias-denied.test"), ("A", "127.0.0.2")))
dns("dns-alias-chain", "a chain of twelve aliases", "read",
    zone=always(*[("CNAME", f"x{i}.dns-alias-chain.test") for i in range(12)], ("A", "127.0.0.1")))
dns("dns-alias-loop", "an alias of itself", "dns_nxdomain",
    zone=lambda name, kind, times: [("CNAME", name)])
dns("dns-alias-two", "two aliases of each other", "dns_nxdomain",
    zone=lambda name, kind, times: [("CNAME", "b." + name), ("CNAME", name)])
dns("dns-nxdomain", "no such name", "dns_nxdomain", zone=says("nxdomain"))
dns("dns-nodata", "a name without addresses", "dns_nxdomain", zone=says([]))
dns("dns-servfail", "SERVFAIL", "dns_failed", zone=says("servfail"))
dns("dns-refused", "REFUSED", "dns_failed", zone=says("refused"))
dns("dns-formerr", "FORMERR", "dns_failed", zone=says("formerr"))
dns("dns-silent", "no answer", "dns_timeout", zone=says("silent"), seconds=SLOW)
dns("dns-wrong-id", "answers to another question's id", "dns_timeout", zone=says("wrong_id"),
    seconds=SLOW)
dns("dns-wrong-question", "answers another question", "dns_timeout", zone=says("wrong_question"),
    seconds=SLOW)
dns("dns-truncated", "a cut answer, and 3,000 addresses over TCP", "read",
    zone=says("truncated"))
dns("dns-garbage", "bytes that are no answer", "dns_timeout", zone=says(b"\xff" * 30), seconds=SLOW)
dns("dns-header-only", "a head that promises 65,535 answers", "dns_timeout",
    zone=says(struct.pack(">BBHHHH", 0x84, 0x80, 0, 65535, 0, 0)), seconds=SLOW)
dns("dns-pointer-loop", "a name that points to itself", "dns_timeout", seconds=SLOW,
    zone=says(struct.pack(">BBHHHH", 0x84, 0x80, 1, 1, 0, 0) + b"\xc0\x0c\0\1\0\1" +
              b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1"))
dns("dns-short-address", "an address of three bytes", "dns_nxdomain",
    zone=always(("A", b"\x7f\0\0"), ("AAAA", b"\0\0\1")))
dns("dns-huge", "ninety addresses, the first one good", "read",
    zone=always(("A", "127.0.0.1"), *[("A", f"10.0.0.{i}") for i in range(90)]))
dns("dns-many-denied", "ninety forbidden addresses", "address_denied",
    zone=always(*[("A", f"127.0.0.{i % 8 + 2}") for i in range(90)]))
dns("dns-ttl-max", "an answer for 68 years", "read",
    zone=always(("A", "127.0.0.1", 0x7FFFFFFF)))
dns("dns-ttl-sign", "a time to live of 2^32-1", "read", zone=always(("A", "127.0.0.1", 0xFFFFFFFF)))
dns("dns-txt", "text where addresses are wanted", "dns_nxdomain",
    zone=says([("TXT", b"\x04text")]))
dns("dns-long-alias", "an alias of 250 bytes", "read",
    zone=always(("CNAME", ".".join(["x" * 60] * 4)), ("A", "127.0.0.1")))
picture("dns-rebind", "allowed for the page, forbidden for its image twelve seconds later",
        "address_denied", image(png("rebound")), zone=first_then("127.0.0.1", "127.0.0.2"),
        wait=12, seconds=SLOW)
page("names-flood", "60 images at random names that do not exist", "read",
     html(PAGE + b"".join(b"<img src='http://n%d.names-flood.test:{PRT}/x' alt='flood'>" % i
                          for i in range(60))), seconds=SLOW,  # at the pace of its own answers
     zone=lambda name, kind, times: "nxdomain" if name.startswith("n") and name[1].isdigit()
     else always(("A", "127.0.0.1"))(name, kind, times))
page("names-long", "images at names that are too long", "read",
     html(PAGE + b"<img src='http://%s.test/x' alt='label'><img src='http://%stest/x' alt='name'>" %
          (b"y" * 64, b"y." * 200)))
page("names-idn", "images at names that look like others", "read",
     html(PAGE + "<img src='http://ex\u0430mple.invalid/x' alt='cyrillic'>"
          "<img src='http://xn--a.invalid/x' alt='broken punycode'>"
          "<img src='http://a\u2044b.invalid/x' alt='slash'>".encode()))

# ---- robots.txt ------------------------------------------------------------------------------

TEXT = "text/plain"
DENY = b"User-agent: *\nDisallow: /\n"

robots("robots-deny", "says no", "robots_denied", response(DENY, TEXT))
robots("robots-endless", "rules without end", "read",
       forever(response(b"User-agent: *\n", TEXT, length=False), b"Disallow: /no\n" * 1000))
robots("robots-endless-no", "says no, then comments without end", "robots_denied",
       forever(response(DENY, TEXT, length=False), b"# and more\n" * 1000))
robots("robots-late-no", "says no behind 500 KiB, which are all that is read", "read",
       response(b"# padding\n" * 60000 + DENY, TEXT))
robots("robots-drip", "a byte a second", "robots_unreachable",
       forever(response(b"", TEXT, length=100000), b"#", 1), seconds=SLOW)
robots("robots-silence", "no answer", "too_slow", silence(), seconds=SLOW)
robots("robots-hang-up", "closes at once", "reset", b"")
robots("robots-loop", "redirects to itself", "read", redirect("/robots.txt"))
robots("robots-denied-address", "redirects to a forbidden address", "address_denied",
       redirect("http://127.0.0.2:{PRT}/robots.txt"))
robots("robots-file", "redirects to a file", "read", redirect("file:///etc/passwd"))
robots("robots-500", "500", "robots_unreachable", response(status=500))
robots("robots-429", "429", "robots_unreachable",
       response(status=429, headers=["Retry-After: 2"]))
robots("robots-404", "404", "read", response(status=404))
robots("robots-bom", "begins with a byte order mark", "robots_denied",
       response(b"\xef\xbb\xbf" + DENY, TEXT))
robots("robots-utf16", "UTF-16, with a mark", "robots_denied",
       response(DENY.decode().encode("utf-16"), TEXT))
robots("robots-html", "a page instead", "read", response(PAGE))
robots("robots-binary", "random bytes", "read", response(CHANCE.randbytes(400000), TEXT))
robots("robots-gzip-bomb", "says no, then unpacks to 200 MB", "robots_denied",
       zipped(DENY + bytes(200 << 20), TEXT))
robots("robots-gzip-broken", "says gzip, sends none", "robots_unreachable",
       zipped(b"", TEXT, packed=DENY))
robots("robots-wildcards", "a rule that makes slow matchers slow", "read",
       response(b"User-agent: *\nDisallow: /" + b"*a" * 2000 + b"$\n", TEXT))
robots("robots-line", "a line of 400 kB", "read",
       response(b"User-agent: *\nDisallow: /" + b"x" * 400000 + b"\n", TEXT))
robots("robots-agents", "50,000 agents", "robots_denied",
       response(b"User-agent: x\n" * 30000 + b"User-agent: *\nDisallow: /\n", TEXT))
robots("robots-cr", "line ends of the old Macintosh", "robots_denied",
       response(DENY.replace(b"\n", b"\r"), TEXT))
robots("robots-nul", "NUL before the rule", "robots_denied",
       response(b"\0\n" + DENY, TEXT))
robots("robots-delay", "Crawl-delays that are none", "read",
       response(b"User-agent: *\nCrawl-delay: -5\nCrawl-delay: nan\nCrawl-delay: 1e400x\n", TEXT))
robots("robots-truncated", "shorter than announced", "robots_unreachable",
       response(DENY, TEXT, length=1000))

# ---- spaces without end ----------------------------------------------------------------------


def link(*to):
    return MARK + "".join(f"<a href='{t}'>x</a>" for t in to)


def count(path):
    digits = "".join(c for c in path.rsplit("/", 1)[-1] if c.isdigit())
    return int(digits or 0)


space("space-calendar", "a calendar with a next month for ever", "domain domain_not_novel",
      lambda path, host: link(f"/month/{count(path) + 1}"), requests=BARREN_MOST + 10)
space("space-calendar-new", "a calendar whose every month has new words", "link domain_full",
      lambda path, host: f"<img src=/m.png alt='picture of month {count(path)}'>" +
      link(f"/month/{count(path) + 1}"), requests=PAGES_MOST + 10)
space("space-wide", "a thousand new links on each page", "link domain_full",
      lambda path, host: link(*[f"/{zlib.crc32(path.encode())}-{i}" for i in range(1000)]),
      requests=PAGES_MOST + 10)
space("space-relative", "a relative link that grows", "link trap_cycle",
      lambda path, host: link("a/b/"), requests=12)
space("space-same", "a relative link that repeats a segment", "link trap_repeats",
      lambda path, host: link("a/"), requests=8)
space("space-deep", "ever deeper paths of new names", "link trap_depth",
      lambda path, host: link(f"d{len(path)}/"), requests=25)
space("space-query", "a query that grows by the same", "link trap_repeats",
      lambda path, host: link(path + ("&a=1" if "?" in path else "?a=1")), requests=8)
space("space-parameters", "a query that grows by new parameters", "link trap_parameters",
      lambda path, host: link(path + ("&" if "?" in path else "?") + f"p{len(path)}=1"),
      requests=35)
space("space-length", "a name that grows", "link trap_length",
      lambda path, host: link(path + "x" * 200), requests=15)
space("space-slashes", "slashes that grow", "link trap_repeats",
      lambda path, host: link("http://" + host + path + "/"), requests=8)
space("space-session", "a new session id with each visit", "few requests",
      lambda path, host: link(*[f"/{n}?PHPSESSID={CHANCE.getrandbits(128):032x}" for n in "abc"],
                              f"/d;jsessionid={CHANCE.getrandbits(128):032X}",
                              f"/e?sid={CHANCE.getrandbits(128):032x}&x=1"), requests=9)
space("space-hosts", "ever new subdomains", "link domain_full",
      lambda path, host: link(*[f"http://s{CHANCE.getrandbits(60)}.space-hosts.test:"
                                f"{host.rsplit(':', 1)[-1]}/" for _ in range(5)]),
      requests=4 * PAGES_MOST + 20)  # each host has a robots.txt, a tdmrep.json and a picture
space("space-farm", "pages that all look alike", "domain domain_not_novel",
      lambda path, host: link(*[f"/{CHANCE.getrandbits(60)}" for _ in range(20)]),
      requests=BARREN_MOST + 10)
space("space-case", "the same words in capitals and small letters", "domain domain_not_novel",
      lambda path, host: link("/" + "".join(CHANCE.choice((c.upper(), c)) for c in
                                            "abcdefghijklmnopqrstuvwxyz")),
      requests=BARREN_MOST + 10)
