"""Distributions over real nodes, by the API of each of them, with Debian's etcd."""

import grpc

import harness
from error_details import details_of, failure_of
from fleets import DistributionCase, delivery_state_of, state_of
from harness import ServiceTest, stubs, until_bookmark, wait_until
from receptions import MIB


class NoFleetTest(ServiceTest):
    def test_every_method_says_so(self):
        names = stubs.distribution_service
        name = "distributions/d"
        spec = stubs.distribution.DistributionSpec()
        calls = {
            "CreateDistribution": names.CreateDistributionRequest(
                distribution=stubs.distribution.Distribution(spec=spec)
            ),
            "GetDistribution": names.GetDistributionRequest(name=name),
            "ListDistributions": names.ListDistributionsRequest(),
            "CancelDistribution": names.CancelDistributionRequest(name=name),
            "DeleteDistribution": names.DeleteDistributionRequest(name=name),
            "RetryDistribution": names.RetryDistributionRequest(name=name),
            "GetDelivery": names.GetDeliveryRequest(name=f"{name}/deliveries/n"),
            "ListDeliveries": names.ListDeliveriesRequest(parent=name),
            "GetFleetNode": names.GetFleetNodeRequest(name="nodes/n"),
            "ListNodes": names.ListNodesRequest(),
        }
        watch = self.service.distributions.WatchDistributions(names.WatchDistributionsRequest())
        upload = self.service.distributions.UploadDistribution
        errors = {
            "WatchDistributions": self.error(lambda: next(watch)),
            "UploadDistribution": self.error(
                lambda: upload(iter([names.UploadDistributionRequest(name=name)]))
            ),
        }
        for method, request in calls.items():
            call = getattr(self.service.distributions, method)
            errors[method] = self.error(lambda call=call, request=request: call(request))
        service = names.DESCRIPTOR.services_by_name["DistributionService"]
        self.assertEqual(set(errors), set(service.methods_by_name))
        for method, error in errors.items():
            with self.subTest(method):
                self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
                self.assertIn("--fleet", error.details())

    def error(self, call):
        with self.assertRaises(grpc.RpcError) as raised:
            call()
        return raised.exception


