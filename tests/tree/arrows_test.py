"""What arrows.py says of small trees that are made here."""

import unittest

from check_case import CheckCase

LIBRARY = '''"""{idea}"""

cc_library(
    name = "{name}",
    srcs = glob(["*.cc"], exclude = ["main.cc"]),
    hdrs = glob(["*.h"]),
    deps = {deps},
)
'''


class ArrowsTest(CheckCase):
    def setUp(self):
        super().setUp()
        for program in ("dataplane", "server", "client"):
            (self.root / program).mkdir()
        self.write("docs/architecture.md", "# Map\n\n| folder | idea | uses |\n|---|---|---|\n\nEnd.\n")
        self.folder("server/base", [])
        self.folder("server/api", ["//server/base"])
        self.write("server/base/log.h", "")
        self.write("server/api/names.cc", '#include "server/base/log.h"\n')
        self.assertEqual(self.run_arrows("--write"), "")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def folder(self, path, deps, idea="An idea."):
        name = path.split("/")[-1]
        self.write(
            f"{path}/BUILD.bazel",
            LIBRARY.format(idea=idea, name=name, deps=str(deps).replace("'", '"')),
        )

    def run_arrows(self, *options):
        return self.run_check("arrows.py", *options)

    def test_says_nothing_of_what_fits(self):
        self.assertEqual(self.run_arrows(), "")
        document = (self.root / "docs/architecture.md").read_text(encoding="utf-8")
        self.assertIn("| `server/base` | An idea. | - |\n| `server/api` | An idea. | `base` |\n", document)
        self.assertTrue(document.endswith("\n\nEnd.\n"))

    def test_finds_an_include_that_no_arrow_allows(self):
        self.write("server/api/names.h", "")
        self.write("server/base/log.h", '#include "server/api/names.h"\n')
        self.assertIn(
            'server/base/log.h: #include "server/api/names.h": //server/base:base does not'
            " declare //server/api",
            self.run_arrows(),
        )

    def test_finds_a_library_that_a_folder_must_not_know(self):
        self.write("server/base/log.cc", "#include <grpcpp/grpcpp.h>\n")
        self.assertIn("does not declare @grpc", self.run_arrows())

    def test_finds_messages_of_the_api(self):
        self.write("server/base/log.cc", '#include "tcptool/v1/session.pb.h"\n')
        self.assertIn("does not declare //proto", self.run_arrows())

    def test_finds_an_arrow_that_nobody_needs(self):
        self.write("server/api/names.cc", "")
        self.assertIn("api uses nothing of //server/base", self.run_arrows())

    def test_leaves_out_what_a_target_does_not_compile(self):
        self.write("server/base/main.cc", "#include <grpcpp/grpcpp.h>\n")
        self.assertEqual(self.run_arrows(), "")

    def test_wants_an_idea(self):
        self.folder("server/base", [], idea="")
        self.assertIn("server/base/BUILD.bazel: does not begin with", self.run_arrows())

    def test_finds_a_map_that_is_out_of_date(self):
        self.folder("server/base", [], idea="Another idea.")
        self.assertIn("renew it with", self.run_arrows())
        self.assertEqual(self.run_arrows("--write"), "")
        self.assertEqual(self.run_arrows(), "")

    def test_finds_folders_that_use_each_other(self):
        self.write("server/api/names.h", "")
        self.write("server/base/log.h", '#include "server/api/names.h"\n')
        self.folder("server/base", ["//server/api"])
        self.run_check("arrows.py", errors="arrows.py: server/api and server/base use each other\n")


if __name__ == "__main__":
    unittest.main()
