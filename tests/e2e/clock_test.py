"""A clock that is set forward and back changes no duration."""

import signal

import harness
import recipients
from day_clock import DayClock
from harness import ServiceTest, port_of, stubs

# More than the kernel's buffers of a connection hold.
CONTENT = bytes(24 << 20)


class ClockTest(ServiceTest):
    service_flags = ("--drain-timeout=1s",)

    def setUp(self):
        self.clock = DayClock()
        self.addCleanup(self.clock.close)
        self.service_prefix = self.clock.prefix
        super().setUp()
        self.service.write_file("content", b"x" * 1_000_000)

    def deliver(self, session):
        recipient = recipients.Recipient(
            recipients.KINDS[0], port_of(session), recipients.START
        )
        self.addCleanup(recipient.close)
        recipient.wait()
        ended = self.service.wait_final(session.name)
        self.assert_session_state(ended, "SUCCEEDED")
        return ended

    def wait_seen(self, holds):
        """Until this holds for the time, in seconds, that the service sees. Of many threads
        that look at libfaketime's clock at once, one may see it as it was. Each look costs a
        port, of a hundred."""
        harness.wait_until(
            lambda: holds(self.service.create().create_time.seconds),
            "the service sees it",
            pause_s=2,
        )

    def test_session_waits_as_long_as_it_was_asked_to(self):
        limits = stubs.session.Limits()
        limits.handshake_timeout.FromSeconds(3600)
        sessions = [self.service.create(limits=limits) for _ in range(2)]
        began = sessions[0].create_time.seconds
        for session, offset, days in zip(sessions, ("+30d", "-30d"), (30, -30)):
            with self.subTest(offset):
                self.clock.set(offset)
                self.wait_seen(lambda now: abs((now - began) / 86_400 - days) < 0.1)
                # Not EXPIRED, though 24 hours seem to have passed.
                self.assert_session_state(self.service.get(session.name), "WAITING")
                self.deliver(session)

    def test_clock_that_is_set_back_during_a_transfer(self):
        self.service.write_file("content", CONTENT)
        session = self.service.create()
        # It ends when the recipient reads, which is after the clock was set.
        recipient = harness.connect(port_of(session), recipients.START)
        harness.wait_until(
            lambda: self.service.get(session.name).HasField("start_time"), "it has begun"
        )
        self.clock.set("-1d")
        self.wait_seen(lambda now: now < session.create_time.seconds)
        self.assertEqual(harness.read_all(recipient), CONTENT)
        ended = self.service.wait_final(session.name)
        self.assert_session_state(ended, "SUCCEEDED")
        (one,) = self.service.recipients(session.name)
        self.assert_recipient(one, "DELIVERED")
        self.assertGreater(one.bytes_per_second, 0)

    def test_who_watches_hears_of_changes(self):
        """Waits until a time of day, as some locks have them, would end in a month."""
        session = self.service.create()
        watch = self.service.sessions.WatchSessions(
            stubs.session_service.WatchSessionsRequest(names=[session.name]),
            timeout=harness.DEADLINE_S,
        )
        next(watch)
        self.clock.set("+30d")
        self.deliver(session)
        for response in watch:
            if any(
                change.session.state == stubs.session.SESSION_STATE_SUCCEEDED
                for change in response.changes
            ):
                return
        self.fail("the watch has ended")

    def test_what_has_ended_is_kept_as_long_as_it_was(self):
        session = self.service.create(request_id="one")
        self.deliver(session)
        self.clock.set("+30d")
        # A retry: it creates no second one, and the first is not deleted.
        self.assertEqual(self.service.create(request_id="one").name, session.name)

    def test_drain_takes_no_longer_than_it_may(self):
        self.service.write_file("content", CONTENT)
        session = self.service.create()
        self.connect(session, recipients.START)  # Reads nothing.
        harness.wait_until(
            lambda: self.service.get(session.name).state
            == stubs.session.SESSION_STATE_TRANSFERRING,
            "the transfer has begun",
        )
        self.clock.set("+30d")
        self.service.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.service.process.wait(timeout=harness.DEADLINE_S), 0)
