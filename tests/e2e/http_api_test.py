"""The API over HTTP, by curl and by plain sockets: what it says to what is right and to what is
wrong, and what becomes of streams that their clients leave."""

import concurrent.futures
import http.client
import json
import random
import signal
import socket
import threading
import urllib.parse

import harness
from harness import ServiceTest, stubs, wait_until
from http_calls import (
    GET_NODE,
    SERVICE,
    WATCH,
    curl,
    envelope,
    messages,
    open_stream,
    read_stream,
    read_until,
)
from security import SERVICES, methods

SEED = 1
REQUESTS = 500


class HttpApiTest(ServiceTest):
    service_flags = (
        "--http-api",
        "--http-api-origin=https://fleet.example",
        "--max-watchers=1",
        "--max-message-bytes=65536",
        "--log-format=json",
    )

    def post(self, path, body=b"{}", content_type="application/json", options=()):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return curl(self.service, path, body, content_type, options)

    def test_a_session_is_made_watched_and_deleted(self):
        self.service.write_file("content", b"content")
        made = self.post(
            f"{SERVICE}/CreateSession",
            {"session": {"spec": {"file": {"root": "files", "path": "content"}}}},
        )
        self.assertEqual((made.status, made.headers["content-type"]), (200, "application/json"))
        name = made.json()["name"]
        self.assertEqual(made.json()["state"], "SESSION_STATE_WAITING")
        self.assertEqual(self.service.get(name).name, name)
        got = self.post(
            f"{SERVICE}/GetSession",
            stubs.session_service.GetSessionRequest(name=name).SerializeToString(),
            "application/proto",
        )
        self.assertEqual(stubs.session.Session.FromString(got.body).name, name)
        deleted = self.post(f"{SERVICE}/DeleteSession", {"name": name, "force": True})
        self.assertEqual((deleted.status, deleted.json()), (200, {}))
        # The log tells who it was.
        def audits():
            found = [one for one in self.service.events() if one["event"] == "audit"]
            return found if len(found) == 2 else None

        audit = wait_until(audits, "the log has both")
        self.assertEqual(
            [one["method"] for one in audit],
            [f"{SERVICE}/CreateSession", f"{SERVICE}/DeleteSession"],
        )
        for one in audit:
            self.assertRegex(one["peer"], r"^ipv4:127\.0\.0\.1:\d+$")
            self.assertEqual(one["target"], name)

    def test_errors_are_those_of_grpc(self):
        absent = self.post(f"{SERVICE}/GetSession", {"name": "sessions/absent"})
        self.assertEqual((absent.status, absent.json()["code"]), (404, "not_found"))
        info = absent.details()["google.rpc.ErrorInfo"]
        self.assertEqual((info["reason"], info["domain"]), ("RESOURCE_NOT_FOUND", "tcptool"))
        wrong = self.post(f"{SERVICE}/ListSessions", {"pageToken": "bogus"})
        self.assertEqual((wrong.status, wrong.json()["code"]), (400, "invalid_argument"))
        for path in (f"{SERVICE}/Absent", "/tcptool.v1.Absent/Absent"):
            answer = self.post(path)
            self.assertEqual((answer.status, answer.json()["code"]), (501, "unimplemented"))

    def test_every_method_is_served_or_said_not_to_be(self):
        for path, _ in methods():
            service, _, name = path[1:].rpartition("/")
            for module in SERVICES:
                descriptors = getattr(stubs, module).DESCRIPTOR.services_by_name
                for one in descriptors.values():
                    if one.full_name == service:
                        method = one.methods_by_name[name]
            with self.subTest(path):
                if method.client_streaming or method.server_streaming:
                    options = ("--header", "Connect-Timeout-Ms: 200")
                    answer = self.post(
                        path, envelope(b"{}"), "application/connect+json", options
                    )
                    flags, last = list(messages(answer.body))[-1]
                    self.assertEqual((answer.status, flags), (200, 2))
                    code = last.get("error", {}).get("code")
                    if method.client_streaming:
                        self.assertEqual(code, "unimplemented")
                    else:
                        self.assertNotEqual(code, "unimplemented")
                else:
                    answer = self.post(path)
                    self.assertNotIn(answer.status, (415, 500, 501), answer.body)

    def test_what_is_wrong_gets_its_code(self):
        get = f"{SERVICE}/GetSession"
        create = f"{SERVICE}/CreateSession"
        for body, path, field in (
            (b"{", create, None),
            (b"[]", create, None),
            (b'{"name": 1, "bogus": 2}', get, "bogus"),
            (b'{"session": {"spec": {"bogus": 1}}}', create, "session.spec.bogus"),
            (b'{"session": {"state": "BOGUS"}}', create, "session"),
            (b'{"name": "\xff"}', get, None),
            (b"[" * 50_000, get, None),
        ):
            with self.subTest(body[:40]):
                answer = self.post(path, body)
                self.assertEqual((answer.status, answer.json()["code"]), (400, "invalid_argument"))
                if field:
                    (violation,) = answer.details()["google.rpc.BadRequest"]["fieldViolations"]
                    self.assertTrue(violation["field"].startswith(field), violation)
        broken = self.post(get, b"\xff\xff", "application/proto")
        self.assertEqual((broken.status, broken.json()["code"]), (400, "invalid_argument"))

    def test_masks_say_what_is_changed(self):
        self.service.write_file("content", b"content")
        name = self.service.create().name

        def update(mask):
            limits = {"sessionBytesPerSecond": "1000"}
            session = {"name": name, "spec": {"labels": {"a": "1"}, "limits": limits}}
            return self.post(
                f"{SERVICE}/UpdateSession", {"session": session, "updateMask": mask}
            )

        wrong = update("spec.file,spec.labels,state,spec.bogus")
        self.assertEqual((wrong.status, wrong.json()["code"]), (400, "invalid_argument"))
        violations = wrong.details()["google.rpc.BadRequest"]["fieldViolations"]
        self.assertEqual(
            [one["field"] for one in violations],
            ["update_mask.paths[0]", "update_mask.paths[2]", "update_mask.paths[3]"],
        )
        self.assertEqual(dict(self.service.get(name).spec.labels), {})
        changed = update("spec.labels,spec.limits.sessionBytesPerSecond")
        self.assertEqual(changed.status, 200, changed.body)
        self.assertEqual(changed.json()["spec"]["labels"], {"a": "1"})
        self.assertEqual(changed.json()["spec"]["limits"]["sessionBytesPerSecond"], "1000")

    def test_other_requests_get_their_status(self):
        get = f"{SERVICE}/GetSession"
        for content_type in ("text/plain", "application/grpc", "application/connect+json", ""):
            answer = self.post(get, b"{}", content_type)
            self.assertEqual(answer.status, 415, content_type)
            self.assertIn("application/json", answer.headers["accept-post"])
        self.assertEqual(self.post(WATCH).status, 415)
        self.assertEqual(self.post(get, options=("--request", "GET")).status, 405)
        for header, status, code in (
            ("Connect-Protocol-Version: 2", 400, "invalid_argument"),
            ("Connect-Timeout-Ms: soon", 400, "invalid_argument"),
            ("Content-Encoding: gzip", 501, "unimplemented"),
        ):
            answer = self.post(get, options=("--header", header))
            self.assertEqual((answer.status, answer.json()["code"]), (status, code), header)
        self.assertEqual(self.post(get, options=("--header", "Host: evil.example")).status, 421)

    def test_clients_of_http_1_0_are_answered(self):
        old = ("--http1.0",)
        answer = self.post(GET_NODE, options=old)
        self.assertEqual((answer.status, answer.headers["connection"]), (200, "close"))
        self.assertIn("version", answer.json())
        # A stream goes on to the end of the connection.
        answer = self.post(
            WATCH,
            envelope(b"{}"),
            "application/connect+json",
            (*old, "--header", "Connect-Timeout-Ms: 1000"),
        )
        self.assertNotIn("transfer-encoding", answer.headers)
        flags, last = list(messages(answer.body))[-1]
        self.assertEqual((flags, last["error"]["code"]), (2, "deadline_exceeded"))
        chunked = ("--header", "Transfer-Encoding: chunked")
        self.assertEqual(self.post(GET_NODE, options=(*old, *chunked)).status, 400)

    def test_head_is_answered_without_a_body(self):
        port = harness.port_of_address(self.service.http_address)
        with socket.create_connection(("127.0.0.1", port), harness.DEADLINE_S) as peer:
            peer.sendall(f"HEAD {GET_NODE} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            answer = harness.read_all(peer)
        self.assertTrue(answer.startswith(b"HTTP/1.1 405 "), answer)
        self.assertIn(b"\r\nAllow: POST\r\n", answer)
        self.assertTrue(answer.endswith(b"\r\n\r\n"), answer)

    def test_bodies_are_bounded(self):
        for options in ((), ("--header", "Transfer-Encoding: chunked")):
            for content_type in ("application/json", "application/proto"):
                body = b'{"name": "' + b"x" * 70_000 + b'"}'
                answer = self.post(f"{SERVICE}/GetSession", body, content_type, options)
                code = answer.json()["code"]
                self.assertEqual((answer.status, code), (429, "resource_exhausted"))
                details = answer.details()
                self.assertEqual(details["google.rpc.ErrorInfo"]["reason"], "LIMIT_REACHED")
                (quota,) = details["google.rpc.QuotaFailure"]["violations"]
                self.assertEqual(quota["subject"], "bytes of a message")
        # And it goes on.
        self.assertEqual(self.post(GET_NODE).status, 200)

    def test_pages_of_other_origins_are_kept_out(self):
        ours = ("--header", "Origin: https://fleet.example")
        evil = ("--header", "Origin: https://evil.example")
        preflight = ("--request", "OPTIONS", "--header", "Access-Control-Request-Method: POST")
        answer = self.post(GET_NODE, options=(*ours, *preflight))
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.headers["access-control-allow-origin"], "https://fleet.example")
        self.assertIn("Connect-Protocol-Version", answer.headers["access-control-allow-headers"])
        answer = self.post(GET_NODE, options=ours)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["access-control-allow-origin"], "https://fleet.example")
        for options in (evil, (*evil, *preflight)):
            answer = self.post(GET_NODE, options=options)
            self.assertEqual(answer.status, 403)
            self.assertNotIn("access-control-allow-origin", answer.headers)

    def open_stream(self, headers=""):
        peer, answer = open_stream(self.service, headers)
        self.addCleanup(peer.close)
        return peer, answer

    def is_let_in(self):
        """Whether there was a place for a watch, which is left again."""
        peer, answer = self.open_stream()
        # More than a chunk's size and an envelope have.
        answer = read_until(peer, answer, lambda one: len(one.partition(b"\r\n\r\n")[2]) > 20)
        peer.close()
        return b"resource_exhausted" not in answer

    def test_streams_that_are_abandoned_leave_their_places(self):
        for end in (lambda peer: peer.close(), harness.reset):
            for _ in range(5):
                peer = None

                def open_one():
                    nonlocal peer
                    peer, answer = self.open_stream()
                    if b"resource_exhausted" not in answer:
                        return True
                    peer.close()
                    return False

                # There is one place, which the one before leaves soon.
                wait_until(open_one, "there is a place")
                self.assertFalse(self.is_let_in())
                end(peer)
        wait_until(self.is_let_in, "the last one has left its place")

    def test_streams_end_at_their_timeout(self):
        peer, answer = self.open_stream("Connect-Timeout-Ms: 3000\r\n")
        self.assertIn(b'"code":"deadline_exceeded"', read_stream(peer, answer))
        wait_until(self.is_let_in, "it has left its place")

    def test_streams_are_told_that_the_service_stops(self):
        peer, answer = self.open_stream()
        self.service.process.send_signal(signal.SIGTERM)
        self.assertIn(b'"reason":"SERVICE_STOPPING"', read_stream(peer, answer))
        self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)

    def test_a_stop_among_calls_is_clean(self):
        callers = 4
        at_it = threading.Barrier(callers + 1)
        port = harness.port_of_address(self.service.http_address)

        def call_until_the_end():
            """The statuses that were answered."""
            statuses = set()
            peer = http.client.HTTPConnection("127.0.0.1", port, timeout=harness.DEADLINE_S)
            try:
                while True:
                    peer.request("POST", GET_NODE, b"{}", {"Content-Type": "application/json"})
                    answer = peer.getresponse()
                    answer.read()
                    if not statuses:
                        at_it.wait(harness.DEADLINE_S)
                    statuses.add(answer.status)
            except (ConnectionError, http.client.HTTPException):
                return statuses
            finally:
                peer.close()

        with concurrent.futures.ThreadPoolExecutor(callers) as pool:
            running = [pool.submit(call_until_the_end) for _ in range(callers)]
            at_it.wait(harness.DEADLINE_S)
            self.service.process.send_signal(signal.SIGTERM)
            self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)
            for one in running:
                self.assertLessEqual(one.result(), {200, 499, 503})

    def test_whatever_comes_gets_a_clean_answer(self):
        self.service.write_file("content", b"content")
        dice = random.Random(SEED)
        paths = [path for path, _ in methods()]
        words = ["name", "session", "spec", "file", "root", "files", "path", "content", "names",
                 "pageSize", "sessions/a", "expected", "", "\u00fc", "\x00", "-1"]  # fmt: skip

        def value(depth):
            kind = dice.randrange(7 if depth < 6 else 5)
            if kind == 0:
                return dice.choice((None, True, False))
            if kind == 1:
                return dice.choice((0, -1, 1.5, 1e308, 1 << 31, 1 << 63, -(1 << 80)))
            if kind < 5:
                return dice.choice(words) * dice.choice((1, 1, 1, 1000))
            if kind == 5:
                return [value(depth + 1) for _ in range(dice.randrange(4))]
            return {dice.choice(words): value(depth + 1) for _ in range(dice.randrange(4))}

        def broken(text):
            text = bytearray(text)
            for _ in range(dice.randrange(3)):
                if text:
                    text[dice.randrange(len(text))] = dice.randrange(256)
            return bytes(text[: dice.randrange(len(text) + 1)])

        for i in range(REQUESTS):
            path = dice.choice(paths)
            body = json.dumps(value(0)).encode()
            if dice.random() < 0.3:
                body = broken(body)
            content_type = dice.choice(
                ("application/json", "application/proto", "application/connect+json")
            )
            if content_type.startswith("application/connect"):
                body = envelope(body, dice.choice((0, 0, 0, 1, 2))) * dice.choice((1, 1, 2))
            status = self.status_of(path, body, content_type)
            with self.subTest(i=i, path=path, body=body[:200]):
                self.assertIn(status, (200, 400, 403, 404, 409, 415, 429, 501, 504))
        self.assertIsNone(self.service.process.poll())
        self.assertEqual(self.post(GET_NODE).status, 200)
        wait_until(self.is_let_in, "no watch is left")

    def status_of(self, path, body, content_type):
        with socket.create_connection(
            ("127.0.0.1", harness.port_of_address(self.service.http_address)),
            timeout=harness.DEADLINE_S,
        ) as peer:
            peer.sendall(
                f"POST {urllib.parse.quote(path)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Connect-Timeout-Ms: 2000\r\nContent-Type: {content_type}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            answer = peer.recv(1 << 16)
            return int(answer.split(b" ")[1])
