"""Whatever a client sends to a node of a fleet, by gRPC or by JSON over HTTP, and to whichever
method that reflection lists: it gets a clean answer, and the node goes on, has nothing of what
it has refused, and can tell all of what it has taken. With Debian's etcd."""

import os

from google.protobuf import text_format

from api_calls import CODES, assert_clean, by_grpc, by_http, message_of
from fleets import FleetCase
from harness import wait_until
from random_messages import Generator, first_seed
from standard_services import services_of

ROUNDS = 5
REQUESTS_EACH = 3  # Of each method, in a round, by gRPC and by HTTP.
# JSON takes more; over HTTP the service reads 256 KiB of what changes nothing.
MOST_HTTP_BYTES = 50_000
# Of an upload, which may wait for the node to begin its part.
UPLOAD_S = 2
# Connections to etcd and to other nodes come and go, and so do gRPC's threads.
DESCRIPTORS, THREADS = 12, 16

# What the requests are about, in Protobuf's text, by the ids.
RESOURCES = {
    "CreateSession": {
        "there": """session { spec {
            file { root: "files" path: "content" } expected { address: "192.0.2.1" } } }""",
        "up": "session { spec { upload {} } }",
    },
    "CreateReception": {
        "there": """reception { spec {
            sender { address: "127.0.0.1:9" wait { seconds: 3600 } }
            destination { root: "disk" path: "received" } } }""",
    },
    "CreateDistribution": {
        "there": """distribution { spec {
            file { node: "a" root: "files" path: "content" } targets { nodes: ["b", "c"] }
            destination { root: "disk" path: "file" } } }""",
        "up": """distribution { spec {
            upload {} targets { nodes: "b" } destination { root: "disk" path: "up" } } }""",
    },
}
# Requests that are right, of other methods.
RIGHT = {
    "UpdateSession": 'session { name: "sessions/there" }',
    "UploadContent": 'name: "sessions/up"',
    "UploadDistribution": 'name: "distributions/up"',
}
NAMES = {
    "SessionService": ("sessions/there", "sessions/up", "sessions/there/recipients/1"),
    "ReceptionService": ("receptions/there", "sessions/there", "distributions/there"),
    "DistributionService": (
        "distributions/there",
        "distributions/up",
        "distributions/there/deliveries/b",
        "nodes/a",
    ),
}
# Whose methods are List, Get and Delete.
NOUNS = ("Distribution", "Session", "Reception")
# Of the receptions and sessions that a node makes for a distribution.
LABEL = "tcptool/distribution"


def resources_of(node):
    """How many descriptors and threads its process has."""
    return node.descriptors(), len(os.listdir(f"/proc/{node.process.pid}/task"))


