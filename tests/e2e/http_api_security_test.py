"""Who may call the API over HTTP: tokens, certificates, and nobody else."""

import certificates
from harness import run_daemon, wait_until
from http_calls import GET_NODE, SERVICE, WATCH, curl, open_stream, read_stream
from security import HEALTH, SecurityTest


def token(secret):
    return ("--header", f"Authorization: Bearer {secret}")


class HttpApiSecurityTest(SecurityTest):
    def test_tokens_and_their_roles_count(self):
        tokens = self.write_tokens(vera=("viewer", "v-secret"), otto=("operator", "o-secret"))
        service = self.serve(f"--token-file={tokens}", "--http-api")
        create = f"{SERVICE}/CreateSession"
        for options, path, status, code in (
            ((), GET_NODE, 401, "unauthenticated"),
            (token("wrong"), GET_NODE, 401, "unauthenticated"),
            (("--user", "a:b"), GET_NODE, 401, "unauthenticated"),
            (token("v-secret"), create, 403, "permission_denied"),
            (token("o-secret"), create, 400, "invalid_argument"),
            ((), "/tcptool.v1.Absent/Absent", 401, "unauthenticated"),
            (token("v-secret"), "/tcptool.v1.Absent/Absent", 403, "permission_denied"),
        ):
            with self.subTest(options=options, path=path):
                answer = curl(service, path, options=options)
                self.assertEqual((answer.status, answer.json()["code"]), (status, code))
        self.assertEqual(curl(service, GET_NODE, options=token("v-secret")).status, 200)
        # Strangers do not learn which methods there are, by no content type.
        for path in (GET_NODE, WATCH, f"{SERVICE}/Absent"):
            for content_type in ("application/json", "text/plain"):
                self.assertEqual(curl(service, path, content_type=content_type).status, 401)
        # Health is for all, as at the control port, by a short request.
        health = curl(service, HEALTH)
        self.assertEqual((health.status, health.json()), (200, {"status": "SERVING"}))
        self.assertEqual(curl(service, HEALTH, b" " * 2000).status, 429)
        reflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        self.assertEqual(curl(service, reflection).status, 401)
        # A body that is not sent is not waited for.
        answer = curl(service, create, b"x" * 3_000_000)
        self.assertEqual(answer.status, 401)
        # Nobody is somebody else by what he sends.
        forged = ("--header", "tcptoold-vouched-peer: " + 32 * "0")
        self.assertEqual(curl(service, GET_NODE, options=forged).status, 401)
        audits = wait_until(lambda: self.events(service, "audit"), "the log has it")
        self.assertEqual([one["who"] for one in audits], ["token:otto"])
        self.assertNotIn("secret", service.log())

    def test_streams_end_when_their_token_is_taken_away(self):
        tokens = self.write_tokens(vera=("viewer", "v"))
        service = self.serve(f"--token-file={tokens}", "--http-api")
        peer, answer = open_stream(service, "Authorization: Bearer v\r\n")
        self.addCleanup(peer.close)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
        self.write_tokens(otto=("operator", "o"))
        self.assertIn(b'"code":"unauthenticated"', read_stream(peer, answer))

    def test_tls_is_that_of_the_control_port_and_certificates_count(self):
        authority = certificates.Authority(self.home / "authority")
        other = certificates.Authority(self.home / "other")
        certificate, key = authority.issue("server")
        tokens = self.write_tokens(vera=("viewer", "v-secret"))
        service = self.serve(
            f"--tls-cert={certificate}", f"--tls-key={key}", f"--tls-client-ca={authority.path}",
            "--cert-role=cn:otto=operator", f"--token-file={tokens}", "--http-api",
            control="127.0.0.1:0",
        )  # fmt: skip
        trust = ("--cacert", str(authority.path))

        def shown(by, name):
            certificate, key = by.issue(name)
            return (*trust, "--cert", str(certificate), "--key", str(key))

        def post(path, options):
            return curl(service, path, options=options, scheme="https")

        create = f"{SERVICE}/CreateSession"
        self.assertEqual(post(GET_NODE, trust).status, 401)
        self.assertEqual(post(GET_NODE, (*trust, *token("v-secret"))).status, 200)
        self.assertEqual(post(GET_NODE, shown(authority, "stranger")).status, 403)
        self.assertEqual(post(create, shown(authority, "otto")).status, 400)
        with self.assertRaises(ConnectionError):
            post(GET_NODE, shown(other, "otto"))
        with self.assertRaises(ConnectionError):
            post(GET_NODE, (*trust, "--tls-max", "1.1"))
        audits = wait_until(lambda: self.events(service, "audit"), "the log has it")
        self.assertEqual([one["who"] for one in audits], ["certificate:cn:otto"])
        # In clear text there are the pages for probes alone.
        answer = curl(service, GET_NODE, options=token("v-secret"))
        self.assertEqual(answer.status, 403)
        self.assertIn(b"https://", answer.body)
        for scheme in ("http", "https"):
            health = curl(service, "/healthz", b"", options=(*trust, "--get"), scheme=scheme)
            self.assertEqual(health.status, 200)

    def test_it_is_off_and_lets_in_nobody_whom_the_control_port_does_not(self):
        service = self.serve()
        self.assertEqual(curl(service, GET_NODE).status, 405)
        for flags, words in (
            (("--http-api", "--http-address=0.0.0.0:0"), "--http-address 0.0.0.0:0"),
            (("--http-api", f"--control-address=unix:{self.home}/s"), "--token-file"),
            (("--http-api-origin=https://a",), "add --http-api"),
            (("--http-api", "--http-api-origin=https://a/"), "is no origin"),
        ):
            done = run_daemon("--check-config", *flags)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(words, done.stdout + done.stderr)
