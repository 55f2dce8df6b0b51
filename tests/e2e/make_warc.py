"""WARC and WAT files of pages, for tests and benchmarks. Python's standard library only.

As a module: Page, write_warc, write_wat. As a program, the files of a folder as a site:

    make_warc.py FOLDER URL-PREFIX OUT.warc.gz [OUT.wat.gz] [--times N]
"""

import argparse
import gzip
import html.parser
import json
import pathlib
import sys
import uuid
import zlib

DATE = "2026-01-02T03:04:05Z"
VOID = uuid.UUID("00000000-0000-0000-0000-000000000001")


class Page:
    """A response: headers are (name, value) pairs, the body has no transfer coding yet."""

    def __init__(self, url, body, headers=(("Content-Type", "text/html"),), status=200, reason="OK"):
        self.url, self.body, self.headers = url, body, list(headers)
        self.status, self.reason = status, reason

    def message(self, chunk=0, coding=None, version="1.1"):
        """The bytes of the wire: `coding` (gzip, deflate, br as it stands), chunks of that size."""
        body, headers = self.body, list(self.headers)
        if coding == "gzip":
            body = gzip.compress(body, mtime=0)
        elif coding == "deflate":
            body = zlib.compress(body)
        if coding:
            headers.append(("Content-Encoding", coding))
        if chunk:
            headers.append(("Transfer-Encoding", "chunked"))
            parts = [body[i:i + chunk] for i in range(0, len(body), chunk)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"
        else:
            headers.append(("Content-Length", str(len(body))))
        head = f"HTTP/{version} {self.status} {self.reason}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
        return head.encode() + body


def record(kind, content_type, block, url=None, extra=(), version="1.0"):
    number = uuid.uuid5(VOID, f"{kind} {url} {len(block)}")
    head = [("WARC-Type", kind), ("WARC-Date", DATE), ("WARC-Record-ID", f"<urn:uuid:{number}>")]
    if url:
        head.append(("WARC-Target-URI", url))
    head += [*extra, ("Content-Type", content_type), ("Content-Length", str(len(block)))]
    lines = "".join(f"{name}: {value}\r\n" for name, value in head)
    return f"WARC/{version}\r\n{lines}\r\n".encode() + block + b"\r\n\r\n"


def pack(records, how):
    """how: "plain", "members" (a gzip member for each record), "whole" (one for all)."""
    if how == "members":
        return b"".join(gzip.compress(r, mtime=0) for r in records)
    text = b"".join(records)
    return gzip.compress(text, mtime=0) if how == "whole" else text


def warc_records(pages, **wire):
    yield record("warcinfo", "application/warc-fields", b"software: make_warc\r\n")
    for page in pages:
        ask = f"GET {page.url} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        yield record("request", "application/http; msgtype=request", ask, page.url)
        yield record("response", "application/http; msgtype=response", page.message(**wire),
                     page.url)
        yield record("metadata", "application/warc-fields", b"fetchTimeMs: 7\r\n", page.url)


def write_warc(path, pages, how="members", **wire):
    pathlib.Path(path).write_bytes(pack(warc_records(pages, **wire), how))


class Tags(html.parser.HTMLParser):
    """Head and Links as ia-web-commons gathers them, as far as anybody here asks."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.head, self.links = {}, []

    def handle_starttag(self, tag, attrs):
        attrs = {k: v for k, v in reversed(attrs) if v is not None}
        take = {"a": ("href", ("title", "rel")), "img": ("src", ("alt", "title"))}.get(tag)
        if take and take[0] in attrs:
            link = {"path": f"{tag.upper()}@/{take[0]}", "url": attrs[take[0]]}
            self.links.append(link | {k: attrs[k] for k in take[1] if k in attrs})
        elif tag == "base" and "href" in attrs:
            self.head["Base"] = attrs["href"]
        elif tag == "meta":
            meta = {k: attrs[k] for k in ("name", "rel", "content", "http-equiv", "property")
                    if k in attrs}
            if meta:
                self.head.setdefault("Metas", []).append(meta)


def wat_record(page, charset="utf-8"):
    headers = {}
    for name, value in page.headers:  # a repeated name becomes a list
        have = headers.get(name)
        headers[name] = value if have is None else [*(have if isinstance(have, list) else [have]),
                                                    value]
    response = {"Response-Message": {"Status": str(page.status), "Version": "HTTP/1.1",
                                     "Reason": page.reason}, "Headers": headers}
    if page.status == 200 and "html" in str(headers.get("Content-Type", "")):
        tags = Tags()
        tags.feed(page.body.decode(charset, "replace"))
        tags.close()
        response["HTML-Metadata"] = {"Head": tags.head, "Links": tags.links}
    envelope = {"Format": "WARC", "WARC-Header-Length": "400",
                "WARC-Header-Metadata": {"WARC-Type": "response", "WARC-Target-URI": page.url,
                                         "WARC-Date": DATE},
                "Payload-Metadata": {"Actual-Content-Type": "application/http; msgtype=response",
                                     "HTTP-Response-Metadata": response}}
    text = json.dumps({"Container": {"Filename": "x.warc.gz", "Compressed": True},
                       "Envelope": envelope}, ensure_ascii=False)
    return record("metadata", "application/json", text.encode("utf-8", "replace"), page.url)


def wat_records(pages):
    yield record("warcinfo", "application/warc-fields", b"software: make_warc\r\n")
    for page in pages:
        request = {"Envelope": {"WARC-Header-Metadata": {"WARC-Type": "request"}}}
        yield record("metadata", "application/json", json.dumps(request).encode(), page.url)
        yield wat_record(page)


def write_wat(path, pages, how="members"):
    pathlib.Path(path).write_bytes(pack(wat_records(pages), how))


def folder_pages(folder, prefix):
    """Its .html files in order of their names."""
    root = pathlib.Path(folder)
    return [Page(prefix + str(f.relative_to(root)), f.read_bytes())
            for f in sorted(root.rglob("*.html"))]


def main():
    parser = argparse.ArgumentParser(description="WARC and WAT files of a folder of pages")
    parser.add_argument("folder")
    parser.add_argument("prefix")
    parser.add_argument("warc")
    parser.add_argument("wat", nargs="?")
    parser.add_argument("--times", type=int, default=1, help="the pages so many times")
    args = parser.parse_args()
    pages = folder_pages(args.folder, args.prefix) * args.times
    if not pages:
        sys.exit(f"make_warc: no .html file in '{args.folder}'")
    write_warc(args.warc, pages)
    if args.wat:
        write_wat(args.wat, pages)


if __name__ == "__main__":
    main()
