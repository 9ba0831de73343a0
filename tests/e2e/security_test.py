"""Who may call: TLS, client certificates, tokens and roles, as clients meet them."""

import hashlib
import pathlib
import queue
import shutil
import tempfile
import unittest

import grpc

import harness
from certificates import Authority
from harness import Service, run_daemon, stubs, wait_until

SERVICES = ("session_service", "node_service")
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


class TokenTest(SecurityTest):
    def test_roles_are_kept_by_every_method(self):
        tokens = self.write_tokens(vera=("viewer", "v-secret"), otto=("operator", "o-secret"))
        service = self.serve(f"--token-file={tokens}")

        def as_role(token):
            return lambda path: call(service.channel, path, token)

        self.assert_roles_are_kept(as_role(None), as_role("v-secret"), as_role("o-secret"))
        for token in ("", "v-secre", "v-secret ", "V-SECRET", "x" * 5000):
            code, words, _ = call(service.channel, f"/{NODE}/GetNode", token)
            self.assertEqual(code, grpc.StatusCode.UNAUTHENTICATED, words)
        self.assertNotIn("secret", service.log())

    def test_tokens_are_read_again_when_the_file_changes(self):
        tokens = self.write_tokens(old=("viewer", "old-token"))
        service = self.serve(f"--token-file={tokens}")

        def code(token):
            return call(service.channel, f"/{NODE}/GetNode", token)[0]

        self.assertEqual(code("old-token"), grpc.StatusCode.OK)
        self.write_tokens(new=("viewer", "new-token"))
        wait_until(lambda: code("new-token") == grpc.StatusCode.OK, "the new token is known")
        self.assertEqual(code("old-token"), grpc.StatusCode.UNAUTHENTICATED)
        # A file that is wrong changes nothing, and the log says so.
        tokens.write_text("nonsense\n", encoding="utf-8")
        wait_until(
            lambda: code("new-token") == grpc.StatusCode.OK
            and self.events(service, "tokens_not_reloaded"),
            "the log tells of the file",
        )

    def test_tokens_that_are_taken_away_are_gone(self):
        get_node = f"/{NODE}/GetNode"
        for take_away in (lambda: self.write_tokens(), lambda: (self.home / "tokens").unlink()):
            tokens = self.write_tokens(otto=("operator", "o"))
            service = self.serve(f"--token-file={tokens}")
            self.assertEqual(call(service.channel, get_node, "o")[0], grpc.StatusCode.OK)
            take_away()
            wait_until(
                lambda: call(service.channel, get_node, "o")[0]
                == grpc.StatusCode.UNAUTHENTICATED,
                "the last token is gone",
            )
            self.write_tokens(nils=("viewer", "n"))
            wait_until(
                lambda: call(service.channel, get_node, "n")[0] == grpc.StatusCode.OK,
                "a new token is known",
            )
            self.assertEqual(call(service.channel, get_node, "o")[0], grpc.StatusCode.UNAUTHENTICATED)

    def test_streams_end_with_their_token_and_are_logged_under_its_name(self):
        tokens = self.write_tokens(otto=("operator", "o"), vera=("viewer", "v"))
        service = self.serve(f"--token-file={tokens}")
        requests = stubs.session_service
        session = service.sessions.CreateSession(
            requests.CreateSessionRequest(
                session=stubs.session.Session(
                    spec=stubs.session.SessionSpec(upload=stubs.session.UploadSource())
                )
            ),
            metadata=bearer("o"),
        )
        watches = [
            service.sessions.WatchSessions(requests.WatchSessionsRequest(), metadata=bearer(token))
            for token in ("o", "v")
        ]
        for watch in watches:
            next(watch)
        more = queue.SimpleQueue()
        more.put(requests.UploadContentRequest(name=session.name, data=b"x"))
        upload = service.sessions.UploadContent.future(iter(more.get, None), metadata=bearer("o"))
        recipient = harness.connect(harness.port_of(session), b"\1")
        self.addCleanup(recipient.close)
        self.assertEqual(recipient.recv(1), b"x")  # The upload runs.
        self.write_tokens(vera=("viewer", "v"))
        with self.assertRaises(grpc.RpcError) as caught:
            for _ in watches[0]:
                pass
        for error in (caught.exception, upload.exception(timeout=harness.DEADLINE_S)):
            self.assertEqual(error.code(), grpc.StatusCode.UNAUTHENTICATED)
            self.assertIn("taken away", error.details())
        more.put(None)
        failed = wait_until(
            lambda: [
                event
                for event in self.events(service, "audit")
                if event["method"].endswith("/UploadContent")
                and event["outcome"] == "UNAUTHENTICATED"
            ],
            "the upload's end is logged",
        )
        self.assertEqual((failed[0]["who"], failed[0]["target"]), ("token:otto", session.name))
        wait_until(
            lambda: service.sessions.GetSession(
                requests.GetSessionRequest(name=session.name), metadata=bearer("v")
            ).state
            == stubs.session.SESSION_STATE_FAILED,
            "the upload's session fails",
        )
        # Others go on.
        watches[1].cancel()
        self.assertEqual(watches[1].code(), grpc.StatusCode.CANCELLED)

    def test_bad_token_files_are_named(self):
        hash_ = "0" * 64
        for content, mode, words in (
            ("vera viewer", 0o640, "line 1"),
            (f"vera boss {hash_}", 0o640, "role"),
            ("vera viewer secret", 0o640, "sha256sum"),
            ("# none\n", 0o640, "no token"),
            (f"vera viewer {hash_}", 0o644, "chmod"),
            (f"vera viewer {hash_}", 0o660, "chmod"),
        ):
            with self.subTest(words):
                path = self.home / "tokens"
                path.write_text(content, encoding="utf-8")
                path.chmod(mode)
                done = run_daemon("--check-config", f"--token-file={path}")
                self.assertEqual(done.returncode, 1)
                self.assertIn(words, done.stderr)
                self.assertIn(str(path), done.stderr)
                self.assertNotIn("secret", done.stderr)

    def test_changing_calls_are_audited(self):
        tokens = self.write_tokens(vera=("viewer", "v"), otto=("operator", "o"))
        service = self.serve(f"--token-file={tokens}")
        name = 'sessions/a"b\\c'
        request = stubs.session_service.CancelSessionRequest(name=name)
        with self.assertRaises(grpc.RpcError):
            service.sessions.CancelSession(request, metadata=bearer("o"))
        with self.assertRaises(grpc.RpcError):
            service.sessions.CancelSession(request, metadata=bearer("v"))
        upload = stubs.session_service.UploadContentRequest(name="sessions/absent")
        with self.assertRaises(grpc.RpcError):
            service.sessions.UploadContent(iter([upload]), metadata=bearer("o"))
        service.write_file("content", b"x")
        created = service.sessions.CreateSession(
            stubs.session_service.CreateSessionRequest(
                session=stubs.session.Session(
                    spec=stubs.session.SessionSpec(
                        file=stubs.session.FileSource(root="files", path="content")
                    )
                )
            ),
            metadata=bearer("o"),
        )
        service.node.GetNode(stubs.node_service.GetNodeRequest(), metadata=bearer("v"))
        lines = wait_until(
            lambda: len(self.events(service, "audit")) >= 3 and self.events(service, "audit"),
            "three audit lines",
        )
        told = [(e["who"], e["method"].rpartition("/")[2], e["target"], e["outcome"]) for e in lines]
        self.assertIn(("token:otto", "CreateSession", created.name, "OK"), told)
        self.assertEqual(told[0][:3], ("token:otto", "CancelSession", name))
        self.assertNotEqual(told[0][3], "OK")
        self.assertIn(("token:otto", "UploadContent", "sessions/absent", "NOT_FOUND"), told)
        self.assertEqual(len(told), 3)
        (refused,) = self.events(service, "call_refused")
        self.assertEqual((refused["who"], refused["outcome"]), ("token:vera", "PERMISSION_DENIED"))


