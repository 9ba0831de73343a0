"""The smallest examples in client/examples, in Python, Node.js and Go: TLS, a token,
deadlines."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import harness
import npm
from certificates import Authority
from security import SecurityTest

EXAMPLES = pathlib.Path("client/examples").resolve()
PROTO_DIRECTORIES = [str(pathlib.Path(name).resolve()) for name in ("proto", "third_party")]
# Of Debian's packages of libraries in Go.
DEBIANS_GO_PATH = "/usr/share/gocode"


class SendFileTest(SecurityTest):
    def setUp(self):
        super().setUp()
        authority = Authority(self.home / "authority")
        certificate, key = authority.issue("localhost")
        tokens = self.write_tokens(otto=("operator", "ottos-token"))
        self.service = self.serve(
            f"--tls-cert={certificate}", f"--tls-key={key}", f"--token-file={tokens}"
        )
        self.content = os.urandom(3_000_000)
        self.service.write_file("firmware.bin", self.content)
        self.ca_file = str(authority.path)

    def start(self, program, *more, token="ottos-token", **options):
        token_file = self.home / "token"
        token_file.write_text(token + "\n", encoding="ascii")
        process = subprocess.Popen(
            [*program, self.service.control_address, self.ca_file, str(token_file),
             "files/firmware.bin", *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def assert_sends(self, program, *more, **options):
        process = self.start(program, *more, **options)
        endpoint = process.stdout.readline().strip()
        self.assertTrue(endpoint, process.poll())
        recipient = harness.connect(harness.port_of_address(endpoint), b"\0")
        self.assertEqual(harness.read_to_end(recipient), (self.content, True))
        output, errors = process.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(output.split(), ["SESSION_STATE_SUCCEEDED"], errors)
        self.assertEqual(process.returncode, 0, errors)

        stranger = self.start(program, *more, token="nobodys-token", **options)
        output, errors = stranger.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual((output, stranger.returncode), ("", 1), errors)
        self.assertIn("unauthenticated", errors.lower())

    def test_python(self):
        # Debian's grpcio, and the stubs that the harness has made.
        self.assert_sends(
            [sys.executable, str(EXAMPLES / "python/send_file.py")],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def test_node(self):
        manifest = json.loads((EXAMPLES / "node/package.json").read_text(encoding="utf-8"))
        packages = [f"{name}@{version}" for name, version in manifest["dependencies"].items()]
        # Node looks for packages beside the program.
        shutil.copy(EXAMPLES / "node/send_file.mjs", self.home)
        (self.home / "node_modules").symlink_to(npm.node_modules(*packages))
        self.assert_sends(["node", str(self.home / "send_file.mjs")], *PROTO_DIRECTORIES)

    def test_go(self):
        """As docs/api.md has it."""
        stubs = self.home / "stubs"
        (stubs / "src").mkdir(parents=True)
        subprocess.run(
            ["protoc", *(f"--proto_path={name}" for name in PROTO_DIRECTORIES),
             f"--go_out={stubs}/src", f"--go-grpc_out={stubs}/src",
             *map(str, sorted(pathlib.Path(PROTO_DIRECTORIES[0]).glob("tcptool/v1/*.proto")))],
            check=True,
        )
        environment = {
            **os.environ, "GO111MODULE": "off", "GOPATH": f"{stubs}:{DEBIANS_GO_PATH}"
        }
        source = EXAMPLES / "go/send_file.go"
        program = self.home / "send_file"
        for command in (["go", "vet"], ["go", "build", "-o", str(program)]):
            subprocess.run([*command, str(source)], check=True, env=environment)
        self.assert_sends([str(program)])
        unformatted = subprocess.run(
            ["gofmt", "-l", str(source)], check=True, capture_output=True, text=True
        )
        self.assertEqual(unformatted.stdout, "")
