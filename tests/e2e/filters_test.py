"""Lists and watches of what filters select: of a time, a source, a reason, an address, a name."""

import grpc

import error_details
import harness
import recipients
from harness import ServiceTest, stubs


class FiltersTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"x" * 1000)
        (self.service.root / "dir").mkdir()
        self.service.write_file("dir/a", b"a")
        self.requests = stubs.session_service
        self.filters = stubs.filters

    def create(self, session_id, **spec):
        if not spec:
            spec = {"file": stubs.session.FileSource(root="files", path="content")}
        return self.service.sessions.CreateSession(
            self.requests.CreateSessionRequest(
                session_id=session_id,
                session=stubs.session.Session(spec=stubs.session.SessionSpec(**spec)),
            )
        )

    def cancel(self, session):
        return self.service.sessions.CancelSession(
            self.requests.CancelSessionRequest(name=session.name)
        )

    def listed(self, session_filter, page_size=100):
        """The IDs of the sessions on all pages."""
        request = self.requests.ListSessionsRequest(
            page_size=page_size, session_filter=session_filter
        )
        ids = []
        while True:
            page = self.service.sessions.ListSessions(request)
            ids.extend(session.name.partition("/")[2] for session in page.sessions)
            request.page_token = page.next_page_token
            if not request.page_token:
                return ids

    def watched(self, **request):
        """The names in a snapshot."""
        watch = self.service.sessions.WatchSessions(self.requests.WatchSessionsRequest(**request))
        changes, _ = harness.until_bookmark(watch)
        watch.cancel()
        return [
            change.session.name if change.HasField("session") else change.recipient.name
            for change in changes
        ]

    def test_sessions_of_names_sources_and_times(self):
        range_of = self.filters.TimeRange
        source_of = self.filters.SourceFilter
        first = self.create("a-1")
        self.create("a-2", upload=stubs.session.UploadSource())
        self.create("b-1", file=stubs.session.FileSource(root="files", path="dir/a"))
        ended = self.cancel(first)
        for fields, expected in (
            ({}, ["b-1", "a-2", "a-1"]),
            ({"name_prefix": "a-"}, ["a-2", "a-1"]),
            ({"source": source_of(upload=True)}, ["a-2"]),
            ({"source": source_of(file="files")}, ["b-1", "a-1"]),
            ({"source": source_of(file="files/dir")}, ["b-1"]),
            ({"source": source_of(file="files/dir/a"), "name_prefix": "a"}, []),
            ({"source": source_of(reception="receptions/-")}, []),
            ({"create_time": range_of(until=first.create_time)}, []),
            ({"create_time": range_of(since=first.create_time)}, ["b-1", "a-2", "a-1"]),
            ({"end_time": range_of(since=first.create_time)}, ["a-1"]),
            ({"end_time": range_of(since=ended.end_time)}, ["a-1"]),
            ({"end_time": range_of(until=ended.end_time)}, []),
        ):
            with self.subTest(str(fields)):
                session_filter = self.filters.SessionFilter(**fields)
                self.assertEqual(self.listed(session_filter), expected)
                self.assertEqual(self.listed(session_filter, page_size=1), expected)
                if "end_time" not in fields:
                    self.assertEqual(
                        self.watched(session_filter=session_filter),
                        [f"sessions/{one}" for one in reversed(expected)],
                    )
        # A snapshot has what has not ended.
        old = self.filters.SessionFilter(end_time=range_of(until=ended.end_time))
        self.assertEqual(
            self.watched(session_filter=old), ["sessions/a-2", "sessions/b-1"]
        )

    def test_watch_goes_on_with_what_is_selected(self):
        watch = self.service.sessions.WatchSessions(
            self.requests.WatchSessionsRequest(
                session_filter=self.filters.SessionFilter(name_prefix="a")
            )
        )
        self.addCleanup(watch.cancel)
        harness.until_bookmark(watch)
        self.cancel(self.create("b-1"))
        self.create("a-1")
        change = next(one for message in watch for one in message.changes)
        self.assertEqual(change.session.name, "sessions/a-1")

    def test_recipients_of_reasons_and_addresses(self):
        session = self.create("a-1")
        first = self.connect(session, recipients.WAIT)
        self.service.wait_ready(session.name, 1)
        harness.reset(first)
        harness.wait_until(
            lambda: self.service.get(session.name).counts.failed == 1, "one has failed"
        )
        self.connect(session, recipients.WAIT)
        self.service.wait_ready(session.name, 1)
        lost = stubs.recipient.RECIPIENT_REASON_CONNECTION_LOST
        stalled = stubs.recipient.RECIPIENT_REASON_STALLED
        one, two = (f"{session.name}/recipients/{number}" for number in (1, 2))
        for fields, expected in (
            ({"reasons": [lost]}, [one]),
            ({"reasons": [lost, stalled]}, [one]),
            ({"reasons": [stalled]}, []),
            ({"end_time": self.filters.TimeRange(since=session.create_time)}, [one]),
            ({"addresses": ["127.0.0.0/8"]}, [two, one]),
            ({"addresses": ["127.0.0.1"], "reasons": [lost]}, [one]),
            ({"addresses": ["127.0.0.2", "::1"]}, []),
        ):
            with self.subTest(str(fields)):
                recipient_filter = self.filters.RecipientFilter(**fields)
                page = self.service.sessions.ListRecipients(
                    self.requests.ListRecipientsRequest(
                        parent=session.name, recipient_filter=recipient_filter
                    )
                )
                self.assertEqual([each.name for each in page.recipients], expected)
                self.assertEqual(
                    self.watched(include_recipients=True, recipient_filter=recipient_filter),
                    [session.name, *reversed(expected)],
                )

    def test_token_of_one_filter_is_no_others(self):
        for name in ("a-1", "a-2"):
            self.create(name)
        request = self.requests.ListSessionsRequest(
            page_size=1, session_filter=self.filters.SessionFilter(name_prefix="a")
        )
        request.page_token = self.service.sessions.ListSessions(request).next_page_token
        request.session_filter.name_prefix = "a-"
        error = error_details.failure_of(lambda: self.service.sessions.ListSessions(request))
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("page_token", error.details())

    def test_all_that_is_wrong_is_named(self):
        bad = self.filters.SessionFilter(
            name_prefix="sessions/a", source=self.filters.SourceFilter(file="/etc")
        )
        bad.create_time.since.nanos = -1
        bad.end_time.since.seconds = 2
        bad.end_time.until.seconds = 1
        for call in (
            lambda: self.listed(bad),
            lambda: self.watched(session_filter=bad),
        ):
            error = error_details.failure_of(call)
            self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
            fields = error_details.details_of(error)["BadRequest"].field_violations
            self.assertEqual(
                [one.field for one in fields],
                [
                    f"session_filter.{field}"
                    for field in ("create_time.since", "end_time.until", "source.file",
                                  "name_prefix")
                ],
            )

