"""Lists that are too long for one answer."""

import harness
import recipients
from harness import ServiceTest, stubs
from receptions import ReceptionCase

EXPECTED = 10_000


class PagesTest(ServiceTest):
    def test_ten_thousand_recipients_list_in_pages(self):
        self.service.write_file("content", b"content")
        expected = stubs.session.ExpectedRecipient
        session = self.service.create(
            expected=[expected(address="192.0.2.1", label=f"n{i}") for i in range(EXPECTED)]
        )
        self.assertEqual(session.counts.expected, EXPECTED)
        request = stubs.session_service.ListRecipientsRequest(
            parent=session.name, page_size=2000
        )
        labels, pages = [], 0
        while True:
            page = self.service.sessions.ListRecipients(request, timeout=harness.DEADLINE_S)
            labels += [one.label for one in page.recipients]
            pages += 1
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        self.assertEqual(labels, [f"n{i}" for i in range(EXPECTED)])
        self.assertEqual(pages, EXPECTED // 1000)

    def test_recipients_are_found_by_label_and_state(self):
        self.service.write_file("content", b"content")
        expected = stubs.session.ExpectedRecipient
        session = self.service.create(
            expected=[expected(address="192.0.2.1", label=f"n{i}") for i in range(10)]
        )
        states = stubs.recipient
        for fields, found in (
            ({"labels": ["n3", "n7"]}, ["n3", "n7"]),
            ({"labels": ["n3"], "states": [states.RECIPIENT_STATE_READY]}, []),
            ({"labels": ["n3"], "states": [states.RECIPIENT_STATE_EXPECTED]}, ["n3"]),
        ):
            with self.subTest(str(fields)):
                page = self.service.sessions.ListRecipients(
                    stubs.session_service.ListRecipientsRequest(parent=session.name, **fields)
                )
                self.assertEqual([one.label for one in page.recipients], found)

    def test_large_sessions_fit_the_messages_that_clients_take(self):
        self.service.write_file("content", b"content")
        expected = stubs.session.ExpectedRecipient
        spec = {
            "expected": [expected(address="192.0.2.1", label="x" * 200) for _ in range(5000)]
        }
        names = {self.service.create(**spec).name for _ in range(6)}
        seen, token = [], ""
        while True:
            page = self.service.sessions.ListSessions(
                stubs.session_service.ListSessionsRequest(page_token=token)
            )
            seen += [one.name for one in page.sessions]
            token = page.next_page_token
            if not token:
                break
        self.assertEqual(len(seen), len(names))
        self.assertEqual(set(seen), names)

    def test_a_list_of_recipients_goes_on_after_a_restart(self):
        self.service.write_file("content", b"content")
        session = self.service.create()
        peers = [self.connect(session, recipients.WAIT) for _ in range(6)]
        self.service.wait_ready(session.name, len(peers))
        peers.append(self.connect(session, recipients.START))
        for peer in peers:
            harness.read_all(peer)
        self.service.wait_final(session.name)
        names = [one.name for one in self.service.recipients(session.name)]
        self.assertEqual(len(names), len(peers))
        request = stubs.session_service.ListRecipientsRequest(parent=session.name, page_size=2)
        page = self.service.sessions.ListRecipients(request)
        listed = [one.name for one in page.recipients]
        self.service.restart()
        while page.next_page_token:
            request.page_token = page.next_page_token
            page = self.service.sessions.ListRecipients(request)
            listed += [one.name for one in page.recipients]
        self.assertEqual(listed, names)


class ReceptionPagesTest(ReceptionCase):
    def test_a_list_of_receptions_goes_on_after_a_restart(self):
        # Nobody is there to send.
        names = [self.create("127.0.0.1:1", f"file{i}").name for i in range(8)]
        for name in names:
            self.wait_final(name)
        for name in names[:4]:
            self.service.receptions.DeleteReception(
                self.messages.DeleteReceptionRequest(name=name)
            )
        request = self.messages.ListReceptionsRequest(page_size=2)
        page = self.service.receptions.ListReceptions(request)
        listed = [one.name for one in page.receptions]
        self.service.restart()
        while page.next_page_token:
            request.page_token = page.next_page_token
            page = self.service.receptions.ListReceptions(request)
            listed += [one.name for one in page.receptions]
        self.assertEqual(listed, names[:3:-1])
