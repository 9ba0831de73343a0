"""Who may call by a token: roles, and tokens that change while calls run."""

import queue

import grpc

import harness
from harness import run_daemon, stubs, wait_until
from security import NODE, OWN_CONNECTION, SecurityTest, bearer, call, methods
from tcptool_process import free_port


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

    def test_roles_are_kept_by_every_method_of_nodes(self):
        tokens = self.write_tokens(
            vera=("viewer", "v"), petra=("peer", "p"), otto=("operator", "o")
        )
        service = self.serve(
            f"--token-file={tokens}",
            f"--peer-address=127.0.0.1:{free_port()}",
            f"--peer-data-port={free_port()}",
        )
        channel = grpc.insecure_channel(service.peer_address, options=OWN_CONNECTION)
        self.addCleanup(channel.close)
        codes = grpc.StatusCode
        denied = {None: codes.UNAUTHENTICATED, "v": codes.PERMISSION_DENIED}
        services = stubs.peer.DESCRIPTOR.services_by_name.values()
        paths = [f"/{one.full_name}/{method.name}" for one in services for method in one.methods]
        self.assertTrue(paths)
        for path in paths:
            for token, code in denied.items():
                self.assertEqual(call(channel, path, token)[0], code, path)
            for token in ("p", "o"):
                # Let in: the empty request is wrong.
                self.assertEqual(call(channel, path, token)[0], codes.INVALID_ARGUMENT, path)
            # At the control port there is no such method.
            code, _, _ = call(service.channel, path, "o")
            self.assertEqual(code, codes.UNIMPLEMENTED, path)
        # Nor are there clients' methods at the nodes' port.
        for path, _ in methods():
            for token, code in (*denied.items(), ("o", codes.UNIMPLEMENTED)):
                self.assertEqual(call(channel, path, token)[0], code, path)

    def test_tokens_are_read_again_when_the_file_changes(self):
        tokens = self.write_tokens(old=("viewer", "old-token"))
        service = self.serve(f"--token-file={tokens}")

        def code(token):
            return call(service.channel, f"/{NODE}/GetNode", token)[0]

        self.assertEqual(code("old-token"), grpc.StatusCode.OK)
        self.write_tokens(new=("viewer", "new-token"))
        wait_until(lambda: code("new-token") == grpc.StatusCode.OK, "the new token is known")
        self.assert_is_gone(service, "old-token")
        # A file that is wrong changes nothing, and the log says so.
        tokens.write_text("nonsense\n", encoding="utf-8")
        wait_until(
            lambda: code("new-token") == grpc.StatusCode.OK
            and self.events(service, "tokens_not_reloaded"),
            "the log tells of the file",
        )

    def assert_is_gone(self, service, token):
        """It is refused; or the call is lost with its connection, which ends with the token
        that it was trusted for, and the next one is refused.
        """

        def is_refused():
            code = call(service.channel, f"/{NODE}/GetNode", token)[0]
            if code == grpc.StatusCode.UNAVAILABLE:
                return False
            self.assertEqual(code, grpc.StatusCode.UNAUTHENTICATED)
            return True

        wait_until(is_refused, "the token is refused")

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
            self.assert_is_gone(service, "o")

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
        self.assertRegex(failed[0]["peer"], r"^ipv4:127\.0\.0\.1:\d+$")
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
