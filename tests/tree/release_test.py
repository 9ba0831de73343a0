"""What deploy/release does to a small checkout that is made here."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

RELEASE = pathlib.Path("deploy/release").resolve()
# Stands for buf: says what it was asked for, and writes an image.
BUF = """#!/bin/sh
echo "buf $*"
[ "$1" = build ] && echo image >"$4"
exit {breaks}
"""
BUF_RULES = "lint:\n  except:\n    - A\nbreaking:\n  use:\n    - FILE\n"
EXCEPTIONS = "  except:\n    # Until the next release.\n    - B\n    - C\n"
# What looks like the version, and is none.
OTHERS = "10.1.0.3 0.1.01 192.0.1.0/24 https://192.0.1.0\n"


class ReleaseTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        (self.root / "deploy").mkdir()
        shutil.copy(RELEASE, self.root / "deploy")
        script = RELEASE.read_text(encoding="utf-8")
        self.written_in = re.search(r"WRITTEN_IN=\((.*?)\)", script, re.DOTALL)[1].split()
        for name in self.written_in:
            self.write(name, f'kVersion = "0.1.0";\n0.1.0 0.1.0\n{OTHERS}')
        self.write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n- Something.\n")
        self.write("proto/released.binpb", "last\n")
        self.write("buf.yaml", BUF_RULES + EXCEPTIONS)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, name):
        return (self.root / name).read_text(encoding="utf-8")

    def release(self, version, breaks=0):
        self.write("buf", BUF.format(breaks=breaks))
        (self.root / "buf").chmod(0o755)
        return subprocess.run(
            [self.root / "deploy/release", self.root / "buf", version],
            capture_output=True,
            text=True,
            check=False,
        )

    def test_writes_the_version_the_section_and_the_image(self):
        self.assertEqual(self.release("0.2.0").returncode, 0)
        self.assertIn("version.h", self.written_in)
        for name in self.written_in:
            self.assertEqual(
                self.read(name), f'kVersion = "0.2.0";\n0.2.0 0.2.0\n{OTHERS}', name
            )
        self.assertRegex(
            self.read("CHANGELOG.md"),
            r"## \[Unreleased\]\n\n## \[0\.2\.0\] - \d{4}-\d\d-\d\d\n\n- Something\.\n$",
        )
        self.assertEqual(self.read("proto/released.binpb"), "image\n")

    def test_takes_away_what_was_excepted_for_the_image_before(self):
        self.assertEqual(self.release("0.2.0").returncode, 0)
        self.assertEqual(self.read("buf.yaml"), BUF_RULES)
        self.assertEqual(self.release("0.3.0").returncode, 0)
        self.assertEqual(self.read("buf.yaml"), BUF_RULES)

    def test_changes_nothing_where_it_refuses(self):
        for version, breaks, words in (
            ("0.2", 0, "'0.2' is no version"),
            ("0.1.0", 0, "name the next one"),
            ("0.2.0", 1, "would break"),
        ):
            with self.subTest(version, breaks=breaks):
                run = self.release(version, breaks)
                self.assertEqual(run.returncode, 1)
                self.assertIn(words, run.stderr)
                self.assertIn("0.1.0", self.read("version.h"))
                self.assertNotIn("0.2.0", self.read("CHANGELOG.md"))
                self.assertEqual(self.read("proto/released.binpb"), "last\n")
                self.assertEqual(self.read("buf.yaml"), BUF_RULES + EXCEPTIONS)


if __name__ == "__main__":
    unittest.main()
