"""`wit shards card` and `wit shards export --to metadata`: Croissant metadata whose references and hashes
hold, a card with the dataset's numbers, and facts that are those of the other exports. Loads the metadata
with mlcroissant where .venv has it. Python's standard library only otherwise."""

import hashlib
import json
import subprocess
import tarfile

from interop import GOLDEN, VENV, import_of, run_tests, sample, tar_of, venv_has, wit


def dataset_make(tmp):
    members = []
    for i, image in enumerate(GOLDEN):
        url = [f"http://h{i}.example.co.uk/{i}", f"http://other.test/{i}", None][i % 3]
        if i == 5:  # as wit exports it: with rights
            facts = {"wit_key": "0" * 32, "captions": [{"text": "a | b", "source": "alt"},
                                                       {"text": "c", "source": "title"}],
                     "origin": [{"url": "http://r.test/1", "final_url": "http://r.test/1",
                                 "fetched_at_s": 1_650_000_000, "headers": "",
                                 "rights": "x-robots-tag: all\ntdm.policy: x\n",
                                 "seen": [{"caption": 0, "page": "http://r.test/"},
                                          {"caption": 1, "page": ""}]}]}
        else:
            facts = {"url": url, "score": i}
        members += sample(f"{i:05d}", image, f"words {i}", facts)
    report = import_of(tmp / "data", tar_of(tmp / "a.tar", members))
    assert report["refused"] == 0, report
    return tmp / "data", report["dataset"]