class RandomFleetRequestsTest(FleetCase):
    """Requests to node a, where b is there too; etags and page tokens come from answers."""

    def setUp(self):
        super().setUp()
        self.etcd.start()
        self.nodes_ = self.a, self.b = [self.join(name, "--http-api") for name in ("a", "b")]
        for node in self.nodes_:
            node.write_file("content", b"content")
            wait_until(lambda node=node: node.sees(2), f"{node.name} sees both")
        self.services = services_of(self.a.channel)
        self.methods = {
            method.name: method
            for service in self.services
            if service.full_name.startswith("tcptool.")
            for method in service.methods
        }
        self.seed = first_seed()
        # Those of the last answers, and none. There are as many at any time, so that a seed
        # always chooses in the same way.
        self.etags, self.tokens = [""] * 8, [""] * 8
        self.generator = Generator(
            self.seed,
            right={
                "root": ("files", "disk"),
                "path": ("content", "received", "file", "up"),
                "node": ("a", "b"),
                "nodes": ("a", "b", "c"),
                "address": ("127.0.0.1", "127.0.0.1:9", f"127.0.0.1:{self.a.port}"),
                "etag": self.etags,
                "page_token": self.tokens,
            },
        )
        self.made = set()  # The names of all that was made.
        self.in_doubt = 0  # What may have been made, or not.

    def call(self, by, method, request, node=None):
        """The outcome, which is clean."""
        is_upload = method.client_streaming and by is by_grpc
        deadline = {"timeout_s": UPLOAD_S} if is_upload else {}
        outcome = by(node or self.a, method, [request], **deadline)
        if is_upload and outcome.code is CODES.DEADLINE_EXCEEDED:
            return outcome
        shown = text_format.MessageToString(request, as_one_line=True)[:2000]
        about = f"{method.name} {by.__name__} TCPTOOL_TEST_SEED={self.seed}: {shown}"
        if method.client_streaming and by is by_http:
            self.assertIs(outcome.code, CODES.UNIMPLEMENTED, about)
        elif method.name in self.methods:
            assert_clean(self, outcome, request, about)
        else:
            # A standard service, which has nothing to tell but the code. Over HTTP the service
            # reads 1 KiB of a health check.
            self.assertIn(
                outcome.code, (CODES.OK, CODES.NOT_FOUND, CODES.RESOURCE_EXHAUSTED), about
            )
        return outcome

    def remember(self, method, outcome):
        """What has become of a request."""
        if method.name.startswith("Create") or method.name == "RetrySession":
            if outcome.code is CODES.OK and outcome.answer.name:
                self.made.add(outcome.answer.name)
            self.in_doubt += outcome.code is CODES.UNAVAILABLE
        for field, known in (("etag", self.etags), ("next_page_token", self.tokens)):
            value = getattr(outcome.answer, field, "")
            if value:
                del known[4]
                known.append(value)

    def make_resources(self):
        for name, by_id in RESOURCES.items():
            method = self.methods[name]
            id_field = f"{name.removeprefix('Create').lower()}_id"
            for id_, text in by_id.items():
                request = text_format.Parse(text, message_of(method.input_type))
                setattr(request, id_field, id_)
                self.remember(method, self.call(by_grpc, method, request))

    def request(self, method):
        service = method.containing_service.name
        for field in ("name", "names", "parent"):
            self.generator.right[field] = NAMES.get(service, ())
        right = RIGHT.get(method.name, "")
        if method.name in RESOURCES:
            right = self.generator.random.choice(list(RESOURCES[method.name].values()))
        return self.generator.request(method, right)

    def call_all(self):
        """Every method, in any order, by gRPC and by HTTP."""
        self.make_resources()
        methods = [method for service in self.services for method in service.methods]
        methods *= REQUESTS_EACH
        self.generator.random.shuffle(methods)
        for method in methods:
            for by in (by_grpc, by_http):
                request = self.request(method)
                if by is by_http and request.ByteSize() > MOST_HTTP_BYTES:
                    continue
                self.remember(method, self.call(by, method, request))
        self.assertIsNone(self.a.process.poll())

    def new(self, method_name, **fields):
        """A method, and a request of it."""
        method = self.methods[method_name]
        request = message_of(method.input_type)
        for field, value in fields.items():
            setattr(request, field, value)
        return method, request

    def listed(self, noun, by=by_grpc, node=None):
        """All of what is there."""
        found = []
        token = ""
        while True:
            list_ = self.new(f"List{noun}s", page_size=1000, page_token=token)
            outcome = self.call(by, *list_, node=node)
            self.assertIs(outcome.code, CODES.OK, outcome.words)
            found.extend(getattr(outcome.answer, f"{noun.lower()}s"))
            token = outcome.answer.next_page_token
            if not token:
                return found

    def assert_all_is_told(self):
        """Of what is stored, all can be read, in Protobuf's form and in JSON, here and there."""
        parts = {"Distribution": "ListDeliveries", "Session": "ListRecipients"}
        for by, node in ((by_grpc, self.a), (by_http, self.a), (by_grpc, self.b)):
            for noun in NOUNS:
                for one in self.listed(noun, by, node):
                    reads = [self.new(f"Get{noun}", name=one.name)]
                    if noun in parts:
                        reads.append(self.new(parts[noun], parent=one.name))
                    for read in reads:
                        # Its retention may be over.
                        self.assertIn(
                            self.call(by, *read, node=node).code, (CODES.OK, CODES.NOT_FOUND)
                        )

    def assert_none_was_refused(self):
        """Of what is there."""
        for noun in NOUNS:
            there = {one.name for one in self.listed(noun) if LABEL not in one.spec.labels}
            left = there - self.made
            self.assertLessEqual(len(left), self.in_doubt, left)

    def is_empty(self, node):
        """Whether nothing is there; what is there it deletes."""
        there = [(noun, one.name) for noun in NOUNS for one in self.listed(noun, node=node)]
        for noun, name in there:
            delete = self.new(f"Delete{noun}", name=name, force=True, allow_missing=True)
            self.call(by_grpc, *delete, node=node)
        return not there

    def end_all(self):
        for node in self.nodes_:
            wait_until(lambda node=node: self.is_empty(node), f"{node.name} has nothing")
            for path in node.disk.iterdir():
                path.unlink(missing_ok=True)

    def test_whatever_comes_gets_a_clean_answer(self):
        names = {service.name for service in self.services}
        self.assertLessEqual({*NAMES, "NodeService", "FileService", "Health"}, names)
        # Some of what the first calls need stays.
        self.call_all()
        self.end_all()
        before = resources_of(self.a)
        for _ in range(ROUNDS):
            self.call_all()
            self.assert_none_was_refused()
            self.assert_all_is_told()
            self.end_all()
        descriptors, threads = before

        def has_no_more():
            now = resources_of(self.a)
            return now[0] <= descriptors + DESCRIPTORS and now[1] <= threads + THREADS

        wait_until(has_no_more, f"it has no more than the {before} that it had, and a few")

    def test_what_is_stored_is_told_after_a_restart(self):
        self.call_all()
        before = {one.name for one in self.listed("Distribution")}
        self.a.stop()
        self.assertEqual(self.a.process.returncode, 0)
        self.a.channel.close()
        self.a.start()
        wait_until(lambda: self.a.sees(2), "it has read what its fleet has")
        self.assertLessEqual(before, {one.name for one in self.listed("Distribution")})
        self.assert_none_was_refused()
        self.assert_all_is_told()
