"""Which nodes may receive from a node, and whom a node believes."""

import grpc
import hashlib

import harness
from certificates import Authority
from harness import run_daemon, stubs
from nodes import NodesCase
from receptions import MIB, reason_of, state_of


class PeersSecurityTest(NodesCase):
    size = 2 * MIB + 17

    def setUp(self):
        super().setUp()
        self.home = self.a.home
        self.authority = Authority(self.home / "authority")
        self.certificate, self.key = self.authority.issue("node")
        self.tokens = self.home / "tokens"
        lines = [
            f"{name} {name} {hashlib.sha256(name.encode()).hexdigest()}\n"
            for name in ("viewer", "peer", "operator")
        ]
        self.tokens.write_text("".join(lines), encoding="utf-8")
        self.tokens.chmod(0o600)

    def start_secure(self, *flags):
        """A node that wants TLS, and asks who calls; the test calls as an operator."""
        node = self.start(f"--tls-cert={self.certificate}", f"--tls-key={self.key}", *flags)
        node.channel.close()
        node.channel = grpc.secure_channel(
            node.control_address,
            grpc.composite_channel_credentials(
                grpc.ssl_channel_credentials(self.authority.path.read_bytes()),
                grpc.access_token_call_credentials("operator"),
            ),
        )
        node.sessions = stubs.session_service_grpc.SessionServiceStub(node.channel)
        node.receptions = stubs.reception_service_grpc.ReceptionServiceStub(node.channel)
        node.write_file("content", self.content)
        return node

    def serve_from(self, node):
        start = stubs.session.StartPolicy(immediate=True)
        return node.source(node.create(start=start).name, wait={"seconds": 0})

    def token(self, text):
        path = self.home / f"token.{text}"
        path.write_text(text + "\n", encoding="utf-8")
        return f"--peer-token-file={path}"

    def assert_refused(self, child, source, words):
        reception = child.wait_reception(child.receive(source))
        self.assertEqual(
            (state_of(reception), reason_of(reception)), ("FAILED", "UNREACHABLE"), reception
        )
        self.assertIn(words, reception.detail)

    def test_tokens_and_roles(self):
        parent = self.start_secure(f"--token-file={self.tokens}")
        source = self.serve_from(parent)
        ca = f"--peer-ca={self.authority.path}"
        for token, words in (
            (self.token("viewer"), "needs the role peer"),
            (self.token("unknown"), "the token is unknown"),
        ):
            self.assert_refused(self.start(ca, token), source, words)
        self.assert_refused(self.start(ca), source, "wants to know who calls")
        # In clear text nobody is there.
        self.assert_refused(self.b, source, "following")
        for token in (self.token("peer"), self.token("operator")):
            child = self.start(ca, token)
            self.assert_whole(child, child.receive(source))
        self.assertIn("token:peer", parent.log())
        # A peer changes nothing.
        with self.assertRaises(grpc.RpcError) as raised:
            channel = grpc.secure_channel(
                parent.control_address,
                grpc.composite_channel_credentials(
                    grpc.ssl_channel_credentials(self.authority.path.read_bytes()),
                    grpc.access_token_call_credentials("peer"),
                ),
            )
            self.addCleanup(channel.close)
            stubs.session_service_grpc.SessionServiceStub(channel).CancelSession(
                stubs.session_service.CancelSessionRequest(name=source.name),
                timeout=harness.DEADLINE_S,
            )
        self.assertEqual(raised.exception.code(), grpc.StatusCode.PERMISSION_DENIED)

    def test_nobody_comes_in_the_place_of_another_caller(self):
        """Who is DELIVERED, and who gets the bytes, is not for another node to say."""
        parent = self.start_secure(f"--token-file={self.tokens}")
        limits = stubs.session.Limits(session_bytes_per_second=MIB)
        session = parent.create(limits=limits).name
        child = self.start(f"--peer-ca={self.authority.path}", self.token("operator"))
        name = child.receive(parent.source(session, send_start_byte=True))
        child.wait_bytes(name, MIB)
        (served,) = parent.recipients(session)
        caller, _, node = served.node.partition("/")
        self.assertEqual(caller, "token:operator")
        channel = grpc.secure_channel(
            parent.peer_address,
            grpc.composite_channel_credentials(
                grpc.ssl_channel_credentials(self.authority.path.read_bytes()),
                grpc.access_token_call_credentials("peer"),
            ),
        )
        self.addCleanup(channel.close)
        call = stubs.peer_grpc.PeerServiceStub(channel).Follow(
            stubs.peer.FollowRequest(name=session, node=node, offset=self.size),
            timeout=harness.DEADLINE_S,
        )
        # The session has started, and takes no other node.
        with self.assertRaises(grpc.RpcError) as raised:
            next(call)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assert_whole(child, name)
        parent.wait_final(session)
        (served,) = parent.recipients(session)
        self.assertEqual(served.state, stubs.recipient.RECIPIENT_STATE_DELIVERED)

    def test_certificates(self):
        parent = self.start_secure(
            f"--token-file={self.tokens}",
            f"--tls-client-ca={self.authority.path}",
            "--cert-role=cn:child=peer",
        )
        source = self.serve_from(parent)
        ca = f"--peer-ca={self.authority.path}"
        for name, words in (("child", None), ("stranger", "needs the role peer")):
            self.certificate, self.key = self.authority.issue(name)
            child = self.start_secure(f"--token-file={self.tokens}", ca)
            if words is None:
                self.assert_whole(child, child.receive(source))
            else:
                self.assert_refused(child, source, words)

    def test_node_that_another_authority_has_signed(self):
        parent = self.start_secure(f"--token-file={self.tokens}")
        other = Authority(self.home / "other")
        child = self.start(f"--peer-ca={other.path}", self.token("peer"))
        self.assert_refused(child, self.serve_from(parent), "following")

    def test_options(self):
        for flags, words in (
            (["--peer-address=0.0.0.0:9877"], "anybody who reaches it"),
            (["--peer-address=node:9877"], "no IP address and port"),
            (["--peer-token-file=/dev/null"], "add --peer-ca"),
            (["--peer-data-port=65536"], "--peer-data-port"),
        ):
            with self.subTest(flags):
                ended = run_daemon(*flags)
                self.assertEqual(ended.returncode, 2, ended.stderr)
                self.assertIn(words, ended.stderr)
        ended = run_daemon("--peer-ca=/nowhere", "--control-address=127.0.0.1:0")
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertIn("--peer-ca /nowhere: cannot be read: No such file", ended.stderr)
