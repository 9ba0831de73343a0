"""Watches of distributions whose clients leave them in the middle of the snapshot: each leaves
its place and its descriptors. With Debian's etcd."""

import harness
import http2
from fleets import FleetCase
from harness import stubs, wait_until
from http_calls import open_stream, read_until

PATH = "/tcptool.v1.DistributionService/WatchDistributions"
# HTTP/2's error, in four bytes.
CANCEL = b"\0\0\0\x08"
# A message has 64 of them, which is more than a client of HTTP/2 lets come that does not read,
# and all of them are more than the kernel has of one of HTTP/1.1.
DISTRIBUTIONS = 400
TARGETS = [f"{number:064}" for number in range(150)]
TIMES = 5

names = stubs.distribution_service


def cancel(client):
    client.send(http2.frame(http2.RST_STREAM, 0, 1, CANCEL))
    # Its answer comes when that has been seen.
    client.send(http2.frame(http2.PING, 0, 0, bytes(8)))
    while client.read_frame()[:2] != (http2.PING, http2.ACK):
        pass


class AbandonedWatchesTest(FleetCase):
    """Node a has a place for one watch."""

    def setUp(self):
        super().setUp()
        self.etcd.start()
        self.a = self.join("a", "--http-api", "--max-watchers=1")
        wait_until(lambda: self.a.sees(1), "it has read what its fleet has")
        for _ in range(DISTRIBUTIONS):
            # Of a node that never comes.
            self.a.distribute("b", nodes=TARGETS)

    def opened_by_grpc(self, end):
        """What leaves a watch that has begun; none: there was no place."""
        client = http2.Connection(self.a.control_address)
        self.addCleanup(client.close)
        client.call(1, PATH.encode())
        while (frame := client.read_frame())[0] != http2.DATA:
            if frame[0] == http2.HEADERS and frame[1] & http2.END_STREAM:
                client.close()
                return None

        def leave():
            end(client)
            client.close()

        return leave

    def opened_by_http(self, end):
        """The same."""
        peer, answer = open_stream(self.a, path=PATH)
        self.addCleanup(peer.close)
        # More than a chunk's size and an envelope have.
        answer = read_until(peer, answer, lambda one: len(one.partition(b"\r\n\r\n")[2]) > 20)
        if b"resource_exhausted" in answer:
            peer.close()
            return None
        return lambda: end(peer)

    def change_something(self):
        name = self.a.distribute("b", nodes=TARGETS)
        self.a.distributions.DeleteDistribution(
            names.DeleteDistributionRequest(name=name, force=True)
        )

    def test_each_leaves_its_place(self):
        before = self.a.descriptors()
        for open_, end in (
            (self.opened_by_grpc, cancel),
            (self.opened_by_grpc, lambda client: client.close()),
            (self.opened_by_grpc, lambda client: harness.reset(client.socket)),
            (self.opened_by_http, lambda peer: peer.close()),
            (self.opened_by_http, harness.reset),
        ):
            for _ in range(TIMES):
                # The one before leaves it soon.
                leave = wait_until(lambda open_=open_, end=end: open_(end), "there is a place")
                self.assertIsNone(open_(end))
                self.change_something()
                leave()
        # The node may have other connections by now, to its etcd and itself.
        wait_until(
            lambda: self.a.descriptors() < before + TIMES, "it has few more descriptors"
        )
