"""Lists that are too long for one answer."""

import harness
from harness import ServiceTest, stubs

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
