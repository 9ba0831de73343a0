"""tcptoolctl retry: another session for those whom one has not reached."""

import json
import subprocess

import harness
import recipients
from ctl import CtlTest

NOBODY = "192.0.2.1"


class RetryTest(CtlTest):
    def cancelled(self, *flags, **options):
        """The ID of a session that has ended."""
        name = self.ctl_json("create", *flags, **options)["name"]
        self.ctl("cancel", name)
        return name.partition("/")[2]

    def take(self, line):
        """A recipient that takes the content of the session that `line` tells the address of."""
        port = int(line.rpartition(":")[2])
        recipient = recipients.Recipient(recipients.KINDS[0], port, recipients.WAIT)
        self.addCleanup(recipient.close)
        return recipient

    def test_it_prints_the_new_session(self):
        first = self.cancelled("--file=files/content", f"--expect={NOBODY}=gate")
        lines = self.ctl("retry", first).splitlines()
        self.assertEqual(
            [line.partition(": ")[0] for line in lines], ["session", "address", "listening"]
        )
        name = lines[0].partition(": ")[2]
        self.assertEqual(self.service.get(name).retry_of, f"sessions/{first}")
        self.assertRegex(self.ctl("get", name), rf"retry of: +sessions/{first}\n")

    def test_a_script_that_tries_again_makes_one(self):
        first = self.cancelled("--file=files/content", f"--expect={NOBODY}")
        once = ("--output=json", "retry", f"sessions/{first}", "--request-id=once")
        self.assertEqual(json.loads(self.ctl(*once))["name"], json.loads(self.ctl(*once))["name"])

    def test_watch_ends_as_the_new_session_does(self):
        first = self.cancelled("--file=files/content", "--expect=127.0.0.1")
        with subprocess.Popen(
            self.command("retry", "--watch", first),
            stdout=subprocess.PIPE,
            text=True,
        ) as watch:
            self.addCleanup(watch.kill)
            watch.stdout.readline()
            recipient = self.take(watch.stdout.readline())
            self.assertIn("SUCCEEDED", watch.stdout.read().splitlines()[-1])
            self.assertEqual(watch.wait(timeout=harness.DEADLINE_S), 0)
        recipient.wait()
        self.assertEqual(recipient.output.read_bytes(), b"firmware")

    def test_standard_input_is_sent_again(self):
        first = self.cancelled("--stdin", "--expect=127.0.0.1", input="once")
        with subprocess.Popen(
            self.command("retry", "--stdin", first),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as upload:
            self.addCleanup(upload.kill)
            name = upload.stdout.readline().partition(": ")[2].strip()
            recipient = self.take(upload.stdout.readline())
            upload.stdin.write("again")
            upload.stdin.close()
            self.assertEqual(upload.wait(timeout=harness.DEADLINE_S), 0)
        recipient.wait()
        self.assertEqual(recipient.output.read_bytes(), b"again")
        self.assert_session_state(self.service.wait_final(name), "SUCCEEDED")

    def test_standard_input_of_a_session_that_takes_none_makes_no_session(self):
        first = self.cancelled("--file=files/content", f"--expect={NOBODY}")
        done = self.run_ctl("retry", "--stdin", first, input="x")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("is no upload", done.stderr)
        listed = self.ctl_json("list")["sessions"]
        self.assertEqual([one["name"] for one in listed], [f"sessions/{first}"])

    def test_what_cannot_be_retried_ends_with_1(self):
        first = self.cancelled("--file=files/content")
        done = self.run_ctl("retry", first)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("FAILED_PRECONDITION", done.stderr)
        self.assertIn("expects nobody", done.stderr)