def check_croissant(folder, layout):
    meta = json.loads((folder / "croissant.json").read_text())
    assert meta["@type"] == "sc:Dataset"
    assert meta["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert meta["@context"]["cr"] == "http://mlcommons.org/croissant/"
    ids = {}
    for entry in meta["distribution"]:
        assert entry["@id"] not in ids
        ids[entry["@id"]] = entry
        if entry["@type"] == "cr:FileObject":
            data = (folder / entry["contentUrl"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == entry["sha256"], entry
            assert entry["contentSize"] == f"{len(data)} B"
        else:
            assert entry["@type"] == "cr:FileSet" and entry["includes"]
            assert all(ids[c["@id"]]["@type"] == "cr:FileObject"
                       for c in entry.get("containedIn", []))
    fields = set()
    for records in meta["recordSet"]:
        for field in records["field"]:
            assert field["@id"] == f"{records['@id']}/{field['name']}"
            fields.add(field["@id"])
            source = field["source"]
            assert ids[source["fileSet"]["@id"]]["@type"] == "cr:FileSet"
            assert len(source["extract"]) == 1
            reference = field.get("references")
            assert not reference or reference["field"]["@id"] in fields, "named before"
        assert records["key"]["@id"] in fields
    names = {"shards": set(),
             "webdataset": {"pictures/image", "captions/caption", "facts/json"},
             "metadata": {"samples/url", "samples/caption", "samples/wit_key", "samples/wit_hash",
                          "samples/sha256", "samples/width"}}[layout]
    assert names <= fields or not names, (layout, fields)
    return meta


LOAD = """
import sys, mlcroissant
d = mlcroissant.Dataset(sys.argv[1])
for r in d.metadata.record_sets:
    assert sum(1 for _ in d.records(r.id)) == int(sys.argv[2]), r.id
"""


def load(folder, samples):
    if venv_has("mlcroissant"):
        subprocess.run([VENV, "-c", LOAD, folder / "croissant.json", str(samples)], check=True,
                       timeout=120)


def test_card(tmp):
    data, totals = dataset_make(tmp)
    (data / "crawl").mkdir()
    (data / "crawl/ignored").write_text("tdm,aipref\n")
    wit("shards", "card", data, "--name", "kites | \"boats\"", "--license", "https://l.test/by",
        "--url", "https://d.test/", "--creator", "Somebody", "--version", "1.0.0",
        "--description", "Kites, and boats.")
    meta = check_croissant(data, "shards")
    assert meta["name"] == "kites | \"boats\"" and meta["identifier"] == totals["hash"]
    assert meta["license"] == "https://l.test/by" and meta["creator"]["name"] == "Somebody"
    assert meta["rai:dataCollectionTimeframe"] == ["2022-04-15", "2023-11-14"]
    assert {e["@id"] for e in meta["distribution"]} == {"dataset.json"} | {
        f"shards/{p.name}" for p in (data / "shards").iterdir()}
    card = (data / "README.md").read_text()
    stat = json.loads(wit("shards", "stat", data, "--json").stdout)
    thirds = [sum(1 for i in range(len(GOLDEN)) if i % 3 == k and i != 5) for k in range(3)]
    for line in ("pretty_name: \"kites | \\\"boats\\\"\"", "license_link: \"https://l.test/by\"",
                 "- n<1K", f"| dataset hash | `{totals['hash']}` |",
                 f"| images | {totals['samples']} |", f"| captions | {totals['pairs']} |",
                 f"| jpeg | {stat['formats']['jpeg']} |", f"| list | {stat['sources']['list']} |",
                 f"| example.co.uk | {thirds[0]} |", f"| other.test | {thirds[1]} |",
                 f"| tar | {thirds[2]} |", "| x-robots-tag | 1 |", "| tdm.policy | 1 |",
                 "told to ignore: tdm aipref.", "Fetched from 2022-04-15 to 2023-11-14."):
        assert line in card, (line, card)
    assert "Under which licence" not in card and "Open questions" in card
    (data / "README.md").write_text("mine")
    said = wit("shards", "card", data)
    assert (data / "README.md").read_text() == "mine" and "--force" in said.stderr
    assert json.loads((data / "croissant.json").read_text())["name"] == "data"
    wit("shards", "card", data, "--force")
    assert "Under which licence" in (data / "README.md").read_text()


def test_exports(tmp):
    data, totals = dataset_make(tmp)
    for to in ("webdataset", "metadata"):
        wit("shards", "export", data, "--to", to, "--out", tmp / to, "--per-shard", 20)
        wit("shards", "card", data, "--export", tmp / to)
        check_croissant(tmp / to, to)
        load(tmp / to, totals["samples"])
        again = wit("shards", "export", data, "--to", to, "--out", tmp / to, "--per-shard", 20)
        assert "3 shards were there already" in again.stdout, again
    for n in range(3):
        with tarfile.open(tmp / f"webdataset/{n:05}.tar") as tar:
            facts = [tar.extractfile(m).read() for m in tar if m.name.endswith(".json")]
        lines = tmp / f"metadata/{n:05}.jsonl"
        if lines.exists():  # without Arrow; with it test_export compares tables
            assert lines.read_bytes().splitlines() == facts
        else:
            assert (tmp / f"metadata/{n:05}.parquet").read_bytes()[:4] == b"PAR1"
        stats = json.loads((tmp / f"metadata/{n:05}_stats.json").read_text())
        assert stats["successes"] == len(facts)
    (tmp / "metadata/00001_stats.json").unlink()  # as a kill leaves it
    before = {p.name: p.read_bytes() for p in (tmp / "metadata").iterdir()}
    wit("shards", "export", data, "--to", "metadata", "--out", tmp / "metadata", "--per-shard", 20)
    for name, bytes_ in before.items():
        assert (tmp / "metadata" / name).read_bytes() == bytes_
    assert (tmp / "metadata/00001_stats.json").exists()
    wit("shards", "export", data, "--to", "webdataset", "--out", tmp / "metadata", code=1)
    other = import_of(tmp / "other", tar_of(tmp / "b.tar", sample("x", GOLDEN[0], "x")))
    assert other["stored"] == 1
    wit("shards", "card", tmp / "other", "--export", tmp / "metadata", code=1)
    wit("shards", "export", data, "--to", "files", "--out", tmp / "files")
    wit("shards", "card", data, "--export", tmp / "files", code=1)
    wit("shards", "card", code=2)
    wit("shards", "card", tmp / "none", code=1)


run_tests(globals())