class DistributionTest(DistributionCase):
    def test_all_nodes_get_it(self):
        name = self.b.distribute("a")
        self.assert_delivered(name, self.b, self.c)
        self.c.wait_distribution(name, "SUCCEEDED")
        self.assertEqual(self.c.deliveries(name), {"b": "DELIVERED", "c": "DELIVERED"})

    def test_a_node_that_is_named_gets_it_and_no_other(self):
        name = self.b.distribute("a", nodes=["c"])
        self.assert_delivered(name, self.c)
        self.assertEqual(self.b.files(), set())

    def test_a_node_that_comes_later_gets_it(self):
        name = self.a.distribute("a", nodes=["b", "d"])
        wait_until(lambda: self.a.deliveries(name)["b"] == "DELIVERED", "b has it")
        self.assertEqual(self.a.deliveries(name)["d"], "EXPECTED")
        late = self.join("d")
        self.assert_delivered(name, self.b, late)

    def test_who_cannot_give_any_more_what_it_has_is_planned_around(self):
        name = self.a.distribute("a", nodes=["b", "d"])
        wait_until(lambda: self.b.deliveries(name)["b"] == "DELIVERED", "b has it")
        self.a.stop()
        (self.b.disk / "file").write_bytes(b"of somebody")
        late = self.join("d")

        def b_says_so():
            listed = self.b.distributions.ListDeliveries(
                stubs.distribution_service.ListDeliveriesRequest(parent=name)
            ).deliveries
            delivery = next(one for one in listed if one.node == "b")
            return delivery_state_of(delivery) == "DELIVERED" and delivery.detail

        wait_until(b_says_so, "b says that it cannot give it")
        wait_until(
            lambda: "no node that could give" in self.b.distribution(name).detail,
            "it waits for one that can",
        )
        self.a.start()
        late.wait_distribution(name, "SUCCEEDED")
        self.assertEqual(late.received_content(), self.content)
        self.assertEqual(self.b.received_content(), b"of somebody")

    def test_a_source_that_comes_back_is_asked_where_the_only_other_gives_nothing(self):
        name = self.a.distribute("a", nodes=["b", "d"])
        wait_until(lambda: self.b.deliveries(name)["b"] == "DELIVERED", "b has it")
        self.a.stop()
        self.hold(self.b, MIB)
        late = self.join("d")
        wait_until(lambda: late.reception_of(name), "it is to receive it from b")
        self.a.start()
        late.wait_distribution(name, "SUCCEEDED")
        self.assertEqual(late.received_content(), self.content)

    def test_changing_calls_are_audited_and_no_others(self):
        names = stubs.distribution_service
        name = self.b.distribute("a")
        self.assert_delivered(name, self.b, self.c)
        self.b.wait_distribution(name, "SUCCEEDED")
        calls = {
            "GetDistribution": names.GetDistributionRequest(name=name),
            "ListDistributions": names.ListDistributionsRequest(),
            "GetDelivery": names.GetDeliveryRequest(name=f"{name}/deliveries/b"),
            "ListDeliveries": names.ListDeliveriesRequest(parent=name),
            "GetFleetNode": names.GetFleetNodeRequest(name="nodes/none"),
            "ListNodes": names.ListNodesRequest(),
            "CancelDistribution": names.CancelDistributionRequest(name="distributions/none"),
            "RetryDistribution": names.RetryDistributionRequest(name="distributions/none"),
            "DeleteDistribution": names.DeleteDistributionRequest(name=name),
        }
        for method, request in calls.items():
            try:
                getattr(self.b.distributions, method)(request)
            except grpc.RpcError as error:
                self.assertEqual(error.code(), grpc.StatusCode.NOT_FOUND, method)
        until_bookmark(self.b.distributions.WatchDistributions(names.WatchDistributionsRequest()))
        # distribution_upload_test looks at UploadDistribution.
        service = names.DESCRIPTOR.services_by_name["DistributionService"]
        self.assertEqual(
            calls.keys() | {"CreateDistribution", "WatchDistributions", "UploadDistribution"},
            set(service.methods_by_name),
        )

        def audited():
            return [
                (event["method"].rpartition("/")[2], event["target"], event["outcome"])
                for event in self.b.events_of("audit")
                if "DistributionService" in event["method"]
            ]

        # A line comes when its call has ended, which its client may see before.
        wait_until(lambda: len(audited()) >= 4, "all are audited")
        self.assertCountEqual(
            audited(),
            [
                ("CreateDistribution", name, "OK"),
                ("CancelDistribution", "distributions/none", "NOT_FOUND"),
                ("RetryDistribution", "distributions/none", "NOT_FOUND"),
                ("DeleteDistribution", name, "OK"),
            ],
        )

    def test_what_cannot_be_written_is_tried_again_when_it_can(self):
        (self.b.disk / "file").write_bytes(b"of somebody")
        name = self.a.distribute("a")
        self.a.wait_distribution(name, "PARTIALLY_SUCCEEDED")
        self.assertEqual(self.a.deliveries(name), {"b": "FAILED", "c": "DELIVERED"})
        self.assertEqual(self.b.received_content(), b"of somebody")
        (self.b.disk / "file").unlink()
        self.c.wait_distribution(name, "PARTIALLY_SUCCEEDED")
        self.c.distributions.RetryDistribution(
            stubs.distribution_service.RetryDistributionRequest(name=name)
        )
        self.assert_delivered(name, self.b, self.c, asked=self.c)

    def test_a_file_that_is_not_there_fails_it(self):
        (self.a.root / "content").unlink()
        distribution = self.b.wait_distribution(self.b.distribute("a"), "FAILED")
        self.assertIn("content", distribution.detail)

    def test_a_file_that_is_rewritten_midway_fails_it_until_it_is_tried_again(self):
        gate = self.hold(self.a, MIB)
        name = self.b.distribute("a")
        wait_until(lambda: self.b.reception_of(name), "b receives it")
        wait_until(lambda: self.c.reception_of(name), "c receives it")
        wait_until(lambda: self.a.distribution(name).HasField("content_length"), "a has read it")
        self.content = bytes(reversed(self.content))
        with open(self.a.root / "content", "r+b") as file:
            file.write(self.content)
        gate.open()
        distribution = self.b.wait_distribution(name, "FAILED")
        self.assertIn("changed", distribution.detail)
        for node in (self.b, self.c):
            wait_until(lambda node=node: not node.files(), "what has come is removed")
        self.b.distributions.RetryDistribution(
            stubs.distribution_service.RetryDistributionRequest(name=name)
        )
        self.assert_delivered(name, self.b, self.c, asked=self.b)

    def test_cancelled_and_forgotten(self):
        gate = self.hold(self.a, MIB)
        name = self.b.distribute("a")
        wait_until(lambda: self.b.reception_of(name), "b receives it")
        wait_until(lambda: self.c.knows(name), "c knows of it")
        self.c.distributions.CancelDistribution(
            stubs.distribution_service.CancelDistributionRequest(name=name)
        )
        self.a.wait_distribution(name, "CANCELLED")
        for node in (self.b, self.c):
            wait_until(lambda node=node: not node.files(), "what has come is removed")
        self.a.distributions.DeleteDistribution(
            stubs.distribution_service.DeleteDistributionRequest(name=name)
        )
        for node in self.nodes_:
            wait_until(lambda node=node: not node.knows(name), "it is gone")
        gate.open()
        # Another of the name is another one.
        self.assert_delivered(self.a.distribute("a", id_=name.partition("/")[2]), self.b, self.c)


