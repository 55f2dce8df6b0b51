"""wit build on the GIMP manual: the same dataset whatever the reactors, threads and interruptions,
and a sentence for whatever is wrong. Everything on loopback, in one temporary directory."""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import manual  # noqa: E402

JOB = """
out: data
crawl:
  seeds: ["http://127.0.0.1:{port}/en/index.html"]
  scope: ["http://127.0.0.1:{port}/en/"]
  contact: "https://example.org/wit-test"
  allow_net: [127.0.0.1/32, 127.0.0.2/32]
  hosts:
    - {{host: 127.0.0.1, delay_ms: 0, concurrency: 16}}
    - {{host: 127.0.0.2, delay_ms: 0, concurrency: 16}}
filter:
  wordnet: /usr/share/wordnet
  words: [{words}]
  per_query: 40
  seed: 1
shards:
  bits: 2
"""
TRAIN = """
train:
  model: model.json
  vocab: {vocab}
  batch: 16
  steps: 8
  warmup: 2
  lr: 1.0e-3
"""
MODEL = {"embed_dim": 32,
         "vision_cfg": {"image_size": 32, "patch_size": 16, "width": 32, "layers": 1, "head_width": 16},
         "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}}


class BuildTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="wit-build-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        server = manual.Manual(cls.dir / "server")
        cls.port = server.__enter__()
        cls.addClassCleanup(server.__exit__)
        job = JOB.format(port=cls.port, words=manual.ROOT / "examples" / "gimp-words.txt")
        (cls.dir / "job.yaml").write_text(job)
        (cls.dir / "train.yaml").write_text(job + TRAIN.format(vocab=manual.VOCAB))
        (cls.dir / "model.json").write_text(json.dumps(MODEL))
        cls.whole = cls.build("whole")
        cls.hash = cls.whole["hash"]

    @classmethod
    def run_wit(cls, *args, **kwargs):
        return subprocess.run([str(manual.WIT), *map(str, args)], capture_output=True, text=True,
                              timeout=300, stdin=subprocess.DEVNULL, **kwargs)

    @classmethod
    def command(cls, out, *args, job="job.yaml"):
        return ["build", cls.dir / job, "--out", cls.dir / out, "--json", *args]

    @classmethod
    def build(cls, out, *args, **kwargs):
        done = cls.run_wit(*cls.command(out, *args, **kwargs))
        if done.returncode != 0:
            raise AssertionError(f"wit build: exit {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    # ---- what comes out

    def test_the_manual_gives_its_pairs(self):
        r = self.whole
        self.assertGreaterEqual(r["pairs_two_words"], 1500)
        self.assertGreaterEqual(r["pages"], 680)
        self.assertEqual(r["pages_left"], 0)
        self.assertIn({"subject": "page", "reason": "robots_denied", "count": 1}, r["refused"])
        self.assertGreater(r["dropped_pairs"], 0)  # balancing bites
        manifest = json.loads((self.dir / "whole" / "dataset.json").read_text())
        self.assertEqual(manifest["hash"], self.hash)
        self.assertEqual(manifest["samples"], r["samples"])
        self.assertEqual(manifest["pairs"], r["pairs"])
        self.assertEqual(len(manifest["shards"]), r["shards"])
        self.assertEqual(self.run_wit("shards", "verify", self.dir / "whole").returncode, 0)

    def test_again_nothing_is_to_do(self):
        log = self.dir / "server" / "access.log"
        before = log.stat().st_size
        r = self.build("whole")
        self.assertFalse(r["changed"])
        of_this_run = ("changed", "fetched_bytes", "robots_txt", "tdmrep_json")
        self.assertEqual({k: v for k, v in r.items() if k not in of_this_run},
                         {k: v for k, v in self.whole.items() if k not in of_this_run})
        self.assertEqual(log.stat().st_size, before)

    def test_reactors_and_threads_change_nothing(self):
        for reactors, threads in ((1, 1), (2, 2), (3, 5)):
            out = f"r{reactors}"
            r = self.build(out, "--reactors", reactors, "--threads", threads)
            self.assertEqual(r["hash"], self.hash)
            shutil.rmtree(self.dir / out)

    def test_stages_one_after_the_other(self):
        self.build("stages", "--stop-after", "crawl")
        self.assertFalse((self.dir / "stages" / "dataset.json").exists())
        self.assertEqual(self.build("stages", "--stop-after", "seal")["hash"], self.hash)

    # ---- interruptions

    def start(self, out, *args, **kwargs):
        return subprocess.Popen([str(manual.WIT), *map(str, self.command(out, *args, **kwargs))],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def test_killed_ten_times(self):
        seed = random.randrange(1 << 32)
        print(f"kills: seed {seed}", flush=True)
        r = random.Random(seed)
        start = time.monotonic()
        self.build("timed")
        span = time.monotonic() - start
        for i in range(10):
            p = self.start("killed", "--reactors", 1 + i % 2)
            time.sleep(r.uniform(0.02, span))
            p.kill()
            p.communicate(timeout=60)
        r = self.build("killed")
        self.assertEqual(r["hash"], self.hash, f"seed {seed}")
        self.assertEqual(r["pairs_found"], self.whole["pairs_found"])
        self.assertEqual(r["pages"], self.whole["pages"])
        self.assertEqual(r["refused"], self.whole["refused"])
        # How many images were asked for beyond what stays depends on the order of the answers.
        self.assertGreaterEqual(r["images"], r["samples"])
        self.assertEqual(self.run_wit("shards", "verify", self.dir / "killed").returncode, 0)

    # ---- rules of captions

    def rules(self, name, hygiene, lists=True):
        """The job with rules beside its list, or in its place."""
        head, tail = (self.dir / "job.yaml").read_text().split("filter:\n")
        own = tail if lists else tail[tail.index("shards:"):]
        (self.dir / name).write_text(f"{head}filter:\n  hygiene: {hygiene}\n{own}")
        return name

    def test_rules_refuse_the_same_whatever_the_kills(self):
        (self.dir / "blocked.txt").write_text("dialog\nmenu\n")
        some = "blocklist: blocked.txt, boilerplate_pages: 3, boilerplate_share: 0.001"
        job = self.rules("rules.yaml", "{off: [markup], min_letters: 5, %s}" % some)
        first = self.build("rules", job=job)
        self.assertEqual(first["pairs_found"], self.whole["pairs_found"])
        self.assertEqual(first["pairs_two_words"], self.whole["pairs_two_words"])
        self.assertNotEqual(first["hash"], self.hash)
        self.assertNotIn("markup", first["hygiene"])
        self.assertGreater(first["hygiene"]["blocked"], 0)
        self.assertGreater(first["hygiene"]["too_short"], 0)
        self.assertGreater(first["hygiene"]["boilerplate"], 0)
        self.assertLess(first["images"], self.whole["images"])  # it did not ask for theirs
        again = self.build("rules", job=job)
        self.assertFalse(again["changed"])
        self.assertEqual(again["hygiene"], first["hygiene"])
        seed = random.randrange(1 << 32)
        r = random.Random(seed)
        for i in range(5):
            p = self.start("rules-killed", "--reactors", 1 + i % 2, job=job)
            time.sleep(r.uniform(0.02, 2.0))
            p.kill()
            p.communicate(timeout=60)
        killed = self.build("rules-killed", "--threads", 3, job=job)
        self.assertEqual(killed["hash"], first["hash"], f"seed {seed}")
        self.assertEqual(killed["hygiene"], first["hygiene"], f"seed {seed}")
        # Other rules over the same collection: sealed anew, and back again.
        more = "{off: [markup], min_letters: 9, %s}" % some
        other = self.build("rules-killed", job=self.rules("more.yaml", more))
        self.assertTrue(other["changed"])
        self.assertGreater(other["hygiene"]["too_short"], first["hygiene"]["too_short"])
        (self.dir / "blocked.txt").write_text("dialog\n")
        fewer = self.build("rules-killed", job=job)
        self.assertTrue(fewer["changed"])
        self.assertLess(fewer["hygiene"]["blocked"], first["hygiene"]["blocked"])

    def test_rules_without_a_list(self):
        rules = "{min_letters: 12, boilerplate_pages: 3, boilerplate_share: 0}"
        r = self.build("alone", job=self.rules("alone.yaml", rules, lists=False))
        self.assertEqual(r["entries"], 0)
        self.assertGreater(r["hygiene"]["too_short"], 0)
        self.assertGreater(r["pairs"], self.whole["pairs"])  # nothing is balanced away
        self.assertIn("boilerplate", r["hygiene"])
        some = self.build("alone", job=self.rules(
            "some.yaml", "{min_letters: 12, off: [boilerplate]}", lists=False))
        self.assertTrue(some["changed"])
        self.assertGreater(some["pairs"], r["pairs"])
        self.assertNotIn("boilerplate", some["hygiene"])
        for name, words in (("{off: [marckup]}", "there is no rule 'marckup'"),
                            ("{blocklist: absent.txt}", "absent.txt")):
            p = self.run_wit(*self.command("wrong", job=self.rules("wrong.yaml", name)))
            self.assertEqual(p.returncode, 2 if "off" in name else 1, p.stderr)
            self.assertIn(words, p.stderr)

    def test_interrupted_it_says_so(self):
        slow = (self.dir / "job.yaml").read_text().replace("delay_ms: 0", "delay_ms: 100")
        (self.dir / "slow.yaml").write_text(slow)  # a minute and more
        p = self.start("ctrl-c", job="slow.yaml")
        time.sleep(1.5)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=60)
        self.assertEqual(p.returncode, 130, err)
        self.assertIn("crawl: interrupted", err)
        self.assertIn("the same command goes on", err)
        stopped = json.loads(out)
        self.assertEqual((stopped["interrupted"], stopped["stopped_in"]), (True, "crawl"))
        self.assertNotIn("hash", stopped)
        whole = self.build("ctrl-c")
        self.assertEqual(whole["hash"], self.hash)
        self.assertEqual((whole["interrupted"], whole["stopped_in"]), (False, None))
        self.assertGreaterEqual(whole["pages"], stopped["pages"])

    def test_a_full_disk_leaves_a_sentence_and_a_state(self):
        preload = os.environ.get("WIT_FULL_DISK")
        if not preload:
            self.skipTest("WIT_FULL_DISK names no library to preload")
        sealed = sum(f.stat().st_size for f in (self.dir / "whole" / "shards").iterdir())
        collected = sum(f.stat().st_size for f in (self.dir / "whole" / "collect").iterdir())
        failed = 0
        for share in (0.02, 0.3, 0.9, 1.2):
            limit = int(share * collected) if share < 1 else collected + sealed // 2
            env = dict(os.environ, LD_PRELOAD=preload, WIT_DISK_BYTES=str(limit))
            p = self.run_wit(*self.command("full"), env=env)
            if p.returncode == 0:
                continue
            failed += 1
            self.assertEqual(p.returncode, 1, p.stderr)
            self.assertIn("No space left on device", p.stderr)
            self.assertFalse((self.dir / "full" / "dataset.json").exists())
        self.assertGreaterEqual(failed, 3)
        self.assertEqual(self.build("full")["hash"], self.hash)

    # ---- damage

    def damaged(self, name):
        copy = self.dir / f"damaged-{name}"
        shutil.copytree(self.dir / "whole", copy, ignore=shutil.ignore_patterns("collect", "crawl"))
        self.addCleanup(shutil.rmtree, copy)
        return copy

    def refuse(self, copy, *words):
        """verify and load end with 1 and name the file; both say what is wrong with it."""
        for command in (("shards", "verify", copy),
                        ("load", copy, "--batch", "8", "--size", "32", "--bench",
                         "--vocab", manual.VOCAB)):
            p = self.run_wit(*command)
            self.assertEqual(p.returncode, 1, f"{command}: {p.stdout}{p.stderr}")
            for word in words:
                self.assertIn(word, p.stdout + p.stderr)

    def largest(self, copy):
        return max((copy / "shards").iterdir(), key=lambda f: f.stat().st_size)

    def test_a_flipped_byte_is_named(self):
        copy = self.damaged("flip")
        shard = self.largest(copy)
        data = bytearray(shard.read_bytes())
        data[len(data) // 2] ^= 1
        shard.write_bytes(data)
        self.refuse(copy, shard.name)

    def test_a_cut_shard_is_named(self):
        copy = self.damaged("cut")
        shard = self.largest(copy)
        os.truncate(shard, shard.stat().st_size // 2)
        self.refuse(copy, shard.name)

    def test_a_missing_shard_is_named(self):
        copy = self.damaged("missing")
        shard = self.largest(copy)
        shard.unlink()
        self.refuse(copy, shard.name)

    def test_a_manifest_that_lies_is_named(self):
        copy = self.damaged("lies")
        manifest = copy / "dataset.json"
        text = manifest.read_text()
        manifest.write_text(re.sub(r'"samples": ?(\d+)',
                                   lambda m: f'"samples": {int(m.group(1)) + 1}', text, count=1))
        self.refuse(copy, "dataset.json")

    # ---- bad input

    def test_bad_jobs_are_refused(self):
        for text, words in (("crawl: {seeds: []}\n", "seeds"),
                            ("crawl: {seeds: ['http://127.0.0.1/'], speed: 9}\n", "speed"),
                            ("crawl: {seeds: ['http://127.0.0.1/'], delay_ms: -1}\n", "delay_ms"),
                            ("crawl: {seeds: ['http://127.0.0.1/'], allow_net: [1.2.3]}\n", "1.2.3"),
                            ("[", "bad.yaml")):
            (self.dir / "bad.yaml").write_text(text)
            p = self.run_wit("build", self.dir / "bad.yaml", "--out", self.dir / "bad")
            self.assertEqual(p.returncode, 2, text)
            self.assertIn(words, p.stderr, text)
        p = self.run_wit("build", self.dir / "absent.yaml", "--out", self.dir / "bad")
        self.assertEqual(p.returncode, 1)
        self.assertIn("absent.yaml", p.stderr)
        self.assertEqual(self.run_wit("build").returncode, 2)
        self.assertEqual(self.run_wit("build", "--stop-after", "lunch", "x").returncode, 2)

    def test_what_training_lacks_is_said_before_the_crawl(self):
        job = (self.dir / "train.yaml").read_text()
        for i, (old, new, words) in enumerate([
                (str(manual.VOCAB), "nofile.gz", "vocab"),
                ("model: model.json", "model: nomodel.json", "nomodel.json")]):
            (self.dir / "early.yaml").write_text(job.replace(old, new))
            done = self.run_wit(*self.command(f"early{i}", job="early.yaml"))
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)
            self.assertFalse((self.dir / f"early{i}" / "crawl").exists())

    def test_a_bad_seed_is_left_out(self):
        seeds = self.dir / "seeds.txt"
        seeds.write_text(f"# mine\n\nnot a url\nhttp://127.0.0.1:{self.port}/en/index.html\n")
        p = self.run_wit("crawl", "--seeds", seeds, "--seeds", self.dir / "absent.txt",
                         "--out", self.dir / "crawled", "--allow-net", "127.0.0.0/8",
                         "--host", "127.0.0.1:0:8", "--host", "127.0.0.2:0:8",
                         "--max-pages", "5", "--json")
        self.assertEqual(p.returncode, 3, p.stderr)
        self.assertIn("seeds.txt:3: seed 'not a url' is left out", p.stderr)
        self.assertIn("absent.txt' is left out", p.stderr)
        self.assertEqual(json.loads(p.stdout)["pages"], 5)

    def crawl(self, out, *args):
        return self.run_wit("crawl", "--out", self.dir / out, "--host", "127.0.0.1:0:8",
                            "--contact", "https://example.org/wit-test", *args)

    def test_what_goes_wrong_at_the_start_is_said(self):
        seeds, empty = self.dir / "seed.txt", self.dir / "empty.txt"
        seeds.write_text(f"http://127.0.0.1:{self.port}/en/bibliography.html\n")
        empty.write_text("# nothing\n")
        p = self.crawl("nothing", "--seeds", empty)
        self.assertEqual((p.returncode, p.stderr),
                         (1, "wit crawl: there is no seed to begin with\n"))
        p = self.crawl("nothing", "--seeds", seeds)  # without --allow-net
        self.assertEqual(p.returncode, 3, p.stderr)
        self.assertIn("no page could be read", p.stderr)
        self.assertIn("page address_denied 1", p.stdout)
        p = self.crawl("nothing", "--seeds", seeds, "--allow-net", "127.0.0.1/32")
        self.assertIn("page robots_denied 1", p.stdout)
        line = (self.dir / "nothing" / "crawl" / "refused.jsonl").read_text().splitlines()[-1]
        self.assertEqual(json.loads(line)["reason"], "robots_denied")
        self.assertEqual(self.crawl("x", "--seeds", seeds, "--per-query", "3").returncode, 2)
        self.assertEqual(self.crawl("x").returncode, 2)

    def test_a_crawl_is_not_continued_beside_another_collection(self):
        copy = self.dir / "torn"
        shutil.copytree(self.dir / "whole", copy)
        shutil.rmtree(copy / "collect")
        p = self.run_wit(*self.command("torn"))
        self.assertEqual(p.returncode, 1)
        self.assertIn("frontier.lmdb", p.stderr)
        manifest = json.loads((copy / "dataset.json").read_text())
        self.assertEqual(manifest["hash"], self.hash)  # still there

    # ---- training

    def test_a_job_that_fails_late_shows_what_it_came_to(self):
        (self.dir / "late.yaml").write_text((self.dir / "train.yaml").read_text()
                                            .replace(str(manual.VOCAB), "job.yaml"))
        p = self.run_wit(*self.command("trained", job="late.yaml"))
        self.assertEqual(p.returncode, 1)
        self.assertIn("job.yaml", p.stderr)
        self.assertEqual(json.loads(p.stdout)["hash"], self.hash)

    def test_the_whole_way_to_a_model(self):
        r = self.build("trained", job="train.yaml")
        self.assertEqual(r["hash"], self.hash)
        self.assertEqual(r["steps"], 8)
        self.assertGreater(r["samples_per_s"], 0)
        self.assertTrue((pathlib.Path(r["checkpoint"])).is_dir())
        again = self.build("trained", job="train.yaml")
        self.assertEqual(again["checkpoint"], r["checkpoint"])
        self.assertEqual(again["last_loss"], r["last_loss"])


if __name__ == "__main__":
    manual.need()
    unittest.main(verbosity=2)
