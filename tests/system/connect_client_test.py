"""The API over HTTP, by the official client of the Connect protocol, with TLS and without."""

import json
import pathlib
import shutil
import subprocess

import certificates
import harness
import npm
from security import SecurityTest

# They run on Debian's Node.js, which is 18.
PACKAGES = (
    "@bufbuild/protobuf@2.6.3",
    "@connectrpc/connect@2.0.4",
    "@connectrpc/connect-node@2.0.4",
)
PROTOS = pathlib.Path("proto").resolve()
THIRD_PARTY = pathlib.Path("third_party").resolve()
CLIENT = pathlib.Path("tests/system/connect_client.mjs").resolve()


class ConnectClientTest(SecurityTest):
    def run_client(self, service, scheme, *arguments):
        """What it has reported: its steps, in JSON and then in Protobuf."""
        service.write_file("content", b"content")
        descriptors = self.home / "descriptors.binpb"
        subprocess.run(
            [
                "protoc", f"--proto_path={PROTOS}", f"--proto_path={THIRD_PARTY}",
                "--include_imports", f"--descriptor_set_out={descriptors}",
                *map(str, sorted((PROTOS / "tcptool" / "v1").glob("*.proto"))),
                str(THIRD_PARTY / "google" / "rpc" / "error_details.proto"),
            ],
            check=True,
        )  # fmt: skip
        # Node looks for packages beside the program.
        home = self.home / "client"
        home.mkdir()
        shutil.copy(CLIENT, home)
        (home / "node_modules").symlink_to(npm.node_modules(*PACKAGES))
        done = subprocess.run(
            [
                "node", str(home / CLIENT.name), f"{scheme}://{service.http_address}",
                str(descriptors), *map(str, arguments),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=10 * harness.DEADLINE_S,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def assert_all_is_well(self, steps):
        half = len(steps) // 2
        for found in (steps[:half], steps[half:]):
            node, created, watched, absent, late, aborted, upload = found
            self.assertNotEqual(node["version"], "")
            self.assertRegex(created["name"], "^sessions/")
            self.assertEqual((watched["first"], watched["last"]), ("session", "deletedName"))
            self.assertEqual((absent["code"], absent["reason"]), ("NotFound", "RESOURCE_NOT_FOUND"))
            self.assertEqual(late["code"], "DeadlineExceeded")
            self.assertEqual(aborted["code"], "Canceled")
            self.assertEqual(upload["code"], "Unimplemented")

    def test_in_clear_text(self):
        service = self.serve("--http-api")
        self.assert_all_is_well(self.run_client(service, "http"))

    def test_with_tls_and_a_token(self):
        authority = certificates.Authority(self.home / "authority")
        certificate, key = authority.issue("server")
        tokens = self.write_tokens(otto=("operator", "o-secret"))
        service = self.serve(
            f"--tls-cert={certificate}", f"--tls-key={key}", f"--token-file={tokens}",
            "--http-api",
        )  # fmt: skip
        self.assert_all_is_well(self.run_client(service, "https", "o-secret", authority.path))
        audits = self.events(service, "audit")
        self.assertEqual({one["who"] for one in audits}, {"token:otto"})