class ApiTest(DistributionCase):
    def test_every_node_lists_the_nodes(self):
        listed = [node.fleet_nodes() for node in self.nodes_]
        for nodes in listed:
            self.assertEqual(
                {node.node: node.peer_address for node in nodes},
                {node.name: f"127.0.0.1:{node.port}" for node in self.nodes_},
            )
        for node in self.nodes_:
            wait_until(
                lambda node=node: sum(one.coordinator for one in node.fleet_nodes()) == 1,
                "one of them coordinates",
            )

    def test_a_request_id_makes_one_distribution_wherever_it_is_sent(self):
        name = self.a.distribute("a", request_id="once")
        wait_until(lambda: self.b.knows(name), "b knows of it")
        self.assertEqual(self.b.distribute("a", request_id="once"), name)
        with self.assertRaises(grpc.RpcError) as raised:
            self.c.distribute("b", request_id="once")
        self.assertEqual(raised.exception.code(), grpc.StatusCode.ALREADY_EXISTS)

    def test_wrong_fields_are_named(self):
        for source, targets, words in (
            ("-", {}, "distribution.spec.file.node: "),
            ("a", {"all": False}, "distribution.spec.targets: "),
            ("a", {"nodes": ["b", "c d"]}, "distribution.spec.targets.nodes[1]: "),
        ):
            with self.subTest(words):
                with self.assertRaises(grpc.RpcError) as raised:
                    self.a.distribute(source, **targets)
                self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
                self.assertTrue(raised.exception.details().startswith(words))

    def test_each_is_read_by_its_name_as_it_is_listed(self):
        names = stubs.distribution_service
        calls = self.a.distributions
        name = self.a.distribute("a")
        self.a.wait_distribution(name, "SUCCEEDED")
        listed = self.a.full_deliveries(name)
        self.assertEqual(set(listed), {"b", "c"})
        for delivery in listed.values():
            self.assertEqual(
                calls.GetDelivery(names.GetDeliveryRequest(name=delivery.name)), delivery
            )
        for node in self.a.fleet_nodes():
            self.assertEqual(
                calls.GetFleetNode(names.GetFleetNodeRequest(name=node.name)).peer_address,
                node.peer_address,
            )
        for call, request in (
            # The source is no target.
            (calls.GetDelivery, names.GetDeliveryRequest(name=f"{name}/deliveries/a")),
            (calls.GetFleetNode, names.GetFleetNodeRequest(name="nodes/none")),
        ):
            error = failure_of(lambda call=call, request=request: call(request))
            self.assertEqual(error.code(), grpc.StatusCode.NOT_FOUND)
            self.assertEqual(details_of(error)["ResourceInfo"].resource_name, request.name)

    def test_lists_and_watches_are_of_labels_and_sources(self):
        names, filters = stubs.distribution_service, stubs.filters
        first = self.b.distribute("a", path="first", spec_labels={"job": "7"})
        second = self.b.distribute("a", path="second", spec_labels={"job": "8"})
        of_file = filters.DistributionFilter(
            source=filters.FleetSourceFilter(file="a:files/content")
        )
        of_node = filters.DistributionFilter(source=filters.FleetSourceFilter(file="b"))
        of_uploads = filters.DistributionFilter(source=filters.FleetSourceFilter(upload=True))
        for fields, expected in (
            ({}, {first, second}),
            ({"labels": {"job": "7"}}, {first}),
            ({"labels": {"job": "9"}}, set()),
            ({"distribution_filter": of_file}, {first, second}),
            ({"distribution_filter": of_file, "labels": {"job": "8"}}, {second}),
            ({"distribution_filter": of_node}, set()),
            ({"distribution_filter": of_uploads}, set()),
        ):
            with self.subTest(str(fields)):
                page = self.b.distributions.ListDistributions(
                    names.ListDistributionsRequest(**fields)
                )
                self.assertEqual({one.name for one in page.distributions}, expected)
                watch = self.b.distributions.WatchDistributions(
                    names.WatchDistributionsRequest(view=stubs.view.VIEW_BASIC, **fields)
                )
                self.addCleanup(watch.cancel)
                changes, _ = until_bookmark(watch)
                self.assertEqual({one.distribution.name for one in changes}, expected)
                for change in changes:
                    spec = change.distribution.spec
                    self.assertEqual(set(spec.labels), {"job"})
                    self.assertFalse(spec.HasField("targets"))

    def watch(self, resume_revision=0):
        watch = self.b.distributions.WatchDistributions(
            stubs.distribution_service.WatchDistributionsRequest(
                resume_revision=resume_revision
            ),
            timeout=harness.DEADLINE_S * 4,
        )
        self.addCleanup(watch.cancel)
        return watch

    def test_a_watch_tells_all_and_resumes(self):
        self.assertEqual(until_bookmark(self.watch())[0], [])
        first = self.a.distribute("a")
        states = []
        for message in self.watch():
            for change in message.changes:
                self.assertEqual(change.distribution.name, first)
                self.assertEqual(change.distribution.HasField("spec"), not states)
                states.append(state_of(change.distribution))
            revision = message.revision
            if message.bookmark and states[-1:] == ["SUCCEEDED"]:
                break
        self.a.wait_distribution(first, "SUCCEEDED")
        self.a.distributions.DeleteDistribution(
            stubs.distribution_service.DeleteDistributionRequest(name=first)
        )
        second = self.a.distribute("a", overwrite=True)
        told = []
        for message in self.watch(resume_revision=revision):
            told += message.changes
            if any(change.distribution.name == second for change in told):
                break
        self.assertIn(first, [change.deleted_name for change in told])

    def test_calls_end_when_the_node_stops(self):
        watch = self.watch()
        until_bookmark(watch)
        self.b.process.terminate()
        with self.assertRaises(grpc.RpcError) as raised:
            for _ in watch:
                pass
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(self.b.process.wait(harness.DEADLINE_S), 0)
