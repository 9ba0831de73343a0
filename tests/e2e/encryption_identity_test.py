"""Recipients by the names of their certificates: who may connect, and whose place is whose."""

import contextlib
import json
import ssl
import subprocess
import urllib.request

from google.protobuf import field_mask_pb2

import harness
import recipients
from certificates import Authority
from encrypted import EncryptedCase, read_to_end
from error_details import details_of, failure_of
from harness import stubs


class EncryptionIdentityTest(EncryptedCase):
    def setUp(self):
        super().setUp()
        self.gate = self.clients.issue("gate")
        self.yard = self.clients.issue("yard")

    def by_label(self, session):
        return {one.label: one for one in self.service.recipients(session.name)}

    def events(self, name):
        return [event for event in self.service.events() if event["event"] == name]

    def lose(self, peer):
        """The recipient is being sent to, and is gone then."""
        peer.recv(1)
        harness.reset(peer)

    def test_an_identity_has_its_place_from_any_address(self):
        session = self.encrypted(
            expected=self.expected("gate", "yard"),
            start=stubs.session.StartPolicy(ignore_start_byte=True),
        )
        for label, one in self.by_label(session).items():
            self.assert_recipient(one, "EXPECTED")
            self.assertEqual((one.address, one.identity), ("", f"dns:{label}.example"))
        # Both from one address, as behind NAT; and one that nobody expects.
        other = self.connect_tls(
            session, self.clients.issue("other"), recipients.WAIT, "127.0.0.12"
        )
        yard = self.connect_tls(session, self.yard, recipients.WAIT, "127.0.0.12")
        self.service.wait_ready(session.name, 2)
        self.assert_session_state(self.service.get(session.name), "WAITING")
        gate = self.connect_tls(session, self.gate, recipients.WAIT, "127.0.0.12")
        for peer in (other, yard, gate):
            self.assert_gets_all(peer)
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")
        found = self.by_label(session)
        self.assertEqual(set(found), {"gate", "yard", ""})
        for label, one in found.items():
            self.assert_recipient(one, "DELIVERED")
            self.assertTrue(one.address.startswith("127.0.0.12:"), one.address)
            if label:
                self.assertEqual(one.identity, f"dns:{label}.example")
        self.assertEqual(found[""].identity, "cn:other")
        identities = ["cn:other", "dns:gate.example", "dns:yard.example"]
        harness.wait_until(
            lambda: sorted(event["identity"] for event in self.events("recipient_ended"))
            == identities,
            "the log names them",
        )

    def test_one_that_was_lost_has_its_place_again_from_elsewhere(self):
        session = self.encrypted(
            expected=self.expected("gate"),
            start=stubs.session.StartPolicy(immediate=True, end_when_expected_delivered=True),
        )
        self.lose(self.connect_tls(session, self.gate, recipients.WAIT, "127.0.0.11"))
        (one,) = self.wait_ended(session)
        self.assert_recipient(one, "FAILED", "CONNECTION_LOST")
        self.assert_gets_all(
            self.connect_tls(session, self.gate, recipients.WAIT, "127.0.0.13")
        )
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")
        (one,) = self.service.recipients(session.name)
        self.assert_recipient(one, "DELIVERED")
        self.assertEqual((one.label, one.attempt), ("gate", 2))
        (earlier,) = one.earlier_attempts
        self.assertTrue(earlier.address.startswith("127.0.0.11:"), earlier.address)

    def test_names_that_may_not_connect_are_rejected(self):
        session = self.encrypted("dns:gate.example", "cn:roof")
        roof = self.clients.issue("roof", alternative="DNS:elsewhere.example")
        peer = self.connect_tls(session, self.yard)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            peer.sendall(recipients.START)
        self.assertEqual(read_to_end(peer), (b"", False))
        (one,) = self.wait_ended(session)
        self.assert_recipient(one, "REJECTED", "NOT_AUTHORIZED")
        self.assertIn("yard", one.identity)
        self.assert_session_state(self.service.get(session.name), "WAITING")
        peers = [
            self.connect_tls(session, self.gate, recipients.WAIT),
            self.connect_tls(session, roof, recipients.WAIT),
        ]
        self.service.wait_ready(session.name, 2)
        self.service.sessions.StartSession(
            stubs.session_service.StartSessionRequest(name=session.name)
        )
        for peer in peers:
            self.assert_gets_all(peer)
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")
        messages = stubs.session_service
        listed = self.service.sessions.ListRecipients(
            messages.ListRecipientsRequest(
                parent=session.name,
                recipient_filter=stubs.filters.RecipientFilter(identities=["cn:roof"]),
            )
        ).recipients
        self.assertEqual([one.identity for one in listed], ["cn:roof"])

    def test_certificates_that_are_not_good_fail(self):
        session = self.encrypted()
        strangers = Authority(self.home / "strangers")
        for client in (None, self.clients.issue("late", days=-1), strangers.issue("gate")):
            # TLS 1.3 tells a client after its handshake.
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                self.connect_tls(session, client, recipients.START).recv(1)
        found = self.wait_ended(session, 3)
        for one in found:
            self.assert_recipient(one, "FAILED", "TLS_FAILED")
            self.assertEqual(one.identity, "")
            self.assertFalse(one.start_byte)
        details = {one.detail for one in found}
        self.assertEqual(len(details), 3, details)
        self.assertTrue(any("expired" in detail for detail in details), details)
        self.assert_session_state(self.service.get(session.name), "WAITING")
        self.assert_gets_all(self.connect_tls(session, self.gate, recipients.START))
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")

    def test_a_retry_expects_those_that_lack_it_by_their_names(self):
        first = self.encrypted(
            "dns:gate.example", "dns:yard.example", expected=self.expected("gate", "yard")
        )
        gate = self.connect_tls(first, self.gate, recipients.WAIT, "127.0.0.11")
        yard = self.connect_tls(first, self.yard, recipients.WAIT, "127.0.0.12")
        self.lose(yard)
        self.assert_gets_all(gate)
        self.assert_session_state(self.service.wait_final(first.name), "PARTIALLY_SUCCEEDED")
        second = self.service.sessions.RetrySession(
            stubs.session_requests.RetrySessionRequest(name=first.name)
        )
        self.assertEqual([one.identity for one in second.spec.expected], ["dns:yard.example"])
        self.assertEqual(second.spec.encryption, first.spec.encryption)
        self.assert_gets_all(
            self.connect_tls(second, self.yard, recipients.WAIT, "127.0.0.13")
        )
        self.assert_session_state(self.service.wait_final(second.name), "SUCCEEDED")

    def update_expected(self, session, expected):
        return self.service.sessions.UpdateSession(
            stubs.session_requests.UpdateSessionRequest(
                session=stubs.session.Session(
                    name=session.name, spec=stubs.session.SessionSpec(expected=expected)
                ),
                update_mask=field_mask_pb2.FieldMask(paths=["spec.expected"]),
            )
        )

    def test_one_that_is_there_gets_the_place_that_it_is_given_later(self):
        session = self.encrypted(
            expected=self.expected("gate"),
            start=stubs.session.StartPolicy(ignore_start_byte=True),
        )
        yard = self.connect_tls(session, self.yard, recipients.WAIT)
        self.service.wait_ready(session.name, 1)
        updated = self.update_expected(session, self.expected("gate", "yard"))
        self.assertEqual(
            [one.identity for one in updated.spec.expected],
            ["dns:gate.example", "dns:yard.example"],
        )
        self.assert_recipient(self.by_label(session)["yard"], "READY")
        gate = self.connect_tls(session, self.gate, recipients.WAIT)
        for peer in (gate, yard):
            self.assert_gets_all(peer)
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")
        self.assertEqual(set(self.by_label(session)), {"gate", "yard"})
        # One of a session in clear text shows no certificate.
        clear = self.service.create()
        error = failure_of(lambda: self.update_expected(clear, self.expected("gate")))
        (violation,) = details_of(error)["BadRequest"].field_violations
        self.assertEqual(violation.field, "session.spec.expected[0].identity")

    def test_places_and_names_outlive_the_service(self):
        waits = self.encrypted(expected=self.expected("gate"))
        goes_on = self.encrypted(
            expected=self.expected("gate", "yard"),
            start=stubs.session.StartPolicy(immediate=True, end_when_expected_delivered=True),
        )
        self.assert_gets_all(self.connect_tls(goes_on, self.gate, recipients.WAIT))
        self.wait_ended(goes_on)
        self.service.restart()
        self.assertEqual(self.service.get(waits.name).spec, waits.spec)
        self.assert_recipient(self.by_label(waits)["gate"], "EXPECTED")
        gate = self.by_label(goes_on)["gate"]
        self.assert_recipient(gate, "DELIVERED")
        self.assertEqual(gate.identity, "dns:gate.example")
        for session, client in ((goes_on, self.yard), (waits, self.gate)):
            self.assert_gets_all(self.connect_tls(session, client, recipients.WAIT))
            self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")

    def test_one_that_a_restart_cuts_off_has_its_place_again_from_elsewhere(self):
        session = self.encrypted(
            expected=self.expected("gate"),
            start=stubs.session.StartPolicy(immediate=True, end_when_expected_delivered=True),
        )
        peer = self.connect_tls(session, self.gate, recipients.WAIT, "127.0.0.11")
        peer.recv(1)  # It is being sent to.
        self.service.restart()
        self.assertFalse(read_to_end(peer)[1])
        # The record that it had before its place is one more, if the state on the disk was older.
        one = self.by_label(session)["gate"]
        self.assertEqual(one.identity, "dns:gate.example")
        self.assert_gets_all(
            self.connect_tls(session, self.gate, recipients.WAIT, "127.0.0.13")
        )
        self.assert_session_state(self.service.wait_final(session.name), "SUCCEEDED")
        one = self.by_label(session)["gate"]
        self.assert_recipient(one, "DELIVERED")
        self.assertEqual(one.identity, "dns:gate.example")
        self.assertTrue(one.address.startswith("127.0.0.13:"), one.address)

    def test_the_status_page_says_who_they_are(self):
        session = self.encrypted(expected=self.expected("gate"))
        url = f"http://{self.service.http_address}/{session.name}"
        with urllib.request.urlopen(url, timeout=harness.DEADLINE_S) as answer:
            page = answer.read().decode()
        for text in ("TLS 1.3", "dns:gate.example"):
            self.assertIn(text, page)

    def test_a_session_ends_where_the_certificate_is_gone(self):
        session = self.encrypted(expected=self.expected("gate"))
        self.service.kill()
        self.config.write_text("", encoding="utf-8")
        self.service.start()
        ended = self.service.get(session.name)
        self.assert_session_state(ended, "FAILED")
        self.assertIn("--data-tls-cert", ended.error)
        (one,) = self.service.recipients(session.name)
        self.assert_recipient(one, "EXPECTED")
        self.assertEqual(one.identity, "dns:gate.example")

    def test_the_node_says_what_recipients_need(self):
        node = self.service.node.GetNode(stubs.node_service.GetNodeRequest())
        self.assertTrue(node.data_tls.client_certificates)
        (event,) = self.events("serving_tls")
        self.assertEqual(event["client_certificates"], "on")
        self.assertEqual(event["kernel_tls"], "off")
        self.assertFalse(node.data_tls.kernel_tls)
        self.assertIn("by the service, recipients need certificates", self.ctl("node"))

    def test_the_kernel_encrypts_where_it_is_asked_to_and_can(self):
        self.service.kill()
        with self.config.open("a", encoding="utf-8") as config:
            config.write("data-tls-kernel = true\n")
        self.service.start()
        node = self.service.node.GetNode(stubs.node_service.GetNodeRequest())
        event = self.events("serving_tls")[-1]
        can = event["kernel_has_tls"] == "yes"
        self.assertEqual(event["kernel_tls"], "on" if can else "off")
        self.assertIs(node.data_tls.kernel_tls, can)
        printed = self.ctl("--output=json", "node")
        self.assertIs(json.loads(printed)["dataTls"]["kernelTls"], can)
        who = "by the kernel" if can else "by the service"
        self.assertIn(f"{who}, recipients need certificates", self.ctl("node"))

    def ctl(self, *arguments):
        return subprocess.run(
            [harness.program("tcptoolctl"), "--server", self.service.control_address, *arguments],
            check=True, stdout=subprocess.PIPE, text=True, timeout=harness.DEADLINE_S,
        ).stdout  # fmt: skip
