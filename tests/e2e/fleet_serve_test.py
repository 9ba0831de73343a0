"""Recipients that are no nodes, at the nodes of a distribution."""

import grpc

import harness
from fleets import DistributionCase
from harness import stubs, wait_until
from receptions import MIB
from recipients import KINDS, START, Recipient

HELD = 3 * MIB


class ServeTest(DistributionCase):
    def setUp(self):
        super().setUp()
        # What comes after that is held: all nodes still receive.
        self.gate = self.hold(self.a, HELD)

    def distribute(self, port=0):
        """To b and c, both of which serve."""
        names = stubs.distribution
        spec = names.DistributionSpec(
            file=names.FleetFileSource(node="a", root="files", path="content"),
            targets=names.DistributionTargets(all=True),
            destination=names.DistributionDestination(root="disk", path="file"),
            serve=names.DistributionServe(port=port),
        )
        return self.a.distributions.CreateDistribution(
            stubs.distribution_service.CreateDistributionRequest(
                distribution=names.Distribution(spec=spec)
            )
        ).name

    def serving(self, name, node):
        """As the delivery has it, once recipients can connect."""

        def serving():
            delivery = self.a.full_deliveries(name).get(node)
            return delivery and delivery.serving.endpoint and delivery.serving

        return wait_until(serving, f"{node} serves")

    def source_serving(self, name):
        """The same, of node a, which has the file; None: not yet."""
        serving = self.a.distribution(name).source_serving
        return serving if serving.endpoint else None

    def recipient(self, serving, kind=KINDS[0]):
        """One that has what has come: whole blocks, as only these are verified."""
        recipient = Recipient(kind, int(serving.endpoint.rpartition(":")[2]), START)
        self.addCleanup(recipient.close)
        wait_until(
            lambda: recipient.output.stat().st_size >= HELD - MIB, "it has what has come"
        )
        return recipient

    def records(self, node, session):
        """The states of its recipients, in the node's own SessionService."""
        listed = node.sessions.ListRecipients(
            stubs.session_service.ListRecipientsRequest(parent=session)
        ).recipients
        return [stubs.recipient.RecipientState.Name(one.state) for one in listed]

    def test_recipients_get_it_while_the_last_node_still_receives(self):
        name = self.distribute()
        serving = self.serving(name, "c")
        recipient = self.recipient(serving)
        wait_until(lambda: self.a.deliveries(name)["c"] == "RECEIVING", "it still receives")
        wait_until(
            lambda: self.records(self.c, serving.session) == ["RECIPIENT_STATE_TRANSFERRING"],
            "the node has a record of one that is served",
        )
        self.gate.open()
        recipient.wait()
        self.assertEqual(recipient.output.read_bytes(), self.content)
        self.assert_delivered(name, self.b, self.c)
        wait_until(
            lambda: self.records(self.c, serving.session) == ["RECIPIENT_STATE_DELIVERED"],
            "the node has a record of it",
        )
        wait_until(lambda: self.serving(name, "c").delivered == 1, "the delivery counts it")
        self.assertEqual(self.serving(name, "b").delivered, 0)

        # Who comes when all is over gets it too; also after a restart of the node, and at the
        # source.
        self.c.stop()
        self.c.start()
        late = Recipient(KINDS[0], int(self.serving(name, "c").endpoint.rpartition(":")[2]), START)
        self.addCleanup(late.close)
        source = wait_until(lambda: self.source_serving(name), "the source serves")
        at_source = Recipient(KINDS[0], int(source.endpoint.rpartition(":")[2]), START)
        self.addCleanup(at_source.close)
        for one in (late, at_source):
            one.wait()
            self.assertEqual(one.output.read_bytes(), self.content)

        # It ends when the distribution is forgotten.
        self.a.distributions.DeleteDistribution(
            stubs.distribution_service.DeleteDistributionRequest(name=name)
        )
        for node, session in ((self.c, serving.session), (self.a, source.session)):
            wait_until(
                lambda node=node, session=session: self.has_ended(node, session), "it has ended"
            )

    def has_ended(self, node, session):
        got = node.sessions.GetSession(stubs.session_service.GetSessionRequest(name=session))
        return got.state == stubs.session.SESSION_STATE_CANCELLED

    def test_a_source_whose_file_was_changed_while_it_was_down_is_a_reset(self):
        self.gate.open()
        name = self.distribute()
        self.assert_delivered(name, self.b, self.c)
        serving = wait_until(lambda: self.source_serving(name), "the source serves")
        self.a.stop()
        changed = bytes([self.content[0] ^ 1]) + self.content[1:]
        self.a.write_file("content", changed)
        self.a.start()

        def begun_anew():
            try:
                got = self.a.get(serving.session)
            except grpc.RpcError as error:
                self.assertEqual(error.code(), grpc.StatusCode.NOT_FOUND)
                return None
            return None if got.HasField("end_time") else got

        got = wait_until(begun_anew, "there is a session again")
        recipient = harness.connect(int(got.data_endpoint.rpartition(":")[2]), START)
        self.addCleanup(recipient.close)
        data, is_orderly = harness.read_to_end(recipient)
        self.assertFalse(is_orderly)
        self.assertLess(len(data), len(changed))

    def test_a_relay_that_is_cancelled_is_a_reset_for_its_recipients(self):
        name = self.distribute()
        serving = self.serving(name, "c")
        tcptool = next(kind for kind in KINDS if kind.name == "tcptool -r")
        recipient = self.recipient(serving, tcptool)
        plain = harness.connect(int(serving.endpoint.rpartition(":")[2]), START)
        self.addCleanup(plain.close)
        self.c.receptions.CancelReception(
            stubs.reception_service.CancelReceptionRequest(name=self.c.reception_of(name).name)
        )
        status, errors = recipient.wait()
        self.assertTrue(status != 0 or errors)
        received = recipient.output.read_bytes()
        self.assertLess(len(received), len(self.content))
        self.assertTrue(self.content.startswith(received))
        data, is_orderly = harness.read_to_end(plain)
        self.assertFalse(is_orderly)
        self.assertTrue(self.content.startswith(data))
        wait_until(lambda: self.a.deliveries(name)["c"] == "CANCELLED", "it is told")

    def test_a_port_that_cannot_be_had_is_told_and_the_delivery_goes_on(self):
        self.gate.open()
        name = self.distribute(port=9)  # No data port of any node.
        self.assert_delivered(name, self.b, self.c)

        def all_say_so():
            all_ = self.a.full_deliveries(name).values()
            return all("session.spec.listener.port: " in one.serving.error for one in all_)

        wait_until(all_say_so, "they say that they cannot")