class TlsTest(SecurityTest):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.home / "authority")

    def serve_tls(self, *arguments, clients=None):
        self.certificate, self.key = self.authority.issue("localhost")
        if clients is not None:
            arguments = (
                *arguments,
                f"--tls-client-ca={clients.path}",
                "--cert-role=cn:otto=operator",
                "--cert-role=dns:vera.example=viewer",
                "--cert-role=uri:spiffe://example/uri=viewer",
            )
        return self.serve(f"--tls-cert={self.certificate}", f"--tls-key={self.key}", *arguments)

    def test_certificates_and_roles(self):
        clients = Authority(self.home / "clients")
        service = self.serve_tls(clients=clients)

        def as_client(client):
            channel = self.channel(service, self.authority, client)
            return lambda path: call(channel, path)

        self.assert_roles_are_kept(
            None, as_client(clients.issue("vera")), as_client(clients.issue("otto"))
        )
        # Certificates are the only way in: without one there is no connection.
        self.assertEqual(as_client(None)(HEALTH)[0], grpc.StatusCode.UNAVAILABLE)
        get_node = f"/{NODE}/GetNode"
        code, words, _ = as_client(clients.issue("nora"))(get_node)
        self.assertEqual(code, grpc.StatusCode.PERMISSION_DENIED)
        self.assertIn("certificate:cn:nora", words)
        by_uri = clients.issue("uma", alternative="URI:spiffe://example/uri")
        self.assertEqual(as_client(by_uri)(get_node)[0], grpc.StatusCode.OK)
        # One kind of names is not another's.
        for name, alternative in (
            ("vera.example", "DNS:x.example"),
            ("x", "DNS:otto"),
            ("y", "email:vera.example"),
        ):
            with self.subTest(name=name, alternative=alternative):
                client = clients.issue(name, alternative=alternative)
                self.assertEqual(
                    as_client(client)(get_node)[0], grpc.StatusCode.PERMISSION_DENIED
                )
        strangers = Authority(self.home / "strangers")
        for wrong in (strangers.issue("otto"), clients.issue("otto", days=-1)):
            self.assertEqual(as_client(wrong)(get_node)[0], grpc.StatusCode.UNAVAILABLE)
        # A client that trusts others, and one that does not speak TLS.
        wrong_server = self.channel(service, strangers, clients.issue("otto"))
        self.assertEqual(call(wrong_server, get_node)[0], grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(call(service.channel, get_node)[0], grpc.StatusCode.UNAVAILABLE)

    def test_token_over_tls(self):
        tokens = self.write_tokens(otto=("operator", "o"))
        service = self.serve_tls(f"--token-file={tokens}")
        channel = self.channel(service, self.authority)
        get_node = f"/{NODE}/GetNode"
        self.assertEqual(call(channel, get_node, "o")[0], grpc.StatusCode.OK)
        self.assertEqual(call(channel, get_node, "p")[0], grpc.StatusCode.UNAUTHENTICATED)

    def test_the_handshake_wants_a_certificate_if_asked_to(self):
        tokens = self.write_tokens(otto=("operator", "o"))
        clients = Authority(self.home / "clients")
        flags = (f"--token-file={tokens}",)
        get_node = f"/{NODE}/GetNode"
        service = self.serve_tls(*flags, clients=clients)
        channel = self.channel(service, self.authority)
        self.assertEqual(call(channel, get_node, "o")[0], grpc.StatusCode.OK)
        service = self.serve_tls(*flags, "--tls-require-client-cert", clients=clients)
        channel = self.channel(service, self.authority)
        self.assertEqual(call(channel, get_node, "o")[0], grpc.StatusCode.UNAVAILABLE)
        channel = self.channel(service, self.authority, clients.issue("anybody"))
        self.assertEqual(call(channel, get_node, "o")[0], grpc.StatusCode.OK)

    def test_a_watch_goes_on_while_certificates_change(self):
        service = self.serve_tls()
        before = self.channel(service, self.authority)
        watch = stubs.session_service_grpc.SessionServiceStub(before).WatchSessions(
            stubs.session_service.WatchSessionsRequest(), timeout=120
        )
        next(watch)  # It runs.
        successor = Authority(self.home / "successor")
        certificate, key = successor.issue("localhost")
        shutil.copy(key, self.key)
        shutil.copy(certificate, self.certificate)

        def trusts_successor():
            channel = self.channel(service, successor)
            return call(channel, f"/{NODE}/GetNode")[0] == grpc.StatusCode.OK

        wait_until(trusts_successor, "new connections get the new certificate", 60)
        service.write_file("content", b"x")
        service.sessions = stubs.session_service_grpc.SessionServiceStub(
            self.channel(service, successor)
        )
        created = service.create()
        seen = next(m.changes[0].session.name for m in watch if m.changes)
        self.assertEqual(seen, created.name)

    def test_bad_files_are_named(self):
        certificate, key = self.authority.issue("localhost")
        _, other_key = self.authority.issue("other")
        absent = self.home / "absent"
        for arguments, words in (
            ((f"--tls-cert={absent}", f"--tls-key={key}"), str(absent)),
            ((f"--tls-cert={certificate}", f"--tls-key={absent}"), str(absent)),
            ((f"--tls-cert={key}", f"--tls-key={key}"), "no certificate"),
            ((f"--tls-cert={certificate}", f"--tls-key={other_key}"), "not the key"),
        ):
            with self.subTest(words):
                done = run_daemon("--check-config", *arguments)
                self.assertEqual(done.returncode, 1)
                self.assertIn(words, done.stderr)

    def test_what_would_leave_the_door_open_is_refused(self):
        certificate, key = self.authority.issue("localhost")
        tls = (f"--tls-cert={certificate}", f"--tls-key={key}")
        anywhere = "--control-address=0.0.0.0:0"
        for arguments, words in (
            ((anywhere, *tls), "--token-file"),
            ((anywhere, "--token-file=x"), "--tls-cert"),
            ((anywhere, "--token-file=x", "--insecure-control"), "clear text"),
            (tls[:1], "--tls-key"),
            (tls[1:], "--tls-cert"),
            ((*tls, "--tls-client-ca=x"), "--cert-role"),
            ((*tls, "--cert-role=cn:x=viewer"), "--tls-client-ca"),
            (("--tls-client-ca=x", "--cert-role=cn:x=viewer"), "--tls-cert"),
            ((*tls, "--tls-require-client-cert"), "--tls-client-ca"),
        ):
            with self.subTest(arguments):
                done = run_daemon(*arguments)
                self.assertEqual(done.returncode, 2)
                self.assertIn(words, done.stderr)


class UnixSocketTest(SecurityTest):
    def test_serves_its_group_and_replaces_what_a_killed_service_left(self):
        path = self.home / "control.sock"
        tokens = self.write_tokens(otto=("operator", "o"))
        get_node = f"/{NODE}/GetNode"
        for _ in range(2):
            service = self.serve(f"--token-file={tokens}", control=f"unix:{path}")
            self.assertEqual(path.stat().st_mode & 0o777, 0o660)
            with grpc.insecure_channel(service.control_address, OWN_CONNECTION) as channel:
                self.assertEqual(call(channel, get_node, "o")[0], grpc.StatusCode.OK)
                self.assertEqual(call(channel, get_node)[0], grpc.StatusCode.UNAUTHENTICATED)
            second = run_daemon(f"--control-address=unix:{path}")
            self.assertEqual(second.returncode, 1)
            self.assertIn("in use", second.stderr)
            service.process.kill()
            service.process.wait()
            self.assertTrue(path.exists())

    def test_another_file_is_left_alone(self):
        path = self.home / "file"
        path.write_text("mine", encoding="utf-8")
        done = run_daemon(f"--control-address=unix:{path}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no socket", done.stderr)
        self.assertEqual(path.read_text(encoding="utf-8"), "mine")
