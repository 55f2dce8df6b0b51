"""docs/from-img2dataset.md against both sides: every option of img2dataset 1.47 has its row with the
right default, and every option of wit that a row names exists. Standard library only."""

import os
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(os.environ.get("WIT_SOURCE_ROOT") or pathlib.Path(__file__).parents[2])
WIT = pathlib.Path(os.environ.get("WIT") or ROOT / "build" / "tools" / "wit")

# Options and defaults of img2dataset 1.47.0's download(), in its order; the last came after it.
THEIRS = {
    "url_list": "required", "image_size": "256", "output_folder": "images", "processes_count": "1",
    "resize_mode": "border", "resize_only_if_bigger": "False", "upscale_interpolation": "lanczos",
    "downscale_interpolation": "area", "encode_quality": "95", "encode_format": "jpg",
    "skip_reencode": "False", "output_format": "files", "input_format": "txt", "url_col": "url",
    "caption_col": "None", "bbox_col": "None", "thread_count": "256",
    "number_sample_per_shard": "10000", "extract_exif": "True", "save_additional_columns": "None",
    "timeout": "10", "enable_wandb": "False", "wandb_project": "img2dataset",
    "oom_shard_count": "5", "compute_hash": "sha256", "verify_hash": "None",
    "distributor": "multiprocessing", "subjob_size": "1000", "retries": "0",
    "disable_all_reencoding": "False", "min_image_size": "0", "max_image_area": "inf",
    "max_aspect_ratio": "inf", "incremental_mode": "incremental", "max_shard_retry": "1",
    "user_agent_token": "None",
    "disallowed_header_directives": "noai,noimageai,noindex,noimageindex",
    "ignore_ssl_certificate": "False",
}
ROW = re.compile(r"^\| (\w+) \| ([^|]*) \| (supported|replaced|refused) \| (.*) \|$", re.M)


class MigrationTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        text = (ROOT / "docs" / "from-img2dataset.md").read_text()
        cls.rows = {name: (default, kind, how) for name, default, kind, how in ROW.findall(text)}
        cls.text = text
        cls.help = {}

    def options_of(self, command):
        if command not in self.help:
            done = subprocess.run([str(WIT), *command.split(), "--help"], capture_output=True,
                                  text=True, timeout=60)
            self.assertEqual(done.returncode, 0, f"wit {command} --help")
            self.help[command] = set(re.findall(r"--[a-z][a-z0-9-]*", done.stdout))
        return self.help[command]

    def test_every_option_has_its_row(self):
        self.assertEqual(set(self.rows), set(THEIRS))
        for name, default in THEIRS.items():
            self.assertEqual(self.rows[name][0], default, name)

    def test_what_a_row_promises_is_there(self):
        for name, (_, kind, how) in self.rows.items():
            named = re.findall(r"`wit ([a-z]+(?: [a-z]+)*)(?: (--[a-z-]+))?", how)
            if kind == "supported":
                self.assertTrue(any(option for _, option in named), name)
            for command, option in named:
                if option:
                    self.assertIn(option, self.options_of(command), name)
                else:
                    self.options_of(command)

    def test_the_commands_of_the_page_are_ours(self):
        block = re.search(r"```sh\n(.*?)```", self.text, re.S).group(1)
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("wit "):
                words = line.split("#")[0].split()[1:]
                command = " ".join(words[:1] if words[0] == "crawl" else words[:2])
                for option in [w for w in words if w.startswith("--")]:
                    self.assertIn(option, self.options_of(command))


if __name__ == "__main__":
    unittest.main(verbosity=2)
