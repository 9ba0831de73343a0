"""Which nodes may receive from a node, and whom a node believes."""

import grpc
import hashlib
import socket

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
        self.write_tokens("viewer", "peer", "operator")

    def write_tokens(self, *names):
        """Each is the name, the role and the token. The file appears whole."""
        part = self.home / "tokens.part"
        lines = [f"{name} {name} {hashlib.sha256(name.encode()).hexdigest()}\n" for name in names]
        part.write_text("".join(lines), encoding="utf-8")
        part.chmod(0o600)
        part.rename(self.tokens)

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

    def caller(self, parent, token="peer"):
        """What makes calls of Follow."""
        channel = grpc.secure_channel(
            parent.peer_address,
            grpc.composite_channel_credentials(
                grpc.ssl_channel_credentials(self.authority.path.read_bytes()),
                grpc.access_token_call_credentials(token),
            ),
        )
        self.addCleanup(channel.close)
        follow = stubs.peer_grpc.PeerServiceStub(channel).Follow
        # A test makes many, which go on together.
        return lambda **request: follow(
            stubs.peer.FollowRequest(**request), timeout=4 * harness.DEADLINE_S
        )

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
        call = self.caller(parent)(name=session, node=node, offset=self.size)
        # The session has started, and takes no other node.
        with self.assertRaises(grpc.RpcError) as raised:
            next(call)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assert_whole(child, name)
        parent.wait_final(session)
        (served,) = parent.recipients(session)
        self.assertEqual(served.state, stubs.recipient.RECIPIENT_STATE_DELIVERED)

    def test_token_that_is_taken_away_ends_the_connection(self):
        parent = self.start_secure(f"--token-file={self.tokens}")
        # So that the content would take half a minute.
        limits = stubs.session.Limits(session_bytes_per_second=self.size // 30)
        start = stubs.session.StartPolicy(immediate=True)
        session = parent.create(limits=limits, start=start).name
        call = self.caller(parent)(name=session, node="n", offset=0)
        ticket = next(call).ticket
        with socket.create_connection(("127.0.0.1", ticket.port)) as connection:
            connection.settimeout(harness.DEADLINE_S)
            connection.sendall(ticket.secret + b"\0")
            got = len(connection.recv(1))
            self.write_tokens("viewer", "operator")
            with self.assertRaises(ConnectionResetError):
                while data := connection.recv(1 << 16):
                    got += len(data)
            self.assertLess(got, self.size)
        with self.assertRaises(grpc.RpcError) as raised:
            for _ in call:
                pass
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAUTHENTICATED)
        harness.wait_until(
            lambda: parent.recipients(session)[0].detail == "the node's call of Follow is over",
            "the account says why the node was lost",
        )

    def test_no_callers_nodes_keep_others_out(self):
        parent = self.start_secure(f"--token-file={self.tokens}")
        session = parent.create(start=stubs.session.StartPolicy(immediate=True)).name
        follow = self.caller(parent)
        calls = []
        for i in range(256):
            calls.append(follow(name=session, node=f"n{i}"))
            next(calls[-1])
        other = self.caller(parent, "operator")(name=session, node="other")
        next(other)
        for call in (calls[-1], follow(name=session, node="late")):
            with self.assertRaises(grpc.RpcError) as raised:
                for _ in call:
                    pass
            self.assertEqual(raised.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        next(calls[0])
        next(other)

    def test_access_rules(self):
        start = stubs.session.StartPolicy(immediate=True)
        for rule, words in (
            ("10.0.0.0/8", "127.0.0.1 matches no access rule of the session"),
            ("127.0.0.0/8", None),
        ):
            session = self.a.create(start=start, allow=[rule]).name
            source = self.a.source(session, wait={"seconds": 30})
            if words is None:
                self.assert_whole(self.b, self.b.receive(source))
            else:
                self.assert_refused(self.b, source, words)
                # Nor was it a recipient for a while.
                self.assertFalse(self.a.recipients(session))
                log = self.a.log()
                self.assertIn("call_refused", log)
                self.assertIn(f"Follow {session}", log)

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
            (["--peer-data-tls"], "add --tls-cert, --tls-key and --peer-ca"),
            (
                [
                    "--peer-data-tls",
                    "--peer-address=127.0.0.1:0",
                    "--peer-ca=ca",
                    "--tls-cert=cert",
                    "--tls-key=key",
                ],
                "add --tls-client-ca and --cert-role",
            ),
            (["--peer-data-port=65536"], "--peer-data-port"),
        ):
            with self.subTest(flags):
                ended = run_daemon(*flags)
                self.assertEqual(ended.returncode, 2, ended.stderr)
                self.assertIn(words, ended.stderr)
        ended = run_daemon("--peer-ca=/nowhere", "--control-address=127.0.0.1:0")
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertIn("--peer-ca /nowhere: cannot be read: No such file", ended.stderr)
