"""What is below the roots: who may look, and that nobody sees more than that."""

import hashlib
import json
import os
import subprocess

import grpc

import harness
from error_details import details_of, failure_of
from harness import ServiceTest, stubs
from security import SecurityTest, bearer

CODES = grpc.StatusCode


def reason_of(error):
    return details_of(error)["ErrorInfo"].reason


class FilesTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"firmware")
        (self.service.root / "images").mkdir()
        self.service.write_file("images/disk.img", b"12345")

    def list(self, path="", root="files", **fields):
        return self.service.file_service.ListFiles(
            stubs.file_service.ListFilesRequest(root=root, path=path, **fields),
            timeout=harness.DEADLINE_S,
        )

    def stat(self, path="", root="files"):
        return self.service.file_service.StatFile(
            stubs.file_service.StatFileRequest(root=root, path=path),
            timeout=harness.DEADLINE_S,
        )

    def ctl(self, *arguments):
        return subprocess.run(
            [harness.program("tcptoolctl"), "--server", self.service.control_address, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=harness.DEADLINE_S,
        )

    def test_what_is_listed_can_be_sent(self):
        (content, images) = self.list().files
        self.assertEqual((content.name, images.name), ("content", "images"))
        self.assertEqual(content.type, stubs.file_service.FILE_TYPE_REGULAR)
        self.assertEqual(content.size_bytes, 8)
        written = (self.service.root / "content").stat().st_mtime_ns
        self.assertEqual(content.modify_time.ToNanoseconds(), written)
        self.assertEqual(images.type, stubs.file_service.FILE_TYPE_DIRECTORY)
        (image,) = self.list("images").files
        self.assertEqual(self.stat("images/disk.img"), image)
        session = self.service.create(path=f"images/{image.name}")
        self.assertEqual(session.content_length, image.size_bytes)
        self.assertEqual(session.source_modify_time, image.modify_time)

    def test_pages_of_a_large_directory(self):
        many = self.service.root / "many"
        many.mkdir()
        names = [f"file-{number:05}" for number in range(2500)]
        for name in names:
            (many / name).touch()
        listed, token = [], ""
        while True:
            page = self.list("many", page_size=5000, page_token=token)
            self.assertLessEqual(len(page.files), 1000)
            listed += [file.name for file in page.files]
            token = page.next_page_token
            if not token:
                break
        self.assertEqual(listed, names)

    def test_bad_input(self):
        outside = self.service.home / "secret"
        outside.write_bytes(b"secret")
        (self.service.root / "out").symlink_to(outside)
        (self.service.root / "up").symlink_to("..")
        (self.service.root / "circle").symlink_to("circle")
        token = self.list(page_size=1).next_page_token
        for fields, code, reason in (
            ({"root": ""}, CODES.INVALID_ARGUMENT, "INVALID_FIELD"),
            ({"root": "unknown"}, CODES.NOT_FOUND, "ROOT_NOT_FOUND"),
            ({"root": "../files"}, CODES.NOT_FOUND, "ROOT_NOT_FOUND"),
            ({"path": ".."}, CODES.PERMISSION_DENIED, "OUTSIDE_OF_ROOT"),
            ({"path": "images/../.."}, CODES.PERMISSION_DENIED, "OUTSIDE_OF_ROOT"),
            ({"path": "/etc"}, CODES.PERMISSION_DENIED, "OUTSIDE_OF_ROOT"),
            ({"path": "up"}, CODES.PERMISSION_DENIED, "OUTSIDE_OF_ROOT"),
            ({"path": "out"}, CODES.PERMISSION_DENIED, "OUTSIDE_OF_ROOT"),
            ({"path": "images\0"}, CODES.INVALID_ARGUMENT, "INVALID_FIELD"),
            ({"path": "x/" * 3000}, CODES.INVALID_ARGUMENT, "INVALID_FIELD"),
            # Longer than a file system has names.
            ({"path": "x" * 300}, CODES.INVALID_ARGUMENT, "INVALID_FIELD"),
            ({"path": "content"}, CODES.NOT_FOUND, "FILE_NOT_FOUND"),
            ({"path": "content/x"}, CODES.NOT_FOUND, "FILE_NOT_FOUND"),
            ({"path": "nothing"}, CODES.NOT_FOUND, "FILE_NOT_FOUND"),
            ({"path": "circle"}, CODES.NOT_FOUND, "FILE_NOT_FOUND"),
            ({"page_size": -1}, CODES.INVALID_ARGUMENT, "INVALID_FIELD"),
            ({"page_token": "forged"}, CODES.INVALID_ARGUMENT, "INVALID_FIELD"),
            ({"page_token": "Li4vLi4"}, CODES.INVALID_ARGUMENT, "INVALID_FIELD"),
            # Of another directory.
            ({"path": "images", "page_token": token}, CODES.INVALID_ARGUMENT, "INVALID_FIELD"),
        ):
            with self.subTest(fields):
                error = failure_of(lambda fields=fields: self.list(**fields))
                self.assertEqual((error.code(), reason_of(error)), (code, reason))
                self.assertNotIn(str(self.service.home), error.details())
        error = failure_of(lambda: self.stat("out"))
        self.assertEqual(error.code(), CODES.PERMISSION_DENIED)
        for path in ("x" * 300, "images/.."):
            error = failure_of(lambda path=path: self.stat(path))
            self.assertEqual(reason_of(error), "INVALID_FIELD")
            (wrong,) = details_of(error)["BadRequest"].field_violations
            self.assertEqual(wrong.field, "path")
        self.assertEqual(self.stat("images/").name, "images")
        names = {file.name: file.type for file in self.list().files}
        self.assertEqual(names["out"], stubs.file_service.FILE_TYPE_SYMBOLIC_LINK)
        self.assertEqual(names["up"], stubs.file_service.FILE_TYPE_SYMBOLIC_LINK)

    def test_directory_that_the_service_may_not_read(self):
        if os.geteuid() == 0:
            self.skipTest("root may read all of them")
        closed = self.service.root / "closed"
        closed.mkdir(mode=0)
        error = failure_of(lambda: self.list("closed"))
        self.assertEqual(error.code(), CODES.PERMISSION_DENIED)
        self.assertEqual(reason_of(error), "SYSTEM_DENIES")

    def test_tcptoolctl_lists(self):
        for place in ("files", "files/"):
            done = self.ctl("files", place)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            header, content, images = done.stdout.splitlines()
            self.assertEqual(header.split(), ["TYPE", "SIZE", "MODIFIED", "NAME"])
            self.assertEqual((content.split()[0], content.split()[-1]), ("file", "content"))
            self.assertEqual((images.split()[0], images.split()[-1]), ("directory", "images"))
        listed = json.loads(self.ctl("--output=json", "files", "files/content").stdout)
        (file,) = listed["files"]
        self.assertEqual((file["name"], file["sizeBytes"]), ("content", "8"))
        done = self.ctl("files", "files/..")
        self.assertEqual(done.returncode, 1)
        self.assertIn("leads out of its root", done.stderr)

    def test_tcptoolctl_expects_a_digest_and_a_length(self):
        digest = hashlib.sha256(b"firmware").hexdigest()
        done = self.ctl("--output=json", "create", "--file=files/content", "--sha256", digest)
        spec = json.loads(done.stdout)["spec"]
        self.assertEqual(spec["file"]["expectedSha256"], digest)
        done = self.ctl("--output=json", "create", "--sha256", "--file=files/content")
        spec = json.loads(done.stdout)["spec"]
        self.assertTrue(spec["computeSha256"])
        self.assertEqual(spec["file"]["expectedSha256"], "")
        done = self.ctl(
            "--output=json", "create", "--stdin", "--length=8", "--sha256", digest,
            "--validate-only",
        )
        upload = json.loads(done.stdout)["spec"]["upload"]
        self.assertEqual((upload["length"], upload["expectedSha256"]), ("8", digest))
        done = self.ctl("create", "--file=files/content", "--sha256", "ab")
        self.assertEqual(done.returncode, 1)
        self.assertIn("file.expected_sha256", done.stderr)


class BrowseTest(SecurityTest):
    def setUp(self):
        super().setUp()
        for root in ("open", "closed"):
            (self.home / root).mkdir()
            (self.home / root / "name").touch()
        self.roots = [f"--root={root}={self.home / root}" for root in ("open", "closed")]

    def test_viewers_see_names_where_they_may(self):
        tokens = self.write_tokens(
            v=("viewer", "viewer-token"),
            p=("peer", "peer-token"),
            o=("operator", "operator-token"),
        )
        service = self.serve(f"--token-file={tokens}", "--browse=open", *self.roots)

        def code(method, root, token):
            try:
                getattr(service.file_service, method)(
                    getattr(stubs.file_service, f"{method}Request")(root=root),
                    metadata=bearer(token),
                    timeout=harness.DEADLINE_S,
                )
                return CODES.OK
            except grpc.RpcError as error:
                return error.code()

        for method in ("ListFiles", "StatFile"):
            for root, token, expected in (
                ("open", "operator-token", CODES.OK),
                ("closed", "operator-token", CODES.OK),
                ("open", "viewer-token", CODES.OK),
                ("closed", "viewer-token", CODES.PERMISSION_DENIED),
                ("open", "peer-token", CODES.OK),
                ("closed", "peer-token", CODES.PERMISSION_DENIED),
                # Whether there is such a root is not told.
                ("unknown", "viewer-token", CODES.PERMISSION_DENIED),
                ("open", None, CODES.UNAUTHENTICATED),
                ("open", "another", CODES.UNAUTHENTICATED),
            ):
                with self.subTest(method=method, root=root, token=token):
                    self.assertEqual(code(method, root, token), expected)

    def test_a_root_that_is_browsed_has_to_be_one(self):
        done = subprocess.run(
            [harness.program("tcptoold"), "--check-config", "--browse=typo", *self.roots],
            capture_output=True,
            text=True,
            check=False,
            timeout=harness.DEADLINE_S,
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--browse typo: there is no --root typo=DIR", done.stderr)

