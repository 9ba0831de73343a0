"""tcptoolctl: what it prints, and its exit status."""

import json
import os
import pty
import signal
import subprocess

import harness
import recipients
from ctl import CtlTest


class TcptoolctlTest(CtlTest):
    def create(self, *flags):
        return self.ctl_json("create", "--file", "files/content", *flags)

    def serve(self, session):
        """One recipient that starts the session and takes everything."""
        port = int(session["dataEndpoint"].rpartition(":")[2])
        recipient = recipients.Recipient(recipients.KINDS[0], port, recipients.START)
        self.addCleanup(recipient.close)
        recipient.wait()

    def test_create_prints_the_name_and_the_address(self):
        lines = self.ctl("create", "--file", "files/content").splitlines()
        self.assertEqual(
            [line.partition(": ")[0] for line in lines], ["session", "address", "listening"]
        )
        name, address, listening = (line.partition(": ")[2] for line in lines)
        session = self.service.get(name)
        self.assertEqual((session.data_endpoint, session.listen_endpoint), (address, listening))

    def test_create_warns_of_an_empty_file(self):
        self.service.write_file("empty", b"")
        done = self.run_ctl("create", "--file", "files/empty")
        self.assertEqual(
            (done.returncode, done.stderr),
            (0, "tcptoolctl: create: warning: the content is empty (0 bytes); recipients replace"
                " what they have by nothing\n"),
        )

    def test_create_refuses_standard_input_that_is_closed(self):
        for how in ("<&-", "<&- >&- 3>&2"):
            done = subprocess.run(
                ["sh", "-c", f'exec "$@" {how}', "sh", *self.command("create", "--stdin")],
                capture_output=True,
                text=True,
                check=False,
                timeout=harness.DEADLINE_S,
            )
            self.assertEqual(done.returncode, 1)
            self.assertIn("standard input is closed", done.stderr)
        self.assertEqual(self.ctl_json("list").get("sessions", []), [])

    def test_a_service_that_does_not_answer_is_named(self):
        harness.stop_still(self.service.process)
        self.addCleanup(os.kill, self.service.process.pid, signal.SIGCONT)
        for command in (["list"], ["create", "--file", "files/content"]):
            done = self.run_ctl("--timeout", "300ms", *command)
            self.assertEqual(done.returncode, 1)
            self.assertIn(
                f"DEADLINE_EXCEEDED: {self.service.control_address} did not answer within 300ms",
                done.stderr,
            )
            self.assertIn("--timeout", done.stderr)

    def test_create_passes_its_flags_on(self):
        session = self.create(
            "--max-recipients=3", "--allow=10.0.0.0/8", "--allow=::1/128", "--label=a=b",
            "--dead-timeout=50s",
        )  # fmt: skip
        spec = session["spec"]
        self.assertEqual(spec["limits"]["deadTimeout"], "50s")
        self.assertEqual(spec["maxRecipients"], 3)
        self.assertEqual(spec["allow"], ["10.0.0.0/8", "::1/128"])
        self.assertEqual(spec["labels"], {"a": "b"})

    def test_session_from_creation_to_deletion(self):
        session = self.create()
        name = session["name"]
        self.assertEqual(self.ctl_json("list")["sessions"][0]["name"], name)
        self.serve(session)
        self.assertEqual(self.run_ctl("watch", name).returncode, 0)
        self.assertEqual(self.ctl_json("get", name)["state"], "SESSION_STATE_SUCCEEDED")
        (one,) = self.ctl_json("recipients", name)["recipients"]
        self.assertEqual(one["state"], "RECIPIENT_STATE_DELIVERED")
        self.ctl("delete", name)
        self.assertEqual(self.run_ctl("get", name).returncode, 1)

    def test_wait_ends_as_the_session_does(self):
        served, cancelled = self.create(), self.create()
        self.serve(served)
        shown = self.ctl_json("wait", served["name"])
        self.assertEqual(shown, self.ctl_json("get", served["name"]))
        self.assertEqual(shown["state"], "SESSION_STATE_SUCCEEDED")
        self.ctl("cancel", cancelled["name"])
        done = self.run_ctl("wait", cancelled["name"], "--for=1h")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("ended as CANCELLED", done.stderr)

    def test_wait_ends_when_its_time_is_over(self):
        done = self.run_ctl("wait", self.create()["name"], "--for=100ms")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("is still WAITING after 100ms", done.stderr)

    def test_validate_only_makes_nothing(self):
        shown = self.ctl("create", "--file=files/content", "--validate-only")
        self.assertIn("8 bytes", shown)
        self.assertNotIn("session:", shown)
        self.assertEqual(self.ctl_json("list").get("sessions", []), [])
        done = self.run_ctl("create", "--file=files/absent", "--validate-only")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("NOT_FOUND", done.stderr)

    def test_delete_of_what_is_not_there(self):
        for name in ("absent", "receptions/absent"):
            self.assertEqual(self.run_ctl("delete", name).returncode, 1)
            self.ctl("delete", "--allow-missing", name)

    def test_names_need_no_prefix(self):
        name = self.create()["name"]
        self.assertEqual(self.ctl_json("get", name.partition("/")[2])["name"], name)

    def test_node_shows_the_roots(self):
        self.assertIn("files", self.ctl("node"))
        self.assertEqual(self.ctl_json("node")["roots"][0]["name"], "files")

    def test_watch_prints_lines_where_there_is_no_terminal(self):
        session = self.create()
        self.serve(session)
        lines = self.ctl("watch", session["name"]).splitlines()
        self.assertIn("SUCCEEDED", lines[-1])
        self.assertNotIn("\x1b", "".join(lines))

    def test_watch_ends_when_its_session_is_deleted(self):
        for output in ("table", "json"):
            with self.subTest(output):
                name = self.create()["name"]
                watch = subprocess.Popen(
                    self.command(f"--output={output}", "watch", name),
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                )
                self.addCleanup(watch.kill)
                # It is shown, so it is watched.
                self.assertIn(name, watch.stdout.readline())
                self.ctl("delete", "--force", name)
                lines, errors = watch.communicate(timeout=harness.DEADLINE_S)
                self.assertEqual(watch.returncode, 1, errors)
                self.assertIn("CANCELLED", lines + errors)

    def test_watch_draws_a_table_on_a_terminal(self):
        session = self.create()
        terminal, end = pty.openpty()
        with os.fdopen(terminal, "rb", buffering=0) as screen:
            watch = subprocess.Popen(
                self.command("watch", session["name"]), stdout=end,
                env=os.environ | {"TERM": "xterm"},
            )
            os.close(end)
            seen = b""
            while b"WAITING" not in seen:
                seen += screen.read(4096)
            self.serve(session)
            while True:
                try:
                    seen += screen.read(4096)
                except OSError:  # EIO: the program has gone.
                    break
            self.assertEqual(watch.wait(timeout=harness.DEADLINE_S), 0)
        self.assertIn(b"\x1b[", seen)
        for text in (b"ADDRESS", b"DELIVERED", b"[####", b"SUCCEEDED"):
            self.assertIn(text, seen)

    def test_watch_prints_lines_on_a_terminal_that_cannot_draw(self):
        for variables in ({"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}):
            with self.subTest(str(variables)):
                session = self.create()
                terminal, end = pty.openpty()
                with os.fdopen(terminal, "rb", buffering=0) as screen:
                    watch = subprocess.Popen(
                        self.command("watch", session["name"]), stdout=end,
                        env=os.environ | variables,
                    )
                    os.close(end)
                    self.serve(session)
                    seen = b""
                    try:
                        while data := screen.read(4096):
                            seen += data
                    except OSError:  # EIO: the program has gone.
                        pass
                    self.assertEqual(watch.wait(timeout=harness.DEADLINE_S), 0)
                self.assertNotIn(b"\x1b", seen)
                self.assertIn(b"SUCCEEDED", seen)

    def test_wide_characters_keep_the_columns_straight(self):
        session = self.create(
            "--expect=192.0.2.1=\u65e5\u672c", "--expect=192.0.2.2=plain", "--expect=192.0.2.3=e\u0301"
        )
        lines = self.ctl("recipients", session["name"]).splitlines()
        # The states begin in one column of the terminal: before them, two characters are
        # wide in one line, and one takes no place in another.
        columns = [line.index(word) for line, word in zip(lines, ["STATE"] + 3 * ["EXPECTED"])]
        self.assertEqual([columns[0] - one for one in columns], [0, 2, 0, -1])

    def test_delivered_counts_those_who_should_have_it(self):
        """One who has just connected has not asked for anything yet."""
        name = self.create("--expect=192.0.2.1", "--handshake-timeout=10m")["name"]
        peer = self.connect(self.service.get(name), b"")
        self.addCleanup(peer.close)
        harness.wait_until(
            lambda: self.service.get(name).counts.handshaking == 1, "somebody is HANDSHAKING"
        )
        self.assertRegex(self.ctl("list"), r" 0/1 ")

    def test_create_and_watch_ends_as_the_session_does(self):
        for ending, status in (("served", 0), ("cancelled", 1)):
            with self.subTest(ending):
                watch = subprocess.Popen(
                    self.command("--output=json", "create", "--file=files/content", "--watch"),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                session = json.loads(watch.stdout.readline())
                if ending == "served":
                    self.serve(session)
                else:
                    self.ctl("cancel", session["name"])
                _, errors = watch.communicate(timeout=harness.DEADLINE_S)
                self.assertEqual(watch.returncode, status, errors)
                self.assertEqual("CANCELLED" in errors, ending == "cancelled")

    def test_a_call_that_fails_ends_with_1_and_says_why(self):
        name = self.create()["name"]
        for arguments, words in (
            (["get", "absent"], "NOT_FOUND"),
            (["create", "--file", "files/absent"], "there is no file"),
            (["create", "--file", "elsewhere/content"], "elsewhere"),
            (["create", "--file", "files/content", "--allow", "10.0.0.0/99"], "10.0.0.0/99"),
            (["delete", name], "FAILED_PRECONDITION"),
            (["start", name], "FAILED_PRECONDITION"),
            (["--server", "127.0.0.1:1", "list"], "UNAVAILABLE"),
        ):
            with self.subTest(" ".join(arguments[:3])):
                done = self.run_ctl(*arguments)
                self.assertEqual(done.returncode, 1, done)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_an_error_in_json_has_its_details(self):
        done = self.run_ctl("--output=json", "get", "absent")
        self.assertEqual((done.returncode, done.stdout), (1, ""), done)
        error = json.loads(done.stderr)["error"]
        self.assertEqual(error["code"], 5)
        self.assertIn("sessions/absent", error["message"])
        details = {one["@type"].rpartition(".")[2]: one for one in error["details"]}
        self.assertEqual(details["ErrorInfo"]["reason"], "RESOURCE_NOT_FOUND")
        self.assertEqual(details["ResourceInfo"]["resourceName"], "sessions/absent")
        # One that the service has not given has none.
        done = self.run_ctl("--output=json", "--server=127.0.0.1:1", "list")
        error = json.loads(done.stderr)["error"]
        self.assertEqual((error["code"], error["details"]), (14, []))

    def test_all_wrong_fields_are_printed(self):
        done = self.run_ctl(
            "create", "--file=files/content", "--allow=nobody", "--expect=somebody"
        )
        self.assertEqual(done.returncode, 1, done)
        first, *others = done.stderr.splitlines()
        self.assertTrue(
            first.startswith("tcptoolctl: create: INVALID_ARGUMENT: session.spec.allow[0]: ")
        )
        self.assertEqual(
            [line.partition(": ")[0] for line in others],
            ["  session.spec.expected[0].address"],
        )

    def test_usage_errors_end_with_2(self):
        for arguments, words in (
            ([], "subcommand"),
            (["explode"], "explode"),
            (["get"], "NAME"),
            (["create"], "--file"),
            (["create", "--file", "no-root"], "no-root"),
            (["create", "--file", "files/content", "--port", "70000"], "70000"),
            (["create", "--file", "files/content", "--max-recipients", "-1"], "-1"),
            (["create", "--file", "files/content", "--label", "nonsense"], "nonsense"),
            (["--output", "xml", "list"], "xml"),
            (["--server", "nonsense", "list"], "nonsense"),
            (["--server", "::1:9875", "list"], "write it as 127.0.0.1:9875, [::1]:9875"),
            (["create", "--spec", "/absent"], "/absent: No such file or directory"),
            (["create", "--spec", "/proc"], "/proc: Is a directory"),
        ):
            with self.subTest(" ".join(arguments)):
                done = self.run_ctl(*arguments)
                self.assertEqual(done.returncode, 2, done)
                self.assertIn(words, done.stderr + done.stdout)
