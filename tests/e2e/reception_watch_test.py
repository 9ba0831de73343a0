"""Watches of receptions: what comes, and how they resume."""

import socket
import threading

import grpc

import harness
from harness import stubs
from receptions import FINAL, ReceptionCase, Sender, state_of
from tcptool_process import free_port


class ReceptionWatchTest(ReceptionCase):
    def watch(self, **request):
        watch = self.service.receptions.WatchReceptions(
            self.messages.WatchReceptionsRequest(**request)
        )
        self.addCleanup(watch.cancel)
        return watch

    def test_watch_that_resumes(self):
        senders = Sender(self), Sender(self), Sender(self)
        stays = self.create(senders[0].address, "stays", labels={"site": "a"})
        goes = self.create(senders[1].address, "goes")
        for name in (stays.name, goes.name):
            self.wait_state(name, "WAITING")
        changes, revision = harness.until_bookmark(self.watch())
        self.assertEqual([one.reception.name for one in changes], [stays.name, goes.name])
        self.assertEqual(changes[0].reception.spec, stays.spec)
        changes, _ = harness.until_bookmark(self.watch(labels={"site": "a"}))
        self.assertEqual([one.reception.name for one in changes], [stays.name])
        # While nobody watches.
        peer, _ = senders[0].accept()
        peer.sendall(self.content)
        peer.shutdown(socket.SHUT_WR)
        self.assert_whole(stays.name)
        self.service.receptions.DeleteReception(
            self.messages.DeleteReceptionRequest(name=goes.name, force=True)
        )
        changes, later = harness.until_bookmark(self.watch(resume_revision=revision))
        self.assertEqual(
            {
                (one.reception.name, state_of(one.reception), one.reception.HasField("spec"))
                for one in changes
                if one.HasField("reception")
            },
            {(stays.name, "SUCCEEDED", False), (goes.name, "CANCELLED", False)},
        )
        self.assertEqual(changes[-1].deleted_name, goes.name)
        self.assertGreater(later, revision)
        self.service.restart()
        self.assertEqual(
            self.code_of(lambda: next(self.watch(resume_revision=later))),
            grpc.StatusCode.OUT_OF_RANGE,
        )
        self.assertEqual(
            self.code_of(lambda: next(self.watch(names=["receptions/none"]))),
            grpc.StatusCode.NOT_FOUND,
        )

    def test_lists_and_watches_are_of_what_filters_select(self):
        filters, sender = stubs.filters, Sender(self)
        waits = self.create(sender.address, "in-one", reception_id="a-1").name
        fails = self.create(f"127.0.0.1:{free_port()}", "two", reception_id="a-2").name
        ended = self.wait_final(fails)
        unreachable = stubs.reception.RECEPTION_REASON_UNREACHABLE
        stalled = stubs.reception.RECEPTION_REASON_STALLED
        until_now = filters.TimeRange(until=ended.end_time)
        for fields, expected in (
            ({}, {waits, fails}),
            ({"name_prefix": "a-"}, {waits, fails}),
            ({"name_prefix": "a-2"}, {fails}),
            ({"destination": "disk"}, {waits, fails}),
            ({"destination": "disk/two"}, {fails}),
            # Of another file, whose name begins so.
            ({"destination": "disk/in"}, set()),
            ({"reasons": [unreachable, stalled]}, {fails}),
            ({"reasons": [stalled]}, set()),
            ({"create_time": until_now}, {waits, fails}),
            ({"create_time": filters.TimeRange(since=ended.end_time)}, set()),
        ):
            with self.subTest(str(fields)):
                selected = {"reception_filter": filters.ReceptionFilter(**fields)}
                page = self.service.receptions.ListReceptions(
                    self.messages.ListReceptionsRequest(**selected)
                )
                self.assertEqual({one.name for one in page.receptions}, expected)
                changes, _ = harness.until_bookmark(self.watch(**selected))
                self.assertEqual({one.reception.name for one in changes}, expected)
        # A snapshot has what has not ended, a list has not.
        selected = {"reception_filter": filters.ReceptionFilter(end_time=until_now)}
        page = self.service.receptions.ListReceptions(
            self.messages.ListReceptionsRequest(**selected)
        )
        self.assertEqual(list(page.receptions), [])
        changes, _ = harness.until_bookmark(self.watch(**selected))
        self.assertEqual([one.reception.name for one in changes], [waits])

    def test_watch_follows_to_the_end(self):
        sender = Sender(self)
        watch = self.watch()
        harness.until_bookmark(watch)
        reception = self.create(sender.address)
        peer, _ = sender.accept()
        writer = threading.Thread(
            target=lambda: (peer.sendall(self.content), peer.shutdown(socket.SHUT_WR))
        )
        writer.start()
        self.addCleanup(writer.join)
        states = []
        while not states or states[-1] not in FINAL:
            changes, _ = harness.until_bookmark(watch)
            states += [state_of(one.reception) for one in changes]
        order = ["CONNECTING", "WAITING", "RECEIVING", "VERIFYING", "SUCCEEDED"]
        self.assertEqual(states, sorted(states, key=order.index))
        self.assert_whole(reception.name)
