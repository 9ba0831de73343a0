"""What tests of who may call share: services with tokens or TLS, and calls as somebody."""

import hashlib
import pathlib
import tempfile
import unittest

import grpc

import harness
from harness import Service, stubs

SERVICES = (
    "session_service",
    "reception_service",
    "distribution_service",
    "node_service",
    "file_service",
)
NODE = "tcptool.v1.NodeService"
# Not that of a channel to the same address, nor its pause after a failure.
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)
HEALTH = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"  # HealthCheckResponse{status: SERVING}


def methods():
    """All methods of the API, from its descriptors: path, and whether viewers may call it."""
    for module in SERVICES:
        descriptors = getattr(stubs, module).DESCRIPTOR.services_by_name
        for service in descriptors.values():
            for method in service.methods:
                options = method.GetOptions()
                reads = options.idempotency_level == options.NO_SIDE_EFFECTS
                yield f"/{service.full_name}/{method.name}", reads


def bearer(token):
    return () if token is None else (("authorization", f"Bearer {token}"),)


def call(channel, path, token=None):
    """The call's code, message and first answer; the request is empty."""
    answers = channel.unary_stream(path)(
        b"", metadata=bearer(token), timeout=harness.DEADLINE_S
    )
    try:
        answer = next(answers, None)
        answers.cancel()
        return grpc.StatusCode.OK, "", answer
    except grpc.RpcError as error:
        return error.code(), error.details(), None


class SecurityTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="security.")
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)

    def serve(self, *arguments, **options):
        service = Service(flags=("--log-format=json", *arguments), **options)
        self.addCleanup(service.close)
        return service

    def write_tokens(self, **tokens):
        """Each is NAME=(ROLE, TOKEN). The file appears whole, and anew."""
        path = self.home / "tokens"
        part = self.home / "tokens.part"
        lines = ["# name role sha256", ""]
        for name, (role, token) in tokens.items():
            lines.append(f"{name} {role} {hashlib.sha256(token.encode()).hexdigest()}")
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
        part.chmod(0o640)
        part.rename(path)
        return path

    def channel(self, service, authority, client=None):
        certificate, key = client or (None, None)
        channel = grpc.secure_channel(
            service.control_address,
            grpc.ssl_channel_credentials(
                authority.path.read_bytes(),
                key and key.read_bytes(),
                certificate and certificate.read_bytes(),
            ),
            options=OWN_CONNECTION,
        )
        self.addCleanup(channel.close)
        return channel

    def events(self, service, name):
        return [event for event in service.events() if event["event"] == name]

    def assert_roles_are_kept(self, nobody, viewer, operator):
        """Each makes a call, of the path that it is given, as somebody with that role."""
        codes = grpc.StatusCode
        denials = (codes.UNAUTHENTICATED, codes.PERMISSION_DENIED)
        unknown = "/tcptool.v1.SessionService/NotThoughtOf"
        for path, reads in (*methods(), (unknown, False)):
            with self.subTest(path):
                if nobody is not None:
                    code, words, _ = nobody(path)
                    self.assertEqual(code, codes.UNAUTHENTICATED)
                    self.assertIn("authorization: Bearer", words)
                code, words, _ = viewer(path)
                if reads:
                    self.assertNotIn(code, denials, words)
                else:
                    self.assertEqual(code, codes.PERMISSION_DENIED)
                    self.assertIn("needs the role operator", words)
                code, words, _ = operator(path)
                self.assertNotIn(code, denials, words)
        self.assertEqual(operator(unknown)[0], codes.UNIMPLEMENTED)
        self.assertEqual((nobody or viewer)(HEALTH)[2], SERVING)
