"""Who may call by TLS and client certificates."""

import shutil
import socket
import ssl
import urllib.request

import grpc

from certificates import Authority
from harness import DEADLINE_S, run_daemon, stubs, wait_until
from security import HEALTH, NODE, SecurityTest, call


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
        wait_until(
            lambda: any(
                "certificate" in event["reason"]
                for event in self.events(service, "connection_refused")
            ),
            "the log says why",
        )
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

    def test_the_handshake_wants_a_certificate_where_it_is_the_only_way_in(self):
        clients = Authority(self.home / "clients")
        service = self.serve_tls("--peer-address=127.0.0.1:0", clients=clients)
        context = ssl.create_default_context(cafile=self.authority.path)
        context.set_alpn_protocols(["h2"])
        for address in (service.control_address, service.peer_address):
            host, _, port = address.rpartition(":")
            with self.subTest(address), socket.create_connection(
                (host, int(port)), timeout=DEADLINE_S
            ) as plain, context.wrap_socket(plain, server_hostname=host) as stranger:
                # Nothing of HTTP/2 is said before.
                with self.assertRaisesRegex(ssl.SSLError, "(?i)certificate.required"):
                    stranger.recv(1)
        # Probes have HTTP, and the service itself reaches its ports.
        url = f"http://{service.http_address}/healthz"
        with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
            self.assertEqual(answer.status, 200)

    def test_a_watch_goes_on_while_certificates_change(self):
        service = self.serve_tls()
        before = self.channel(service, self.authority)
        watch = stubs.session_service_grpc.SessionServiceStub(before).WatchSessions(
            stubs.session_service.WatchSessionsRequest(), timeout=4 * DEADLINE_S
        )
        next(watch)  # It runs.
        successor = Authority(self.home / "successor")
        certificate, key = successor.issue("localhost")
        shutil.copy(key, self.key)
        shutil.copy(certificate, self.certificate)

        def trusts_successor():
            channel = self.channel(service, successor)
            return call(channel, f"/{NODE}/GetNode")[0] == grpc.StatusCode.OK

        wait_until(trusts_successor, "new connections get the new certificate")
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
