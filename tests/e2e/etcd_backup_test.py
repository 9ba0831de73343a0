"""A backup of etcd, restored as docs/fleet.md has it, by etcdctl: with all nodes stopped, and
while they run; and an etcd that has lost all it had."""

from fleets import DistributionCase
from harness import wait_until


class EtcdBackupTest(DistributionCase):
    def stop_all(self):
        for node in self.nodes_:
            node.stop()

    def start_all(self):
        for node in self.nodes_:
            node.start()
        for node in self.nodes_:
            # The leases of the time of the backup go on for 15 s.
            node.wait_event("fleet_registered", 2)
        for node in self.nodes_:
            wait_until(lambda node=node: node.sees(len(self.nodes_)), "it sees all nodes")

    def test_what_was_saved_is_there_and_new_ones_are_delivered(self):
        saved = self.a.distribute("a")
        self.assert_delivered(saved, self.b, self.c)
        before = self.a.distribution(saved)
        backup = self.etcd.save()
        # etcd goes on, so that what nodes have seen is newer than what is restored.
        lost = self.a.distribute("a", file="content", path="lost")
        self.a.wait_distribution(lost, "SUCCEEDED")

        self.stop_all()
        self.etcd.restore(backup)
        self.start_all()

        for node in self.nodes_:
            wait_until(lambda node=node: node.knows(saved), f"{node.name} knows of it")
            self.assertEqual(node.distribution(saved), before)
            self.assertEqual(node.deliveries(saved), {"b": "DELIVERED", "c": "DELIVERED"})
            self.assertFalse(node.knows(lost))
        # What was delivered after the backup has lost its record, and no file.
        for node in (self.b, self.c):
            for path in ("file", "lost"):
                self.assertEqual((node.disk / path).read_bytes(), self.content)
        self.assert_distributes(self.b)

    def assert_distributes(self, asked):
        """A content that no node has had."""
        self.a.write_file("content", self.content[::-1])
        new = asked.distribute("a", overwrite=True)
        asked.wait_distribution(new, "SUCCEEDED")
        for node in (self.b, self.c):
            self.assertEqual(node.received_content(), self.content[::-1])

    def test_nodes_that_run_take_up_what_was_saved(self):
        saved = self.a.distribute("a")
        self.assert_delivered(saved, self.b, self.c)
        before = self.a.distribution(saved)
        backup = self.etcd.save()
        lost = self.a.distribute("a", file="content", path="lost")
        self.a.wait_distribution(lost, "SUCCEEDED")
        for node in self.nodes_:
            wait_until(lambda node=node: node.knows(lost), f"{node.name} knows of it")

        self.etcd.restore(backup)
        for node in self.nodes_:
            wait_until(lambda node=node: not node.knows(lost), f"{node.name} has gone back")
            wait_until(lambda node=node: node.sees(len(self.nodes_)), "it sees all nodes")
            self.assertEqual(node.distribution(saved), before)
            self.assertEqual(node.deliveries(saved), {"b": "DELIVERED", "c": "DELIVERED"})
        self.assert_distributes(self.b)

    def test_nodes_that_run_go_on_with_an_etcd_that_has_nothing(self):
        lost = self.a.distribute("a")
        self.assert_delivered(lost, self.b, self.c)
        self.etcd.empty()
        for node in self.nodes_:
            node.wait_event("fleet_registered", 2)
            wait_until(lambda node=node: not node.knows(lost), f"{node.name} has gone back")
        for node in self.nodes_:
            wait_until(lambda node=node: node.sees(len(self.nodes_)), "it sees all nodes")
        self.assert_distributes(self.b)
