"""What is installed can be used: every public header compiles by itself with the flags of pkg-config,
as C and as C++, and a program links with the shared and the static library and runs."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import manual  # noqa: E402

BUILD = manual.WIT.parents[1]
PROGRAM = r"""
#include "base/wit_base.h"
#include "wit_crawler_page.h"
#include <stdio.h>
int main(void) {
    char hex[WIT_HASH128_HEX];
    wit_hash128_to_hex(wit_hash128_of("", 0), hex);
    puts(hex);
    struct wit_crawler_robots *robots = NULL;
    if (wit_crawler_robots_parse("User-agent: *\nDisallow: /a", 26, &robots, NULL) < 0)
        return 1;
    int wrong = wit_crawler_robots_allows(robots, WIT_STR("me"), WIT_STR("/a"));
    wit_crawler_robots_destroy(robots);
    return wrong;
}
"""
EMPTY_XXH3_128 = "99aa06d3014798d86001c324468d497f"


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="wit-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.dir],
                       check=True, stdout=subprocess.DEVNULL, timeout=120)
        cls.pc = next(cls.dir.rglob("wit.pc"))
        cls.include = next(cls.dir.rglob("wit_base.h")).parents[1]

    def flags(self, *what):
        env = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=str(self.dir),
                   PKG_CONFIG_LIBDIR=f"{self.pc.parent}:" + subprocess.run(
                       ["pkg-config", "--variable", "pc_path", "pkg-config"], check=True,
                       capture_output=True, text=True).stdout.strip())
        text = subprocess.run(["pkg-config", *what, "wit"], check=True, capture_output=True,
                              text=True, env=env).stdout
        # Only our own files lie under the destination.
        return [f.replace(f"{self.dir}/usr/include", "/usr/include")
                .replace(f"{self.dir}/usr/lib", "/usr/lib") for f in text.split()]

    def compile(self, source, *flags):
        path = self.dir / "test.c"
        path.write_text(source)
        out = self.dir / "program"
        subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", path, "-o", out, *flags],
                       check=True, timeout=120)
        return out

    def test_headers_stand_alone(self):
        headers = sorted(self.include.rglob("*.h"))
        self.assertGreaterEqual(len(headers), 11)
        for header in headers:
            with self.subTest(header=header.name):
                self.compile(f'#include "{header.relative_to(self.include)}"\n'
                             "int main(void) { return 0; }\n", *self.flags("--cflags"))

    @unittest.skipUnless(shutil.which("c++"), "there is no C++ compiler")
    def test_headers_are_cpp_too(self):
        path = self.dir / "test.cpp"
        for header in sorted(self.include.rglob("*.h")):
            with self.subTest(header=header.name):
                path.write_text(f'#include "{header.relative_to(self.include)}"\n')
                subprocess.run(["c++", "-std=c++17", "-Wall", "-Wextra", "-Werror",
                                "-fsyntax-only", path, *self.flags("--cflags")],
                               check=True, timeout=120)

    def test_a_program_links_shared_and_static(self):
        shared = self.compile(PROGRAM, *self.flags("--cflags", "--libs"))
        lib = str(next(self.dir.rglob("libwit.so")).parent)
        done = subprocess.run([shared], capture_output=True, text=True, timeout=60, check=True,
                              env=dict(os.environ, LD_LIBRARY_PATH=lib))
        self.assertEqual(done.stdout.strip(), EMPTY_XXH3_128)
        # Ours statically, what it stands on shared: --static would ask for all that curl may need.
        text = self.pc.read_text()
        field = {k: v for k, _, v in (line.partition(": ") for line in text.splitlines())}
        needs = subprocess.run(["pkg-config", "--libs", *field["Requires.private"].split(", ")],
                               check=True, capture_output=True, text=True).stdout.split()
        flags = [*self.flags("--cflags"), str(next(self.dir.rglob("libwit.a"))), *needs,
                 *field["Libs.private"].split()]
        static = self.compile(PROGRAM, *flags)
        done = subprocess.run([static], capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(done.stdout.strip(), EMPTY_XXH3_128)


if __name__ == "__main__":
    unittest.main(verbosity=2)
